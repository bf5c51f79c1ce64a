//! L1, orphans: a session, a worktree or a claim that bears the mark of no known task, and the session
//! of a seat that is not wanted, is gone, its work saved, within the published number of turns.

use super::super::State;

pub(super) fn left(state: &State) -> Vec<String> {
    let mut found = Vec::new();
    for session in state.sessions.values() {
        if let Some(seat) = session.waits_for() {
            if !state.desired.keeps_session(seat) {
                found.push(format!("session {} is left", session.name));
            }
            continue;
        }
        if session.owner.as_ref().is_some_and(|owner| !state.is_recorded(owner)) {
            found.push(format!("session {} is left", session.name));
        }
    }
    for (path, one) in &state.worktrees {
        if one.owner.as_ref().is_some_and(|owner| !state.is_recorded(owner)) {
            found.push(format!("worktree {} is left", path.display()));
        }
    }
    for claim in state.claims.values() {
        if !state.is_recorded(&claim.content.owner()) {
            found.push(format!("the claim of {} is left", claim.content.task));
        }
    }
    found
}
