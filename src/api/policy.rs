//! Policy: limits, times and formats of one repository; every field has a default.

use super::path::PathPattern;
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
        }
    }
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

/// How much may run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// How many attempts may run at once, over all workers.
    #[schemars(range(max = 10_000))]
    pub max_concurrent_tasks: u32,
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
            max_load_percent: 0,
            min_free_memory_megabytes: 0,
            min_free_disk_megabytes: 0,
        }
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
