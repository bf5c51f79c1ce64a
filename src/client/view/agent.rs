//! Agents as people see them: what each one runs, for whom, and whether this machine lets it.

use super::{Snapshot, View};
use crate::agents;
use crate::api::Kind;
use crate::api::agent::AgentSpec;
use crate::api::name::AgentName;
use crate::plan::desired::{Desired, Entry};
use serde::Serialize;
use std::collections::BTreeMap;

/// One agent.
pub type AgentView = View<AgentSpec, AgentStatus>;

/// Where an agent comes from and who uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentStatus {
    /// Whether it comes with `reconciler` and has no file.
    pub built_in: bool,
    /// Whether its commands may run on this machine.
    pub trust: Trust,
    /// The workers that run it.
    pub workers: Vec<String>,
    /// Why its committed file is not in effect; empty when it is.
    pub problems: Vec<String>,
}

/// Whether the commands of an agent may run on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Trust {
    /// The user approved it as it is.
    Approved,
    /// The user did not, or it changed since.
    NotApproved,
    /// The approvals cannot be read.
    Unknown,
}

impl std::fmt::Display for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// Returns every agent by name: the built-in ones and those with a file.
pub fn agents(snapshot: &Snapshot) -> Vec<AgentView> {
    let built_in = agents::built_in().iter();
    let mut entries: BTreeMap<AgentName, (Entry<AgentSpec>, bool)> =
        built_in.map(|(name, spec)| (name.clone(), (Entry::valid(spec.clone()), true))).collect();
    for (name, entry) in snapshot.desired().into_iter().flat_map(|desired| &desired.agents) {
        entries.insert(name.clone(), (entry.clone(), false));
    }
    let view = |(name, (entry, built_in)): (&AgentName, &(Entry<AgentSpec>, bool))| {
        let status = AgentStatus {
            built_in: *built_in,
            trust: trust(snapshot, name, entry.spec.as_ref()),
            workers: workers(snapshot, name),
            problems: entry.problems.clone(),
        };
        View::of(Kind::Agent, name.as_str(), Some(entry), status)
    };
    entries.iter().map(view).collect()
}

/// Returns whether an agent, as it is committed, may run on this machine.
pub(super) fn trust(snapshot: &Snapshot, name: &AgentName, spec: Option<&AgentSpec>) -> Trust {
    let (Some(trusted), Some(spec)) = (snapshot.observed.trusted.known(), spec) else {
        return Trust::Unknown;
    };
    let approved = trusted.contains(&Desired::trust_digest(name, spec));
    if approved { Trust::Approved } else { Trust::NotApproved }
}

fn workers(snapshot: &Snapshot, agent: &AgentName) -> Vec<String> {
    let all = snapshot.desired().into_iter().flat_map(|desired| &desired.workers);
    let runs = |entry: &Entry<_>| {
        let spec: Option<&crate::api::worker::WorkerSpec> = entry.spec.as_ref();
        spec.is_some_and(|spec| spec.agent.as_ref() == Some(agent))
    };
    all.filter(|(_, entry)| runs(entry)).map(|(name, _)| name.to_string()).collect()
}
