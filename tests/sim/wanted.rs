//! What people commit in a history: the tasks and workers at its beginning, and how they change.
//! The first choice is the plainest one, so that what is left of a small tape is what matters.

use reconciler::api::name::TaskName;
use reconciler::plan::desired::{Desired, Entry};
use reconciler::world::sim::Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) fn names() -> Vec<TaskName> {
    ["alpha", "bravo", "charlie", "delta"].iter().map(|name| name.parse().unwrap()).collect()
}

pub(crate) fn spec<T: serde::de::DeserializeOwned>(json: Value) -> Entry<T> {
    Entry::valid(serde_json::from_value(json).unwrap())
}

/// Returns a desired state with one worker and no tasks.
pub(crate) fn desired(worker: Value, policy: Value) -> Desired {
    Desired {
        state_ref: "refs/heads/main".to_owned(),
        revision: "1".repeat(40).try_into().unwrap(),
        policy: spec(policy),
        tasks: BTreeMap::new(),
        workers: BTreeMap::from([("codegen".parse().unwrap(), spec(worker))]),
        agents: BTreeMap::new(),
        strays: Vec::new(),
    }
}

/// Replaces the worker.
pub(crate) fn set_worker(desired: &mut Desired, worker: Value) {
    desired.workers.insert("codegen".parse().unwrap(), spec(worker));
}

/// Draws a task.
fn task(rng: &mut Rng) -> Value {
    let files = [
        vec![],
        vec!["src/a/"],
        vec!["src/a/x.rs"],
        vec!["src/**/*.rs", "docs/"],
        vec!["Cargo.toml"],
    ];
    let depends = ["alpha", "bravo"];
    let mut on: Vec<&str> = Vec::new();
    if rng.one_in(4) {
        on.extend(rng.pick(&depends).copied());
    }
    let command = match rng.below(9) {
        8 => "serve".to_owned(),
        number => format!("make {}", number % 3),
    };
    json!({
        "command": command,
        "files": rng.pick(&files),
        "priority": 1 + rng.below(5),
        "dependencies": on,
        "retries": rng.below(3),
        "suspend": rng.one_in(8),
    })
}

/// Returns a worker; of some its number of seats says that they keep their sessions.
fn worker(replicas: u64, at_once: u64) -> Value {
    let keeps = replicas >= 2 && at_once == 1;
    json!({
        "agent": "shell", "replicas": replicas, "maxConcurrentTasks": at_once,
        "session": if keeps { "worker" } else { "task" },
    })
}

/// Draws what is wanted at the beginning.
pub(crate) fn first(rng: &mut Rng) -> Desired {
    let worker = worker(1 + rng.below(3), 1 + rng.below(2));
    let batch = 1 + rng.below(3);
    let mut merge = json!({ "batch": batch, "parallel": 1 + rng.below(2) });
    if batch == 3 {
        merge["remote"] = json!("origin");
    }
    if rng.one_in(2) {
        merge["verify"] = json!("make check");
    }
    let policy = json!({
        "merge": merge,
        "retry": { "baseSeconds": 5, "capSeconds": 20 },
        "restart": { "budget": 5, "windowSeconds": 60, "baseSeconds": 1, "capSeconds": 20 },
        "locks": { "expirySeconds": 30 },
        "limits": {
            "maxConcurrentTasks": 1 + rng.below(4),
            "maxExecutions": rng.below(3),
        },
        "retention": { "trashSeconds": rng.below(600), "attemptsSeconds": rng.below(600) },
    });
    let mut desired = desired(worker, policy);
    for name in names() {
        if rng.below(4) > 0 {
            desired.tasks.insert(name, spec(task(rng)));
        }
    }
    desired
}

/// A person commits: a task is added, changed or deleted, or the workers are.
pub(crate) fn change(desired: &mut Desired, rng: &mut Rng) {
    let name = rng.pick(&names()).unwrap().clone();
    if rng.one_in(5) {
        let mut worker = worker(rng.below(4), 1);
        worker["suspend"] = json!(rng.one_in(4));
        set_worker(desired, worker);
    } else if rng.one_in(3) {
        desired.tasks.remove(&name);
    } else {
        desired.tasks.insert(name, spec(task(rng)));
    }
}
