//! Errand: what a worker that can write nothing but its own words asks its shim to have done. It is a
//! request: what may not be done for a worker is not done for its errand either.

use super::decision::Decision;
use super::event::Event;
use super::name::TaskName;
use serde::{Deserialize, Serialize};

/// What is to be done. The tag is no name of a field of what it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "errand", rename_all = "snake_case")]
pub enum Errand {
    /// Propose a task.
    Propose {
        /// Its name.
        task: TaskName,
        /// Its file.
        file: String,
        /// Why it is needed.
        why: String,
    },
    /// Record a decision.
    Decide(Decision),
    /// Note in the journal what was said.
    Note(Event),
}

/// What came of an errand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Done,
    /// The proposed task waits for a person.
    Waits {
        /// Why, if the policy accepts proposals and this one could not be.
        why: Option<String>,
    },
    /// The proposed task was accepted.
    Accepted {
        /// Its file.
        path: String,
        /// The commit that has it.
        commit: Option<super::name::CommitId>,
    },
    /// It was not done.
    Refused {
        /// What stands in the way.
        what: String,
        /// What to do.
        help: String,
    },
}
