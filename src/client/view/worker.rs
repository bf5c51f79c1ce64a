//! Workers as people see them: each with its seats, and what every seat does.

use super::agent::{Trust, trust};
use super::{Snapshot, View};
use crate::api::Kind;
use crate::api::hold::HoldKind;
use crate::api::name::{Seat, TaskName, WorkerName};
use crate::api::worker::{WorkerSpec, WorkerType};
use crate::plan::desired::Entry;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// One worker.
pub type WorkerView = View<WorkerSpec, WorkerStatus>;

/// What a worker does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerStatus {
    /// What a person should know of it; empty when there is nothing.
    pub message: String,
    /// Its seats; a person has one.
    pub seats: Vec<SeatView>,
}

/// One seat of a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatView {
    /// `codegen-2`; a person's own name.
    pub name: String,
    /// What it does.
    pub activity: Activity,
    /// The tasks it works on.
    pub tasks: Vec<String>,
}

/// What a seat does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Activity {
    /// It has a task.
    Working,
    /// It has a task, and its worker no longer wants the seat: it leaves when that stops.
    Leaving,
    /// It has none.
    Idle,
    /// It has none and takes none.
    Suspended,
    /// It has none, and a person lets nothing new start on it for now.
    Paused,
    /// It has none, and a person lets it take none for now.
    Cordoned,
    /// It cannot be seen.
    Unknown,
}

impl std::fmt::Display for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// Returns every worker by name: those that are wanted, and those that still have a task.
pub fn workers(snapshot: &Snapshot) -> Vec<WorkerView> {
    let busy = busy(snapshot);
    let wanted = snapshot.desired().into_iter().flat_map(|desired| desired.workers.keys());
    let names: BTreeSet<&WorkerName> = wanted.chain(busy.keys().map(|seat| &seat.worker)).collect();
    names.into_iter().map(|name| worker(snapshot, name, &busy)).collect()
}

/// Returns who works on what: programs by the plan's report, people by their claims.
fn busy(snapshot: &Snapshot) -> BTreeMap<Seat, Vec<TaskName>> {
    let mut busy = snapshot.plan.report.seats.clone();
    let claims = snapshot.observed.claims.known().into_iter().flatten();
    for claim in claims.filter_map(|(_, claim)| claim.as_ref().ok()) {
        if claim.worker_type == WorkerType::Human {
            busy.entry(claim.seat.clone()).or_default().push(claim.task.clone());
        }
    }
    busy
}

/// Returns whether a person of this name holds something.
fn is_person(snapshot: &Snapshot, name: &WorkerName) -> bool {
    let claims = snapshot.observed.claims.known().into_iter().flatten();
    let mut claims = claims.filter_map(|(_, claim)| claim.as_ref().ok());
    claims.any(|claim| claim.is_by_person() && claim.seat.worker == *name)
}

fn worker(
    snapshot: &Snapshot,
    name: &WorkerName,
    busy: &BTreeMap<Seat, Vec<TaskName>>,
) -> WorkerView {
    let entry = snapshot.desired().and_then(|desired| desired.workers.get(name));
    let spec = entry.and_then(|entry| entry.spec.as_ref());
    let is_human =
        spec.map_or_else(|| is_person(snapshot, name), |spec| spec.kind == WorkerType::Human);
    let replicas = if is_human { 1 } else { spec.map_or(0, |spec| spec.replicas) };
    let wanted = (1..=replicas).map(|replica| Seat { worker: name.clone(), replica });
    let working = busy.keys().filter(|seat| seat.worker == *name).cloned();
    let seats: BTreeSet<Seat> = wanted.chain(working).collect();
    let is_seen = snapshot.observed.tasks.known().is_some();
    let held = snapshot.plan.report.held.get(name);
    let view = |seat: Seat| {
        let tasks = busy.get(&seat).map(Vec::as_slice).unwrap_or_default();
        let suspended = spec.is_some_and(|spec| spec.suspend);
        let activity = match (tasks.is_empty(), seat.replica > replicas || suspended) {
            (false, true) => Activity::Leaving,
            (false, false) => Activity::Working,
            (true, _) if !is_seen => Activity::Unknown,
            (true, _) if suspended => Activity::Suspended,
            (true, _) => held.map_or(Activity::Idle, |held| rests(held.kind)),
        };
        let name = if is_human { seat.worker.to_string() } else { seat.to_string() };
        SeatView { name, activity, tasks: tasks.iter().map(ToString::to_string).collect() }
    };
    let seats = seats.into_iter().map(view).collect();
    // People need no file.
    let is_guest = is_human && entry.is_none();
    let mut message = if is_guest { String::new() } else { message(snapshot, entry) };
    if let Some(held) = held.filter(|_| message.is_empty()) {
        message.clone_from(&held.message);
    }
    let status = WorkerStatus { message, seats };
    View::of(Kind::Worker, name.as_str(), entry, status)
}

/// Returns what a seat does that has no task and may take none.
fn rests(kind: HoldKind) -> Activity {
    match kind {
        HoldKind::Pause => Activity::Paused,
        HoldKind::Cordon | HoldKind::Drain { .. } => Activity::Cordoned,
    }
}

/// Says what is wrong with a worker, or odd.
fn message(snapshot: &Snapshot, entry: Option<&Entry<WorkerSpec>>) -> String {
    let Some(entry) = entry else {
        return match snapshot.desired() {
            Some(_) => "its file is gone".to_owned(),
            None => String::new(),
        };
    };
    if let Some(problem) = entry.problems.first() {
        return format!("its committed file is not in effect: {problem}");
    }
    let agent = entry.spec.as_ref().and_then(|spec| spec.agent.as_ref());
    let (Some(agent), Some(desired)) = (agent, snapshot.desired()) else { return String::new() };
    let Some(spec) = desired.agent(agent) else {
        return format!("agent {agent} is not in state/agents");
    };
    match trust(snapshot, agent, Some(spec)) {
        Trust::Approved | Trust::Unknown => String::new(),
        Trust::NotApproved => {
            format!("agent {agent} is not approved on this machine: `reconciler trust`")
        }
    }
}
