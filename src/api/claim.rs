//! Claim: the record by which one worker holds a task and the paths it may change.

use super::attempt::ProcessId;
use super::name::{BranchName, Owner, Seat, TaskName, Uid};
use super::path::PathPattern;
use super::worker::WorkerType;
use jiff::{SignedDuration, Timestamp};
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
    /// When it lapses unless renewed, by the wall clock. Its distance from the heartbeat is the
    /// lease; whether that is over is judged on the boot clock.
    pub expires_at: Timestamp,
    /// When it was renewed last.
    pub heartbeat: Heartbeat,
    /// Grows at every change of holder and never otherwise: the fencing number.
    pub generation: u64,
    /// Drawn for this claim: two of one generation are never taken for each other.
    pub nonce: Uid,
    /// The machine it was taken on.
    pub node: String,
    /// Why it was taken, in the words of whoever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The attempt that renewed it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The process that renewed it last, while it lives by a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessId>,
    /// When the person who holds it said that the task is done; the loop sees to the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Timestamp>,
}

/// When a claim was renewed, by both clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// The wall time.
    pub at: Timestamp,
    /// The time since boot.
    #[serde(flatten)]
    pub boot: BootTime,
}

/// A moment of one boot of a machine, which nobody can set: `CLOCK_BOOTTIME`, see `clock_gettime(2)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BootTime {
    /// The boot (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// Milliseconds since then, suspends included.
    pub boot_millis: u64,
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

    /// Returns how long a renewal of it holds.
    pub fn lease(&self) -> SignedDuration {
        self.expires_at.duration_since(self.heartbeat.at).max(SignedDuration::ZERO)
    }

    /// Returns for how much longer it holds, which is not positive when it has lapsed. Within one
    /// boot its clock tells, which nobody can set; across boots only the wall clock can.
    pub fn time_left(&self, now: Timestamp, boot: &BootTime) -> SignedDuration {
        if boot.boot_id != self.heartbeat.boot.boot_id {
            return self.expires_at.duration_since(now);
        }
        let passed = boot.boot_millis.saturating_sub(self.heartbeat.boot.boot_millis);
        let passed = SignedDuration::from_millis(passed.try_into().unwrap_or(i64::MAX));
        self.lease().saturating_sub(passed)
    }

    /// Returns it renewed for another lease.
    #[must_use]
    pub fn renewed(&self, heartbeat: Heartbeat, lease: SignedDuration) -> Self {
        let expires_at = heartbeat.at.saturating_add(lease).unwrap_or(heartbeat.at);
        Self { expires_at, heartbeat, ..self.clone() }
    }

    /// Returns whether a person holds it.
    pub fn is_by_person(&self) -> bool {
        self.worker_type == WorkerType::Human
    }

    /// Returns the name of a claim without a task: a person holds paths by it.
    pub fn name_without_task(uid: &Uid) -> TaskName {
        let name = format!("lock-{}", uid.short()).parse();
        name.expect("digits behind a letter are a name")
    }

    /// Returns whether a person holds paths by it, and no task. Its name is never used again.
    pub fn is_without_task(&self) -> bool {
        self.is_by_person() && self.task == Self::name_without_task(&self.uid)
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
                "heartbeat": { "at": "2026-01-01T00:00:00Z", "bootId": "b", "bootMillis": 5000 },
                "generation": 3, "nonce": "2".repeat(32),
                "node": "here",
            });
            let changes = change.as_object().unwrap().clone();
            json.as_object_mut().unwrap().extend(changes);
            serde_json::from_value(json).unwrap()
        };
        let held = claim(json!({}));
        assert!(held.is_continued_by(&claim(json!({ "expiresAt": "2026-01-01T01:30:00Z" }))));
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
