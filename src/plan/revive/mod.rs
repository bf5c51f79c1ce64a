//! The last attempt of each task: whether it goes on, is to stop, is over, or is lost. What may live
//! is never judged, and never started beside.

mod over;

use super::admission::{Facts, Wanted};
use super::telling::works;
use super::{Row, Scene, claim, hold, issue, landing, person, spawn};
use crate::api::attempt::{
    Attempt, AttemptId, Exit, ExitReason, ProcessId, StopReason, StopRequest, TaskRecord,
};
use crate::api::claim::Claim;
use crate::api::hold::Retrial;
use crate::api::name::{CommitId, Owner};
use crate::api::report::Outcome;
use crate::api::task::{TaskSpec, TaskState};
use crate::plan::action::Action;
use crate::plan::desired::run_hash;
use crate::plan::observed::{AttemptSighting, AttemptState, Session, Sighting, TaskSighting};
use crate::plan::report::{Reason, TaskReport};
use jiff::{SignedDuration, Timestamp};
use std::borrow::Cow;

/// How long a session may take until its shim has taken the attempt, in seconds.
const START_GRACE_SECONDS: i64 = 10;
/// How much longer than the program's own grace a shim may take to stop, in seconds.
const STOP_MARGIN_SECONDS: i64 = 10;

/// A task after its last attempt was looked at.
pub(super) struct Settled<'a> {
    /// What is to be done before anything else.
    pub(super) actions: Vec<Action>,
    /// Where it is so far.
    pub(super) report: TaskReport,
    /// What may come next.
    pub(super) next: Next<'a>,
}

/// What may come next for a task.
pub(super) enum Next<'a> {
    /// Nothing with this plan.
    Wait,
    /// The next attempt, if a worker and the files are free.
    Start {
        /// What is to be done.
        spec: &'a TaskSpec,
        /// Its record; a task seen for the first time gets one with this plan.
        record: Cow<'a, TaskRecord>,
        /// The number of the next attempt.
        number: u32,
    },
    /// A person has it, and needs its place.
    Person(&'a TaskSpec),
    /// It is done, and its work is on its way to the target branch.
    Land,
    /// It is done, and landed if it is to: its worktree can go, and its branch up to this commit.
    Done(Option<&'a CommitId>),
    /// It is to rest, or its attempts are used up: others may have its files.
    Rest,
    /// It is to leave.
    Leave,
}

/// Looks at the last attempt of every task.
pub(super) fn decide<'a>(scene: Scene<'a>, tasks: Vec<Facts<'a>>) -> Vec<Row<'a>> {
    let settled =
        |facts| Row { settled: settle(scene, &facts), facts, start: None, renew_at: None };
    tasks.into_iter().map(settled).collect()
}

fn settle<'a>(scene: Scene<'a>, facts: &Facts<'a>) -> Settled<'a> {
    let report = blank(facts.problems);
    let want = &facts.wanted;
    let Some(sighting) = facts.task else {
        return first_sight(scene, facts, report);
    };
    let record = match &sighting.record {
        Ok(record) => record,
        Err(damage) => {
            let message = format!("its record is damaged, nothing of it is touched: {damage}");
            return wait(report, Reason::Damaged, message);
        }
    };
    let mut report = TaskReport {
        uid: Some(record.uid.clone()),
        branch: record.branch.clone(),
        since: Some(record.created_at),
        ..report
    };
    if let Some(last) = sighting.attempts.last() {
        report.attempt = Some(last.number);
        report.seat = last.attempt.as_ref().ok().map(|attempt| attempt.seat.clone());
    }
    let (task, sessions) = (sighting, &facts.found.sessions);
    let attempts = &sighting.attempts;
    let claim = facts.claim.and_then(|claim| claim.as_ref().ok());
    // One of an earlier task of this name is released, unless it is a person's.
    let claim = claim.filter(|claim| claim.uid == record.uid || claim.is_by_person());
    let retrial = sighting.retrial.as_ref().and_then(|one| one.as_ref().ok());
    let retrial = retrial.filter(|retrial| retrial.uid == record.uid);
    Life { scene, want, record, task, attempts, sessions, claim, retrial }.settle(report)
}

fn first_sight<'a>(scene: Scene<'a>, facts: &Facts<'a>, report: TaskReport) -> Settled<'a> {
    let claim = facts.claim.and_then(|claim| claim.as_ref().ok());
    let person = claim.filter(|claim| claim.is_by_person());
    match &facts.wanted {
        Wanted::Invalid => wait(report, Reason::Invalid, "its file is not valid".to_owned()),
        Wanted::Gone | Wanted::Unclear(_) => {
            wait(report, Reason::OnHold, "it has neither a file nor a record".to_owned())
        }
        Wanted::Run(spec) | Wanted::Suspended(spec) => {
            let Some(record) = spawn::record(scene, (facts.name, spec), person) else {
                let message = "no free name can be chosen for its branch".to_owned();
                return wait(report, Reason::Unknown, message);
            };
            let report = TaskReport {
                uid: Some(record.uid.clone()),
                branch: record.branch.clone(),
                ..report
            };
            let mut actions = vec![Action::Register(record.clone())];
            // What bears the mark that it takes up, and runs no attempt, is in nobody's use.
            let left = |one: &&&Session| {
                one.owner.as_ref() == Some(&record.owner()) && one.attempt.is_none()
            };
            actions.extend(
                facts.found.sessions.iter().filter(left).map(|one| Action::KillSession {
                    session: one.id.clone(),
                    owner: record.owner(),
                }),
            );
            if let Some(claim) = person {
                return person::holds(scene, (spec, claim), report, actions);
            }
            if spec.suspend {
                let report = suspended(report);
                return Settled { actions, report, next: Next::Rest };
            }
            let record = Cow::Owned(record);
            Settled { actions, report, next: Next::Start { spec, record, number: 1 } }
        }
    }
}

/// One task with its record.
struct Life<'a, 'b> {
    scene: Scene<'a>,
    want: &'b Wanted<'a>,
    record: &'a TaskRecord,
    task: &'a TaskSighting,
    attempts: &'a [AttemptSighting],
    /// Those that bear its name in their mark.
    sessions: &'a [&'a Session],
    /// That of its own, or of a person.
    claim: Option<&'a Claim>,
    /// That it may try anew.
    retrial: Option<&'a Retrial>,
}

impl<'a> Life<'a, '_> {
    fn settle(&self, report: TaskReport) -> Settled<'a> {
        if let Wanted::Unclear(why) = self.want {
            return wait(report, Reason::OnHold, (*why).to_owned());
        }
        let Some(last) = self.attempts.last() else { return self.over(report, Vec::new(), None) };
        let attempt = match &last.attempt {
            Ok(attempt) => attempt,
            Err(damage) => {
                let message = format!("the record of attempt {} is damaged: {damage}", last.number);
                return wait(report, Reason::Damaged, message);
            }
        };
        match &last.state {
            AttemptState::Damaged(why) => damaged(report, last.number, why),
            AttemptState::Unknown(why) => wait(
                report,
                Reason::Unknown,
                format!("attempt {} cannot be seen: {why}", last.number),
            ),
            AttemptState::Prepared => self.prepared(report, attempt),
            AttemptState::Running { shim, asked, started_at } => {
                let report = TaskReport { since: Some(*started_at), ..report };
                self.running(report, attempt, shim, asked.as_ref())
            }
            AttemptState::Ending { shim, exit } => self.ending(report, shim, exit),
            AttemptState::Lost { survivors, started_at, asked } => {
                self.lost(report, attempt, (survivors, *started_at, asked.as_ref()))
            }
            AttemptState::Ended(_) => self.over(report, Vec::new(), None),
        }
    }

    fn owner(&self) -> Owner {
        self.record.owner()
    }

    fn now(&self) -> Timestamp {
        self.scene.observed.now
    }

    /// Its record is written and no shim has taken it: its session is starting, or never was.
    fn prepared(&self, mut report: TaskReport, attempt: &Attempt) -> Settled<'a> {
        let Sighting::Known(_) = &self.scene.observed.sessions else {
            return wait(report, Reason::Unknown, "tmux cannot be seen".to_owned());
        };
        let deadline = attempt.prepared_at.saturating_add(seconds(START_GRACE_SECONDS));
        let deadline = deadline.unwrap_or(attempt.prepared_at);
        let starting = self.sessions().any(|one| one.attempt == Some(attempt.id.number));
        if starting && self.now() < deadline && attempt.prepared_at <= self.now() {
            report.wake_at = Some(deadline);
            let message = format!("attempt {} is starting", attempt.id.number);
            return wait(report, Reason::Starting, message);
        }
        // Closing goes before anything else: a shim that comes late finds it closed and leaves.
        let exit =
            Exit { started_at: None, ended_at: self.now(), reason: ExitReason::Lost, class: None };
        let close = Action::CloseAttempt { attempt: attempt.id.clone(), exit: exit.clone() };
        self.over(report, vec![close], Some(&exit))
    }

    fn running(
        &self,
        mut report: TaskReport,
        attempt: &Attempt,
        shim: &ProcessId,
        asked: Option<&StopRequest>,
    ) -> Settled<'a> {
        report.state = TaskState::InProgress;
        let why = asked.map(|request| request.why).or_else(|| self.stop_reason(attempt));
        let Some(why) = why else {
            // The shim renews the claim; what it does not renew lapses.
            report.wake_at = self
                .claim
                .and_then(|claim| claim::after(self.scene, claim::time_left(self.scene, claim)));
            let said = self.attempts.last().map(|last| &last.said);
            let (reason, mut message) = works(attempt, said, self.now());
            let held = hold::beside(self.scene, &self.record.task, &attempt.seat.worker);
            message.extend(held.map(|held| format!("; {held}")));
            return wait(report, reason, message);
        };
        let message = format!("attempt {} is stopping: {why}", attempt.id.number);
        let Some(request) = asked else {
            report.wake_at = Some(self.now());
            let ask = Action::AskToStop {
                attempt: attempt.id.clone(),
                shim: Some(shim.clone()),
                why,
                at: self.now(),
            };
            return Settled { actions: vec![ask], ..wait(report, Reason::Stopping, message) };
        };
        let grace = i64::from(attempt.program.stop_grace_seconds) + STOP_MARGIN_SECONDS;
        self.kill_after(report, shim, (request.asked_at, grace), message)
    }

    fn ending(&self, report: TaskReport, shim: &ProcessId, exit: &Exit) -> Settled<'a> {
        let report = TaskReport { state: TaskState::InProgress, ..report };
        let message = format!("its attempt {} and its shim is leaving", exit.reason);
        let mut settled =
            self.kill_after(report, shim, (exit.ended_at, STOP_MARGIN_SECONDS), message);
        settled.report.reason = Reason::Ending;
        settled
    }

    /// Waits until the grace is over, then kills.
    fn kill_after(
        &self,
        mut report: TaskReport,
        shim: &ProcessId,
        (from, grace): (Timestamp, i64),
        message: String,
    ) -> Settled<'a> {
        let deadline = from.saturating_add(seconds(grace)).unwrap_or(from);
        let mut actions = Vec::new();
        if self.now() >= deadline || from > self.now() {
            let processes = vec![shim.clone()];
            actions.push(Action::KillProcesses { owner: self.owner(), processes });
        } else {
            report.wake_at = Some(deadline);
        }
        Settled { actions, ..wait(report, Reason::Stopping, message) }
    }

    /// Its shim is gone without a word. Its record is closed only when nothing of it lives.
    fn lost(
        &self,
        report: TaskReport,
        attempt: &Attempt,
        (survivors, started_at, asked): (
            &Sighting<Vec<ProcessId>>,
            Timestamp,
            Option<&StopRequest>,
        ),
    ) -> Settled<'a> {
        let survivors = match survivors {
            Sighting::Known(survivors) => survivors,
            Sighting::Unknown(why) => {
                let message = format!("whether its processes live cannot be seen: {why}");
                return wait(report, Reason::Unknown, message);
            }
        };
        if !survivors.is_empty() {
            let kill = Action::KillProcesses { owner: self.owner(), processes: survivors.clone() };
            let report = TaskReport { wake_at: Some(self.now()), ..report };
            let message =
                format!("attempt {} lost its shim; what outlived it is killed", attempt.id.number);
            return Settled { actions: vec![kill], ..wait(report, Reason::Stopping, message) };
        }
        let said = self.attempts.last().map(|last| &last.said);
        let reason = match (said.and_then(|said| said.outcome), asked) {
            // Its word stands when nothing is left to be verified.
            (Some(Outcome::Completed), _) if attempt.program.verify.is_none() => {
                ExitReason::Succeeded
            }
            (Some(Outcome::Failed { retryable }), _) => {
                let message = said.map(|said| said.summary.clone()).unwrap_or_default();
                ExitReason::SaidFailed { message, retryable }
            }
            (_, Some(request)) => ExitReason::Stopped { why: request.why },
            (_, None) => ExitReason::Lost,
        };
        let exit = Exit { started_at: Some(started_at), ended_at: self.now(), reason, class: None };
        let close = Action::CloseAttempt { attempt: attempt.id.clone(), exit: exit.clone() };
        self.over(report, vec![close], Some(&exit))
    }

    /// Returns why a running attempt is to stop, if it is.
    fn stop_reason(&self, attempt: &Attempt) -> Option<StopReason> {
        let last = self.scene.observed.generations.get(&self.record.task);
        let is_last = |claim: &&Claim| last.is_none_or(|last| claim.generation >= *last);
        if let Some(claim) = self.claim.filter(is_last) {
            if claim.seat != attempt.seat {
                return Some(StopReason::TakenOver);
            }
            if !claim::time_left(self.scene, claim).is_positive() {
                return Some(StopReason::Lapsed);
            }
        }
        let spec = match self.want {
            Wanted::Gone => return Some(StopReason::Deleted),
            Wanted::Suspended(_) => return Some(StopReason::Suspended),
            Wanted::Invalid | Wanted::Unclear(_) => return None,
            Wanted::Run(spec) => spec,
        };
        if issue::is_elsewhere(self.scene, &self.record.task, spec) {
            return Some(StopReason::HeldElsewhere);
        }
        if attempt.run_hash != run_hash(spec) {
            return Some(StopReason::SpecChanged);
        }
        if let Some(commit) = &attempt.verifies {
            return landing::is_outdated(self.task, spec, commit).then_some(StopReason::Outdated);
        }
        let assigned_away =
            spec.assigned_to.as_ref().is_some_and(|one| *one != attempt.seat.worker);
        let Some(worker) = self.scene.desired.workers.get(&attempt.seat.worker) else {
            return Some(StopReason::WorkerGone);
        };
        let worker = worker.spec.as_ref()?;
        if assigned_away || worker.suspend || attempt.seat.replica > worker.replicas {
            return Some(StopReason::WorkerGone);
        }
        if hold::is_drained(self.scene, &attempt.seat.worker) {
            return Some(StopReason::Drained);
        }
        let agent = worker.agent.as_ref()?;
        if !self.scene.index.is_trusted(agent) {
            return None;
        }
        let id = AttemptId { owner: self.owner(), number: attempt.id.number };
        let who = (self.record, &attempt.seat);
        let program = spawn::program(self.scene, spec, who, (&id, &attempt.beginning))?;
        (program != attempt.program).then_some(StopReason::SpecChanged)
    }

    /// Returns the sessions that bear its mark.
    fn sessions(&self) -> impl Iterator<Item = &'a Session> {
        let uid = &self.record.uid;
        let bears = move |one: &&Session| one.owner.as_ref().is_some_and(|own| own.uid == *uid);
        self.sessions.iter().copied().filter(bears)
    }
}

fn suspended(report: TaskReport) -> TaskReport {
    let message = "suspended; its worktree and branch stay".to_owned();
    TaskReport { state: TaskState::Pending, reason: Reason::Suspended, message, ..report }
}

fn damaged<'a>(report: TaskReport, number: u32, why: &str) -> Settled<'a> {
    let message =
        format!("a record of attempt {number} is damaged, nothing of it is touched: {why}");
    wait(report, Reason::Damaged, message)
}

fn wait<'a>(report: TaskReport, reason: Reason, message: String) -> Settled<'a> {
    Settled {
        actions: Vec::new(),
        report: TaskReport { reason, message, ..report },
        next: Next::Wait,
    }
}

fn blank(problems: &[String]) -> TaskReport {
    TaskReport {
        state: TaskState::Pending,
        reason: Reason::Starting,
        message: String::new(),
        since: None,
        wake_at: None,
        seat: None,
        attempt: None,
        uid: None,
        branch: None,
        problems: problems.to_vec(),
    }
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}
