//! Agent: the program of a worker, as data, so that a new agent is a file and not code.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A program that workers run, and how it is started and stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSpec {
    /// One line for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 200))]
    pub description: String,
    /// The program and its arguments; no shell reads them. `{command}`, `{prompt}`, `{title}`,
    /// `{task}`, `{worker}`, `{branch}` and `{attempt}` are replaced; an argument that is just
    /// `{argv}` becomes all arguments of the task. A task that lacks what is named here cannot be
    /// taken.
    #[schemars(length(min = 1, max = 1000))]
    pub argv: Vec<String>,
    /// Variables set for the program.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Names of variables handed on from the environment of `reconciler run`. The program gets no
    /// others but `PATH`, `HOME`, `USER`, `SHELL`, `LANG`, `LC_ALL`, `TZ`, `TERM` and `TMPDIR`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub env_allow: Vec<String>,
    /// Like `envAllow`, for secrets: their values are masked in logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub secret_env: Vec<String>,
    /// How long the program has between SIGTERM and SIGKILL, in seconds.
    #[serde(default = "default_grace")]
    #[schemars(range(max = 600))]
    pub stop_grace_seconds: u32,
}

fn default_grace() -> u32 {
    10
}
