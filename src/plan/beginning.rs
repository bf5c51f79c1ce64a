//! What an attempt begins with: the conversation of one that was interrupted, or of the task that its
//! seat did before, or what a fresh agent is told of those before it.

use super::{Scene, landing, spawn};
use crate::api::attempt::{Attempt, AttemptId, Beginning, Exit, ExitReason, TaskRecord};
use crate::api::landing::Obstacle;
use crate::api::name::{AgentName, Seat, TaskName};
use crate::api::task::TaskSpec;
use crate::api::worker::SessionOf;
use crate::plan::desired::run_hash;
use crate::plan::observed::{AttemptSighting, AttemptState, Observed};
use std::collections::BTreeMap;

/// An attempt whose program was started, and its end as far as it is recorded.
pub(super) type Last<'a> = (&'a AttemptSighting, &'a Attempt, Option<&'a Exit>);

/// Returns what an attempt begins with. It goes on with a conversation when its agent can, and the
/// attempt before was of the same agent and did not end by itself, or only could not land: one that
/// failed is not asked again in the state in which it failed.
pub(super) fn of(
    scene: Scene<'_>,
    (spec, record, seat): (&TaskSpec, &TaskRecord, &Seat),
    id: &AttemptId,
) -> Beginning {
    let agent = agent_of(scene, seat).cloned();
    let fresh = Beginning { conversation: id.uuid(), agent, ..Beginning::default() };
    let tasks = scene.observed.tasks.known();
    let Some(sighting) = tasks.and_then(|tasks| tasks.get(&record.task)) else {
        return on_seat(scene, seat, fresh);
    };
    let before = sighting.attempts.iter().filter(|one| one.number < id.number);
    let Some((last, attempt, end)) = before.rev().find_map(begun) else {
        return on_seat(scene, seat, fresh);
    };
    let refused = end.and_then(|exit| landing::end_of(sighting, last.number, exit));
    let end = refused.as_ref().or(end);
    if can_resume(scene, seat, (attempt, end)) && attempt.run_hash == run_hash(spec) {
        let conversation = conversation(last, attempt);
        let to_land =
            end.map(|exit| &exit.reason).and_then(|why| to_land(scene, &record.task, why));
        let history = to_land.or_else(|| open(last)).unwrap_or_default();
        return Beginning { conversation, resumes: true, history, ..fresh };
    }
    let how = end.map_or_else(|| "vanished".to_owned(), ToString::to_string);
    let mut history = format!(
        "This is attempt {} of this task. Attempt {} {how}. What it committed is on this branch, and \
         what it did not commit is still in this directory: look at both before you begin.",
        id.number, last.number,
    );
    let to_land = end.and_then(|exit| to_land(scene, &record.task, &exit.reason));
    let more = to_land.into_iter().chain(open(last));
    history = [history].into_iter().chain(more).collect::<Vec<_>>().join("\n\n");
    Beginning { history, ..fresh }
}

/// Returns what is told of a question that nobody answered: who asked it waits no longer.
fn open(last: &AttemptSighting) -> Option<String> {
    let question = last.said.question.as_ref()?;
    Some(format!(
        "A question is still open, for nobody has answered it yet: {question}\n\
         If that must still be known, ask again."
    ))
}

/// Returns what is to be done about work that could not land.
fn to_land(scene: Scene<'_>, task: &TaskName, end: &ExitReason) -> Option<String> {
    let ExitReason::NotLanded { message } = end else { return None };
    let target = landing::target(scene.desired)?;
    let mut told = format!(
        "What was done could not be merged into {target}: {message}. Mend that on this branch: begin \
         with `git rebase {target}`, resolve what conflicts so that both sides keep what they meant, \
         see that everything works, and commit."
    );
    if Obstacle::is_conflict(message) {
        let more = " shows the lines, and the commits that changed them.";
        told = format!("{told} `reconciler conflicts {task}`{more}");
    }
    Some(told)
}

/// Returns what the first attempt of a task begins with. On a seat that keeps its session it goes on
/// with the conversation of the task that was done there before, when the agent can: but of none that
/// its own task may go on with, and of none that failed.
fn on_seat(scene: Scene<'_>, seat: &Seat, fresh: Beginning) -> Beginning {
    let keeps = spawn::session_of(scene, seat) == SessionOf::Worker;
    let Some((last, attempt, end)) = scene.index.last(seat).filter(|_| keeps) else { return fresh };
    let is_done = end.is_some_and(|exit| exit.reason == ExitReason::Succeeded);
    let agent = fresh.agent.as_ref().and_then(|name| scene.desired.agent(name));
    let goes_on = agent.is_some_and(|agent| agent.resumes_anywhere && !agent.resume.is_empty());
    if is_done && goes_on && attempt.beginning.agent == fresh.agent {
        let history = "This is another task than the one before, in another directory: look at what \
                       you need there anew.";
        let conversation = conversation(last, attempt);
        let (resumes, is_carried, history) = (true, true, history.to_owned());
        return Beginning { conversation, resumes, is_carried, history, ..fresh };
    }
    let task = &attempt.id.owner.task;
    let how = end.map_or_else(|| "vanished".to_owned(), ToString::to_string);
    let history = format!(
        "Before this task, {seat} worked on task {task}, elsewhere: attempt {} {how}.",
        last.number
    );
    Beginning { history, ..fresh }
}

/// Returns what was done last on each seat that keeps its session.
pub(super) fn last(observed: &Observed) -> BTreeMap<&Seat, Last<'_>> {
    let mut found: BTreeMap<&Seat, Last<'_>> = BTreeMap::new();
    let tasks = observed.tasks.known().into_iter().flat_map(BTreeMap::values);
    for one in tasks.flat_map(|task| &task.attempts).filter_map(begun) {
        let attempt = one.1;
        let is_later = |known: &Last<'_>| known.1.prepared_at <= attempt.prepared_at;
        if attempt.session == SessionOf::Worker && found.get(&attempt.seat).is_none_or(is_later) {
            found.insert(&attempt.seat, one);
        }
    }
    found
}

fn conversation(sighting: &AttemptSighting, attempt: &Attempt) -> String {
    let named = sighting.said.conversation.clone();
    named.unwrap_or_else(|| attempt.beginning.conversation.clone())
}

fn begun(one: &AttemptSighting) -> Option<Last<'_>> {
    let attempt = one.attempt.as_ref().ok().filter(|attempt| attempt.verifies.is_none())?;
    let end = match &one.state {
        AttemptState::Ended(exit) | AttemptState::Ending { exit, .. } => Some(exit),
        AttemptState::Lost { .. } => None,
        AttemptState::Prepared
        | AttemptState::Running { .. }
        | AttemptState::Unknown(_)
        | AttemptState::Damaged(_) => return None,
    };
    end.is_none_or(|exit| exit.started_at.is_some()).then_some((one, attempt, end))
}

fn can_resume(scene: Scene<'_>, seat: &Seat, (attempt, end): (&Attempt, Option<&Exit>)) -> bool {
    let agent = agent_of(scene, seat);
    // Records of before have no agent in them.
    let before = attempt.beginning.agent.as_ref().or_else(|| agent_of(scene, &attempt.seat));
    let is_cut_off = end.is_none_or(|exit| {
        exit.reason.is_interruption()
            || matches!(exit.reason, ExitReason::Stopped { .. } | ExitReason::NotLanded { .. })
    });
    is_cut_off
        && agent == before
        && !attempt.beginning.conversation.is_empty()
        && agent
            .and_then(|name| scene.desired.agent(name))
            .is_some_and(|one| !one.resume.is_empty())
}

fn agent_of<'a>(scene: Scene<'a>, seat: &Seat) -> Option<&'a AgentName> {
    let worker = scene.desired.workers.get(&seat.worker)?.spec.as_ref()?;
    worker.agent.as_ref()
}
