//! S1, single worker: at most one agent per task lives, whatever its uid and its attempt.

use super::super::State;
use std::collections::BTreeMap;

pub(super) fn broken(state: &State) -> Vec<String> {
    let mut live: BTreeMap<_, usize> = BTreeMap::new();
    for owner in state.attempts.keys() {
        let running = state.attempts_of(owner).filter(|one| !one.agents.is_empty()).count();
        *live.entry(&owner.task).or_default() += running;
    }
    let doubles = live.into_iter().filter(|(_, count)| *count > 1);
    doubles.map(|(name, count)| format!("S1: {count} workers of {name} live")).collect()
}
