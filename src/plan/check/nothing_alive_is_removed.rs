//! No plan takes a worktree, a branch or the record away while an attempt of its task may live, or
//! ends a session for its seat while something runs in it.

use super::Case;
use crate::api::name::Owner;
use crate::plan::action::Action;
use crate::plan::observed::AttemptState;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let removed = |action: &Action| {
        let (Action::Retire { owner, .. }
        | Action::RepairWorktree { owner, .. }
        | Action::DropBranch { owner, .. }
        | Action::Forget(owner)) = action
        else {
            return None;
        };
        Some(owner.clone())
    };
    let lives = |owner: &Owner| {
        let task = case.observed.tasks.known()?.get(&owner.task)?;
        let ours = task.record.as_ref().is_ok_and(|record| record.uid == owner.uid);
        let last = task.attempts.last().filter(|_| ours)?;
        let alive = match &last.state {
            AttemptState::Running { .. }
            | AttemptState::Ending { .. }
            | AttemptState::Damaged(_)
            | AttemptState::Unknown(_) => true,
            AttemptState::Lost { survivors, .. } => survivors.known().is_none_or(|s| !s.is_empty()),
            AttemptState::Prepared | AttemptState::Ended(_) => false,
        };
        alive.then_some(last.number)
    };
    let runs = |action: &&Action| {
        let Action::EndSession { session, .. } = action else { return false };
        let mut sessions = case.observed.sessions.known().into_iter().flatten();
        !sessions.any(|one| one.id == *session && one.is_idle)
    };
    let busy = case.plan.actions.iter().filter(runs);
    let busy = busy.map(|action| format!("`{action}` while something runs in it"));
    let removed = case.plan.actions.iter().filter_map(|action| {
        let number = lives(&removed(action)?)?;
        Some(format!("`{action}` while attempt {number} may live"))
    });
    busy.chain(removed).collect()
}
