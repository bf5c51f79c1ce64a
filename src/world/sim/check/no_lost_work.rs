//! S4, no lost work: all that was ever made is in a worktree, on a branch or the target, on a rescue ref or, for
//! its time, in the trash.

use super::super::State;

pub(super) fn broken(state: &State) -> Vec<String> {
    let kept = |work: &u64| {
        let in_worktree = state.worktrees.values();
        state.main.contains(work)
            || state.branches.values().any(|branch| branch.contains(work))
            || in_worktree
                .into_iter()
                .any(|one| one.unsaved.contains(work) || one.loose.contains(work))
            || state.rescues.values().any(|rescue| rescue.contains(work))
            || state.trash.values().any(|(_, kept)| kept.contains(work))
    };
    let lost = state.produced.iter().filter(|work| !kept(work));
    lost.map(|work| format!("S4: work {work} is lost")).collect()
}
