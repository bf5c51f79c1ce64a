//! Decision: what a worker decided, why, and what came of it. It is kept to be learned from; nothing
//! follows from it by itself.

use super::attempt::AttemptId;
use super::name::{Seat, TaskName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One decision of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// When it was recorded.
    pub at: Timestamp,
    /// In which attempt it was taken.
    pub attempt: AttemptId,
    /// Who took it.
    pub seat: Seat,
    /// What was to be decided.
    pub question: String,
    /// What could have been chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
    /// What was chosen.
    pub choice: String,
    /// Why.
    pub why: String,
    /// How sure its worker is, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<u8>,
    /// The tasks that came of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tasks: Vec<TaskName>,
}
