//! No plan empties the trash, or sweeps records, before the time that the policy keeps them.

use super::Case;
use crate::plan::action::Action;
use jiff::{SignedDuration, Timestamp};

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let Some(kept) = case.observed.leftovers.known() else { return Vec::new() };
    let retention = case.desired.policy().retention;
    let is_early = |kept: &[(String, Timestamp)], name: &String, seconds: u32| {
        let since = kept.iter().find(|(one, _)| one == name).map(|(_, since)| *since);
        let length = SignedDuration::from_secs(seconds.into());
        since.is_none_or(|since| case.observed.now.duration_since(since) < length)
    };
    let early = |action: &&Action| {
        if let Action::EmptyTrash { trash } = action {
            is_early(&kept.trash, trash, retention.trash_seconds)
        } else if let Action::SweepAttempts { folder } = action {
            is_early(&kept.attempts, folder, retention.attempts_seconds)
        } else {
            false
        }
    };
    let early = case.plan.actions.iter().filter(early);
    early.map(|action| format!("`{action}` before its time")).collect()
}
