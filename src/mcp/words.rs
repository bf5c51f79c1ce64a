//! What tools are called with. Their descriptions are what an agent reads, and no field names a task
//! to act for: who acts stands in the environment.

use schemars::JsonSchema;
use serde::Deserialize;

/// How many tasks are listed at once, if nobody says.
fn page() -> usize {
    50
}

/// How long to wait, in seconds, if nobody says: less than clients wait for a tool.
fn wait() -> u64 {
    45
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTasks {
    /// Only tasks in this state or for this reason, as `pending`, `in_progress`, `FilesHeld`
    pub(super) status: Option<String>,
    /// How many to leave out
    #[serde(default)]
    pub(super) offset: usize,
    /// How many to list
    #[serde(default = "page")]
    pub(super) limit: usize,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetTask {
    /// The name of the task
    pub(super) name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Paths {
    /// Files or folders, from the root of your worktree
    pub(super) paths: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Acquire {
    /// Files, folders or patterns, from the root of your worktree
    pub(super) paths: Vec<String>,
    /// Why you need them; it stays in the history of the locks
    pub(super) reason: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    /// Paths as you acquired them; without any, all that you acquired
    #[serde(default)]
    pub(super) paths: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    /// How many steps are done
    pub(super) done: Option<u32>,
    /// How many steps there are
    pub(super) total: Option<u32>,
    /// What you do now, or did last
    #[serde(default)]
    pub(super) note: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ask {
    /// What you want to know
    pub(super) question: String,
    /// Answers that you can think of
    #[serde(default)]
    pub(super) options: Vec<String>,
    /// Whether you can do nothing without the answer, so that you wait for it
    #[serde(default)]
    pub(super) blocking: bool,
    /// How long to wait if blocking, in seconds
    #[serde(default = "wait")]
    pub(super) wait_seconds: u64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Read {
    /// How long to wait for a message if there is none, in seconds
    #[serde(default)]
    pub(super) wait_seconds: u64,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Complete {
    /// What was done
    pub(super) summary: String,
    /// What shows it: commands and their results
    #[serde(default)]
    pub(super) evidence: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fail {
    /// Why it cannot be done
    pub(super) reason: String,
    /// Whether another try may succeed
    #[serde(default)]
    pub(super) retryable: bool,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decide {
    /// What was to be decided
    pub(super) question: String,
    /// What could have been chosen
    #[serde(default)]
    pub(super) options: Vec<String>,
    /// What you chose
    pub(super) choice: String,
    /// Why
    pub(super) why: String,
    /// How sure you are, in percent
    pub(super) confidence: Option<u8>,
    /// Names of the tasks that came of it
    #[serde(default)]
    pub(super) tasks: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Propose {
    /// The name of the new task: a-z, 0-9 and -
    pub(super) name: String,
    /// Why it is needed
    #[serde(default)]
    pub(super) why: String,
    /// One line for people
    pub(super) title: Option<String>,
    /// What to tell an AI agent
    pub(super) prompt: Option<String>,
    /// A shell command, in place of a prompt
    pub(super) command: Option<String>,
    /// Globs of the files it may change, from the root of the repository
    #[serde(default)]
    pub(super) files: Vec<String>,
    /// Names of tasks that must be completed before
    #[serde(default)]
    pub(super) dependencies: Vec<String>,
    /// 1 is the most urgent, 5 the least
    pub(super) priority: Option<u8>,
    /// `issue`, `pr`, `fix`, `feat`, `refactor`, `test`, `doc` or `chore`
    pub(super) r#type: Option<String>,
    /// `execution` works in a worktree, `decision` changes nothing
    pub(super) class: Option<String>,
    /// Skills that its worker must have
    #[serde(default)]
    pub(super) required_skills: Vec<String>,
    /// A shell command that must succeed before it counts as completed
    pub(super) verify: Option<String>,
}
