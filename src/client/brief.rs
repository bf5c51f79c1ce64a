//! What a worker has to know of its own attempt, at one look. It reads alone: what is shown here
//! counts as unread still.

use super::view::attempt::{AttemptView, attempts_of};
use super::view::lock::{LockView, locks};
use super::view::task::tasks;
use super::{Client, Error, OwnAttempt};
use crate::api::attempt::AttemptId;
use crate::api::name::Seat;
use crate::api::report::{Exchange, Message, Progress};
use crate::api::task::{Class, TaskSpec};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::path::PathBuf;

/// What every worker is to do and to leave, as one sentence each. Names of commands are those of the
/// command line; each has a tool of the MCP server beside it.
pub const RULES: [&str; 8] = [
    "Start: `reconciler context` says your task, your locks, who holds what, and what came before.",
    "Stay in $RECONCILER_WORKTREE on $RECONCILER_BRANCH. No new worktrees, branches or pushes.",
    "Outside your locks: `reconciler locks acquire PATH --reason \"...\"`. Refused? Do other work, and \
     say so.",
    "Commit small. If a commit is refused, read the message and follow it. Never use --no-verify.",
    "After each step: `reconciler progress 3/8 \"what is done\"`.",
    "Need a person? `reconciler ask \"...\" --option A --option B --no-wait`, then go on with what does \
     not depend on it; the answer: `reconciler messages`.",
    "Other work found? `reconciler propose-task NAME --title \"...\" --prompt \"...\" --files 'GLOB'`. \
     Never edit state/ or .task-locks/.",
    "Finish with `reconciler complete \"summary\" --evidence \"command: result\"`, or \
     `reconciler fail \"why\"`.",
];

/// What a worker has to know of its own attempt.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// Which attempt.
    #[serde(flatten)]
    pub id: AttemptId,
    /// Who does it.
    pub worker: Seat,
    /// Whether it may change files.
    pub class: Class,
    /// The task as it is committed now: title, prompt, files, verification; `None` when no version of
    /// its file is valid, or it was deleted.
    pub spec: Option<TaskSpec>,
    /// Its branch; a decision has none.
    pub branch: Option<String>,
    /// Where desired state is read, as `refs/heads/main@3f2a9c1`: the branch is merged there.
    pub base: String,
    /// Where it works.
    pub worktree: PathBuf,
    /// When its time is up; nothing when it has no limit, or was not started yet.
    pub deadline: Option<Timestamp>,
    /// When this was looked at.
    pub now: Timestamp,
    /// What its task holds.
    pub own_lock: Option<LockView>,
    /// What others hold.
    pub other_locks: Vec<LockView>,
    /// What its agent was told of the attempts before.
    pub history: String,
    /// The attempts before.
    pub attempts_before: Vec<AttemptView>,
    /// How far it said to be.
    pub progress: Option<Progress>,
    /// Its questions without an answer.
    pub open_questions: Vec<Exchange>,
    /// What people said that was not read yet.
    pub messages: Vec<Message>,
    /// What cannot be seen, or is not as it should be.
    pub notices: Vec<String>,
    /// What to do and what to leave.
    pub rules: Vec<&'static str>,
}

impl Client {
    /// Returns what a worker has to know of its own attempt.
    ///
    /// # Errors
    /// When what was said in the attempt cannot be read.
    pub async fn brief(&self, own: &OwnAttempt) -> Result<Brief, Error> {
        let snapshot = self.snapshot().await;
        let name = &own.id.owner.task;
        let task = tasks(&snapshot).into_iter().find(|task| task.metadata.name == name.as_str());
        let (own_lock, other_locks) =
            locks(&snapshot).into_iter().partition::<Vec<_>, _>(|lock| lock.task == name.as_str());
        let (this, before): (Vec<_>, Vec<_>) = attempts_of(&snapshot, name)
            .into_iter()
            .filter(|one| one.number <= own.id.number)
            .partition(|one| one.number == own.id.number);
        let limit = own.attempt.program.timeout_seconds;
        let started = this.first().and_then(|one| one.started_at).filter(|_| limit > 0);
        let exchanges = self.records().exchanges(&own.id)?;
        let queued = self.records().queued(&own.id)?;
        let mut notices = snapshot.notices().to_vec();
        notices.extend(snapshot.why_blind().map(ToOwned::to_owned));
        Ok(Brief {
            id: own.id.clone(),
            worker: own.attempt.seat.clone(),
            class: own.attempt.class,
            spec: task.as_ref().and_then(|task| task.spec.clone()),
            branch: task.and_then(|task| task.status.branch),
            base: snapshot.source(),
            worktree: own.attempt.directory.clone(),
            deadline: started.map(|start| start + SignedDuration::from_secs(limit.into())),
            now: snapshot.now(),
            own_lock: own_lock.into_iter().next(),
            other_locks,
            history: own.attempt.beginning.history.clone(),
            attempts_before: before,
            progress: self.records().progress(&own.id)?,
            open_questions: exchanges.into_iter().filter(|one| one.answer.is_none()).collect(),
            messages: queued.into_iter().map(|(_, message)| message).collect(),
            notices,
            rules: RULES.to_vec(),
        })
    }
}
