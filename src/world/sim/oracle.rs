//! The properties that hold at every moment, whatever goes wrong, and the state that must be
//! reached when nothing does any more (S and L of the reliability properties).

use super::{SimWorld, State};
use crate::api::claim::Claim;
use crate::api::path::first_overlap;
use crate::api::task::{TaskSpec, TaskState};
use crate::plan::Plan;
use crate::plan::report::{Reason, TaskReport};
use std::collections::BTreeMap;

/// Returns what was ever violated in this world; empty, unless there is a bug.
pub fn violations(world: &SimWorld) -> Vec<String> {
    world.state().worst.clone()
}

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

impl State {
    /// Notes what is violated at this moment.
    pub(super) fn oversee(&mut self) {
        let mut found = self.doubles();
        found.extend(self.lost_work());
        found.extend(self.overlaps());
        for one in found {
            if !self.worst.contains(&one) {
                self.worst.push(one);
            }
        }
    }

    /// S1: at most one worker for a task.
    fn doubles(&self) -> Vec<String> {
        let mut live: BTreeMap<_, u32> = BTreeMap::new();
        for (owner, all) in &self.attempts {
            let running = all.values().filter(|one| !one.agents.is_empty()).count();
            *live.entry(&owner.task).or_default() += u32::try_from(running).unwrap_or(u32::MAX);
        }
        let doubles = live.into_iter().filter(|(_, count)| *count > 1);
        doubles.map(|(name, count)| format!("S1: {count} workers of {name} live")).collect()
    }

    /// S2: no two workers hold one path.
    fn overlaps(&self) -> Vec<String> {
        let claims: Vec<_> = self.claims.values().collect();
        let pairs = (1..claims.len()).flat_map(|at| {
            claims
                .iter()
                .take(at)
                .filter_map(|one| Some((*one, *claims.get(at)?)))
                .collect::<Vec<_>>()
        });
        let meet = |(one, other): (&Claim, &Claim)| {
            let (_, _, path) = first_overlap(&one.locked_files, &other.locked_files)?;
            Some(format!("S2: {} and {} both hold {path}", one.task, other.task))
        };
        pairs.filter_map(meet).collect()
    }

    /// S4: all work is in a worktree, on a branch, on a rescue ref or, for a while, in the trash.
    fn lost_work(&self) -> Vec<String> {
        let kept = |work: &u64| {
            self.rescued.contains(work)
                || self.trash.values().any(|(_, kept)| kept.contains(work))
                || self.worktrees.values().any(|one| one.unsaved.contains(work))
                || self.branches.values().any(|branch| branch.contains(work))
        };
        let lost = self.produced.iter().filter(|work| !kept(work));
        lost.map(|work| format!("S4: work {work} is lost")).collect()
    }
}
