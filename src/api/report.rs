//! Report: what a worker says of its attempt while it works, and what people say to it. It is words:
//! nothing here has happened because it was said.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How far an attempt is, as its worker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// When it was said.
    pub last_updated: Timestamp,
    /// What is being done, or was done last.
    pub current_step: String,
    /// How many steps are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps_completed: Option<u32>,
    /// How many there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_steps: Option<u32>,
}

impl Progress {
    /// Returns how much is done, in percent, rounded down; `None` when no steps were named.
    pub fn percent(&self) -> Option<u32> {
        let (done, total) = (self.steps_completed?, self.total_steps?);
        let percent = u64::from(done.min(total)) * 100 / u64::from(total.max(1));
        u32::try_from(percent).ok()
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.steps_completed, self.total_steps) {
            (Some(done), Some(total)) => write!(f, "{done}/{total}"),
            (_, _) => f.write_str("-"),
        }
    }
}

/// What a worker says at the end of its attempt. The first word stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// When it was said.
    pub at: Timestamp,
    /// Which way it came.
    pub by: Source,
    /// How it ended.
    pub outcome: Outcome,
    /// What was done, or why it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// What shows it: commands and their results.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<String>,
}

/// How a worker says that its attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The task is done, as far as the worker knows.
    Completed,
    /// It could not be done.
    Failed {
        /// Whether another try may succeed.
        retryable: bool,
    },
}

/// Which way a word of a worker came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A command: `reconciler complete`.
    Command,
    /// A tool of the MCP server.
    Mcp,
    /// A hook of the agent.
    Hook,
    /// The end marker in its output.
    Marker,
}

/// What a worker asks a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Question {
    /// When it was asked.
    pub at: Timestamp,
    /// What it wants to know.
    #[serde(rename = "question")]
    pub text: String,
    /// The answers it can think of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// What a person says to a worker: the answer to a question, or what is typed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// When it was said.
    pub at: Timestamp,
    /// Who said it.
    pub by: String,
    /// The text.
    pub text: String,
}

/// A question, and its answer once there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exchange {
    /// 1, 2, 3 and so on within an attempt.
    pub number: u32,
    /// What was asked.
    #[serde(flatten)]
    pub question: Question,
    /// What a person answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Message>,
}

/// Returns a text with nothing in it that a terminal would obey: control characters but line feeds
/// and tabs are left out, line ends become line feeds.
pub fn plain(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(done: Option<u32>, total: Option<u32>) -> Progress {
        Progress {
            last_updated: Timestamp::UNIX_EPOCH,
            current_step: String::new(),
            steps_completed: done,
            total_steps: total,
        }
    }

    #[test]
    fn progress_is_what_is_done_of_all() {
        assert_eq!(progress(Some(3), Some(8)).percent(), Some(37));
        assert_eq!(progress(Some(9), Some(8)).percent(), Some(100));
        assert_eq!(progress(Some(0), Some(0)).percent(), Some(0));
        assert_eq!(progress(Some(3), None).percent(), None);
        assert_eq!(progress(Some(3), Some(8)).to_string(), "3/8");
        assert_eq!(progress(None, None).to_string(), "-");
    }

    #[test]
    fn what_a_terminal_would_obey_is_left_out() {
        assert_eq!(plain("a\r\nb\rc\td\x1b[201~\x07\u{9b}x\u{7f}"), "a\nb\nc\td[201~x");
    }
}
