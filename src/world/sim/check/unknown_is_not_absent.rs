//! S5, unknown is not absent: what could not be seen, or not to its end, authorises no effect that
//! makes or removes something there.

use super::super::State;
use super::Deed;
use crate::plan::action::Action;

pub(super) fn broken(_: &State, deed: &Deed<'_>) -> Vec<String> {
    use super::super::look::Section::{Branches, Leftovers, Records, Sessions, Worktrees};
    let needed: &[_] = match deed.action {
        Action::NoteFailure { .. } | Action::ClearFailure(_) => &[],
        Action::NewSession { .. } | Action::KillSession { .. } | Action::EndSession { .. } => {
            &[Records, Sessions]
        }
        Action::AddWorktree { .. }
        | Action::RepairWorktree { .. }
        | Action::Rescue { .. }
        | Action::Expire { .. }
        | Action::NoteGeneration { .. }
        | Action::Retire { .. } => &[Records, Worktrees],
        Action::CreateBranch { .. }
        | Action::DropBranch { .. }
        | Action::BuildCandidates { .. }
        | Action::Land { .. } => &[Records, Branches],
        Action::Forget(_) => &[Records, Sessions, Worktrees, Branches],
        Action::EmptyTrash { .. } | Action::SweepAttempts { .. } => &[Records, Leftovers],
        Action::Register(_)
        | Action::Claim(_)
        | Action::Renew { .. }
        | Action::Release { .. }
        | Action::PrepareAttempt(_)
        | Action::Complete { .. }
        | Action::AskToStop { .. }
        | Action::KillProcesses { .. }
        | Action::CheckOut { .. }
        | Action::Refuse { .. }
        | Action::CloseAttempt { .. } => &[Records],
    };
    let enough = needed.iter().all(|section| deed.seen.sections.contains(section));
    if enough { Vec::new() } else { vec!["S5: done without having looked".to_owned()] }
}
