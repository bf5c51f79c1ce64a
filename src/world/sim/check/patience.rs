//! L4, patience: an effect that failed waits before it is tried again, longer after each failure, and
//! is forgotten once it works. Whatever always fails takes no time from the others.

use super::super::State;
use super::Deed;
use crate::api::attempt::Failure;
use crate::plan::action::{Action, Subject};
use jiff::SignedDuration;

/// The longest wait, in seconds.
const LONGEST: i64 = 60;

pub(super) fn broken(_: &State, deed: &Deed<'_>) -> Vec<String> {
    let Subject::Task(task) = deed.action.subject() else { return Vec::new() };
    let Some(known) = deed.seen.failures.get(&task) else { return Vec::new() };
    if let Action::NoteFailure { failure, .. } = deed.action {
        let again = failure.action == known.action && failure.count != known.count + 1;
        let what = format!("L4: failure {} of {task} follows {}", failure.count, known.count);
        return if again { vec![what] } else { Vec::new() };
    }
    let early = known.action == deed.action.to_string() && waits(known, deed);
    if early {
        vec![format!("L4: tried again although it just failed: {task}")]
    } else {
        Vec::new()
    }
}

fn waits(known: &Failure, deed: &Deed<'_>) -> bool {
    let Some(now) = deed.seen.now else { return false };
    let doubled = 1_i64.checked_shl(known.count.saturating_sub(1)).unwrap_or(LONGEST);
    // Jitter takes up to a quarter. A failure in the future means that the clock was set back.
    let shortest = SignedDuration::from_millis(doubled.clamp(1, LONGEST) * 750);
    let ago = now.duration_since(known.at);
    !ago.is_negative() && ago < shortest
}

/// Returns the tasks whose failing effect worked, in a world where nothing goes wrong, and is
/// still held against them.
pub(super) fn unforgotten(state: &State) -> Vec<String> {
    state.owed.iter().map(|task| format!("the failure of {task} is not forgotten")).collect()
}

impl State {
    /// Notes whose failure is to be forgotten, after an effect that was tried.
    pub(super) fn owe(&mut self, deed: &Deed<'_>) {
        let Subject::Task(task) = deed.action.subject() else { return };
        if let Action::NoteFailure { .. } | Action::ClearFailure(_) | Action::Forget(_) =
            deed.action
        {
            self.owed.remove(&task);
            return;
        }
        // Of a task without a record no failure is known.
        let works = deed.done && self.faults.is_none();
        let known = deed.seen.failures.get(&task);
        if works && known.is_some_and(|known| known.action == deed.action.to_string()) {
            self.owed.insert(task);
        }
    }
}
