//! Attempts as people see them: one row for each start of a task.

use super::Snapshot;
use crate::api::attempt::{Exit, ExitReason};
use crate::api::landing::Landing;
use crate::api::name::TaskName;
use crate::plan::observed::{AttemptSighting, AttemptState, TaskSighting};
use jiff::Timestamp;
use serde::Serialize;

/// One start of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptView {
    /// The task.
    pub task: String,
    /// 1, 2, 3 and so on.
    pub number: u32,
    /// Where it is.
    pub phase: Phase,
    /// The seat that ran it; `None` when its record is damaged.
    pub worker: Option<String>,
    /// When its program or its shim was started.
    pub started_at: Option<Timestamp>,
    /// When it was over.
    pub ended_at: Option<Timestamp>,
    /// How it ended, for programs.
    pub result: Option<ExitReason>,
    /// The commit that it verified; `None` for one that did work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifies: Option<String>,
    /// Whether its program could answer, for one that runs and may be typed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub responds: Option<Responds>,
    /// Where it is or how it ended, for people.
    pub message: String,
}

/// Whether a program could answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Responds {
    /// Whether it could, as far as its shim can tell.
    pub now: bool,
    /// Since when it is silent, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub silent_since: Option<Timestamp>,
}

impl std::fmt::Display for Responds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.now, self.silent_since) {
            (true, _) => f.write_str("responds"),
            (false, None) => f.write_str("does not respond"),
            (false, Some(since)) => write!(f, "does not respond since {since:.0}"),
        }
    }
}

/// Returns whether the program of a running attempt could answer, if it may be typed to.
fn responds(one: &AttemptSighting) -> Option<Responds> {
    let listens = one.attempt.as_ref().is_ok_and(|attempt| attempt.program.dialogue.listens);
    let silence = one.said.silence.as_ref();
    let now = silence.is_none_or(|silence| silence.kind.responds());
    let silent_since = silence.map(|silence| silence.since);
    // One that is stopped is told of, also where nobody types.
    (listens || !now).then_some(Responds { now, silent_since })
}

/// Where an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Phase {
    /// Its record is written, and nothing runs.
    Prepared,
    /// It runs.
    Running,
    /// It was asked to stop.
    Stopping,
    /// It is over, and the loop has not taken note.
    Ending,
    /// It vanished.
    Lost,
    /// It is over.
    Ended,
    /// It cannot be told.
    Unknown,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

/// Returns the attempts of one task, oldest first.
pub fn attempts_of(snapshot: &Snapshot, task: &TaskName) -> Vec<AttemptView> {
    let sighting = snapshot.observed.tasks.known().and_then(|tasks| tasks.get(task));
    let attempts = sighting.map(|one| one.attempts.as_slice()).unwrap_or_default();
    let mut views: Vec<AttemptView> = attempts.iter().map(|one| attempt(task, one)).collect();
    let landing = sighting.and_then(landing_of);
    for view in views.iter_mut().filter(|view| view.result == Some(ExitReason::Succeeded)) {
        if let Some(why) = landing.and_then(|landing| landing.refused.get(&view.number)) {
            let reason = ExitReason::NotLanded { message: why.clone() };
            view.message = reason.to_string();
            view.result = Some(reason);
        }
    }
    views
}

/// Returns what is known of the landing of a task as it is now.
pub(in crate::client) fn landing_of(task: &TaskSighting) -> Option<&Landing> {
    let record = task.record.as_ref().ok()?;
    task.landing.as_ref()?.as_ref().ok().filter(|one| one.uid == record.uid)
}

/// Returns the attempts of all tasks, by task and number.
pub fn attempts(snapshot: &Snapshot) -> Vec<AttemptView> {
    let tasks = snapshot.observed.tasks.known().into_iter().flat_map(|tasks| tasks.keys());
    tasks.flat_map(|task| attempts_of(snapshot, task)).collect()
}

fn attempt(task: &TaskName, one: &AttemptSighting) -> AttemptView {
    let verified = one.attempt.as_ref().ok().and_then(|attempt| attempt.verifies.as_ref());
    let view = AttemptView {
        task: task.to_string(),
        number: one.number,
        phase: Phase::Prepared,
        worker: one.attempt.as_ref().ok().map(|attempt| attempt.seat.to_string()),
        started_at: None,
        ended_at: None,
        result: None,
        verifies: verified.map(ToString::to_string),
        responds: None,
        message: String::new(),
    };
    let view = match &one.state {
        AttemptState::Prepared => view,
        AttemptState::Running { asked, started_at, .. } => {
            let responds = responds(one);
            let says = responds.as_ref().map(ToString::to_string).unwrap_or_default();
            AttemptView {
                phase: if asked.is_some() { Phase::Stopping } else { Phase::Running },
                started_at: Some(*started_at),
                message: asked.as_ref().map_or(says, |asked| asked.why.to_string()),
                responds,
                ..view
            }
        }
        AttemptState::Ending { exit, .. } => ended(view, Phase::Ending, exit),
        AttemptState::Lost { started_at, .. } => AttemptView {
            phase: Phase::Lost,
            started_at: Some(*started_at),
            message: ExitReason::Lost.to_string(),
            ..view
        },
        AttemptState::Ended(exit) => ended(view, Phase::Ended, exit),
        AttemptState::Unknown(why) | AttemptState::Damaged(why) => {
            AttemptView { phase: Phase::Unknown, message: why.clone(), ..view }
        }
    };
    match &one.attempt {
        Ok(_) => view,
        Err(damage) => AttemptView { message: format!("its record is damaged: {damage}"), ..view },
    }
}

fn ended(view: AttemptView, phase: Phase, exit: &Exit) -> AttemptView {
    AttemptView {
        phase,
        started_at: exit.started_at,
        ended_at: Some(exit.ended_at),
        result: Some(exit.reason.clone()),
        message: exit.to_string(),
        ..view
    }
}
