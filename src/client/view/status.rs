//! The whole repository at one look: who needs a person, who works on what, and how much there is.

use super::task::{TaskView, tasks};
use super::worker::{WorkerView, workers};
use super::{LoopState, Snapshot};
use crate::api::name::TaskName;
use crate::api::task::TaskState;
use crate::client::Conflict;
use crate::plan::report::Reason;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::collections::BTreeMap;

/// The whole repository at one look.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatusView {
    /// The version of the format.
    pub api_version: &'static str,
    /// `Status`.
    pub kind: &'static str,
    /// The name of the repository's folder.
    pub repository: String,
    /// The ref that desired state is read from; `None` when it cannot be read.
    pub state_ref: Option<String>,
    /// The commit that was read.
    pub revision: Option<String>,
    /// Whether the loop runs.
    #[serde(rename = "loop")]
    pub loop_view: LoopView,
    /// Whether all is well, on its way or not.
    pub health: Health,
    /// What a person has to do; tasks with one trouble are together.
    pub needs_you: Vec<Need>,
    /// Who works on what.
    pub workers: Vec<WorkerView>,
    /// How many tasks there are in each state.
    pub tasks: BTreeMap<TaskState, usize>,
    /// How many tasks of these were completed since midnight.
    pub completed_today: usize,
    /// Sentences about the whole repository that a person should read.
    pub notices: Vec<String>,
    /// How many tasks wait for files that others hold or take first.
    pub waiting_for_files: usize,
    /// Branches that conflict, as far as a forecast found them.
    pub conflicts: Vec<Conflict>,
}

/// Whether the loop runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state")]
pub enum LoopView {
    /// It runs.
    Running {
        /// Its process, if it said so.
        pid: Option<u32>,
        /// When it was started, if it said so.
        since: Option<Timestamp>,
    },
    /// It does not.
    NotRunning,
    /// It cannot be told.
    Unknown {
        /// Why.
        message: String,
    },
}

/// Whether all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Health {
    /// Nothing is left to do.
    Healthy,
    /// Something is left to do, and it comes by itself.
    InProgress,
    /// A person has to do something.
    Degraded,
}

/// What a person has to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    /// The tasks it is about.
    pub tasks: Vec<String>,
    /// What is the matter.
    pub message: String,
    /// The command that shows or ends it.
    pub command: String,
}

/// Returns the whole repository at one look; a day begins at midnight in this zone.
pub fn status(snapshot: &Snapshot, zone: &TimeZone) -> StatusView {
    let tasks = tasks(snapshot);
    let root = &snapshot.observed.places.root;
    let mut count = BTreeMap::new();
    for task in &tasks {
        *count.entry(task.status.state).or_insert(0) += 1;
    }
    let today = |at: Timestamp| {
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        day(at) == day(snapshot.now())
    };
    let completed = tasks.iter().filter(|task| task.status.state == TaskState::Completed);
    StatusView {
        api_version: crate::api::API_VERSION,
        kind: "Status",
        repository: root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned(),
        state_ref: snapshot.desired().map(|desired| desired.state_ref.clone()),
        revision: snapshot.revision().map(str::to_owned),
        loop_view: match &snapshot.loop_state {
            LoopState::Running { pid, since } => LoopView::Running { pid: *pid, since: *since },
            LoopState::NotRunning => LoopView::NotRunning,
            LoopState::Unknown(why) => LoopView::Unknown { message: why.clone() },
        },
        health: health(snapshot, &tasks),
        needs_you: needs(&tasks).into_iter().chain(proposed(&snapshot.proposals)).collect(),
        workers: workers(snapshot),
        completed_today: completed.filter(|task| task.status.since.is_some_and(today)).count(),
        tasks: count,
        notices: snapshot.notices().to_vec(),
        waiting_for_files: tasks
            .iter()
            .filter(|task| task.status.reason == Reason::FilesHeld)
            .count(),
        conflicts: snapshot.conflicts.clone(),
    }
}

fn health(snapshot: &Snapshot, tasks: &[TaskView]) -> Health {
    if snapshot.why_blind().is_some() || tasks.iter().any(|task| task.status.needs_person) {
        Health::Degraded
    } else if tasks.iter().all(|task| task.status.is_settled()) {
        Health::Healthy
    } else {
        Health::InProgress
    }
}

/// Returns what is to be done about tasks that are proposed.
fn proposed(proposals: &[TaskName]) -> Option<Need> {
    (!proposals.is_empty()).then(|| Need {
        tasks: proposals.iter().map(ToString::to_string).collect(),
        message: "proposed: it becomes a task when you accept it".to_owned(),
        command: "reconciler proposals".to_owned(),
    })
}

/// Gathers the tasks that need a person, those with the same trouble together.
fn needs(tasks: &[TaskView]) -> Vec<Need> {
    let mut found: Vec<Need> = Vec::new();
    for task in tasks.iter().filter(|task| task.status.needs_person) {
        let name = &task.metadata.name;
        let message = match task.status.problems.first() {
            Some(problem) => format!("its committed file is not in effect: {problem}"),
            None => task.status.message.clone(),
        };
        let command = task.status.next_command(name);
        let same = |need: &&mut Need| need.message == message && need.command == command;
        match found.iter_mut().find(same) {
            Some(need) => need.tasks.push(name.clone()),
            None => found.push(Need { tasks: vec![name.clone()], message, command }),
        }
    }
    found
}
