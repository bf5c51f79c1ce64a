//! L0, convergence: when nothing goes wrong any more, every task matches what is wanted of it, and
//! every deleted one is gone, within the published number of turns, and stays so.
//!
//! match, running: one attempt lives, in one session, in one whole worktree, all with its mark, and
//! nobody else has its claim. Finished: nothing of it lives, its claim and its worktree are gone. Suspended,
//! failed or waiting: nothing of it lives; only who waits for a seat keeps its claim.
//! gone: no record, no session, no worktree, no claim; nothing of it lives.

use super::super::{Fault, SimAttempt, SimWorld, State};
use super::{orphans, patience};
use crate::api::attempt::{Exit, ExitReason};
use crate::api::name::TaskName;
use crate::plan::Plan;
use crate::plan::desired::run_hash;
use crate::plan::observed::WorktreeState;
use crate::plan::report::Reason;

/// What the other tasks do that a task may wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Others {
    /// All of them end.
    End,
    /// One runs on.
    Serve,
}

impl SimWorld {
    /// Returns how the world still differs from what is wanted, given the plan for it.
    pub fn unsettled(&self, plan: &Plan) -> Vec<String> {
        let state = self.state();
        let planned = plan.actions.iter().filter(|action| !state.excuses_action(action));
        let mut found: Vec<String> =
            planned.map(|action| format!("still planned: {action}")).collect();
        let running = |name: &&TaskName| {
            plan.report.tasks.get(*name).is_some_and(|one| one.reason == Reason::Running)
        };
        let names = || state.desired.tasks.keys().filter(|name| !state.excuses(name));
        let serving = names().any(|name| running(&name) && state.serves(name));
        // What waits for a person keeps its files as long as what runs.
        let waits = plan
            .report
            .tasks
            .iter()
            .any(|(name, report)| report.reason == Reason::PlaceTaken && state.has_done(name));
        let others = if (serving || waits) && !state.poison_holds(plan) {
            Others::Serve
        } else {
            Others::End
        };
        for name in names() {
            let Some(report) = plan.report.tasks.get(name) else {
                found.push(format!("{name} is in no report"));
                continue;
            };
            if let Some(lack) = state.lacks(name, report.reason, others) {
                found.push(format!("{name} {lack}: {}: {}", report.reason, report.message));
            }
        }
        for name in state.records.keys().filter(|name| !state.desired.tasks.contains_key(name)) {
            found.push(format!("the record of {name} is left"));
        }
        found.extend(orphans::left(&state));
        found.extend(patience::unforgotten(&state));
        found
    }
}

impl State {
    /// Returns what a task lacks to match what is wanted of it, by where it is said to be.
    fn lacks(&self, name: &TaskName, reason: Reason, others: Others) -> Option<&'static str> {
        let claimed = self.claims.contains_key(name);
        let idle = self.idle(name);
        let rests = || (!idle).then_some("lives").or(claimed.then_some("holds its files"));
        match reason {
            Reason::Running if self.serves(name) => self.does_not_run(name),
            Reason::Succeeded => {
                rests().or(self.worktrees_of(name).next().map(|_| "has a worktree"))
            }
            Reason::AttemptsUsedUp => rests().or(self.may_try_again(name)),
            // Done work keeps its files until it lands.
            Reason::PlaceTaken if self.has_done(name) => (!idle).then_some("lives"),
            Reason::Suspended
            | Reason::HeldElsewhere
            | Reason::DependencyPending
            | Reason::DependencyUnmet
            | Reason::DependencyCycle
            | Reason::NoWorker
            | Reason::NotTrusted
            | Reason::Paused
            | Reason::WorkersHeld
            | Reason::PlaceTaken
            | Reason::Invalid
            | Reason::OnHold => rests(),
            // Somebody runs on without an end.
            Reason::FilesHeld if others == Others::Serve => rests(),
            Reason::WorkersBusy | Reason::LimitReached if others == Others::Serve => {
                (!idle).then_some("lives")
            }
            Reason::Running
            | Reason::NeedsInput
            | Reason::Stalled
            | Reason::Idle
            | Reason::AgentMissing
            | Reason::NotLoggedIn
            | Reason::RateLimited
            | Reason::FilesHeld
            | Reason::WorkersBusy
            | Reason::LimitReached
            | Reason::MachineBusy
            | Reason::Starting
            | Reason::Stopping
            | Reason::Ending
            | Reason::Landing
            | Reason::ClaimUnsure
            | Reason::RetryBackOff
            | Reason::RestartBackOff
            | Reason::CrashLoop
            | Reason::EffectFailed
            | Reason::Damaged
            | Reason::HeldByPerson
            | Reason::Unknown
            | Reason::Deleting => Some("is not done"),
        }
    }

    /// Returns whether a task is to run on without an end.
    fn serves(&self, name: &TaskName) -> bool {
        let spec = self.desired.tasks.get(name).and_then(|entry| entry.spec.as_ref());
        spec.is_some_and(|spec| spec.command.as_deref() == Some("serve"))
    }

    /// Returns whether an attempt of a task did its work.
    fn has_done(&self, name: &TaskName) -> bool {
        let succeeded = |exit: &Exit| exit.reason == ExitReason::Succeeded;
        let did = |one: &SimAttempt| {
            one.attempt.verifies.is_none() && one.exit.as_ref().is_some_and(succeeded)
        };
        let owner = self.records.get(name).map(|record| record.content.owner());
        owner.is_some_and(|owner| self.attempts_of(&owner).any(did))
    }

    /// Returns that a task has attempts left, of what is committed now.
    fn may_try_again(&self, name: &TaskName) -> Option<&'static str> {
        let spec = self.desired.tasks.get(name)?.spec.as_ref()?;
        let hash = run_hash(spec);
        let owner = self.records.get(name)?.content.owner();
        let retrial = self.retrials.get(name).filter(|one| one.uid == owner.uid);
        let after = retrial.map_or(0, |one| one.after);
        let of_this = |one: &&SimAttempt| {
            one.attempt.run_hash == hash
                && one.attempt.id.number > after
                && one.attempt.verifies.is_none()
        };
        let failed = |one: &&SimAttempt| {
            one.exit.as_ref().is_some_and(|exit| exit.reason.is_failure())
                || self.could_not_land(&one.attempt.id)
        };
        let failures = self.attempts_of(&owner).filter(of_this).filter(failed).count();
        let left = failures <= usize::try_from(spec.retries).ok()?;
        left.then_some("has attempts left")
    }

    fn worktrees_of(&self, name: &TaskName) -> impl Iterator<Item = WorktreeState> {
        let marked = |one: &&super::super::SimWorktree| {
            one.owner.as_ref().is_some_and(|owner| owner.task == *name)
        };
        self.worktrees.values().filter(marked).map(|one| one.state)
    }

    fn does_not_run(&self, name: &TaskName) -> Option<&'static str> {
        let owner = self.records.get(name)?.content.owner();
        let live = self.attempts_of(&owner).filter(|one| one.shim_lives()).count();
        let agents: usize = self.attempts_of(&owner).map(|one| one.agents.len()).sum();
        let marked = self.sessions.values().filter(|one| !one.is_idle);
        let marked = marked.filter(|one| one.owner.as_ref() == Some(&owner));
        let claim = self.claims.get(name).map(|claim| claim.content.owner());
        if (live, agents) != (1, 1) {
            return Some("has not one shim and one agent");
        }
        let stopped = |one: &SimAttempt| {
            one.shim.as_ref().is_some_and(|shim| shim.alive && self.paused.contains(&shim.process))
        };
        // What has no claim has none that lapses: somebody else holds its files by now.
        if claim.is_some() && self.attempts_of(&owner).any(stopped) {
            return Some("stands still");
        }
        if marked.count() != 1 {
            return Some("has not one session");
        }
        // One whose file a person removed is not made anew: it holds what it asks for to its end.
        if claim.is_some_and(|holder| holder != owner) {
            return Some("runs under another's claim");
        }
        if self.claims.get(name).is_some_and(|claim| claim.content.expires_at <= self.now) {
            return Some("lets its claim expire");
        }
        let worktrees: Vec<_> = self.worktrees_of(name).collect();
        // One that a person removed under a running agent is made anew for the next attempt.
        let removed = self.struck.contains(&Fault::FolderRemoved);
        let one = match worktrees.as_slice() {
            [] | [WorktreeState::Missing | WorktreeState::HalfMade] => removed,
            [state] => *state == WorktreeState::Ready,
            [_, _, ..] => false,
        };
        let noted = |one: &super::super::SimWorktree| one.generation;
        let noted =
            self.worktrees.values().find(|one| one.owner.as_ref() == Some(&owner)).map(noted);
        let claim = self.claims.get(name).map(|claim| Some(claim.content.generation));
        if noted.is_some() && claim.is_some() && noted != claim && !removed {
            return Some("may not commit");
        }
        (!one).then_some("has not one whole worktree")
    }
}
