//! No plan removes a session or a worktree that does not carry the very mark it names, or a branch
//! that is not its task's by record; or works in a worktree of another. An equal name is not
//! ownership.

use super::Case;
use crate::api::attempt::Attempt;
use crate::api::task::Class;
use crate::plan::action::Action;
use crate::plan::observed::WorktreeState;

/// Returns whether an attempt works in a worktree of its own mark, if it needs one.
fn works_in_its_own(case: Case<'_>, attempt: &Attempt) -> bool {
    let makes = |one: &Action| matches!(one, Action::AddWorktree { owner, .. } if *owner == attempt.id.owner);
    let mut worktrees = case.observed.worktrees.known().into_iter().flatten();
    let verifies = |one: &Action| {
        matches!(one, Action::CheckOut { place, commit, .. }
            if *place == attempt.directory && attempt.verifies.as_ref() == Some(commit))
    };
    attempt.class == Class::Decision
        || case.plan.actions.iter().any(verifies)
        || case.plan.actions.iter().any(makes)
        || worktrees.any(|one| {
            one.path == attempt.directory && one.owner.as_ref() == Some(&attempt.id.owner)
        })
}

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let observed = case.observed;
    let ours = |action: &Action| match action {
        Action::KillSession { session, owner } => {
            let mut sessions = observed.sessions.known().into_iter().flatten();
            sessions.any(|one| {
                one.id == *session && one.owner.as_ref() == Some(owner) && one.waits_for().is_none()
            })
        }
        Action::EndSession { session, seat } => {
            let mut sessions = observed.sessions.known().into_iter().flatten();
            sessions.any(|one| one.id == *session && one.seat.as_ref() == Some(seat))
        }
        Action::Rescue { owner, path, .. }
        | Action::Retire { owner, path, .. }
        | Action::NoteGeneration { owner, path, .. } => {
            let mut worktrees = observed.worktrees.known().into_iter().flatten();
            worktrees.any(|one| one.path == *path && one.owner.as_ref() == Some(owner))
        }
        Action::RepairWorktree { owner, path, .. } => {
            let mut worktrees = observed.worktrees.known().into_iter().flatten();
            // A spare that was cut short on its way to a task bears the task's mark.
            (observed.places.is_ours(path) || *path == observed.places.spare())
                && worktrees.any(|one| {
                    let marked = one.owner.as_ref().is_none_or(|holder| holder.task == owner.task);
                    one.path == *path && one.state != WorktreeState::Ready && marked
                })
        }
        Action::DropBranch { owner, branch, .. } => observed.tasks.known().is_some_and(|tasks| {
            let record = tasks.get(&owner.task).and_then(|task| task.record.as_ref().ok());
            record.is_some_and(|one| one.uid == owner.uid && one.branch.as_ref() == Some(branch))
        }),
        Action::PrepareAttempt(attempt) => works_in_its_own(case, attempt),
        Action::Register(_)
        | Action::Claim(_)
        | Action::Renew { .. }
        | Action::Release { .. }
        | Action::Expire { .. }
        | Action::Complete { .. }
        | Action::CreateBranch { .. }
        | Action::AddWorktree { .. }
        | Action::NewSession { .. }
        | Action::AskToStop { .. }
        | Action::KillProcesses { .. }
        | Action::CloseAttempt { .. }
        | Action::NoteFailure { .. }
        | Action::ClearFailure(_)
        | Action::BuildCandidates { .. }
        | Action::CheckOut { .. }
        | Action::Refuse { .. }
        | Action::Land { .. }
        | Action::Forget(_)
        | Action::EmptyTrash { .. }
        | Action::SweepAttempts { .. } => true,
    };
    case.plan
        .actions
        .iter()
        .filter(|action| !ours(action))
        .map(|action| format!("`{action}`, which is not ours"))
        .collect()
}
