//! No plan acts on a part of the world that could not be seen: unknown is not absent.

use super::Case;
use crate::plan::action::Action;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let observed = case.observed;
    let records = observed.tasks.known().is_some() && observed.claims.known().is_some();
    let sessions = observed.sessions.known().is_some();
    let worktrees = observed.worktrees.known().is_some();
    let branches = observed.branches.known().is_some();
    let leftovers = observed.leftovers.known().is_some();
    let seen = |action: &Action| match action {
        Action::NewSession { .. } | Action::KillSession { .. } | Action::EndSession { .. } => {
            sessions
        }
        Action::AddWorktree { .. }
        | Action::RepairWorktree { .. }
        | Action::Rescue { .. }
        | Action::Expire { .. }
        | Action::NoteGeneration { .. }
        | Action::Retire { .. } => worktrees,
        Action::CreateBranch { .. }
        | Action::DropBranch { .. }
        | Action::BuildCandidates { .. }
        | Action::Land { .. } => branches,
        Action::Forget(_) => worktrees && branches && sessions,
        Action::EmptyTrash { .. } | Action::SweepAttempts { .. } => leftovers,
        Action::Register(_)
        | Action::Claim(_)
        | Action::Renew { .. }
        | Action::Release { .. }
        | Action::Complete { .. }
        | Action::PrepareAttempt(_)
        | Action::AskToStop { .. }
        | Action::KillProcesses { .. }
        | Action::CloseAttempt { .. }
        | Action::NoteFailure { .. }
        | Action::ClearFailure(_)
        | Action::CheckOut { .. }
        | Action::Refuse { .. } => true,
    };
    case.plan
        .actions
        .iter()
        .filter(|action| !records || !seen(action))
        .map(|action| format!("`{action}` without having looked"))
        .collect()
}
