//! S7, stale view: a destructive effect is done only while what it presupposes is true, however old
//! the look is that it was planned from.

use super::super::State;
use super::Deed;
use crate::api::attempt::StopReason;
use crate::api::claim::Claim;
use crate::plan::action::Action;
use crate::plan::observed::WorktreeState;

pub(super) fn broken(state: &State, deed: &Deed<'_>) -> Vec<String> {
    let before = &deed.before;
    let held = match deed.action {
        Action::Release { owner, generation } | Action::Expire { owner, generation, .. } => before
            .claim
            .as_ref()
            .is_some_and(|claim| claim.uid == owner.uid && claim.generation == *generation),
        Action::KillSession { owner, .. } => before.session.as_ref() == Some(owner),
        Action::EndSession { seat, .. } => before.kept == Some((Some(seat.clone()), true)),
        Action::Retire { owner, .. } => {
            let ours = Some((Some(owner.clone()), WorktreeState::Ready));
            before.worktree == ours && !before.works
        }
        Action::RepairWorktree { owner, .. } => {
            before.worktree.as_ref().is_none_or(|(holder, state)| {
                *state != WorktreeState::Ready && holder.as_ref().is_none_or(|one| one == owner)
            })
        }
        Action::Forget(owner) => before.record.as_ref() == Some(&owner.uid),
        Action::CloseAttempt { .. } => !before.works,
        Action::AskToStop { why: StopReason::Lapsed, .. } => {
            before.claim.as_ref().is_some_and(|claim| has_lapsed(state, claim))
        }
        Action::Register(_)
        | Action::Claim(_)
        | Action::Renew { .. }
        | Action::CreateBranch { .. }
        | Action::AddWorktree { .. }
        | Action::PrepareAttempt(_)
        | Action::Complete { .. }
        | Action::NoteGeneration { .. }
        | Action::NewSession { .. }
        | Action::AskToStop { .. }
        | Action::KillProcesses { .. }
        | Action::Rescue { .. }
        | Action::DropBranch { .. }
        | Action::BuildCandidates { .. }
        | Action::CheckOut { .. }
        | Action::Refuse { .. }
        | Action::Land { .. }
        | Action::NoteFailure { .. }
        | Action::ClearFailure(_)
        | Action::EmptyTrash { .. }
        | Action::SweepAttempts { .. } => true,
    };
    let broken = deed.done && !held;
    if broken { vec!["S7: done although it was no longer so".to_owned()] } else { Vec::new() }
}

/// Returns whether nobody renewed a claim for all of its lease, on the clock that nobody can set, or
/// since the machine was started.
fn has_lapsed(state: &State, claim: &Claim) -> bool {
    let beat = &claim.heartbeat;
    let lease = claim.expires_at.as_millisecond() - beat.at.as_millisecond();
    let passed = i64::try_from(state.boot_millis.saturating_sub(beat.boot.boot_millis));
    beat.boot.boot_id != state.boot_time().boot_id || passed.is_ok_and(|passed| passed >= lease)
}
