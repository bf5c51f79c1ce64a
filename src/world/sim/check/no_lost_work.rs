//! S4, no lost work: all that was ever made is in a worktree, on a branch, on a rescue ref or, for
//! its time, in the trash.

use super::super::State;

pub(super) fn broken(state: &State) -> Vec<String> {
    let kept = |work: &u64| {
        state.rescued.contains(work)
            || state.trash.values().any(|(_, kept)| kept.contains(work))
            || state.worktrees.values().any(|one| one.unsaved.contains(work))
            || state.branches.values().any(|branch| branch.contains(work))
    };
    let lost = state.produced.iter().filter(|work| !kept(work));
    lost.map(|work| format!("S4: work {work} is lost")).collect()
}
