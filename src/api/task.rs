//! Task: a piece of work, what it may change, what it waits for, and how it is known to be done.

use super::name::{Skill, TaskName, WorkerName};
use super::path::PathPattern;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is to be done, which files it may touch and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TaskSpec {
    /// One line for people: what this task is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 200))]
    pub title: String,
    /// What kind of change this is; it becomes the first part of the branch name.
    #[serde(default, rename = "type")]
    pub kind: TaskType,
    /// `execution` works in a worktree of its own; `decision` has none and may change nothing.
    #[serde(default)]
    pub class: Class,
    /// 1 is the most urgent, 5 the least. Within one priority the oldest task goes first.
    #[serde(default = "default_priority")]
    #[schemars(range(min = 1, max = 5))]
    pub priority: u8,
    /// Names of tasks that must be completed before this one starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub dependencies: Vec<TaskName>,
    /// Globs of the files this task may change, from the root of the repository. Two tasks whose
    /// globs can match one path never run at once. A directory stands for all that is in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200))]
    pub files: Vec<PathPattern>,
    /// Skills a worker must have to take this task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub required_skills: Vec<Skill>,
    /// How long the task is thought to take, in minutes. For people and forecasts; enforces nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_duration_minutes: Option<u32>,
    /// The number of the issue this task answers; it becomes part of the branch name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue_number: Option<u64>,
    /// Of a task that came of a labelled issue: by which claim. It is done where that claim is held, and lands
    /// only while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issue_claim: Option<IssueClaim>,
    /// The only worker that may take this task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_to: Option<WorkerName>,
    /// What to tell an AI agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub prompt: Option<String>,
    /// A shell command, for workers whose agent is `shell`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub command: Option<String>,
    /// A program and its arguments, started without a shell, for workers whose agent is `exec`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000))]
    pub argv: Vec<String>,
    /// A shell command that must exit with 0, run in the worktree after the agent, before the task
    /// counts as completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub verify: Option<String>,
    /// How long one attempt may take, verification included, in seconds; 0 is without limit.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u32,
    /// How many more attempts a failed one may be followed by. Interruptions (a killed session, a
    /// restarted machine) do not count.
    #[serde(default = "default_retries")]
    #[schemars(range(max = 100))]
    pub retries: u32,
    /// Stops the task and keeps it stopped. Its worktree and branch stay.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspend: bool,
}

/// The claim by which a labelled issue became a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssueClaim {
    /// What the machine that holds it calls itself; for people.
    #[schemars(length(max = 255))]
    pub node: String,
    /// Drawn for the claim: by it who holds it is known.
    #[schemars(length(min = 1, max = 100))]
    pub nonce: String,
}

fn default_priority() -> u8 {
    3
}
fn default_timeout() -> u32 {
    3600
}
fn default_retries() -> u32 {
    2
}
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

/// The kind of change a task makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskType {
    /// Answers an issue; its branch begins with `fix/`.
    #[default]
    Issue,
    /// Finishes a pull request; its branch begins with `feat/`.
    Pr,
    /// Repairs; `fix/`.
    Fix,
    /// Adds; `feat/`.
    Feat,
    /// Changes structure, not behaviour; `refactor/`.
    Refactor,
    /// Adds tests; `test/`.
    Test,
    /// Writes documentation; `docs/`.
    Doc,
    /// Anything else; `chore/`.
    Chore,
}

impl TaskType {
    /// Returns the first part of the branch name.
    pub fn branch_prefix(self) -> &'static str {
        match self {
            Self::Issue | Self::Fix => "fix",
            Self::Pr | Self::Feat => "feat",
            Self::Refactor => "refactor",
            Self::Test => "test",
            Self::Doc => "docs",
            Self::Chore => "chore",
        }
    }
}

/// Whether work changes files or only decides.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Changes files, in a worktree of its own.
    #[default]
    Execution,
    /// Decides what is to be done; no worktree, no changes, short.
    Decision,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Execution => "execution",
            Self::Decision => "decision",
        })
    }
}

/// Where a task is on its way. Why it is there stands in its conditions.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Nobody holds it.
    Pending,
    /// A worker holds it, and no attempt runs: it is being prepared, or waits for its next attempt.
    Claimed,
    /// An attempt runs.
    InProgress,
    /// Its last attempt succeeded.
    Completed,
    /// Its attempts are used up.
    Failed,
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Failed => "failed",
        })
    }
}
