//! L0, convergence: when nothing goes wrong any more, every task reaches what is wanted of it within
//! the published number of turns, and stays there.

use super::super::SimWorld;
use crate::api::task::{TaskSpec, TaskState};
use crate::plan::Plan;
use crate::plan::report::{Reason, TaskReport};

impl SimWorld {
    /// Returns how the world still differs from what is wanted, given the plan for it.
    pub fn unsettled(&self, plan: &Plan) -> Vec<String> {
        let state = self.state();
        let mut found: Vec<String> =
            plan.actions.iter().map(|action| format!("still planned: {action}")).collect();
        for (name, entry) in &state.desired.tasks {
            let Some(spec) = &entry.spec else { continue };
            let report = plan.report.tasks.get(name);
            // What is tried again by itself is no end.
            let again =
                |one: &TaskReport| matches!(one.reason, Reason::EffectFailed | Reason::CrashLoop);
            let over = report.filter(|one| !again(one)).is_some_and(|one| {
                matches!(one.state, TaskState::Completed | TaskState::Failed)
                    || one.reason.needs_person()
                    || spec.suspend
                    || waits_for_ever(spec, plan)
            });
            if !over {
                let why = report.map(|one| format!("{}: {}", one.reason, one.message));
                found.push(format!("{name} is not done: {}", why.unwrap_or_default()));
            }
        }
        found.extend(state.sessions.values().map(|one| format!("session {} is left", one.name)));
        for name in state.records.keys().filter(|name| !state.desired.tasks.contains_key(name)) {
            found.push(format!("the record of {name} is left"));
        }
        found.extend(state.claims.keys().map(|name| format!("the claim of {name} is left")));
        found
    }
}

/// Returns whether a task waits for one that a person stopped.
fn waits_for_ever(spec: &TaskSpec, plan: &Plan) -> bool {
    spec.dependencies
        .iter()
        .any(|name| plan.report.tasks.get(name).is_none_or(|one| one.state != TaskState::Completed))
}
