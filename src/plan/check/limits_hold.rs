//! No plan runs more attempts, over all or of a class, than the policy, or more on a seat than its
//! worker, allows; or begins one in a kept session where something runs.

use super::Case;
use crate::api::name::Seat;
use crate::api::task::Class;
use crate::api::worker::SessionOf;
use crate::plan::action::Action;
use crate::plan::observed::AttemptState;
use std::collections::BTreeMap;

/// How many attempts of each class there are.
type Counts = BTreeMap<Class, u32>;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let mut taken: BTreeMap<&Seat, u32> = BTreeMap::new();
    let (mut starts, mut running): (Counts, Counts) = Default::default();
    for action in &case.plan.actions {
        // A verification takes no seat.
        if let Action::PrepareAttempt(attempt) = action
            && attempt.verifies.is_none()
        {
            *taken.entry(&attempt.seat).or_default() += 1;
            *starts.entry(attempt.class).or_default() += 1;
        }
    }
    running.clone_from(&starts);
    let tasks = case.observed.tasks.known().into_iter().flat_map(|tasks| tasks.values());
    for last in tasks.filter_map(|task| task.attempts.last()) {
        let Ok(attempt) = &last.attempt else { continue };
        if attempt.verifies.is_some() {
            continue;
        }
        let may_start = match &last.state {
            AttemptState::Running { .. }
            | AttemptState::Ending { .. }
            | AttemptState::Damaged(_)
            | AttemptState::Unknown(_) => true,
            // Its session may be there: a shim takes it at any moment, until it is closed.
            AttemptState::Prepared | AttemptState::Lost { .. } => !case.plan.actions.iter().any(
                |one| matches!(one, Action::CloseAttempt { attempt: id, .. } if *id == attempt.id),
            ),
            AttemptState::Ended(_) => false,
        };
        if may_start {
            *running.entry(attempt.class).or_default() += 1;
            taken.entry(&attempt.seat).and_modify(|count| *count += 1);
        }
    }
    let mut found = busy(case);
    let limits = case.desired.policy().limits;
    let all: u32 = running.values().sum();
    if !starts.is_empty() && all > limits.max_concurrent_tasks {
        found.push(format!("{all} attempts would run, {} may", limits.max_concurrent_tasks));
    }
    for class in starts.into_keys() {
        let count = running.get(&class).copied().unwrap_or(0);
        if let Some((name, most)) = limits.of(class).filter(|(_, most)| count > *most) {
            found.push(format!("{count} {class} attempts would run, {name} is {most}"));
        }
    }
    for (seat, count) in taken {
        let worker = case.desired.workers.get(&seat.worker).and_then(|entry| entry.spec.as_ref());
        let limit = worker.map_or(0, |worker| worker.max_concurrent_tasks);
        if count > limit {
            found.push(format!("{seat} would run {count} attempts, it may run {limit}"));
        }
    }
    found
}

/// Returns the attempts that begin in a session where something runs.
fn busy(case: Case<'_>) -> Vec<String> {
    let sessions = case.observed.sessions.known();
    let runs = |seat: &Seat| {
        let mut sessions = sessions.into_iter().flatten();
        sessions.any(|one| one.seat.as_ref() == Some(seat) && !one.is_idle)
    };
    let mut found = Vec::new();
    for action in &case.plan.actions {
        let Action::PrepareAttempt(attempt) = action else { continue };
        if attempt.session == SessionOf::Worker && runs(&attempt.seat) {
            found.push(format!("{} begins where something runs", attempt.id));
        }
    }
    found
}
