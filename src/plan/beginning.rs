//! What an attempt begins with: the conversation of one that was interrupted, or what a fresh agent
//! is told of those before it.

use super::Scene;
use crate::api::attempt::{Attempt, AttemptId, Beginning, Exit, ExitReason, TaskRecord};
use crate::api::name::Seat;
use crate::api::task::TaskSpec;
use crate::plan::desired::run_hash;
use crate::plan::observed::{AttemptSighting, AttemptState};

/// Returns what an attempt begins with. It goes on with a conversation when its agent can, and the
/// attempt before was of the same agent and did not end by itself: one that failed is not asked
/// again in the state in which it failed.
pub(super) fn of(
    scene: Scene<'_>,
    (spec, record, seat): (&TaskSpec, &TaskRecord, &Seat),
    id: &AttemptId,
) -> Beginning {
    let fresh = Beginning { conversation: id.uuid(), resumes: false, history: String::new() };
    let tasks = scene.observed.tasks.known();
    let Some(sighting) = tasks.and_then(|tasks| tasks.get(&record.task)) else { return fresh };
    let before = sighting.attempts.iter().filter(|one| one.number < id.number);
    let Some((last, attempt, end)) = before.rev().find_map(begun) else { return fresh };
    if can_resume(scene, seat, (attempt, end)) && attempt.run_hash == run_hash(spec) {
        let named = last.said.conversation.clone();
        let conversation = named.unwrap_or_else(|| attempt.beginning.conversation.clone());
        return Beginning { conversation, resumes: true, history: open(last).unwrap_or_default() };
    }
    let how = end.map_or_else(|| "vanished".to_owned(), ToString::to_string);
    let mut history = format!(
        "This is attempt {} of this task. Attempt {} {how}. What it committed is on this branch, and \
         what it did not commit is still in this directory: look at both before you begin.",
        id.number, last.number,
    );
    if let Some(open) = open(last) {
        history = format!("{history} {open}");
    }
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

/// Returns an attempt whose program was started, and its end as far as it is recorded.
fn begun(one: &AttemptSighting) -> Option<(&AttemptSighting, &Attempt, Option<&Exit>)> {
    let attempt = one.attempt.as_ref().ok()?;
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
    let agent_of = |seat: &Seat| {
        let worker = scene.desired.workers.get(&seat.worker)?.spec.as_ref()?;
        worker.agent.as_ref()
    };
    let agent = agent_of(seat);
    let is_cut_off = end.is_none_or(|exit| {
        exit.reason.is_interruption() || matches!(exit.reason, ExitReason::Stopped { .. })
    });
    is_cut_off
        && agent == agent_of(&attempt.seat)
        && !attempt.beginning.conversation.is_empty()
        && agent
            .and_then(|name| scene.desired.agent(name))
            .is_some_and(|one| !one.resume.is_empty())
}
