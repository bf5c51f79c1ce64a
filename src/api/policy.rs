//! Policy: limits, times and formats of one repository; every field has a default.

use super::name::{BranchName, RemoteName, WorkerName};
use super::path::PathPattern;
use super::task::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits, times and formats of this repository. There is one, in `state/policy.json`; without it
/// every default holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicySpec {
    /// The ref that desired state is meant to be read from, as `refs/heads/main`. `init` records
    /// it in the clone; a clone that reads another ref starts nothing and says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^refs/[^\\x00-\\x20\\x7f~^:?*\\[\\\\]+$"))]
    pub state_ref: Option<String>,
    /// How the branch of a task is called. `{type}`, `{issue}`, `{task}` and `{description}` are
    /// replaced; `{issue}-` and `-{description}` fall away when there is none.
    #[schemars(length(min = 1, max = 200))]
    pub branch_format: String,
    /// Files that only one task at a time may change: a task whose `files` can match one of them
    /// holds the whole pattern.
    #[schemars(length(max = 200))]
    pub shared_files: Vec<PathPattern>,
    /// How much may run at once.
    pub limits: Limits,
    /// Times of the locks.
    pub locks: Locks,
    /// How soon a failed attempt is followed by the next.
    pub retry: Retry,
    /// How often an interrupted attempt is revived.
    pub restart: Restart,
    /// How long what is over is kept.
    pub retention: Retention,
    /// How often the loop looks without being woken.
    pub intervals: Intervals,
    /// What becomes of a task that a worker proposes.
    pub proposals: Proposals,
    /// How done work gets onto the target branch.
    pub merge: Merge,
    /// What is shown on GitHub.
    pub github: Github,
}

impl Default for PolicySpec {
    fn default() -> Self {
        let shared = [
            "Cargo.toml",
            "Cargo.lock",
            "package.json",
            "package-lock.json",
            "tsconfig.json",
            ".github/workflows/**",
        ];
        Self {
            state_ref: None,
            branch_format: "{type}/{issue}-{task}-{description}".to_owned(),
            shared_files: shared
                .into_iter()
                .map(|text| PathPattern::parse(text).expect("the defaults are patterns"))
                .collect(),
            limits: Limits::default(),
            locks: Locks::default(),
            retry: Retry::default(),
            restart: Restart::default(),
            retention: Retention::default(),
            intervals: Intervals::default(),
            proposals: Proposals::default(),
            merge: Merge::default(),
            github: Github::default(),
        }
    }
}

/// What is shown on GitHub. The address and the token are no part of it: they come from the environment
/// (`GITHUB_API_URL`, `GITHUB_TOKEN`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Github {
    /// The project board that shows the tasks; without it nothing is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub board: Option<BoardRef>,
    /// The repository whose issues the cards of tasks with an `issueNumber` stand for, as `owner/name`;
    /// without it every card is a draft. A branch there says which machine writes to the board.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$"))]
    pub repository: Option<String>,
    /// Whether priority, estimate and title that a person edits on the board are taken into the task, by a
    /// commit; otherwise such an edit is undone.
    pub adopt_edits: bool,
    /// The variable of the environment that holds the token.
    #[schemars(regex(pattern = "^[A-Z][A-Z0-9_]*TOKEN[A-Z0-9_]*$"))]
    pub token_variable: String,
    /// How soon a change shows on the board, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub interval_seconds: u32,
    /// How often the whole board is read for what people edited there, in seconds.
    #[schemars(range(min = 10, max = 86_400))]
    pub read_seconds: u32,
    /// Which labels of issues of `repository` become tasks here; none is off. A node works what it claims
    /// first, at most as many at a time as the worker has replicas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub pull: Vec<Feed>,
    /// How often issues are looked at, in seconds.
    #[schemars(range(min = 10, max = 86_400))]
    pub poll_seconds: u32,
}

impl Default for Github {
    fn default() -> Self {
        Self {
            board: None,
            repository: None,
            adopt_edits: true,
            token_variable: "GITHUB_TOKEN".to_owned(),
            interval_seconds: 15,
            read_seconds: 300,
            pull: Vec::new(),
            poll_seconds: 300,
        }
    }
}

/// A label of issues, and whose work they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Feed {
    /// The label: who may set it on an issue has work done here.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,27}[A-Za-z0-9]$"))]
    pub label: String,
    /// The worker.
    pub worker: WorkerName,
}

/// A project board.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BoardRef {
    /// The person or organization whose it is.
    #[schemars(regex(pattern = "^[A-Za-z0-9-]+$"))]
    pub owner: String,
    /// Its number, as in its address.
    pub number: u64,
}

/// What becomes of a task that a worker proposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Proposals {
    /// It waits until a person accepts or rejects it.
    #[default]
    Review,
    /// It is committed at once: workers make tasks by themselves, commands among them.
    Accept,
}

/// How done work gets onto the target branch: one after the other by priority and completion, each
/// put onto the ones before it, verified, and then landed by moving the branch forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Merge {
    /// What becomes of the commits of a task's branch.
    pub method: Method,
    /// Who moves the target; a pull request needs `remote`, and `github.repository` of the same
    /// repository. Its reviews are those that the repository asks for.
    pub by: By,
    /// Which checks of a pull request must have passed before it is merged.
    pub checks: RequiredChecks,
    /// The branch that work lands on, as `main`; without it, the one that desired state is read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(min = 1, max = 200))]
    pub target: Option<BranchName>,
    /// The remote that shares the target, as `origin`: what others pushed there is taken first, and
    /// work lands by a push; without it nothing leaves this repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", length(min = 1, max = 200))]
    pub remote: Option<RemoteName>,
    /// A shell command that must exit with 0 in a clean checkout of what is to land, besides the
    /// `verify` of the tasks.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100_000))]
    pub verify: Option<String>,
    /// How long one verification may take, in seconds; 0 is without limit.
    pub timeout_seconds: u32,
    /// How many tasks one verification may cover. When it fails, halves of them are verified until
    /// the guilty one is found, and the others land.
    #[schemars(range(min = 1, max = 100))]
    pub batch: u32,
    /// How many verifications run at once; more than one verifies what waits before it is known
    /// whether what is ahead of it lands.
    #[schemars(range(min = 1, max = 16))]
    pub parallel: u32,
}

impl Default for Merge {
    fn default() -> Self {
        Self {
            method: Method::default(),
            by: By::default(),
            checks: RequiredChecks::default(),
            target: None,
            remote: None,
            verify: None,
            timeout_seconds: 3600,
            batch: 1,
            parallel: 1,
        }
    }
}

/// What becomes of the commits of a task's branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// They are put onto the target one by one; a branch that holds merges is squashed.
    #[default]
    Rebase,
    /// They are put onto the target as one commit.
    Squash,
    /// A merge commit joins them with the target.
    Merge,
    /// They stay on their branch: nothing lands by itself.
    None,
}

/// Who moves the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum By {
    /// The loop does.
    #[default]
    Push,
    /// GitHub does, by a pull request of the task's branch.
    PullRequest,
}

/// Which checks of a pull request must have passed before it is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RequiredChecks {
    /// Those that the repository requires; without any it is merged at once. Others are waited for, and
    /// named when they failed.
    #[default]
    Required,
    /// All that there are, and there is one: it is merged when they were seen to have passed for its
    /// commit, and never by GitHub's auto-merge, which waits for the required ones alone.
    All,
}

/// How much may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// How many attempts may run at once, over all workers.
    #[schemars(range(max = 10_000))]
    pub max_concurrent_tasks: u32,
    /// How many attempts of execution tasks may run at once. 0 is no limit of their own.
    #[schemars(range(max = 10_000))]
    pub max_executions: u32,
    /// How many attempts of decision tasks may run at once. 0 is no limit of their own.
    #[schemars(range(max = 10_000))]
    pub max_decisions: u32,
    /// Nothing starts while the load average of the last minute is above this, in percent of the
    /// processors: 100 is one program for each. 0 is no limit.
    #[schemars(range(max = 100_000))]
    pub max_load_percent: u32,
    /// Nothing starts while less memory is free, in megabytes. 0 is no limit.
    pub min_free_memory_megabytes: u32,
    /// Nothing starts while less of the disk of the repository is free, in megabytes. 0 is no limit.
    pub min_free_disk_megabytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_concurrent_tasks: 50,
            max_executions: 0,
            max_decisions: 0,
            max_load_percent: 0,
            min_free_memory_megabytes: 0,
            min_free_disk_megabytes: 0,
        }
    }
}

impl Limits {
    /// Returns how many attempts of a class may run at once, with the name of the limit that says so;
    /// `None` where only the limit over all holds.
    pub fn of(&self, class: Class) -> Option<(&'static str, u32)> {
        let (name, most) = match class {
            Class::Execution => ("maxExecutions", self.max_executions),
            Class::Decision => ("maxDecisions", self.max_decisions),
        };
        (most > 0).then_some((name, most))
    }
}

/// Times of the locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Locks {
    /// How long a lock holds without renewal, in seconds. It is renewed after a third of this.
    #[schemars(range(min = 60, max = 604_800))]
    pub expiry_seconds: u32,
}

impl Default for Locks {
    fn default() -> Self {
        Self { expiry_seconds: 3600 }
    }
}

/// How soon a failed attempt is followed by the next: `base * 2^(failures - 1)`, at most `cap`,
/// less up to a quarter of jitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retry {
    /// The first wait, in seconds.
    #[schemars(range(max = 86_400))]
    pub base_seconds: u32,
    /// The longest wait, in seconds.
    #[schemars(range(max = 86_400))]
    pub cap_seconds: u32,
}

impl Default for Retry {
    fn default() -> Self {
        Self { base_seconds: 10, cap_seconds: 300 }
    }
}

/// How often an interrupted attempt is revived. The first time at once, then after
/// `base * 2^(n - 1)`, at most `cap`; more than `budget` times within `window` is a crash loop,
/// which waits `cap` each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Restart {
    /// How many revivals within the window are no crash loop.
    #[schemars(range(max = 1000))]
    pub budget: u32,
    /// The window, in seconds.
    #[schemars(range(min = 1, max = 86_400))]
    pub window_seconds: u32,
    /// The wait before the second revival within the window, in seconds.
    #[schemars(range(max = 86_400))]
    pub base_seconds: u32,
    /// The longest wait, in seconds.
    #[schemars(range(max = 86_400))]
    pub cap_seconds: u32,
}

impl Default for Restart {
    fn default() -> Self {
        Self { budget: 5, window_seconds: 600, base_seconds: 1, cap_seconds: 300 }
    }
}

/// How long what is over is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retention {
    /// How long a retired worktree stays in `.reconciler/trash`, in seconds.
    pub trash_seconds: u32,
    /// How long the records and logs of a deleted task stay, in seconds.
    pub attempts_seconds: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { trash_seconds: 7 * 86_400, attempts_seconds: 30 * 86_400 }
    }
}

/// How often the loop looks without being woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Intervals {
    /// The longest time between two looks at the whole world, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub resync_seconds: u32,
    /// How often a running worker says that it lives, in seconds.
    #[schemars(range(min = 1, max = 3600))]
    pub heartbeat_seconds: u32,
}

impl Default for Intervals {
    fn default() -> Self {
        Self { resync_seconds: 30, heartbeat_seconds: 10 }
    }
}
