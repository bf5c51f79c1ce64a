//! The properties of a world: what holds at every moment whatever goes wrong (S), and what must be
//! reached when nothing does any more (L). Each is a file; this one lists them and decides nothing.
//!
//! With a second loop beside the first (`Fault::SecondLoop`) all of S still hold: the preconditions
//! see to it. Only S2 leans on the guard in the real world, where to look at all claims and to
//! publish one are two steps.

mod converged;
mod disjoint_claims;
mod fail_closed;
mod generations;
mod isolation;
mod kept_sessions;
mod landing;
mod last_word;
mod monotone;
mod no_lost_work;
mod orphans;
mod ownership;
mod patience;
mod preconditions;
mod single_worker;
mod unknown_is_not_absent;

use super::look::Seen;
use super::{SimWorld, State, Work};
use crate::api::claim::Claim;
use crate::api::name::{CommitId, Owner, Seat, TaskName, Uid};
use crate::plan::action::{Action, Subject};
use crate::plan::observed::{Session, WorktreeState};
use std::collections::BTreeSet;

/// What holds at every moment.
const ALWAYS: [fn(&State) -> Vec<String>; 4] =
    [single_worker::broken, disjoint_claims::broken, no_lost_work::broken, kept_sessions::broken];

/// What holds for every effect.
const EFFECTS: [fn(&State, &Deed<'_>) -> Vec<String>; 9] = [
    generations::broken,
    unknown_is_not_absent::broken,
    ownership::broken,
    preconditions::broken,
    monotone::broken,
    fail_closed::broken,
    landing::broken,
    patience::broken,
    last_word::broken,
];

/// One effect that was tried.
pub(super) struct Deed<'a> {
    pub(super) action: &'a Action,
    pub(super) before: Before,
    /// It was done; else it was refused, failed or is unclear.
    pub(super) done: bool,
    /// What the loop knew when it planned it.
    pub(super) seen: &'a Seen,
}

/// What was there before an effect, of what the effect is about.
#[derive(Default)]
pub(super) struct Before {
    claim: Option<Claim>,
    /// The last generation of the task's claims.
    generation: u64,
    record: Option<Uid>,
    session: Option<Owner>,
    /// The seat that keeps the session, and whether nothing runs in it.
    kept: Option<(Option<Seat>, bool)>,
    worktree: Option<(Option<Owner>, WorktreeState)>,
    works: bool,
    foreign: [usize; 3],
    attempts: [usize; 2],
    /// The tip of the target branch, and what was on it.
    target: Option<(CommitId, BTreeSet<Work>)>,
}

impl Before {
    pub(super) fn of(state: &State, action: &Action) -> Self {
        let foreign = ownership::foreign(state);
        let mut before = Self { foreign, ..Self::default() };
        if let Action::EndSession { session, .. } = action {
            let found = state.sessions.values().find(|one| one.id == *session);
            before.kept = found.map(|one| (one.seat.clone(), one.is_idle && !runs_in(state, one)));
        }
        let Subject::Task(task) = action.subject() else { return before };
        before.claim = state.claims.get(&task).map(|one| one.content.clone());
        before.generation = state.generations.get(&task).copied().unwrap_or(0);
        before.record = state.records.get(&task).map(|one| one.content.uid.clone());
        before.attempts = monotone::attempts(state, &task);
        if let Action::Land { .. } = action {
            before.target = Some((state.desired.revision.clone(), state.main.clone()));
        }
        if let Action::KillSession { session, .. } = action {
            let found = state.sessions.values().find(|one| one.id == *session);
            before.session = found.and_then(|one| one.owner.clone());
        }
        if let Action::Retire { owner, path, .. } | Action::RepairWorktree { owner, path, .. } =
            action
        {
            let there = state.worktrees.get(path);
            before.worktree = there.map(|one| (one.owner.clone(), one.state));
            before.works = state.attempts_of(owner).any(|one| !one.agents.is_empty());
        }
        if let Action::CloseAttempt { attempt: id, .. } = action {
            let all = state.attempts.get(&id.owner).map(|one| &one.all);
            let one = all.and_then(|all| all.get(&id.number));
            before.works = one.is_some_and(super::SimAttempt::shim_lives);
        }
        before
    }
}

/// Returns whether a shim works in a session.
fn runs_in(state: &State, session: &Session) -> bool {
    let (Some(owner), Some(number)) = (&session.owner, session.attempt) else { return false };
    let all = state.attempts.get(owner).map(|one| &one.all);
    all.and_then(|all| all.get(&number)).is_some_and(super::SimAttempt::shim_lives)
}

/// Returns what was ever violated in this world; empty, unless there is a bug.
pub fn violations(world: &SimWorld) -> Vec<String> {
    world.state().worst.clone()
}

impl State {
    /// Notes what is violated at this moment.
    pub(super) fn oversee(&mut self) {
        for check in ALWAYS {
            let found = check(self);
            self.blame(found);
        }
    }

    /// Notes what one effect violates.
    pub(super) fn judge(&mut self, deed: &Deed<'_>) {
        self.owe(deed);
        for check in EFFECTS {
            let found = check(self, deed);
            self.blame(found.into_iter().map(|one| format!("{one} (`{}`)", deed.action)).collect());
        }
    }

    fn blame(&mut self, found: Vec<String>) {
        for one in found {
            if !self.worst.contains(&one) {
                self.worst.push(one);
            }
        }
    }

    fn is_recorded(&self, owner: &Owner) -> bool {
        self.records.get(&owner.task).is_some_and(|one| one.content.uid == owner.uid)
    }

    fn idle(&self, name: &TaskName) -> bool {
        let sessions = self.sessions.values().filter(|one| !one.is_idle);
        let mut sessions = sessions.filter_map(|one| one.owner.as_ref());
        !self.task_lives(name) && !sessions.any(|owner| owner.task == *name)
    }
}
