//! No plan starts an attempt of a task that rests, waits for another, has used up its attempts or
//! just failed, or on a worker that rests or whose agent the user of this machine did not approve.

use super::Case;
use crate::api::attempt::{Attempt, Exit, ExitReason};
use crate::api::name::TaskName;
use crate::api::task::TaskSpec;
use crate::plan::action::Action;
use crate::plan::desired::{Desired, run_hash};
use crate::plan::observed::{AttemptSighting, AttemptState};
use jiff::SignedDuration;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for action in &case.plan.actions {
        let Action::PrepareAttempt(attempt) = action else { continue };
        found.extend(not_due(case, attempt).map(|why| format!("{} starts, but {why}", attempt.id)));
    }
    found
}

fn not_due(case: Case<'_>, attempt: &Attempt) -> Option<String> {
    let Some(spec) = spec(case, &attempt.id.owner.task) else {
        return Some("it has no valid file".to_owned());
    };
    if spec.suspend {
        return Some("it is suspended".to_owned());
    }
    if attempt.verifies.is_some() {
        return None;
    }
    let unmet = spec.dependencies.iter().find(|one| !has_succeeded(case, one));
    unmet
        .map(|one| format!("{one} has not succeeded"))
        .or_else(|| failed(case, &attempt.id.owner.task, spec))
        .or_else(|| unfit(case, attempt))
}

fn spec<'a>(case: Case<'a>, task: &TaskName) -> Option<&'a TaskSpec> {
    case.desired.tasks.get(task)?.spec.as_ref()
}

/// Returns the attempts that count and ran what is committed now, but verifications: how each ended, if
/// that is recorded. One whose work could not land has failed.
fn ends(case: Case<'_>, task: &TaskName, spec: &TaskSpec) -> Vec<Option<Exit>> {
    let hash = run_hash(spec);
    let task = case.observed.tasks.known().and_then(|tasks| tasks.get(task));
    let uid = task.and_then(|task| Some(&task.record.as_ref().ok()?.uid));
    let retrial = task.and_then(|task| task.retrial.as_ref()?.as_ref().ok());
    let after = retrial.filter(|one| Some(&one.uid) == uid).map_or(0, |one| one.after);
    let of_this =
        task.into_iter().flat_map(|task| &task.attempts).filter(|one| one.number > after).filter(
            |one| {
                one.attempt
                    .as_ref()
                    .is_ok_and(|attempt| attempt.run_hash == hash && attempt.verifies.is_none())
            },
        );
    let refused = task.and_then(|task| task.landing.as_ref()?.as_ref().ok());
    let refused = refused.filter(|landing| Some(&landing.uid) == uid).map(|one| &one.refused);
    let end = |one: &AttemptSighting| {
        let AttemptState::Ended(exit) = &one.state else { return None };
        let why = refused.and_then(|refused| refused.get(&one.number));
        let why = why.filter(|_| exit.reason == ExitReason::Succeeded).cloned();
        let reason = why.map(|message| ExitReason::NotLanded { message });
        Some(Exit { reason: reason.unwrap_or_else(|| exit.reason.clone()), ..exit.clone() })
    };
    of_this.map(end).collect()
}

fn has_succeeded(case: Case<'_>, task: &TaskName) -> bool {
    spec(case, task).is_some_and(|spec| {
        ends(case, task, spec)
            .into_iter()
            .flatten()
            .next_back()
            .is_some_and(|exit| exit.reason == ExitReason::Succeeded)
    })
}

fn failed(case: Case<'_>, task: &TaskName, spec: &TaskSpec) -> Option<String> {
    let ends = ends(case, task, spec);
    let failures = ends.iter().flatten().filter(|exit| exit.reason.is_failure()).count();
    if failures > usize::try_from(spec.retries).unwrap_or(usize::MAX) {
        return Some(format!("{failures} attempts failed"));
    }
    // After an attempt that is only now closed as lost, the wait for the failure before it is over.
    let last = ends.last()?.as_ref().filter(|exit| exit.reason.is_failure())?;
    let retry = case.desired.policy().retry;
    let shortest = i64::from(retry.base_seconds.min(retry.cap_seconds)) * 3 / 4;
    let ago = case.observed.now.duration_since(last.ended_at);
    // An end in the future means that the clock was set back: then nobody waits for it.
    let waits = !ago.is_negative() && ago < SignedDuration::from_secs(shortest);
    waits.then(|| format!("it failed {ago:#} ago"))
}

fn unfit(case: Case<'_>, attempt: &Attempt) -> Option<String> {
    let seat = &attempt.seat;
    let worker = case.desired.workers.get(&seat.worker).and_then(|entry| entry.spec.as_ref());
    let Some(worker) = worker else { return Some(format!("there is no worker {}", seat.worker)) };
    if worker.suspend || seat.replica > worker.replicas {
        return Some(format!("{seat} takes nothing"));
    }
    let agent = worker.agent.as_ref()?;
    let digest = Desired::trust_digest(agent, case.desired.agent(agent)?);
    let trusted = case.observed.trusted.known().is_some_and(|all| all.contains(&digest));
    (!trusted).then(|| format!("agent {agent} is not approved"))
}
