//! The decisions: `plan(desired, observed)` returns what to do next and why. Pure: no clock, I/O,
//! log or randomness; the same values always give the same plan, and it cannot fail.

pub mod action;
pub mod audit;
pub mod backoff;
mod beginning;
pub mod check;
pub mod desired;
pub mod forecast;
pub mod grant;
pub mod observed;
pub mod report;
pub mod verdict;

mod admission;
mod claim;
mod cleanup;
mod hold;
mod index;
mod issue;
mod landing;
mod order;
mod person;
mod revive;
mod schedule;
mod seats;
mod spawn;
mod telling;

pub use landing::{may_land, strays, target as merge_target};
pub use order::cycles;

use crate::api::attempt::Failure;
use crate::api::name::{Seat, TaskName};
use crate::api::path::PathPattern;
use crate::api::policy::PolicySpec;
use action::{Action, Candidate, Subject, Withdrawal};
use admission::Facts;
use desired::Desired;
use index::Index;
use jiff::Timestamp;
use observed::{EmptyState, Observed, Sighting, TaskSighting};
use report::{Reason, Report};
use revive::Settled;
use std::collections::{BTreeMap, BTreeSet};

/// What to do next, why, and when to look again if nothing happens before.
#[must_use = "a plan nobody runs or reads was computed for nothing"]
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// The effects. Those of one subject are done in this order; an effect that fails or is refused
    /// ends the row of its subject.
    pub actions: Vec<Action>,
    /// The work that is to land by pull request now: whoever speaks with GitHub sees to it.
    pub proposes: Vec<Candidate>,
    /// What GitHub is to merge by itself no more: that comes before anything else there.
    pub withdraws: Vec<Withdrawal>,
    /// Why.
    pub report: Report,
    /// When the plan wants to look again.
    pub wake_at: Option<Timestamp>,
}

/// What every step reads.
#[derive(Clone, Copy)]
struct Scene<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    policy: &'a PolicySpec,
    index: &'a Index<'a>,
}

/// One task on its way through the steps, which stand in the order of the names.
struct Row<'a> {
    facts: Facts<'a>,
    settled: Settled<'a>,
    /// The seat and the paths with which its next attempt starts now.
    start: Option<(Seat, Vec<&'a PathPattern>)>,
    /// When its claim is to be renewed: nothing of the task changes by that.
    renew_at: Option<Timestamp>,
}

/// Decides what to do next. Same values in, same plan out; cannot fail.
pub fn plan(desired: &Sighting<&Desired>, observed: &Observed) -> Plan {
    let desired = match desired {
        Sighting::Known(desired) => *desired,
        Sighting::Unknown(why) => {
            return Plan::idle(format!("the desired state cannot be read, nothing is done: {why}"));
        }
    };
    let policy = desired.policy();
    let index = Index::of(desired, observed, policy);
    let scene = Scene { desired, observed, policy, index: &index };
    let (Sighting::Known(tasks), Sighting::Known(claims)) = (&observed.tasks, &observed.claims)
    else {
        let why = observed.tasks.why_unknown().or(observed.claims.why_unknown());
        return Plan::idle(format!(
            "our records cannot be read, nothing is done: {}",
            why.unwrap_or("")
        ));
    };

    let facts = admission::decide(scene, tasks, claims);
    let mut rows = revive::decide(scene, facts);
    hold::decide(scene, &mut rows);
    schedule::decide(scene, &mut rows, claims);
    spawn::decide(scene, &mut rows);
    let landings = landing::decide(scene, &mut rows);
    cleanup::decide(scene, &mut rows);
    let mut leftovers = cleanup::leftovers(scene, tasks, claims, &rows);
    hold_failed(&mut rows, &mut leftovers.0);

    let mut plan = Plan::gather(rows, leftovers);
    plan.report.notices.splice(0..0, notices(scene, tasks));
    plan.report.merges = landings.queue;
    (plan.proposes, plan.withdraws) = (landings.proposes, landings.withdraws);
    plan.report.held = hold::workers(scene);
    plan.wake_at = [plan.wake_at, hold::wake_at(scene)].into_iter().flatten().min();
    plan
}

impl Plan {
    /// Returns the plan that does nothing, with the reason.
    fn idle(notice: String) -> Self {
        let report = Report { notices: vec![notice], ..Report::default() };
        Self { report, ..Self::default() }
    }

    fn gather(rows: Vec<Row<'_>>, leftovers: (Vec<Action>, Vec<String>)) -> Self {
        let mut plan = Self::default();
        let mut told = Vec::with_capacity(rows.len());
        for Row { facts, settled: Settled { actions, report, .. }, renew_at, .. } in rows {
            let is_recorded = facts.task.is_some_and(|task| task.record.is_ok());
            if !is_recorded && actions.is_empty() && !facts.is_wanted() {
                continue;
            }
            plan.actions.extend(actions);
            if let (Some(seat), Some(_)) = (&report.seat, report.attempt)
                && is_seated(report.reason)
            {
                plan.report.seats.entry(seat.clone()).or_default().push(facts.name.clone());
            }
            plan.wake_at = [plan.wake_at, report.wake_at, renew_at].into_iter().flatten().min();
            told.push((facts.name.clone(), report));
        }
        plan.report.tasks = told.into_iter().collect();
        plan.actions.extend(leftovers.0);
        plan.report.notices.extend(leftovers.1);
        plan
    }

    /// Returns the actions by subject, each row in order.
    pub fn rows(&self) -> BTreeMap<Subject, Vec<&Action>> {
        let mut rows: BTreeMap<Subject, Vec<&Action>> = BTreeMap::new();
        for action in &self.actions {
            rows.entry(action.subject()).or_default().push(action);
        }
        rows
    }
}

/// Returns whether a task for this reason has an attempt that lives.
fn is_seated(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Running
            | Reason::NeedsInput
            | Reason::Stalled
            | Reason::Idle
            | Reason::Stopping
            | Reason::Ending
    )
}

/// Cuts a task's actions before the one that failed last, until it is time to try it again; and so
/// those on what is left under its name.
fn hold_failed(rows: &mut [Row<'_>], leftovers: &mut Vec<Action>) {
    for Row { facts, settled, .. } in rows {
        let Some(failing) = &facts.failing else { continue };
        let failed = |one: &Action| one.to_string() == failing.failure.action;
        if let Some(at) = leftovers.iter().position(failed) {
            let subject = Subject::Task(facts.name.clone());
            let mut held = leftovers.split_off(at);
            held.retain(|one| one.subject() != subject);
            leftovers.append(&mut held);
        }
        let Some(at) = settled.actions.iter().position(failed) else { continue };
        settled.actions.truncate(at);
        let report = &mut settled.report;
        report.reason = Reason::EffectFailed;
        report.message = failing.message();
        report.wake_at = [report.wake_at, Some(failing.until)].into_iter().flatten().min();
    }
}

/// An effect of a task that failed, and is not tried again yet.
struct Failing<'a> {
    failure: &'a Failure,
    until: Timestamp,
}

impl<'a> Failing<'a> {
    fn of(scene: Scene<'_>, name: &TaskName, task: &'a TaskSighting) -> Option<Self> {
        let failure = task.failure.as_ref()?;
        let until = backoff::effect_retry_at(failure.at, failure.count, name.as_str());
        // A failure in the future means that the clock was set back: then nobody waits for it.
        let waits = until > scene.observed.now && failure.at <= scene.observed.now;
        waits.then_some(Self { failure, until })
    }

    fn message(&self) -> String {
        let Failure { action, message, count, .. } = self.failure;
        let often = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
        format!("could not {action} ({often}): {message}; tried again at {:.0}", self.until)
    }
}

/// Says what concerns no single task.
fn notices(scene: Scene<'_>, tasks: &BTreeMap<TaskName, TaskSighting>) -> Vec<String> {
    let mut found = Vec::new();
    if holds_deletes(scene) && !tasks.is_empty() {
        found.push(format!(
            "state/ is empty at {}: {} known tasks are kept; if that is meant, `reconciler run --allow-empty`",
            scene.desired.revision.short(),
            tasks.len()
        ));
    }
    found.extend(wrong_ref(scene));
    found.extend(hold::notices(scene));
    found.extend(tasks.iter().filter_map(|(name, task)| {
        let damage = task.retrial.as_ref()?.as_ref().err()?;
        Some(format!("that {name} may try anew is not in effect, say it again by `reconciler retry {name}`: {damage}"))
    }));
    let sections = [
        ("tmux sessions", scene.observed.sessions.why_unknown()),
        ("worktrees", scene.observed.worktrees.why_unknown()),
        ("branches", scene.observed.branches.why_unknown()),
        ("the approvals of this machine", scene.observed.trusted.why_unknown()),
        ("the trash", scene.observed.leftovers.why_unknown()),
    ];
    for (what, why) in sections {
        found.extend(why.map(|why| {
            format!("{what} cannot be seen, so nothing is made or removed there: {why}")
        }));
    }
    found.extend(scene.desired.strays.iter().cloned());
    let entries = scene.desired.policy.problems.iter();
    let workers = scene.desired.workers.values().flat_map(|entry| &entry.problems);
    let agents = scene.desired.agents.values().flat_map(|entry| &entry.problems);
    let stale: BTreeSet<&String> = entries.chain(workers).chain(agents).collect();
    found.extend(stale.into_iter().map(|problem| format!("not in effect: {problem}")));
    found
}

/// Returns whether an empty `state/` keeps everything from being deleted.
fn holds_deletes(scene: Scene<'_>) -> bool {
    scene.desired.is_empty() && scene.observed.empty_state == EmptyState::Doubted
}

/// Returns why nothing starts, when the policy expects to be read from another ref.
fn wrong_ref(scene: Scene<'_>) -> Option<String> {
    let meant = scene.policy.state_ref.as_ref()?;
    (*meant != scene.desired.state_ref).then(|| {
        format!(
            "the policy is meant for {meant}, this clone reads {}: nothing starts; `reconciler init --ref {meant}` corrects the clone",
            scene.desired.state_ref
        )
    })
}

#[cfg(test)]
mod tests;
