//! S14, fail closed: what cannot be understood freezes its own task; nothing of it is touched.

use super::super::State;
use super::Deed;
use crate::plan::action::{Action, Subject};

pub(super) fn broken(_: &State, deed: &Deed<'_>) -> Vec<String> {
    let subject = match deed.action.subject() {
        Subject::Task(task) => task,
        Subject::Seat(_) => return Vec::new(),
        Subject::Leftover(_) => {
            let sweeps = matches!(deed.action, Action::SweepAttempts { .. });
            let broken = sweeps && !deed.seen.damaged.is_empty();
            let what = "S14: records are swept that may be a damaged task's";
            return if broken { vec![what.to_owned()] } else { Vec::new() };
        }
    };
    let notes = matches!(deed.action, Action::NoteFailure { .. } | Action::ClearFailure(_));
    if deed.seen.damaged.contains(&subject) && !notes {
        return vec![format!("S14: the record of {subject} is damaged")];
    }
    let needs_claim = matches!(
        deed.action,
        Action::Claim(_)
            | Action::Renew { .. }
            | Action::Release { .. }
            | Action::PrepareAttempt(_)
            | Action::NewSession { .. }
    );
    if needs_claim && deed.seen.unclear.contains(&subject) {
        return vec![format!("S14: the claim of {subject} is damaged")];
    }
    Vec::new()
}
