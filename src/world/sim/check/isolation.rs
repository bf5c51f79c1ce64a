//! L4, poison isolation: a task that can never be started keeps no other from what is wanted of it.

use super::super::State;
use crate::api::name::TaskName;
use crate::plan::Plan;
use crate::plan::action::{Action, Subject};
use crate::plan::report::Reason;

impl State {
    /// Returns whether nothing is asked of this task.
    pub(super) fn excuses(&self, name: &TaskName) -> bool {
        self.poisoned.as_ref() == Some(name)
    }

    /// Returns whether it holds a seat or files for the moment, or did when this was planned: it lets
    /// go of them by itself.
    pub(super) fn poison_holds(&self, plan: &Plan) -> bool {
        let Some(name) = &self.poisoned else { return false };
        // Itself it waits for what another holds.
        let waits = [Reason::WorkersBusy, Reason::LimitReached, Reason::FilesHeld];
        if plan.report.tasks.get(name).is_some_and(|one| waits.contains(&one.reason)) {
            return false;
        }
        let moves = |action: &Action| {
            matches!(action, Action::Claim(_) | Action::Release { .. })
                && action.subject() == Subject::Task(name.clone())
        };
        self.claims.contains_key(name) || plan.actions.iter().any(moves)
    }

    /// Returns whether an action is one that a world at rest still plans.
    pub(super) fn excuses_action(&self, action: &Action) -> bool {
        let of = |name: &TaskName| action.subject() == Subject::Task(name.clone());
        // What is due by the time, and no work: heartbeats, and what was kept long enough.
        let due = matches!(
            action,
            Action::Renew { .. } | Action::EmptyTrash { .. } | Action::SweepAttempts { .. }
        );
        due || self.poisoned.as_ref().is_some_and(of)
    }
}
