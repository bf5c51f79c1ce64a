//! No plan starts an attempt while an earlier one of its task may live, or under a used number.

use super::Case;
use crate::plan::action::Action;
use crate::plan::observed::{AttemptSighting, AttemptState};

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let tasks = case.observed.tasks.known();
    let mut found = Vec::new();
    for action in &case.plan.actions {
        let Action::PrepareAttempt(attempt) = action else { continue };
        let known = tasks.and_then(|tasks| tasks.get(&attempt.id.owner.task));
        for earlier in known.into_iter().flat_map(|task| &task.attempts) {
            if earlier.number >= attempt.id.number {
                found.push(format!("{} exists already", attempt.id));
            }
            if !is_over(case, earlier) {
                found.push(format!("{} while attempt {} may live", attempt.id, earlier.number));
            }
        }
    }
    found
}

/// Returns whether an attempt is over, or is closed by this very plan because nothing of it lives.
fn is_over(case: Case<'_>, earlier: &AttemptSighting) -> bool {
    let closed = || {
        case.plan.actions.iter().any(|action| match (action, &earlier.attempt) {
            (Action::CloseAttempt { attempt, .. }, Ok(record)) => *attempt == record.id,
            _ => false,
        })
    };
    match &earlier.state {
        AttemptState::Ended(_) => true,
        AttemptState::Prepared => closed(),
        AttemptState::Lost { survivors, .. } => {
            survivors.known().is_some_and(Vec::is_empty) && closed()
        }
        AttemptState::Running { .. }
        | AttemptState::Ending { .. }
        | AttemptState::Damaged(_)
        | AttemptState::Unknown(_) => false,
    }
}
