//! S1, single worker: at most one agent per task lives, whatever its uid and its attempt.

use super::super::State;
use std::collections::BTreeMap;

pub(super) fn broken(state: &State) -> Vec<String> {
    let mut live: BTreeMap<_, u32> = BTreeMap::new();
    for (owner, all) in &state.attempts {
        let running = all.values().filter(|one| !one.agents.is_empty()).count();
        *live.entry(&owner.task).or_default() += u32::try_from(running).unwrap_or(u32::MAX);
    }
    let doubles = live.into_iter().filter(|(_, count)| *count > 1);
    doubles.map(|(name, count)| format!("S1: {count} workers of {name} live")).collect()
}
