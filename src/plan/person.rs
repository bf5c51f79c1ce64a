//! People at work: what a task needs that a person claimed, and when such a claim lapses. The loop
//! makes their place, and starts, stops and merges nothing beside them.

use super::admission::Facts;
use super::revive::{Next, Settled};
use super::{Scene, claim};
use crate::api::attempt::{Attempt, AttemptId, Beginning, Dialogue, Exit, ExitReason, Program};
use crate::api::claim::Claim;
use crate::api::task::{Class, TaskSpec, TaskState};
use crate::plan::action::Action;
use crate::plan::desired::run_hash;
use crate::plan::observed::{AttemptState, WorktreeState};
use crate::plan::report::{Reason, TaskReport};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Lets a person have a task: with its place, and with a warning before the claim lapses.
pub(super) fn holds<'a>(
    scene: Scene<'_>,
    (spec, claim): (&'a TaskSpec, &Claim),
    mut report: TaskReport,
    mut actions: Vec<Action>,
) -> Settled<'a> {
    let (who, task) = (&claim.seat.worker, &claim.task);
    let left = claim::time_left(scene, claim);
    let warning = claim.lease() / 4;
    report.state = TaskState::InProgress;
    report.reason = Reason::HeldByPerson;
    report.seat = Some(claim.seat.clone());
    report.since = Some(claim.claimed_at);
    report.message = if !left.is_positive() {
        actions.extend(expiry(scene, claim, Some(scene.observed.places.worktree(task))));
        format!("the claim of {who} lapsed; it ends when nothing in its worktree is unsaved")
    } else if left <= warning {
        report.wake_at = claim::after(scene, left);
        format!("the claim of {who} lapses at {:.0}: `reconciler renew {task}`", claim.expires_at)
    } else {
        report.wake_at = claim::after(scene, left - warning);
        format!("{who} works on it; the claim holds until {:.0}", claim.expires_at)
    };
    Settled { actions, report, next: Next::Person(spec) }
}

/// Returns the end of a person's claim that lapsed, unless something is unsaved at this place.
pub(super) fn expiry(scene: Scene<'_>, claim: &Claim, path: Option<PathBuf>) -> Option<Action> {
    scene.observed.worktrees.known()?;
    let (owner, generation) = (claim.owner(), claim.generation);
    let lapsed = !claim::time_left(scene, claim).is_positive();
    lapsed.then_some(Action::Expire { owner, generation, path })
}

/// Returns the record of what a person completed.
pub(super) fn complete(
    scene: Scene<'_>,
    (spec, claim): (&TaskSpec, &Claim),
    id: AttemptId,
    completed_at: Timestamp,
) -> Action {
    let places = &scene.observed.places;
    let program = Program {
        argv: Vec::new(),
        verify: None,
        env: BTreeMap::new(),
        env_allow: Vec::new(),
        secret_env: Vec::new(),
        timeout_seconds: 0,
        stop_grace_seconds: 0,
        dialogue: Dialogue::default(),
    };
    let directory = match spec.class {
        Class::Execution => places.worktree(&id.owner.task),
        Class::Decision => places.root.clone(),
    };
    let attempt = Attempt {
        id,
        seat: claim.seat.clone(),
        class: spec.class,
        run_hash: run_hash(spec),
        prepared_at: claim.claimed_at,
        directory,
        program,
        heartbeat_seconds: 0,
        lease_seconds: 0,
        beginning: Beginning::default(),
    };
    let started_at = Some(claim.claimed_at);
    let exit =
        Exit { started_at, ended_at: completed_at, reason: ExitReason::Succeeded, class: None };
    Action::Complete { attempt, exit }
}

/// Notes in a worktree the generation that its task is held by now, when somebody works there: what
/// is committed under another is refused.
pub(super) fn note_generation(facts: &Facts<'_>, step: &mut Settled<'_>) {
    let Some(Ok(claim)) = facts.claim else { return };
    let last = facts.task.and_then(|task| task.attempts.last());
    let works = match (&step.next, last.map(|one| (&one.state, &one.attempt))) {
        (Next::Person(_), _) => true,
        (Next::Wait, Some((AttemptState::Running { asked: None, .. }, Ok(attempt)))) => {
            step.actions.is_empty() && attempt.seat == claim.seat
        }
        _ => false,
    };
    let place = facts.found.place.filter(|one| {
        one.state == WorktreeState::Ready && one.owner.as_ref() == Some(&claim.owner())
    });
    let Some(place) = place.filter(|one| works && one.generation != Some(claim.generation)) else {
        return;
    };
    step.actions.push(Action::NoteGeneration {
        owner: claim.owner(),
        path: place.path.clone(),
        generation: claim.generation,
    });
}
