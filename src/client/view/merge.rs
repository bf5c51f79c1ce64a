//! The merge queue as people see it: what is on its way to the target branch, in its order, and what
//! could not land.

use super::Snapshot;
use super::attempt::landing_of;
use crate::api::name::TaskName;
use crate::api::policy::Method;
use crate::plan::merge_target;
use jiff::Timestamp;
use serde::Serialize;

/// The merge queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MergesView {
    /// The branch that work lands on; `None` when nothing lands by itself.
    pub target: Option<String>,
    /// What becomes of the commits.
    pub method: Method,
    /// What verifies all of it, beside the tasks' own commands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<String>,
    /// Who holds the queue back, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// What is on its way, the next first.
    pub queue: Vec<MergeView>,
    /// What cannot land, by task.
    pub refused: Vec<MergeView>,
}

/// The work of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MergeView {
    /// The task.
    pub task: String,
    /// How urgent it is; `None` when its file is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// Since when it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Where it is, or why it cannot land.
    pub message: String,
}

/// Returns the merge queue; nothing of it, when what is wanted is not known.
pub fn merges(snapshot: &Snapshot) -> Option<MergesView> {
    let desired = snapshot.desired()?;
    let merge = &desired.policy().merge;
    let priority = |task: &TaskName| Some(desired.tasks.get(task)?.spec.as_ref()?.priority);
    let report = &snapshot.plan.report;
    let queue = report.merges.iter().filter_map(|task| {
        let one = report.tasks.get(task)?;
        let message = one.message.clone();
        Some(MergeView {
            task: task.to_string(),
            priority: priority(task),
            since: one.since,
            message,
        })
    });
    let tasks = snapshot.observed.tasks.known().into_iter().flatten();
    let refused = tasks.filter_map(|(task, seen)| {
        let landing = landing_of(seen)?;
        let why = landing.refused.get(&landing.attempt)?.clone();
        let (priority, since) = (priority(task), Some(landing.at));
        Some(MergeView { task: task.to_string(), priority, since, message: why })
    });
    let held = snapshot.observed.holds.known().and_then(|holds| holds.merges.as_ref());
    let held = held.and_then(|hold| match hold {
        Ok(one) => one.holds_at(snapshot.now()).then(|| one.to_string()),
        Err(damage) => Some(format!("its record is damaged: {damage}")),
    });
    Some(MergesView {
        target: merge_target(desired).map(|target| target.to_string()),
        method: merge.method,
        verify: merge.verify.clone(),
        held,
        queue: queue.collect(),
        refused: refused.collect(),
    })
}
