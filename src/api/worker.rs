//! Worker: who can do tasks, a program or a person.

use super::name::{AgentName, Skill};
use super::task::{Class, is_false};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Who can do tasks, how many at once and with which skills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkerSpec {
    /// `ai_agent` is a program started in a tmux session; `human` is a person.
    #[serde(default, rename = "type")]
    pub kind: WorkerType,
    /// The class of tasks this worker takes.
    #[serde(default)]
    pub class: Class,
    /// The agent this worker runs: a file in `state/agents/`, or the built-in `shell` or `exec`.
    /// Needed for `ai_agent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// What this worker can do; a task is taken only if all skills it requires are here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub skills: Vec<Skill>,
    /// How many of this worker there are; they are called NAME-1, NAME-2 and so on.
    #[serde(default = "one")]
    #[schemars(range(max = 1000))]
    pub replicas: u32,
    /// How many tasks each replica does at once.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub max_concurrent_tasks: u32,
    /// `task`: each task has a tmux session of its own. `worker`: each replica keeps one session, called
    /// `worker/NAME-1` and so on, and does its tasks there one after the other; an agent that can goes
    /// on with its conversation from task to task. Only with `maxConcurrentTasks` 1.
    #[serde(default, skip_serializing_if = "SessionOf::is_task")]
    pub session: SessionOf,
    /// What each program of this worker may take of the machine, where systemd holds it to that;
    /// elsewhere it starts without, and says so.
    #[serde(default, skip_serializing_if = "is_unlimited")]
    pub limits: ResourceLimits,
    /// What this worker is for, for people and boards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The GitHub user name, for assignments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[A-Za-z0-9](-?[A-Za-z0-9]){0,38}$"))]
    pub github_username: Option<String>,
    /// Takes no task, and stops those it has; they go to other workers.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
}

fn is_unlimited(limits: &ResourceLimits) -> bool {
    *limits == ResourceLimits::default()
}

/// What a program, with all that it starts, may take of a machine.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ResourceLimits {
    /// Processor time, in percent of one processor: 200 is two of them. It is slowed down beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub cpu_percent: Option<u32>,
    /// Memory, in megabytes. It is killed beyond.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16, max = 100_000_000))]
    pub memory_megabytes: Option<u32>,
}

impl fmt::Display for ResourceLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.cpu_percent, self.memory_megabytes) {
            (None, None) => f.write_str("none"),
            (Some(cpu), None) => write!(f, "{cpu} % cpu"),
            (None, Some(memory)) => write!(f, "{memory} MB"),
            (Some(cpu), Some(memory)) => write!(f, "{cpu} % cpu, {memory} MB"),
        }
    }
}

fn one() -> u32 {
    1
}

/// Whose a tmux session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SessionOf {
    /// A task's: it ends with each attempt.
    #[default]
    Task,
    /// A seat's: it outlives the tasks that are done in it.
    Worker,
}

impl SessionOf {
    /// Returns whether it is a task's.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub fn is_task(&self) -> bool {
        *self == Self::Task
    }
}

/// A program or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerType {
    /// A program.
    #[default]
    AiAgent,
    /// A person. People are never given tasks by the loop: they claim them.
    Human,
}

/// What a worker is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Plans and hands out.
    Coordinator,
    /// Writes code.
    Codegen,
    /// Reads and judges.
    Review,
}
