//! Trust: which programs the workers of this repository would run, and which of them the user of
//! this machine approved. Nothing is approved that was not shown first.

use super::{Client, Error};
use crate::agents;
use crate::api::agent::AgentSpec;
use crate::api::name::{AgentName, WorkerName};
use crate::plan::desired::Desired;
use crate::plan::observed::Sighting;
use serde::Serialize;
use std::collections::BTreeSet;

/// A program that workers run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentTrust {
    /// The name of the agent.
    pub name: AgentName,
    /// What it runs, and with which variables.
    pub spec: AgentSpec,
    /// The workers that name it.
    pub workers: Vec<WorkerName>,
    /// What is approved: name, program and variables. A change of any of them asks anew.
    pub digest: String,
    /// Whether it is approved on this machine.
    pub approved: bool,
}

impl Client {
    /// Returns the agents that workers name, and those with a file, as they are committed.
    ///
    /// # Errors
    /// When the desired state or the approvals cannot be read.
    pub async fn agents(&self) -> Result<Vec<AgentTrust>, Error> {
        let desired = match self.visitor.desired().await {
            Sighting::Known(desired) => desired,
            Sighting::Unknown(why) => return Err(Error::Unknown(why)),
        };
        let approved = self.visitor.trust().read()?;
        let workers = |agent: &AgentName| -> Vec<WorkerName> {
            let names = |entry: &crate::plan::desired::Entry<crate::api::worker::WorkerSpec>| {
                entry.spec.as_ref().is_some_and(|spec| spec.agent.as_ref() == Some(agent))
            };
            let found = desired.workers.iter().filter(|(_, entry)| names(entry));
            found.map(|(name, _)| name.clone()).collect()
        };
        let built_in = agents::built_in().iter().map(|(name, _)| name);
        let names: BTreeSet<&AgentName> = desired.agents.keys().chain(built_in).collect();
        let agent = |name: &AgentName| {
            let spec = desired.agent(name)?.clone();
            let digest = Desired::trust_digest(name, &spec);
            let approved = approved.contains(&digest);
            Some(AgentTrust { name: name.clone(), spec, workers: workers(name), digest, approved })
        };
        let has_file = |one: &AgentTrust| desired.agents.contains_key(&one.name);
        let found = names.into_iter().filter_map(agent);
        Ok(found.filter(|one| !one.workers.is_empty() || has_file(one)).collect())
    }

    /// Approves agents as they were shown; what was approved before stays so.
    ///
    /// # Errors
    /// When the approvals cannot be written; nothing is approved then.
    pub fn approve(&self, digests: &[String]) -> Result<(), Error> {
        let trust = self.visitor.trust();
        let mut approved = trust.read()?;
        approved.extend(digests.iter().cloned());
        Ok(trust.approve(approved)?)
    }

    /// Takes back every approval for this repository. What runs goes on; nothing new starts.
    ///
    /// # Errors
    /// When the approvals cannot be written.
    pub fn revoke(&self) -> Result<(), Error> {
        Ok(self.visitor.trust().approve(BTreeSet::new())?)
    }
}
