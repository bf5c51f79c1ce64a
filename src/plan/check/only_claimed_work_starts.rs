//! No plan starts an attempt whose task does not hold its claim, for this very seat, or take it
//! in the same row and before.

use super::Case;
use crate::api::attempt::Attempt;
use crate::api::claim::Claim;
use crate::plan::action::Action;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (at, action) in case.plan.actions.iter().enumerate() {
        let Action::PrepareAttempt(attempt) = action else { continue };
        let (task, before) = (&attempt.id.owner.task, case.plan.actions.iter().take(at));
        let mut claim = case.observed.claims.known().and_then(|all| all.get(task)?.as_ref().ok());
        for one in before {
            if let Action::Claim(new) = one
                && new.task == *task
            {
                claim = Some(new);
            }
        }
        if !claim.is_some_and(|claim| is_for(claim, attempt)) {
            found.push(format!("{} starts without its claim", attempt.id));
        }
    }
    found
}

fn is_for(claim: &Claim, attempt: &Attempt) -> bool {
    claim.uid == attempt.id.owner.uid && claim.seat == attempt.seat
}
