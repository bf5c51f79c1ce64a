//! No plan runs more attempts than the policy, or more on a seat than its worker, allows; or begins one
//! in a kept session where something runs.

use super::Case;
use crate::api::name::Seat;
use crate::api::worker::SessionOf;
use crate::plan::action::Action;
use crate::plan::observed::AttemptState;
use std::collections::BTreeMap;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let mut taken: BTreeMap<&Seat, u32> = BTreeMap::new();
    let mut starts = 0;
    for action in &case.plan.actions {
        if let Action::PrepareAttempt(attempt) = action {
            *taken.entry(&attempt.seat).or_default() += 1;
            starts += 1;
        }
    }
    let mut running = starts;
    let tasks = case.observed.tasks.known().into_iter().flat_map(|tasks| tasks.values());
    for last in tasks.filter_map(|task| task.attempts.last()) {
        let Ok(attempt) = &last.attempt else { continue };
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
            running += 1;
            taken.entry(&attempt.seat).and_modify(|count| *count += 1);
        }
    }
    let mut found = busy(case);
    let limit = case.desired.policy().limits.max_concurrent_tasks;
    if starts > 0 && running > limit {
        found.push(format!("{running} attempts would run, {limit} may"));
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
