//! No plan starts an attempt of what a person holds back on this machine, when nobody can tell what
//! is held back, or on a machine that has no room for it.

use super::Case;
use crate::api::hold::{Holds, Target};
use crate::plan::action::Action;
use crate::plan::observed::Sighting;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let full = full(case);
    for action in &case.plan.actions {
        let Action::PrepareAttempt(attempt) = action else { continue };
        let holds = match &case.observed.holds {
            Sighting::Known(holds) => holds,
            Sighting::Unknown(_) => {
                found.push(format!("{} starts, and what is held is not known", attempt.id));
                continue;
            }
        };
        let (task, worker) = (attempt.id.owner.task.clone(), attempt.seat.worker.clone());
        // A verification is no work of the worker's.
        let seat = if attempt.verifies.is_some() { Target::Merges } else { Target::Worker(worker) };
        let targets = [Target::All, Target::Task(task), seat];
        let held = targets.iter().find(|target| holds_now(case, holds, target));
        found.extend(held.map(|target| format!("{} starts, and {target} is held", attempt.id)));
        found.extend(full.map(|what| format!("{} starts, and there is no {what}", attempt.id)));
    }
    found
}

fn holds_now(case: Case<'_>, holds: &Holds, target: &Target) -> bool {
    holds.on(target).is_some_and(|hold| match hold {
        Ok(hold) => hold.until.is_none_or(|until| case.observed.now < until),
        Err(_) => true,
    })
}

/// Returns what this machine has too little of.
fn full(case: Case<'_>) -> Option<&'static str> {
    let (limits, machine) = (case.desired.policy().limits, &case.observed.machine);
    let at_least = |seen: &Sighting<u64>, least: u32| {
        least == 0 || seen.known().is_some_and(|seen| *seen >= u64::from(least))
    };
    let load = machine.load_percent.known();
    if limits.max_load_percent > 0 && load.is_none_or(|load| *load > limits.max_load_percent) {
        Some("processor")
    } else if !at_least(&machine.free_memory_megabytes, limits.min_free_memory_megabytes) {
        Some("memory")
    } else if !at_least(&machine.free_disk_megabytes, limits.min_free_disk_megabytes) {
        Some("disk")
    } else {
        None
    }
}
