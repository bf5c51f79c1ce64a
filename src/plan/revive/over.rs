//! A task of which no attempt lives: it leaves, rests or is held by a person, or what came of its
//! attempts is judged: done, used up, or due again. It looks at nothing that may live.

use super::{Life, Next, Settled, damaged, suspended, wait};
use crate::api::attempt::{AttemptId, Exit, ExitReason};
use crate::api::claim::Claim;
use crate::api::task::{TaskSpec, TaskState};
use crate::plan::action::Action;
use crate::plan::admission::Wanted;
use crate::plan::backoff::{self, Verdict};
use crate::plan::desired::run_hash;
use crate::plan::observed::{AttemptSighting, AttemptState, Sighting};
use crate::plan::report::{Reason, TaskReport};
use crate::plan::telling::judged;
use crate::plan::{landing, person};
use std::borrow::Cow;

impl<'a> Life<'a, '_> {
    /// No attempt lives. `closing` is the end of the last one, if it is recorded with this plan.
    pub(super) fn over(
        &self,
        mut report: TaskReport,
        mut actions: Vec<Action>,
        closing: Option<&Exit>,
    ) -> Settled<'a> {
        // An earlier one may live, for all that can be read of it.
        for earlier in self.attempts {
            if let AttemptState::Damaged(why) = &earlier.state {
                return Settled { actions, ..damaged(report, earlier.number, why) };
            }
        }
        // The last that is no verification says what was done.
        let is_work = |one: &&AttemptSighting| {
            one.attempt.as_ref().is_ok_and(|attempt| attempt.verifies.is_none())
        };
        let of_work = self.attempts.iter().rev().take_while(|one| !is_work(one));
        for after in of_work {
            if let Err(why) = &after.attempt {
                return Settled { actions, ..damaged(report, after.number, why) };
            }
        }
        let Sighting::Known(_) = &self.scene.observed.sessions else {
            return Settled {
                actions,
                ..wait(report, Reason::Unknown, "tmux cannot be seen".to_owned())
            };
        };
        for session in self.sessions() {
            let (session, owner) = (session.id.clone(), self.owner());
            actions.push(Action::KillSession { session, owner });
        }
        if let Some(claim) = self.claim.filter(|claim| claim.is_by_person()) {
            return self.held_by_person(claim, report, actions);
        }
        let spec = match self.want {
            Wanted::Gone => {
                report.reason = Reason::Deleting;
                "its file is gone; its work is saved before it leaves"
                    .clone_into(&mut report.message);
                return Settled { actions, report, next: Next::Leave };
            }
            Wanted::Invalid | Wanted::Unclear(_) => {
                let message = "its file is not valid, and no valid version is known".to_owned();
                return Settled { actions, ..wait(report, Reason::Invalid, message) };
            }
            Wanted::Suspended(_) => {
                return Settled { actions, report: suspended(report), next: Next::Rest };
            }
            Wanted::Run(spec) => *spec,
        };
        self.judge(spec, report, (actions, closing))
    }

    /// Judges what came of the attempts.
    fn judge(
        &self,
        spec: &'a TaskSpec,
        mut report: TaskReport,
        (actions, closing): (Vec<Action>, Option<&Exit>),
    ) -> Settled<'a> {
        let number = self.next_number();
        let ended = self.ended(spec, closing);
        let last = ended.last().map_or(0, |(number, _)| *number);
        let ended: Vec<&Exit> = ended.iter().map(|(_, exit)| exit.as_ref()).collect();
        let policy = self.scene.policy;
        let verdict = backoff::judge(
            &ended,
            spec.retries,
            (policy.retry, policy.restart),
            (&self.record.uid, self.now()),
        );
        let next = judged(&mut report, &verdict, &ended, || Next::Start {
            spec,
            record: Cow::Borrowed(self.record),
            number,
        });
        if verdict == Verdict::Succeeded {
            if closing.is_some() {
                // Others may start because of this end: it is recorded first.
                report.state = TaskState::InProgress;
                return Settled {
                    actions,
                    ..wait(report, Reason::Ending, "it is done".to_owned())
                };
            }
            return self.done((spec, last), report, actions);
        }
        Settled { actions, report, next }
    }

    /// Its last attempt succeeded: it lands, or all of it is over.
    fn done(
        &self,
        (spec, last): (&TaskSpec, u32),
        mut report: TaskReport,
        actions: Vec<Action>,
    ) -> Settled<'a> {
        let next = match landing::done(self.scene, (spec, self.record), (self.task, last)) {
            landing::Done::Over(landing) => {
                report.message = landing.and_then(landing::told).unwrap_or(report.message);
                Next::Done(landing.map(|one| &one.tip))
            }
            landing::Done::Lands => {
                (report.state, report.reason) = (TaskState::InProgress, Reason::Landing);
                Next::Land
            }
            landing::Done::Unclear(why) => {
                let message = format!("whether its work has landed cannot be told: {why}");
                return Settled { actions, ..wait(report, Reason::Unknown, message) };
            }
        };
        if let (Next::Done(_), Some(saved)) = (&next, self.saved()) {
            let before = report.message;
            report.message = format!(
                "{before}; what it did not commit is saved: `reconciler rescue show {saved}`"
            );
        }
        Settled { actions, report, next }
    }

    fn next_number(&self) -> u32 {
        self.attempts.last().map_or(1, |last| last.number.saturating_add(1))
    }

    /// A person has the task. What they completed is recorded, and judged as any other attempt.
    fn held_by_person(
        &self,
        claim: &Claim,
        report: TaskReport,
        mut actions: Vec<Action>,
    ) -> Settled<'a> {
        let spec = match self.want {
            Wanted::Run(spec) | Wanted::Suspended(spec) => *spec,
            Wanted::Gone | Wanted::Invalid | Wanted::Unclear(_) => {
                let report = TaskReport { seat: Some(claim.seat.clone()), ..report };
                let message = format!(
                    "{} holds it, and it has no valid file: `reconciler release {}`",
                    claim.seat.worker, self.record.task
                );
                return Settled { actions, ..wait(report, Reason::HeldByPerson, message) };
            }
        };
        let Some(completed_at) = claim.completed_at else {
            return person::holds(self.scene, (spec, claim), report, actions);
        };
        // What could not land before, they mended; what they completed may not land either.
        let is_recorded = |exit: &Exit| {
            let is_theirs = exit.ended_at == completed_at;
            exit.reason == ExitReason::Succeeded
                || is_theirs && matches!(exit.reason, ExitReason::NotLanded { .. })
        };
        if self.ended(spec, None).last().is_some_and(|(_, exit)| is_recorded(exit)) {
            return self.judge(spec, report, (actions, None));
        }
        let id = AttemptId { owner: self.owner(), number: self.next_number() };
        actions.push(person::complete(self.scene, (spec, claim), id, completed_at));
        let message = format!("{} completed it", claim.seat.worker);
        Settled { actions, ..wait(report, Reason::Ending, message) }
    }

    /// Returns the name of the last attempt's rescued work, the newest if there is more.
    fn saved(&self) -> Option<&'a str> {
        let last = self.attempts.last()?.number;
        let name = format!("{}/{last}", self.record.task);
        let rescues = self.scene.observed.rescues.known()?;
        let count = |one: &str| match one.strip_prefix(&name)? {
            "" => Some(1),
            more => more.strip_prefix('-')?.parse::<u32>().ok(),
        };
        let of_it = rescues.iter().filter_map(|one| Some((count(one)?, one.as_str())));
        of_it.max().map(|(_, one)| one)
    }

    /// Returns the ends of the attempts that count and ran what is committed now, oldest first. A
    /// verification is none: what it says of the work stands in the record of its landing.
    fn ended<'b>(
        &'b self,
        spec: &TaskSpec,
        closing: Option<&'b Exit>,
    ) -> Vec<(u32, Cow<'b, Exit>)> {
        if self.attempts.is_empty() {
            return Vec::new();
        }
        let hash = run_hash(spec);
        let counts_after = self.retrial.map_or(0, |retrial| retrial.after);
        let of_this = |one: &&AttemptSighting| {
            one.number > counts_after
                && one
                    .attempt
                    .as_ref()
                    .is_ok_and(|attempt| attempt.run_hash == hash && attempt.verifies.is_none())
        };
        let exit_of = |one: &'b AttemptSighting| match &one.state {
            AttemptState::Ended(exit) => {
                let end = landing::end_of(self.task, one.number, exit);
                Some(end.map_or(Cow::Borrowed(exit), Cow::Owned))
            }
            AttemptState::Prepared | AttemptState::Lost { .. } => closing.map(Cow::Borrowed),
            AttemptState::Running { .. }
            | AttemptState::Ending { .. }
            | AttemptState::Damaged(_)
            | AttemptState::Unknown(_) => None,
        };
        let end = |one: &'b AttemptSighting| Some((one.number, exit_of(one)?));
        self.attempts.iter().filter(of_this).filter_map(end).collect()
    }
}
