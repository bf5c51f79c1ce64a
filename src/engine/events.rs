//! What happened, as events: effects that were done or failed, and tasks that are elsewhere than
//! before. It writes nothing; whoever runs the loop keeps them.

use super::Tick;
use crate::api::event::{Event, EventKind};
use crate::api::task::TaskState;
use crate::plan::action::Action;
use crate::plan::report::{Reason, Report, TaskReport};
use crate::world::Outcome;
use jiff::Timestamp;

/// Returns the events of one turn's effects. What was refused, or was so already, is none.
pub fn after(tick: &Tick) -> Vec<Event> {
    let time = tick.look.observed.now;
    let broken = tick.broken.iter().map(|broken| Event {
        time,
        object: "plan".to_owned(),
        kind: EventKind::Warning,
        reason: "LawBroken".to_owned(),
        message: format!("nothing was done, because the plan breaks a law: {broken}"),
    });
    let deeds = tick.deeds.iter().filter(|deed| is_told(&deed.action)).filter_map(|deed| {
        let (kind, message) = match &deed.result {
            Ok(Outcome::Done) => (EventKind::Normal, deed.action.to_string()),
            Ok(Outcome::AlreadySo | Outcome::Refused(_)) => return None,
            Err(error) => (EventKind::Warning, format!("could not {}: {error}", deed.action)),
        };
        let reason = deed.action.reason().to_owned();
        Some(Event { time, object: deed.subject.to_string(), kind, reason, message })
    });
    broken.chain(deeds).collect()
}

/// Returns whether people want to read of an effect: bookkeeping is left out.
fn is_told(action: &Action) -> bool {
    !matches!(action, Action::NoteFailure { .. } | Action::ClearFailure(_) | Action::Renew { .. })
}

/// Returns an event for each task that is for another reason where it is than before.
pub fn changes(before: &Report, now: &Report, time: Timestamp) -> Vec<Event> {
    let changed = now.tasks.iter().filter(|(name, report)| {
        let earlier = before.tasks.get(*name);
        is_news(report) && earlier.is_none_or(|one| one.reason != report.reason)
    });
    let event = |(name, report): (_, &TaskReport)| Event {
        time,
        object: format!("task/{name}"),
        kind: if report.reason.needs_person() { EventKind::Warning } else { EventKind::Normal },
        reason: report.reason.to_string(),
        message: report.message.clone(),
    };
    changed.map(event).collect()
}

/// Returns whether a report says more than the effects of the same turn do.
fn is_news(report: &TaskReport) -> bool {
    let told = matches!(
        report.reason,
        Reason::Starting | Reason::Stopping | Reason::Deleting | Reason::Ending
    );
    !told || report.state == TaskState::Failed
}
