//! What a person holds is theirs: nobody else gets it, nothing starts beside them, and their place
//! stays, until their claim lapses, is given back, or they say that it is done.

use super::Case;
use crate::plan::action::{Action, Subject};

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let claims = case.observed.claims.known();
    let meddles = |action: &&Action| {
        let Subject::Task(task) = action.subject() else { return false };
        let held = claims.and_then(|claims| claims.get(&task)?.as_ref().ok());
        let theirs = held.is_some_and(|claim| claim.is_by_person() && claim.completed_at.is_none());
        let ends = matches!(
            action,
            Action::Claim(_)
                | Action::Release { .. }
                | Action::PrepareAttempt(_)
                | Action::NewSession { .. }
                | Action::Complete { .. }
                | Action::Forget(_)
        );
        // A worktree of an earlier task, or half of one, makes way for theirs.
        let retires = |one: &Action| match (one, held) {
            (Action::Retire { owner, .. }, Some(claim)) => *owner == claim.owner(),
            _ => false,
        };
        theirs && (ends || retires(action))
    };
    let actions = case.plan.actions.iter().filter(meddles);
    actions.map(|action| format!("`{action}`, which a person holds")).collect()
}
