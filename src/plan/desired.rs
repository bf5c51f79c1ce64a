//! Desired: every object at one commit, as admission left it. It is a value; it reads nothing.

use crate::agents;
use crate::api::agent::AgentSpec;
use crate::api::hash;
use crate::api::name::{AgentName, CommitId, TaskName, WorkerName};
use crate::api::policy::PolicySpec;
use crate::api::task::TaskSpec;
use crate::api::worker::WorkerSpec;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What is wanted, as one commit of the pinned ref says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The pinned ref.
    pub state_ref: String,
    /// The commit that was read.
    pub revision: CommitId,
    /// The policy; its defaults when the file is absent.
    pub policy: Entry<PolicySpec>,
    /// The tasks.
    pub tasks: BTreeMap<TaskName, Entry<TaskSpec>>,
    /// The workers.
    pub workers: BTreeMap<WorkerName, Entry<WorkerSpec>>,
    /// The agents with a file; the built-in ones are added by [`Desired::agent`].
    pub agents: BTreeMap<AgentName, Entry<AgentSpec>>,
    /// What is wrong with files that are no object's.
    pub strays: Vec<String>,
}

/// One object's file.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<S> {
    /// The spec in effect: the committed one or, when that is not valid, the last one that was.
    /// `None` when there never was a valid one.
    pub spec: Option<S>,
    /// Why the committed file is not in effect, one line each; empty when it is.
    pub problems: Vec<String>,
    /// Labels of the object.
    pub labels: BTreeMap<String, String>,
}

impl<S> Entry<S> {
    /// Returns the entry of a valid file.
    pub fn valid(spec: S) -> Self {
        Self { spec: Some(spec), problems: Vec::new(), labels: BTreeMap::new() }
    }

    /// Returns whether the committed file is not in effect.
    pub fn is_stale(&self) -> bool {
        !self.problems.is_empty()
    }
}

impl Desired {
    /// Returns whether no object is wanted at all: then someone may have moved or lost `state/`,
    /// and nothing is deleted on that account.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.workers.is_empty() && self.agents.is_empty()
    }

    /// Returns an agent: the one with a file, else the built-in one.
    pub fn agent(&self, name: &AgentName) -> Option<&AgentSpec> {
        if let Some(entry) = self.agents.get(name) {
            return entry.spec.as_ref();
        }
        agents::built_in().iter().find(|(one, _)| one == name).map(|(_, spec)| spec)
    }

    /// Returns the digest by which an agent is trusted: of its name and all that it runs.
    pub fn trust_digest(name: &AgentName, spec: &AgentSpec) -> String {
        let run = (name, &spec.argv, &spec.resume, &spec.files);
        let run = (run, &spec.env, &spec.env_allow, &spec.secret_env);
        hash::of(&run)
    }

    /// Returns the policy in effect.
    pub fn policy(&self) -> &PolicySpec {
        static DEFAULT: LazyLock<PolicySpec> = LazyLock::new(PolicySpec::default);
        self.policy.spec.as_ref().unwrap_or(&DEFAULT)
    }
}

/// Returns the digest of what a task runs. An attempt of another digest is not of this task as it
/// is committed: a running one is stopped, and a finished one does not count.
pub fn run_hash(task: &TaskSpec) -> String {
    hash::of(&(
        task.class,
        &task.prompt,
        &task.command,
        &task.argv,
        &task.verify,
        task.timeout_seconds,
    ))
}
