//! No plan forgets a task or drops its branch unless its file is absent at the pinned ref, in a
//! `state/` that is not empty by accident; or ends the session of a seat that is wanted.

use super::Case;
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
            doubted || case.desired.tasks.contains_key(&owner.task)
        })
        .map(|action| format!("`{action}` although it is wanted, or all files are gone"))
        .collect()
}
