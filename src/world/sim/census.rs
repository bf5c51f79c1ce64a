//! What there is in the simulated world, counted from outside: for comparing two histories, and for
//! seeing what grows. It judges nothing.

use super::SimWorld;
use crate::api::attempt::AttemptId;
use crate::api::name::TaskName;
use std::collections::BTreeMap;

impl SimWorld {
    /// Returns what there is, by kind, each thing by the name of its task where it has one.
    pub fn census(&self) -> BTreeMap<&'static str, Vec<String>> {
        let state = self.state();
        let tasks = |names: Vec<&TaskName>| names.into_iter().map(ToString::to_string).collect();
        let empty = state.branches.iter().filter(|(_, work)| work.is_empty());
        let attempts = state.attempts.iter().flat_map(|(owner, all)| {
            all.all
                .keys()
                .map(|number| AttemptId { owner: owner.clone(), number: *number }.to_string())
        });
        let worktrees = state.worktrees.values().filter_map(|one| one.owner.as_ref());
        let sessions = state.sessions.values().filter_map(|one| one.owner.as_ref());
        BTreeMap::from([
            ("records", tasks(state.records.keys().collect())),
            ("failures", tasks(state.failures.keys().collect())),
            ("claims", tasks(state.claims.keys().collect())),
            ("sessions", tasks(sessions.map(|owner| &owner.task).collect())),
            ("worktrees", tasks(worktrees.map(|owner| &owner.task).collect())),
            ("empty branches", empty.map(|(name, _)| name.to_string()).collect()),
            ("attempts", attempts.collect()),
            ("trash", state.trash.keys().cloned().collect()),
        ])
    }
}
