//! A day of the simulated clock: tasks come and go, and what there is of them goes too.

use crate::history::{History, block_on};
use crate::wanted;
use jiff::SignedDuration;
use reconciler::plan::desired::Desired;
use reconciler::world::sim::{Faults, Rng};
use serde_json::json;
use std::collections::BTreeMap;

/// Turns of one hour, a minute each.
const HOUR: usize = 60;
/// How many tasks are wanted at once; every ten minutes one comes and the oldest goes.
const TASKS: usize = 6;

#[test]
fn a_day_of_tasks_leaves_no_more_than_an_hour_of_them() {
    let policy = json!({ "retention": { "trashSeconds": 3600, "attemptsSeconds": 3600 } });
    let first = wanted::desired(json!({ "agent": "shell", "replicas": 2 }), policy);
    let mut history = History::of(Rng::new(1), Faults::none(), first);
    let mut most: BTreeMap<&str, usize> = BTreeMap::new();
    for minute in 0..24 * HOUR {
        if minute % 10 == 0 {
            history.world.commit(|desired, _| come_and_go(desired, minute));
        }
        history.world.sleep(SignedDuration::from_secs(57));
        history.world.pass_time(8);
        block_on(history.turn()).unwrap();
        for (kind, things) in history.world.census() {
            let seen = most.entry(kind).or_default();
            *seen = things.len().max(*seen);
        }
    }
    let started = history.done.get("SessionStarted").copied().unwrap_or(0);
    assert!(started >= 24 * HOUR / 10, "{started} attempts ran");
    // Those wanted and those of the last hour, each with as many attempts as its retries allow.
    let hour = 2 * TASKS * 3;
    assert!(most.values().all(|most| *most <= hour), "{most:?}");
}

fn come_and_go(desired: &mut Desired, minute: usize) {
    let task = json!({ "command": "make", "files": [format!("src/{minute}/")] });
    desired.tasks.insert(format!("task-{minute:04}").parse().unwrap(), wanted::spec(task));
    while desired.tasks.len() > TASKS {
        drop(desired.tasks.pop_first());
    }
}
