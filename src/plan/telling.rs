//! What a report says of a task's attempts: how one goes on, what came of those that ended, and what
//! is waited for. It decides nothing.

use super::backoff::Verdict;
use super::revive::Next;
use crate::api::attempt::{Attempt, Exit};
use crate::api::name::Seat;
use crate::api::report::{Silence, SilenceKind};
use crate::api::task::TaskState;
use crate::plan::observed::Said;
use crate::plan::report::{Reason, TaskReport};
use jiff::Timestamp;

/// Says how an attempt goes on.
pub(super) fn works(attempt: &Attempt, said: Option<&Said>, now: Timestamp) -> (Reason, String) {
    let (number, seat) = (attempt.id.number, &attempt.seat);
    if let Some(question) = said.and_then(|said| said.question.as_ref()) {
        return (Reason::NeedsInput, format!("{seat} asks: {question}"));
    }
    if let Some(silence) = said.and_then(|said| said.silence.as_ref()) {
        return silent(seat, silence, now);
    }
    let lacks = said.map(|said| said.lacks.as_slice()).unwrap_or_default();
    let lacks: String = lacks.iter().flat_map(|lack| [" without ", lack]).collect();
    let message = format!("attempt {number} runs on {seat}{lacks}");
    match said.and_then(|said| said.progress.as_ref()) {
        Some(progress) if progress.current_step.is_empty() => {
            (Reason::Running, format!("{message}: {progress}"))
        }
        Some(progress) => {
            (Reason::Running, format!("{message}: {progress} {}", progress.current_step))
        }
        None => (Reason::Running, message),
    }
}

/// Says what it means that an attempt is silent.
fn silent(seat: &Seat, silence: &Silence, now: Timestamp) -> (Reason, String) {
    let minutes = now.duration_since(silence.since).as_mins();
    let (reason, what) = match silence.kind {
        SilenceKind::Idle => (Reason::Stalled, "has written and changed nothing"),
        SilenceKind::Stopped => (Reason::Stalled, "is stopped, by a signal or a debugger,"),
        SilenceKind::Deaf => (Reason::Stalled, "reads nothing of what is typed and writes nothing"),
        SilenceKind::AtPrompt => {
            (Reason::Idle, "waits at its prompt, without a word that it is done,")
        }
    };
    (reason, format!("{seat} {what} for {minutes} minutes"))
}

/// Reports the verdict and returns what may come next.
pub(super) fn judged<'a>(
    report: &mut TaskReport,
    verdict: &Verdict,
    ended: &[&Exit],
    start: impl FnOnce() -> Next<'a>,
) -> Next<'a> {
    let last = ended.last().map(ToString::to_string).unwrap_or_default();
    report.since = ended.last().map(|exit| exit.ended_at).or(report.since);
    match verdict {
        Verdict::Due => start(),
        Verdict::Succeeded => {
            report.state = TaskState::Completed;
            report.reason = Reason::Succeeded;
            report.message = match &report.branch {
                Some(branch) => format!("done; its work is on branch {branch}"),
                None => "done".to_owned(),
            };
            Next::Done(None)
        }
        Verdict::UsedUp { failures } => {
            report.state = TaskState::Failed;
            report.reason = Reason::AttemptsUsedUp;
            report.message =
                format!("{failures} of {failures} attempts failed; the last one {last}");
            Next::Rest
        }
        Verdict::Wait { until, reason, count } => {
            report.state = TaskState::Claimed;
            report.reason = *reason;
            report.wake_at = Some(*until);
            report.message = awaited(*reason, &last, (*count, *until));
            Next::Wait
        }
    }
}

/// Says what a task waits for before its next attempt.
fn awaited(reason: Reason, last: &str, (count, until): (u32, Timestamp)) -> String {
    let next = format!("the next attempt starts at {until:.0}");
    if reason == Reason::RetryBackOff {
        return format!("attempt failed ({last}), {count} so far; {next}");
    }
    let outside = [
        (Reason::AgentMissing, "install it, or mend the PATH of the loop"),
        (Reason::NotLoggedIn, "it is not logged in, or its key was refused: log in"),
        (Reason::RateLimited, "its service takes no more requests for a while"),
    ];
    match outside.iter().find(|(one, _)| *one == reason) {
        Some((_, what)) => format!("its agent {last}: {what}; {next}"),
        None => format!("attempt {last}; {count} interruptions lately; revived at {until:.0}"),
    }
}
