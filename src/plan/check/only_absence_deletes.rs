//! No plan forgets a task or drops its branch unless its file is absent at the pinned ref, in a
//! `state/` that is not empty by accident; or, the branch, unless the target has all of it; or ends the
//! session of a seat that is wanted.

use super::Case;
use crate::api::landing::Stage;
use crate::plan::action::Action;
use crate::plan::observed::EmptyState;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let doubted = case.desired.is_empty() && case.observed.empty_state == EmptyState::Doubted;
    case.plan
        .actions
        .iter()
        .filter(|action| {
            if let Action::EndSession { seat, .. } = action {
                return doubted || case.desired.keeps_session(seat);
            }
            let (Action::Forget(owner) | Action::DropBranch { owner, .. }) = action else {
                return false;
            };
            if has_landed(case, action) {
                return false;
            }
            doubted || case.desired.tasks.contains_key(&owner.task)
        })
        .map(|action| format!("`{action}` although it is wanted, or all files are gone"))
        .collect()
}

/// Returns whether an action drops a branch whose work landed, up to this very commit.
fn has_landed(case: Case<'_>, action: &Action) -> bool {
    let Action::DropBranch { owner, contained_in, .. } = action else { return false };
    let task = case.observed.tasks.known().and_then(|tasks| tasks.get(&owner.task));
    task.and_then(|task| task.landing.as_ref()?.as_ref().ok()).is_some_and(|landing| {
        let is_over = matches!(landing.stage, Stage::Landed { .. } | Stage::Nothing);
        is_over && landing.uid == owner.uid && landing.tip == *contained_in
    })
}
