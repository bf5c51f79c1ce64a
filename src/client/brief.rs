//! What a worker has to know of its own attempt, at one look or in a few lines. It reads alone: what is shown here
//! counts as unread still.

use super::view::attempt::{AttemptView, attempts_of};
use super::view::lock::{Holder, LockView, lock, locks};
use super::view::task::tasks;
use super::{Client, Error, OwnAttempt};
use crate::api::attempt::AttemptId;
use crate::api::name::Seat;
use crate::api::report::{Exchange, Message, Progress};
use crate::api::task::{Class, TaskSpec};
use crate::locks::Claims;
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

/// So many locks of others, and patterns of one, are named in a few lines.
const SHOWN: usize = 20;

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

    /// Returns the same in a few lines, for an agent that begins: its place, its lock, those of the
    /// others, and the rules; of the locks alone, for somebody waits. What the prompt says is left out.
    ///
    /// # Errors
    /// When the locks cannot be read.
    pub(super) fn brief_in_short(&self, own: &OwnAttempt) -> Result<String, Error> {
        let (task, attempt) = (&own.id.owner.task, &own.attempt);
        let mut lines = vec![format!(
            "You are {} of reconciler on task/{task}, attempt {}. You work in {}.",
            attempt.seat,
            own.id.number,
            attempt.directory.display(),
        )];
        let branch = attempt.program.env.get("RECONCILER_BRANCH");
        lines.extend(
            branch.filter(|one| !one.is_empty()).map(|one| format!("Your branch is {one}.")),
        );
        let claims = Claims::at(self.root()).list()?;
        let all = claims.iter().map(|(task, claim)| lock(task, claim));
        let (own_lock, others): (Vec<_>, Vec<_>) = all.partition(|one| one.task == task.as_str());
        lines.push(own_words(own_lock.first()));
        let others: Vec<String> = others.iter().filter_map(words).collect();
        lines.extend((!others.is_empty()).then(|| "Others hold now:".to_owned()));
        lines.extend(others.iter().take(SHOWN).cloned());
        if let Some(more) = others.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            lines.push(format!("- and {more} more: reconciler locks"));
        }
        lines.extend(RULES.map(str::to_owned));
        Ok(lines.join("\n"))
    }
}

fn own_words(own: Option<&LockView>) -> String {
    let paths = own.and_then(|lock| lock.holder.as_ref()).map(|holder| &holder.paths);
    match paths.filter(|paths| !paths.is_empty()) {
        Some(paths) => format!(
            "You may change {} and nothing else; more by: reconciler locks acquire PATH",
            patterns(paths),
        ),
        None => "You may change what nobody else holds.".to_owned(),
    }
}

/// Returns what another holds; `None` when that is nothing.
fn words(lock: &LockView) -> Option<String> {
    let task = &lock.task;
    match &lock.holder {
        Some(Holder { paths, .. }) if paths.is_empty() => None,
        Some(Holder { worker, paths, .. }) => {
            Some(format!("- task/{task} ({worker}): {}", patterns(paths)))
        }
        None => Some(format!("- task/{task}: its lock cannot be read, and may hold anything")),
    }
}

fn patterns(all: &[String]) -> String {
    let shown: Vec<&str> = all.iter().take(SHOWN).map(String::as_str).collect();
    let more = if all.len() > SHOWN { " and more" } else { "" };
    format!("{}{more}", shown.join(" "))
}
