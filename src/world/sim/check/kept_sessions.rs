//! S15, kept sessions: a seat keeps at most one session, one task at a time runs there, and a session
//! in which nothing is said to run is one where nothing does.

use super::super::State;
use super::runs_in;
use std::collections::BTreeSet;

pub(super) fn broken(state: &State) -> Vec<String> {
    let (mut seats, mut found) = (BTreeSet::new(), Vec::new());
    for session in state.sessions.values() {
        let Some(seat) = &session.seat else { continue };
        if !seats.insert(seat) {
            found.push(format!("S15: {seat} keeps two sessions"));
        }
        if session.is_idle && runs_in(state, session) {
            found.push(format!("S15: a task runs in session {} that waits for one", session.name));
        }
    }
    found
}
