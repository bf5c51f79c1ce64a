//! Crash points: the built binary is killed, refused, lied to or left without an answer at each of
//! its effects in turn, and must heal when it runs again. `make sweep` does all, the tests a sample.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]
#![expect(clippy::print_stdout, reason = "the whole sweep takes minutes: it tells as it goes")]

#[path = "sweep/case.rs"]
mod case;
#[expect(dead_code, reason = "it serves other test programs as well")]
mod common;
#[path = "sweep/digest.rs"]
mod digest;
#[path = "sweep/scenario.rs"]
mod scenario;

use case::{Baseline, Fault, Point, baseline, replay};
use scenario::Scenario;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One fault in this many is tried by `cargo test`.
const SAMPLE: usize = 40;

/// How often a fault is tried that did not come: a run may pass fewer points than the one before.
const TRIES: usize = 10;

/// What came of the faults of a scenario.
#[derive(Debug, Default)]
struct Tally {
    points: usize,
    faults: usize,
    /// How many came: only these count.
    fired: usize,
    failed: Vec<String>,
}

/// Returns the faults of a scenario: a kill at every point, and one more that fits the point. With
/// `KIND` it is that one, at every point where it fits.
fn faults(points: &[Point]) -> Vec<Fault> {
    let only = std::env::var("KIND").ok();
    let kills = points.iter().map(|point| Fault::of("kill", point));
    let others = points.iter().enumerate().filter_map(|(number, point)| {
        let kinds: &[&str] = match point.place.as_str() {
            "Before" => &["EIO", "ENOSPC", "EACCES", "lie"],
            "After" => &["lost"],
            _ => &[],
        };
        let of_all = kinds.get(number / 2 % kinds.len().max(1));
        let kind = only.as_deref().and_then(|only| kinds.iter().find(|kind| **kind == only));
        kind.or(of_all).map(|kind| Fault::of(kind, point))
    });
    let wanted = |fault: &Fault| only.as_ref().is_none_or(|kind| fault.is_a(kind));
    kills.chain(others).filter(wanted).collect()
}

/// How many runs without a fault the whole sweep compares.
const BASELINES: usize = 3;

/// How many faults are tried at once: most of a run is waiting.
const AT_ONCE: usize = 4;

/// Tries each, some at once.
fn sweep(scenario: Scenario, baseline: &Baseline, faults: &[Fault]) -> Tally {
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally {
        points: baseline.points.len(),
        faults: faults.len(),
        ..Tally::default()
    });
    let work = || {
        while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut tries = (0..TRIES).map(|_| replay(scenario, fault, baseline));
            let came = tries.find(|one| *one != Ok(false));
            let mut tally = tally.lock().unwrap();
            tally.fired += usize::from(came.is_some());
            if let Some(Err(why)) = came {
                let line = format!("SCENARIO={scenario:?} POINT={fault} make sweep");
                println!("failed: {line}  # {}", fault.name);
                tally.failed.push(format!("{line}  # {}\n{why}", fault.name));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    tally.into_inner().unwrap()
}

/// Tries one in [`SAMPLE`].
fn sample(scenarios: &[Scenario]) {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let start = seed.unwrap_or(0_usize) % SAMPLE;
    for scenario in scenarios {
        let baseline = baseline(*scenario, 1);
        let all = faults(&baseline.points);
        let of_it: Vec<Fault> = all.iter().skip(start).step_by(SAMPLE).cloned().collect();
        let tally = sweep(*scenario, &baseline, &of_it);
        assert!(tally.failed.is_empty(), "{}", tally.failed.join("\n"));
    }
}

#[test]
fn a_loop_that_meets_a_fault_at_any_effect_is_followed_by_one_that_heals_it() {
    use Scenario::{Adopt, Create, Keep, Revive, ReviveServer};
    sample(&[Create, Adopt, Revive, ReviveServer, Keep]);
}

#[test]
fn a_fault_while_tasks_leave_loses_no_work() {
    sample(&[Scenario::Suspend, Scenario::Delete, Scenario::CleanUp]);
}

#[test]
fn a_shim_that_meets_a_fault_at_any_effect_is_followed_by_an_attempt_that_completes() {
    sample(&[Scenario::Shim, Scenario::ShimStop]);
}

/// Tries a lie at each effect of this name.
fn lies(scenario: Scenario, name: &str) {
    let baseline = baseline(scenario, 1);
    let of_it = baseline.points.iter().filter(|one| one.place == "Before" && one.name == name);
    let lies: Vec<Fault> = of_it.map(|point| Fault::of("lie", point)).collect();
    assert!(!lies.is_empty(), "{scenario:?} has no {name}");
    let tally = sweep(scenario, &baseline, &lies);
    assert!(tally.failed.is_empty(), "{}", tally.failed.join("\n"));
}

#[test]
fn a_branch_that_git_only_said_to_delete_is_deleted() {
    lies(Scenario::Delete, "git update-ref");
}

#[test]
fn a_session_that_tmux_only_said_to_begin_anew_is_begun_anew() {
    lies(Scenario::Keep, "tmux respawn-pane");
}

#[test]
fn a_worktree_that_looks_clean_because_git_added_nothing_is_kept() {
    lies(Scenario::Revive, "git add");
}

#[test]
#[ignore = "some minutes: make sweep"]
fn the_whole_sweep() {
    let wanted = std::env::var("SCENARIO").ok();
    let point = std::env::var("POINT").ok();
    let head = ["points", "faults", "fired", "healed", "failed"];
    let row = |name: &str, cells: [String; 5]| {
        let cells = cells.map(|cell| format!(" {cell:>6}"));
        format!("{name:14}{}", cells.concat())
    };
    let mut lines = vec![row("scenario", head.map(str::to_owned))];
    let mut all = Vec::new();
    for scenario in Scenario::ALL {
        if wanted.as_ref().is_some_and(|one| !one.eq_ignore_ascii_case(&format!("{scenario:?}"))) {
            continue;
        }
        let baseline = baseline(scenario, BASELINES);
        let of_it = match &point {
            Some(point) => vec![point.parse().unwrap()],
            None => faults(&baseline.points),
        };
        let tally = sweep(scenario, &baseline, &of_it);
        let failed = tally.failed.len();
        let cells = [tally.points, tally.faults, tally.fired, tally.fired - failed, failed];
        let line = row(&format!("{scenario:?}"), cells.map(|cell| cell.to_string()));
        println!("{line}");
        lines.push(line);
        all.extend(tally.failed);
    }
    println!("\n{}\n", lines.join("\n"));
    assert!(all.is_empty(), "{}", all.join("\n\n"));
}
