//! Chaos: random faults on a real repository with many workers, for as long as it is told. Each
//! period has some faults; then all of them stop, and everything must come to where it is wanted.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and goes by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]
#![expect(clippy::print_stderr, reason = "whoever waits for it wants to see how it goes")]

mod agents;
mod check;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "shared with tests of other needs")]
mod common;
mod faults;
mod report;
mod world;

use check::Watch;
use report::Report;
use rustix::process::Signal;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use world::{Setting, World};

/// Longer than the longest wait after an effect that failed.
const CONVERGES_WITHIN: Duration = Duration::from_mins(2);
/// How long nothing may happen when there is nothing to do.
const STAYS_FOR: Duration = Duration::from_secs(2);

#[test]
fn a_short_chaos_ends_as_it_is_wanted_and_nothing_is_lost() {
    let [lasts, period] = [4, 6].map(Duration::from_secs);
    run(Setting { seed: seed(|| 1), workers: 5, lasts, period });
}

#[test]
#[ignore = "make chaos"]
fn chaos() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
    };
    run(Setting {
        seed: seed(drawn),
        workers: usize::try_from(number("WORKERS", 50)).unwrap(),
        lasts: Duration::from_secs(60 * number("MINUTES", 2)),
        period: Duration::from_secs(20),
    });
}

fn drawn() -> u64 {
    u64::try_from(uuid::Uuid::new_v4().as_u128() & 0xffff_ffff).unwrap()
}

fn seed(or: fn() -> u64) -> u64 {
    std::env::var("SEED").map_or_else(|_| or(), |text| text.parse().expect("SEED is a number"))
}

fn run(setting: Setting) {
    eprintln!("chaos: SEED={} WORKERS={}", setting.seed, setting.workers);
    let mut chaos = Chaos::new(setting);
    while chaos.world.started.elapsed() < setting.lasts {
        chaos.period();
    }
    chaos.clear();
    let Chaos { mut report, world, watch, folder } = chaos;
    report.lasted = world.started.elapsed();
    report.marks = world.read("marks").lines().count();
    (report.starts, report.revivals) = (watch.starts, watch.revivals);
    report.warnings = watch.warnings;
    drop(world);
    let told = report.told(&setting);
    eprintln!("{told}");
    if !report.broken.is_empty() {
        std::fs::write(folder.join("report.txt"), &told).unwrap();
    }
    assert!(report.broken.is_empty(), "how it came to that is told in {}", folder.display());
}

struct Chaos {
    world: World,
    watch: Watch,
    report: Report,
    folder: PathBuf,
}

impl Chaos {
    fn new(setting: Setting) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let folder = folder.join(format!("chaos-{}", setting.seed));
        let (watch, report) = (Watch::default(), Report::default());
        Self { world: World::new(setting), watch, report, folder }
    }

    /// Lets time pass.
    fn pass(&mut self, until: Instant, sizes: &mut Vec<(u64, u64)>) {
        let mut next = Instant::now();
        while Instant::now() < until {
            self.world.turn();
            if Instant::now() >= next {
                self.world.age_marks();
                self.watch.look(&mut self.world);
                sizes.extend(self.world.loop_pid().and_then(check::size_of));
                next = Instant::now() + Duration::from_millis(300);
            }
        }
    }

    fn period(&mut self) {
        self.report.periods += 1;
        self.world.told.clear();
        self.world.claims_were_removed = false;
        self.world.folder_was_closed = false;
        let mut sizes = Vec::new();
        faults::mend(&mut self.world);
        self.feed();
        let faults = self.world.rng.below(14) + 2;
        let start = Instant::now();
        let period = self.world.setting.period;
        let mut times: Vec<Duration> = (0..faults).map(|_| self.world.rng.time(period)).collect();
        times.sort_unstable();
        for time in times {
            self.pass(start + time, &mut sizes);
            let (name, _, fault) = faults::draw(&mut self.world);
            if let Some(done) = fault(&mut self.world) {
                self.world.tell(&format!("{name}: {done}"));
                *self.report.faults.entry(name).or_default() += 1;
            }
        }
        self.pass(start + period, &mut sizes);
        self.calm(&mut sizes);
        self.report.sizes.push(sizes);
        self.end_period();
    }

    /// Deletes tasks that are over, and adds new ones.
    fn feed(&mut self) {
        let all: Vec<String> = self.world.task_files().into_keys().collect();
        for name in all {
            if self.world.rng.below(2) == 0 {
                let path = format!("state/tasks/{name}.json");
                std::fs::remove_file(self.world.env.path(&path)).unwrap();
            }
        }
        let there = self.world.task_files().len();
        let room = self.world.setting.workers.saturating_sub(there);
        let told = faults::add(&mut self.world, room as u64);
        self.world.tell(&format!("fed: {told}"));
    }

    /// Stops all faults, and waits for everything to come to where it is wanted, and to stay.
    fn calm(&mut self, sizes: &mut Vec<(u64, u64)>) {
        self.world.undo_all();
        self.world.tell("calm");
        let start = Instant::now();
        // A lock that nobody holds keeps a person from it, until the loop has removed that.
        while !self.world.commit("calm") {
            if start.elapsed() > CONVERGES_WITHIN {
                return self.world.break_property("a person cannot commit".to_owned());
            }
            self.pass(Instant::now() + Duration::from_millis(500), sizes);
        }
        loop {
            let (wrong, completed) = check::not_so(&self.world);
            if wrong.is_empty() {
                self.report.completed += completed;
                break;
            }
            if start.elapsed() > CONVERGES_WITHIN {
                let all = wrong.into_iter().map(|what| format!("not converged: {what}"));
                return all.for_each(|what| self.world.break_property(what));
            }
            self.pass(Instant::now() + Duration::from_millis(500), sizes);
        }
        self.report.converged.push(start.elapsed());
        let told = format!("converged after {:?}", start.elapsed());
        self.world.tell(&told);
        self.stays(sizes);
    }

    /// What has converged does nothing more, once the last effects are done.
    fn stays(&mut self, sizes: &mut Vec<(u64, u64)>) {
        let start = Instant::now();
        loop {
            let before = check::digest(&self.world);
            self.pass(Instant::now() + STAYS_FOR, sizes);
            let after = check::digest(&self.world);
            if before == after {
                return;
            }
            if start.elapsed() > CONVERGES_WITHIN {
                let new = after.1.strip_prefix(before.1.as_str()).unwrap_or(&after.1).to_owned();
                self.world.break_property(format!("it does not stay so: {new}"));
                return;
            }
        }
    }

    fn end_period(&mut self) {
        check::nothing_is_lost(&mut self.world);
        let number = self.report.periods;
        let broken = std::mem::take(&mut self.world.broken);
        eprintln!(
            "period {number}: {} things told, {} violations, {:?}",
            self.world.told.len(),
            broken.len(),
            self.report.converged.last()
        );
        if !broken.is_empty() {
            check::keep(&self.world, &self.folder, number);
            let named = broken.into_iter().map(|what| format!("period {number}: {what}"));
            self.report.broken.extend(named);
        }
    }

    /// Deletes all tasks, and finds what is left behind.
    fn clear(&mut self) {
        self.world.told.clear();
        self.report.periods += 1;
        faults::mend(&mut self.world);
        for name in self.world.task_files().into_keys() {
            let path = format!("state/tasks/{name}.json");
            std::fs::remove_file(self.world.env.path(&path)).unwrap();
        }
        let seats = serde_json::json!({"agent": "chaos", "replicas": 1});
        self.world.env.write_object("workers/keeping", "Worker", &seats);
        self.world.commit("all gone");
        let mut sizes = Vec::new();
        self.calm(&mut sizes);
        // It takes its tmux server with it when nobody needs that any more.
        self.world.end_the_loop(Signal::TERM, CONVERGES_WITHIN);
        let start = Instant::now();
        let mut left = check::left_behind(&self.world);
        while !left.is_empty() && start.elapsed() < CONVERGES_WITHIN / 4 {
            self.pass(Instant::now() + Duration::from_millis(500), &mut sizes);
            left = check::left_behind(&self.world);
        }
        for what in left {
            self.world.break_property(format!("left behind: {what}"));
        }
        self.report.sizes.push(sizes);
        self.end_period();
    }
}
