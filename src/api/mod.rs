//! Vocabulary: the kinds people commit, the records the loop keeps, and the one gate by which
//! bytes become them. Pure: it reads no file, clock or environment.

pub mod admission;
pub mod agent;
pub mod attempt;
pub mod board;
pub mod claim;
pub mod condition;
pub mod decision;
pub mod errand;
pub mod event;
pub mod hash;
pub mod hold;
pub mod issue;
pub mod key;
pub mod landing;
pub mod name;
pub mod path;
pub mod placeholder;
pub mod policy;
pub mod position;
pub mod problem;
pub mod pull;
pub mod report;
pub mod schema;
pub mod task;
mod validate;
pub mod worker;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Returns a value as indented JSON that ends with a newline, as our records are written.
pub fn to_json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("our own types serialize");
    text.push('\n');
    text
}

/// The version of every kind.
pub const API_VERSION: &str = "reconciler.dev/v1alpha1";

/// The kinds of objects.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Kind {
    /// A piece of work.
    Task,
    /// Who can do it.
    Worker,
    /// The program of a worker.
    Agent,
    /// Limits, times and formats of the repository.
    Policy,
}

impl Kind {
    /// Every kind, in the order people read them.
    pub const ALL: [Self; 4] = [Self::Task, Self::Worker, Self::Agent, Self::Policy];

    /// Returns the kind in lower case, as commands and events write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Worker => "worker",
            Self::Agent => "agent",
            Self::Policy => "policy",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Task => "Task",
            Self::Worker => "Worker",
            Self::Agent => "Agent",
            Self::Policy => "Policy",
        })
    }
}

/// One object, as its file holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Object<S> {
    /// Where an editor finds the schema of this file; ignored by `reconciler`.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The version of this kind: `reconciler.dev/v1alpha1`.
    pub api_version: String,
    /// The kind.
    pub kind: Kind,
    /// Name and labels.
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: S,
}

/// The file of a task.
pub type Task = Object<task::TaskSpec>;
/// The file of a worker.
pub type Worker = Object<worker::WorkerSpec>;
/// The file of an agent.
pub type Agent = Object<agent::AgentSpec>;
/// The file of the policy.
pub type Policy = Object<policy::PolicySpec>;

/// Name and labels of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The name: the same as the file's, without `.json`.
    #[schemars(regex(pattern = "^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$"))]
    pub name: String,
    /// For selecting objects: short texts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub labels: BTreeMap<String, String>,
    /// For people and tools; `reconciler` reads none of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub annotations: BTreeMap<String, String>,
}
