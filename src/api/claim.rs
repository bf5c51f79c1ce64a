//! Claim: the record by which one worker holds a task and the paths it may change.

use super::name::{BranchName, Owner, Seat, TaskName, Uid};
use super::path::PathPattern;
use super::worker::WorkerType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who holds a task, and which paths with it: `.task-locks/TASK.lock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The task.
    #[serde(rename = "taskId")]
    pub task: TaskName,
    /// Its uid.
    pub uid: Uid,
    /// The worker that holds it.
    #[serde(rename = "workerId")]
    pub seat: Seat,
    /// A program or a person.
    pub worker_type: WorkerType,
    /// When it was taken.
    pub claimed_at: Timestamp,
    /// The paths it holds: the task's own, and every shared pattern they touch.
    pub locked_files: Vec<PathPattern>,
    /// The branch the work goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch_name: Option<BranchName>,
    /// When it lapses unless renewed. For people to see: the loop never takes a task from a
    /// worker whose process it can see, or cannot see for certain to be gone.
    pub expires_at: Timestamp,
    /// When it was renewed last.
    pub renewed_at: Timestamp,
    /// Grows at every change of holder and never otherwise: the fencing number.
    pub generation: u64,
    /// Drawn for this claim: two of one generation are never taken for each other.
    pub nonce: Uid,
    /// The machine whose loop took it.
    pub node: String,
}

/// What the table of ownership says of a task: who holds it, or held it last. One whose claim was
/// released stays, so that generations never begin anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holding {
    /// The claim.
    #[serde(flatten)]
    pub claim: Claim,
    /// When it was released; nothing while it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Timestamp>,
}

impl Holding {
    /// Returns whether another says the same of who holds what, whatever was renewed since.
    pub fn is_same(&self, other: &Self) -> bool {
        self.claim.is_continued_by(&other.claim)
            && self.released_at.is_some() == other.released_at.is_some()
    }

    /// Returns whether this is news to a table that says the other of the task.
    pub fn replaces(&self, recorded: &Self) -> bool {
        self.claim.generation >= recorded.claim.generation && !self.is_same(recorded)
    }
}

impl Claim {
    /// Returns whether another claim is this one, at a later time: of the same holder, for the same
    /// paths, at the same generation.
    pub fn is_continued_by(&self, later: &Self) -> bool {
        self.is_of_same_holder(later)
            && (self.generation, &self.nonce) == (later.generation, &later.nonce)
    }

    /// Returns whether the same holder has the same paths by another claim, of whatever generation.
    pub fn is_of_same_holder(&self, other: &Self) -> bool {
        (&self.uid, &self.seat, &self.locked_files)
            == (&other.uid, &other.seat, &other.locked_files)
    }

    /// Returns the mark of the task it is for.
    pub fn owner(&self) -> Owner {
        Owner { task: self.task.clone(), uid: self.uid.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_claim_is_continued_by_the_same_holder_of_the_same_paths_alone() {
        let claim = |change: serde_json::Value| -> Claim {
            let mut json = json!({
                "taskId": "login", "uid": "0".repeat(32), "workerId": "codegen-1",
                "workerType": "ai_agent", "claimedAt": "2026-01-01T00:00:00Z",
                "lockedFiles": ["src/a/"], "expiresAt": "2026-01-01T01:00:00Z",
                "renewedAt": "2026-01-01T00:00:00Z", "generation": 3, "nonce": "2".repeat(32),
                "node": "here",
            });
            let changes = change.as_object().unwrap().clone();
            json.as_object_mut().unwrap().extend(changes);
            serde_json::from_value(json).unwrap()
        };
        let held = claim(json!({}));
        assert!(held.is_continued_by(&claim(json!({ "renewedAt": "2026-01-01T00:30:00Z" }))));
        for other in [
            json!({ "uid": "1".repeat(32) }),
            json!({ "workerId": "codegen-2" }),
            json!({ "lockedFiles": ["src/b/"] }),
            json!({ "generation": 4 }),
            json!({ "nonce": "3".repeat(32) }),
        ] {
            assert!(!held.is_continued_by(&claim(other.clone())), "{other}");
        }
    }
}
