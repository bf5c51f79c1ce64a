//! S6, ownership: no effect changes a session or a worktree without our mark, or a process that is
//! not ours. An equal name is not ownership, and neither is an equal pid.

use super::super::State;
use super::Deed;
use crate::plan::observed::WorktreeState;

/// Counts what is somebody else's: only people add to it, between effects. Of an unmarked worktree
/// whose folder is gone nothing is left to lose, and ours, cut short before its mark, is no other.
pub(super) fn foreign(state: &State) -> [usize; 3] {
    let unmarked =
        |one: &&super::super::SimWorktree| one.owner.is_none() && one.state == WorktreeState::Ready;
    [
        state.sessions.values().filter(|one| one.owner.is_none()).count(),
        state.worktrees.values().filter(unmarked).count(),
        state.strangers.len(),
    ]
}

pub(super) fn broken(state: &State, deed: &Deed<'_>) -> Vec<String> {
    let [sessions, worktrees, processes] = foreign(state);
    let before = deed.before.foreign;
    let kinds = [("session", sessions), ("worktree", worktrees), ("process", processes)];
    let changed = kinds.iter().zip(before).filter(|((_, now), before)| now < before);
    changed.map(|((kind, _), _)| format!("S6: a {kind} of somebody else is gone")).collect()
}
