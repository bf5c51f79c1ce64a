//! Tasks as people see them: the planner's answer for each, with its record, claim, worktree and
//! attempts beside it.

use super::attempt::{AttemptView, attempts_of, landing_of};
use super::eta::{self, Eta};
use super::{Snapshot, View};
use crate::api::Kind;
use crate::api::attempt::ExitReason;
use crate::api::claim::Claim;
use crate::api::condition::Condition;
use crate::api::landing::{Landing, Obstacle, Stage};
use crate::api::name::TaskName;
use crate::api::report::Progress;
use crate::api::task::{TaskSpec, TaskState};
use crate::plan::report::{Reason, TaskReport};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;

/// One task.
pub type TaskView = View<TaskSpec, TaskStatus>;

/// Where a task is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskStatus {
    /// On its way.
    pub state: TaskState,
    /// Why it is there, in one word for programs.
    pub reason: Reason,
    /// Why it is there, as a sentence for people.
    pub message: String,
    /// Whether a person has to do something.
    pub needs_person: bool,
    /// The same by aspect.
    pub conditions: Vec<Condition>,
    /// Why its committed file is not in effect; empty when it is.
    pub problems: Vec<String>,
    /// The seat that does it, or did it last.
    pub worker: Option<String>,
    /// The number of its running or last attempt.
    pub attempt: Option<u32>,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptView>,
    /// How far its running or last attempt is, if it said so.
    pub progress: Option<Progress>,
    /// How long its running attempt will still take, if that can be told.
    pub eta: Option<Eta>,
    /// Its branch.
    pub branch: Option<String>,
    /// Where its worktree is, if it has one.
    pub worktree: Option<String>,
    /// Its tmux session, if it has one.
    pub session: Option<String>,
    /// The claim by which its worker holds it.
    pub claim: Option<Claim>,
    /// Since when it is there.
    pub since: Option<Timestamp>,
    /// When the loop looks again on its account.
    pub next_at: Option<Timestamp>,
    /// The commit that this is about.
    pub observed_revision: Option<String>,
}

impl TaskStatus {
    /// Returns whether the task is over, well or not.
    pub fn is_over(&self) -> bool {
        matches!(self.reason, Reason::Succeeded | Reason::AttemptsUsedUp)
    }

    /// Returns whether nothing is to come: the task is over, or stopped as it is meant to be.
    pub fn is_settled(&self) -> bool {
        self.is_over() || self.reason == Reason::Suspended
    }

    /// Returns whether the task waits for something that comes by itself.
    pub fn is_waiting(&self) -> bool {
        !self.needs_person && !self.runs() && !self.is_settled()
    }

    /// Returns whether an attempt runs or starts.
    pub fn runs(&self) -> bool {
        matches!(
            self.reason,
            Reason::Running
                | Reason::NeedsInput
                | Reason::Stalled
                | Reason::Idle
                | Reason::Starting
                | Reason::Stopping
                | Reason::Ending
        )
    }

    /// Returns whether a word names the state or the reason; case, `-` and `_` do not count.
    pub fn is_called(&self, word: &str) -> bool {
        let plain = |text: &str| -> String {
            text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        };
        let word = plain(word);
        plain(&self.state.to_string()) == word || plain(&self.reason.to_string()) == word
    }

    /// Returns why its last attempt, which did its work, could not land.
    fn could_not_land(&self) -> Option<&str> {
        let last = self.attempts.iter().rfind(|one| one.verifies.is_none())?;
        let Some(ExitReason::NotLanded { message }) = &last.result else { return None };
        Some(message)
    }

    /// Returns the next command of a person who wants to see or end the trouble of a task.
    pub fn next_command(&self, name: &str) -> String {
        if !self.problems.is_empty() {
            return "reconciler check".to_owned();
        }
        match self.reason {
            Reason::AttemptsUsedUp if self.could_not_land().is_some_and(Obstacle::is_conflict) => {
                format!("reconciler conflicts {name}")
            }
            Reason::AttemptsUsedUp if self.could_not_land().is_some() => {
                format!("reconciler merge retry {name}, when its branch is mended")
            }
            Reason::AttemptsUsedUp
            | Reason::CrashLoop
            | Reason::AgentMissing
            | Reason::NotLoggedIn => format!("reconciler logs {name}"),
            Reason::NotTrusted => "reconciler trust".to_owned(),
            Reason::NeedsInput => format!("reconciler send {name} 'the answer'"),
            Reason::Idle => format!("reconciler send {name} 'what is to be done'"),
            Reason::Invalid => "reconciler check".to_owned(),
            Reason::Damaged => "reconciler doctor".to_owned(),
            Reason::NoWorker => "reconciler get workers -o wide".to_owned(),
            Reason::Running | Reason::Stalled | Reason::Stopping | Reason::Ending => {
                format!("reconciler attach {name}")
            }
            Reason::Landing => "reconciler merge".to_owned(),
            Reason::Starting
            | Reason::Succeeded
            | Reason::RetryBackOff
            | Reason::RestartBackOff
            | Reason::RateLimited
            | Reason::DependencyPending
            | Reason::DependencyUnmet
            | Reason::DependencyCycle
            | Reason::FilesHeld
            | Reason::WorkersBusy
            | Reason::LimitReached
            | Reason::PlaceTaken
            | Reason::HeldElsewhere
            | Reason::ClaimUnsure
            | Reason::Suspended
            | Reason::Paused
            | Reason::WorkersHeld
            | Reason::MachineBusy
            | Reason::HeldByPerson
            | Reason::EffectFailed
            | Reason::Unknown
            | Reason::Deleting
            | Reason::OnHold => format!("reconciler describe task {name}"),
        }
    }
}

/// Returns every task: those that are wanted and those that are leaving; who needs a person first,
/// then those that run, then by state and name.
pub fn tasks(snapshot: &Snapshot) -> Vec<TaskView> {
    let wanted = snapshot.desired().into_iter().flat_map(|desired| desired.tasks.keys());
    let known = snapshot.observed.tasks.known().into_iter().flat_map(|tasks| tasks.keys());
    let names: BTreeSet<&TaskName> =
        wanted.chain(known).chain(snapshot.plan.report.tasks.keys()).collect();
    let mut tasks: Vec<TaskView> = names.into_iter().map(|name| task(snapshot, name)).collect();
    tasks.sort_by_key(|task| rank(&task.status));
    tasks
}

/// Returns where a task stands in a list: the names are in order already.
fn rank(status: &TaskStatus) -> (u8, TaskState) {
    let group = match status {
        status if status.needs_person => 0,
        status if status.runs() => 1,
        status if !status.is_over() => 2,
        _ => 3,
    };
    (group, status.state)
}

fn task(snapshot: &Snapshot, name: &TaskName) -> TaskView {
    let report = snapshot.plan.report.tasks.get(name).cloned();
    let report = report.unwrap_or_else(|| unseen(snapshot));
    let entry = snapshot.desired().and_then(|desired| desired.tasks.get(name));
    let status = status(snapshot, name, &report);
    let mut view = View::of(Kind::Task, name.as_str(), entry, status);
    view.metadata.uid = report.uid.as_ref().map(ToString::to_string);
    let sighting = snapshot.observed.tasks.known().and_then(|tasks| tasks.get(name));
    let record = sighting.and_then(|one| one.record.as_ref().ok());
    view.metadata.creation_timestamp = record.map(|record| record.created_at);
    view
}

fn status(snapshot: &Snapshot, name: &TaskName, report: &TaskReport) -> TaskStatus {
    let observed = &snapshot.observed;
    let is_its = |owner: Option<&crate::api::name::Owner>| {
        owner.is_some_and(|owner| owner.task == *name && Some(&owner.uid) == report.uid.as_ref())
    };
    let mut worktrees = observed.worktrees.known().into_iter().flatten();
    let sessions = observed.sessions.known().into_iter().flatten();
    let mut sessions = sessions.filter(|one| one.waits_for().is_none());
    let claim = observed.claims.known().and_then(|claims| claims.get(name));
    let last = observed.tasks.known().and_then(|tasks| tasks.get(name)?.attempts.last());
    TaskStatus {
        state: report.state,
        reason: report.reason,
        message: report.message.clone(),
        needs_person: report.reason.needs_person() || !report.problems.is_empty(),
        conditions: conditions(snapshot, name, report),
        problems: report.problems.clone(),
        worker: report.seat.as_ref().map(ToString::to_string),
        attempt: report.attempt,
        attempts: attempts_of(snapshot, name),
        progress: last.and_then(|last| last.said.progress.clone()),
        eta: last.and_then(|last| eta::of(snapshot, last)),
        branch: report.branch.as_ref().map(ToString::to_string),
        worktree: worktrees
            .find(|one| is_its(one.owner.as_ref()))
            .map(|one| one.path.display().to_string()),
        session: sessions.find(|one| is_its(one.owner.as_ref())).map(|one| one.name.clone()),
        claim: claim.and_then(|claim| claim.as_ref().ok()).cloned(),
        since: report.since,
        next_at: report.wake_at.filter(|_| report.reason.waits_for_time()),
        observed_revision: snapshot.revision().map(str::to_owned),
    }
}

/// Returns every aspect of a task, with what GitHub says of the pull request of its work as it is now.
fn conditions(snapshot: &Snapshot, name: &TaskName, report: &TaskReport) -> Vec<Condition> {
    let observed = &snapshot.observed;
    let sighting = observed.tasks.known().and_then(|tasks| tasks.get(name));
    let is_current = |landing: &&Landing| match landing.stage {
        Stage::Landed { .. } => true,
        Stage::Candidate { .. } | Stage::Waiting { .. } | Stage::Nothing | Stage::Refused => {
            let tip = report.branch.as_ref().and_then(|name| observed.branches.known()?.get(name));
            tip == Some(&landing.tip)
        }
    };
    let landing = sighting.and_then(landing_of).filter(is_current);
    let of_pull = landing.map(Landing::conditions).unwrap_or_default();
    [report.conditions(), of_pull].concat()
}

/// Returns the report of a task that the plan could say nothing of.
fn unseen(snapshot: &Snapshot) -> TaskReport {
    TaskReport {
        state: TaskState::Pending,
        reason: Reason::Unknown,
        message: snapshot.notices().first().cloned().unwrap_or_default(),
        since: None,
        wake_at: None,
        seat: None,
        attempt: None,
        uid: None,
        branch: None,
        problems: Vec::new(),
    }
}
