//! Locks as people see them: one row for each claim that stands, also of those whose file cannot be
//! understood.

use super::Snapshot;
use crate::api::name::TaskName;
use crate::api::worker::WorkerType;
use crate::plan::observed::ClaimSighting;
use jiff::Timestamp;
use serde::Serialize;

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LockView {
    /// The task.
    pub task: String,
    /// What can be read of it; `None` when its file cannot be understood: then it is held.
    #[serde(flatten)]
    pub holder: Option<Holder>,
    /// What is wrong with its file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// Who holds what, since when and until when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The seat or the person.
    pub worker: String,
    /// A program or a person.
    pub worker_type: WorkerType,
    /// The machine.
    pub node: String,
    /// The fencing number.
    pub generation: u64,
    /// The path patterns.
    pub paths: Vec<String>,
    /// When it was taken.
    pub claimed_at: Timestamp,
    /// When it was renewed last.
    pub renewed_at: Timestamp,
    /// When it lapses unless renewed.
    pub expires_at: Timestamp,
}

/// Returns the locks, by task.
pub fn locks(snapshot: &Snapshot) -> Vec<LockView> {
    let claims = snapshot.observed.claims.known().into_iter().flatten();
    claims.map(|(task, claim)| lock(task, claim)).collect()
}

/// Returns one lock.
pub fn lock(task: &TaskName, claim: &ClaimSighting) -> LockView {
    let holder = claim.as_ref().ok().map(|claim| Holder {
        worker: claim.seat.to_string(),
        worker_type: claim.worker_type,
        node: claim.node.clone(),
        generation: claim.generation,
        paths: claim.locked_files.iter().map(ToString::to_string).collect(),
        claimed_at: claim.claimed_at,
        renewed_at: claim.heartbeat.at,
        expires_at: claim.expires_at,
    });
    LockView { task: task.to_string(), holder, damage: claim.as_ref().err().cloned() }
}
