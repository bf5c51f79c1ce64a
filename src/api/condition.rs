//! Condition: one aspect of an object, whether it holds, and why; in Kubernetes' form.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One aspect of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which aspect.
    #[serde(rename = "type")]
    pub kind: ConditionType,
    /// Whether it holds.
    pub status: Status,
    /// Why, as one word for programs.
    pub reason: String,
    /// Why, as a sentence for people.
    pub message: String,
    /// Since when, where that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// The aspects of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ConditionType {
    /// Its file at the pinned ref is valid, and the repository's commands are trusted.
    Accepted,
    /// A worker has it, and nothing it waits for is missing.
    Scheduled,
    /// An attempt runs.
    Running,
    /// The work is done.
    Complete,
    /// All checks of its pull request were seen to have passed, for the commit that it proposes.
    ChecksPassed,
    /// The reviewers of its pull request approve it.
    Approved,
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Accepted => "Accepted",
            Self::Scheduled => "Scheduled",
            Self::Running => "Running",
            Self::Complete => "Complete",
            Self::ChecksPassed => "ChecksPassed",
            Self::Approved => "Approved",
        })
    }
}

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It holds.
    True,
    /// It does not.
    False,
    /// It could not be seen.
    Unknown,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        })
    }
}
