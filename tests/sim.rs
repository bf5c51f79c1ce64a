//! Seeds: the real planner and engine against the simulated world. Each seed has two halves: faults
//! strike and no property may break; then they stop, and what is wanted must be reached and kept.
//!
//! `SEEDS=100000 cargo test --release --test sim` runs more of them, `SEED=17` runs one and prints
//! its history.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use reconciler::api::name::TaskName;
use reconciler::engine;
use reconciler::plan::desired::{Desired, Entry};
use reconciler::world::sim::{Faults, Rng, SimWorld, violations};
use std::collections::BTreeMap;

/// Turns with faults.
const STORM: usize = 60;
/// Turns within which a healed world must be as wanted.
const CALM: usize = 400;
/// Turns for which it must stay so.
const REST: usize = 20;

fn names() -> Vec<TaskName> {
    ["alpha", "bravo", "charlie", "delta"].iter().map(|name| name.parse().unwrap()).collect()
}

fn spec<T: serde::de::DeserializeOwned>(json: serde_json::Value) -> Entry<T> {
    Entry::valid(serde_json::from_value(json).unwrap())
}

/// Draws a task.
fn task(rng: &mut Rng) -> serde_json::Value {
    let files = [
        vec!["src/a/"],
        vec!["src/a/x.rs"],
        vec!["src/**/*.rs", "docs/"],
        vec!["Cargo.toml"],
        vec![],
    ];
    let depends = ["alpha", "bravo"];
    let mut on: Vec<&str> = Vec::new();
    if rng.one_in(4) {
        on.extend(rng.pick(&depends).copied());
    }
    let command = match rng.below(9) {
        0 => "serve".to_owned(),
        number => format!("make {}", number % 3),
    };
    serde_json::json!({
        "command": command,
        "files": rng.pick(&files),
        "priority": 1 + rng.below(5),
        "dependencies": on,
        "retries": rng.below(3),
        "suspend": rng.one_in(8),
    })
}

fn desired(rng: &mut Rng) -> Desired {
    let worker = serde_json::json!({
        "agent": "shell", "replicas": 1 + rng.below(3), "maxConcurrentTasks": 1 + rng.below(2),
    });
    let policy = serde_json::json!({
        "retry": { "baseSeconds": 5, "capSeconds": 20 },
        "restart": { "budget": 5, "windowSeconds": 60, "baseSeconds": 1, "capSeconds": 20 },
        "limits": { "maxConcurrentTasks": 1 + rng.below(4) },
        "retention": { "trashSeconds": rng.below(600), "attemptsSeconds": rng.below(600) },
    });
    let mut desired = Desired {
        state_ref: "refs/heads/main".to_owned(),
        revision: "1".repeat(40).try_into().unwrap(),
        policy: spec(policy),
        tasks: BTreeMap::new(),
        workers: BTreeMap::from([("codegen".parse().unwrap(), spec(worker))]),
        agents: BTreeMap::new(),
        strays: Vec::new(),
    };
    for name in names() {
        if !rng.one_in(4) {
            desired.tasks.insert(name, spec(task(rng)));
        }
    }
    desired
}

/// A person commits: a task is added, changed or deleted, or the workers are.
fn change(desired: &mut Desired, rng: &mut Rng) {
    let name = rng.pick(&names()).unwrap().clone();
    if rng.one_in(5) {
        let worker = serde_json::json!({
            "agent": "shell", "replicas": rng.below(4), "suspend": rng.one_in(4),
        });
        desired.workers.insert("codegen".parse().unwrap(), spec(worker));
    } else if rng.one_in(3) {
        desired.tasks.remove(&name);
    } else {
        desired.tasks.insert(name, spec(task(rng)));
    }
}

struct Run {
    verbose: bool,
}

impl Run {
    /// Runs one seed; `Err` says what went wrong.
    async fn seed(&self, seed: u64) -> Result<(), String> {
        let mut rng = Rng::new(seed);
        let faults = Faults::swarm(&mut rng);
        self.say(|| format!("faults: {faults:?}"));
        let world = SimWorld::new(seed, faults, desired(&mut rng));
        for _ in 0..STORM {
            if rng.one_in(10) {
                world.commit(|desired, _| change(desired, &mut rng));
            }
            world.pass_time();
            if world.has_crashed() && rng.one_in(2) {
                world.restart_loop();
            }
            // Events are lost: the loop does not look every time something happens.
            if !rng.one_in(3) {
                self.turn(&world).await?;
            }
            // Or is told twice of the same.
            if rng.one_in(8) {
                self.turn(&world).await?;
            }
        }
        world.heal();
        // A worker that a person took away would leave its tasks waiting for good reason.
        world.commit(|desired, _| {
            let worker = serde_json::json!({ "agent": "shell", "replicas": 2 });
            desired.workers.insert("codegen".parse().unwrap(), spec(worker));
        });
        self.say(|| "--- healed".to_owned());
        let mut left = Vec::new();
        for _ in 0..CALM {
            world.pass_time();
            left = self.turn(&world).await?;
            if left.is_empty() {
                break;
            }
        }
        if !left.is_empty() {
            return Err(format!("L0: not reached: {left:?}"));
        }
        for _ in 0..REST {
            world.pass_time();
            let left = self.turn(&world).await?;
            if !left.is_empty() {
                return Err(format!("L0: reached and lost again: {left:?}"));
            }
        }
        Ok(())
    }

    /// One turn of the loop; returns how the world still differs from what is wanted.
    async fn turn(&self, world: &SimWorld) -> Result<Vec<String>, String> {
        let tick = engine::tick(world, 8).await;
        for deed in &tick.deeds {
            self.say(|| format!("{} {}: {:?}", deed.subject, deed.action, deed.result));
        }
        if let Some(broken) = tick.broken.first() {
            return Err(format!("law: {broken}"));
        }
        if let Some(worst) = violations(world).first() {
            return Err(worst.clone());
        }
        Ok(world.unsettled(&tick.plan))
    }

    #[expect(clippy::print_stderr, reason = "the history of one seed is asked for")]
    fn say(&self, text: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("{}", text());
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "how many seeds is asked of the environment")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn every_seed_keeps_the_properties_and_reaches_what_is_wanted() {
    if let Some(seed) = number("SEED") {
        block_on(Run { verbose: true }.seed(seed)).unwrap();
        return;
    }
    let count = number("SEEDS").unwrap_or(2_000);
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let failed: Vec<String> = std::thread::scope(|scope| {
        let share = |thread: u64| {
            let judge = |seed| {
                let what = block_on(Run { verbose: false }.seed(seed)).err()?;
                Some(format!("SEED={seed}: {what}"))
            };
            let seeds = (thread..count).step_by(usize::try_from(threads).unwrap());
            seeds.filter_map(judge).collect::<Vec<_>>()
        };
        let shares: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || share(thread))).collect();
        shares.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    let shown = failed.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(failed.is_empty(), "{} of {count} seeds failed\n{shown}", failed.len());
}
