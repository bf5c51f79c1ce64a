//! Event: something that happened to an object, told once, for people. The loop never decides by
//! events; losing one loses history and nothing else.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// When it happened.
    pub time: Timestamp,
    /// To what, as `task/fix-login`.
    pub object: String,
    /// Whether anyone should look at it.
    pub kind: EventKind,
    /// What happened, in one word of the program, as `Started`.
    pub reason: String,
    /// What happened, in one sentence for people.
    pub message: String,
}

/// Whether an event is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// All goes as it should.
    Normal,
    /// Something a person may want to look at.
    Warning,
}
