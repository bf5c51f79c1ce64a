//! No plan retires a worktree without saving, in the same row and before, what is in it.

use super::Case;
use crate::plan::action::Action;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let actions = &case.plan.actions;
    let rescued = |at: usize, path: &std::path::Path| {
        actions
            .iter()
            .take(at)
            .any(|one| matches!(one, Action::Rescue { path: p, .. } if p == path))
    };
    let unsaved = |(at, action): (usize, &Action)| {
        let Action::Retire { path, .. } = action else { return None };
        (!rescued(at, path)).then(|| action.to_string())
    };
    actions.iter().enumerate().filter_map(unsaved).collect()
}
