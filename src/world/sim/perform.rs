//! Effects on the simulated world, each with the precondition that the real doer checks.

use super::{Fault, SimAttempt, SimWorktree, State, Work, places};
use crate::api::attempt::{
    Attempt, AttemptId, Exit, ExitReason, ProcessId, StopReason, StopRequest, TaskRecord,
};
use crate::api::claim::Claim;
use crate::api::name::{BranchName, Owner};
use crate::plan::action::Action;
use crate::plan::observed::{Session, WorktreeState};
use crate::world::{ActionError, Outcome};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

fn refused(why: &str) -> Outcome {
    Outcome::Refused(why.to_owned())
}

impl State {
    pub(super) fn perform(&mut self, action: &Action) -> Result<Outcome, ActionError> {
        Ok(match action {
            Action::Register(record) => self.register(record),
            Action::Claim(claim) => self.claim(claim),
            Action::Renew { claim } => self.renew(claim),
            Action::Release { owner, generation } => self.release(owner, *generation),
            Action::CreateBranch { branch, .. } => {
                if self.branches.contains_key(branch) {
                    return Ok(refused("the branch exists"));
                }
                self.branches.insert(branch.clone(), BTreeSet::new());
                Outcome::Done
            }
            Action::AddWorktree { owner, path, branch } => {
                return self.add_worktree(owner, path, branch);
            }
            Action::RepairWorktree { path, trash, .. } => self.repair(path, trash),
            Action::PrepareAttempt(attempt) => self.prepare(attempt),
            Action::NewSession { attempt, .. } => self.new_session(attempt),
            Action::AskToStop { attempt, why, at, .. } => self.ask_to_stop(attempt, *why, *at),
            Action::KillProcesses { owner, processes } => self.kill(owner, processes),
            Action::CloseAttempt { attempt, exit } => self.close(attempt, exit),
            Action::KillSession { session, owner } => self.kill_session(session, owner),
            Action::Rescue { owner, path, .. } => self.rescue(owner, path),
            Action::Retire { owner, path, trash, .. } => self.retire(owner, path, trash),
            Action::DropBranch { branch, .. } => {
                // Commits of its own keep it.
                if self.branches.get(branch).is_some_and(BTreeSet::is_empty) {
                    self.branches.remove(branch);
                    return Ok(Outcome::Done);
                }
                Outcome::AlreadySo
            }
            Action::Forget(owner) => self.forget(owner),
            Action::NoteFailure { task, failure } => {
                self.failures.insert(task.clone(), failure.clone());
                Outcome::Done
            }
            Action::ClearFailure(task) => {
                self.failures.remove(task);
                Outcome::Done
            }
            Action::EmptyTrash { trash } => {
                self.trash.remove(trash);
                Outcome::Done
            }
            Action::SweepAttempts { folder } => {
                self.attempts.retain(|owner, _| AttemptId::folder(owner) != *folder);
                Outcome::Done
            }
        })
    }

    fn register(&mut self, record: &TaskRecord) -> Outcome {
        if self.records.contains_key(&record.task) {
            return refused("there is a record");
        }
        self.records.insert(record.task.clone(), record.clone());
        Outcome::Done
    }

    fn forget(&mut self, owner: &Owner) -> Outcome {
        if self.records.get(&owner.task).is_none_or(|record| record.uid != owner.uid) {
            return Outcome::AlreadySo;
        }
        self.records.remove(&owner.task);
        self.failures.remove(&owner.task);
        Outcome::Done
    }

    fn renew(&mut self, claim: &Claim) -> Outcome {
        match self.claims.get_mut(&claim.task) {
            Some(held) if held.generation == claim.generation && held.uid == claim.uid => {
                *held = claim.clone();
                Outcome::Done
            }
            Some(_) | None => refused("the claim is another"),
        }
    }

    fn release(&mut self, owner: &Owner, generation: u64) -> Outcome {
        match self.claims.get(&owner.task) {
            None => Outcome::AlreadySo,
            Some(held) if held.generation == generation && held.uid == owner.uid => {
                self.claims.remove(&owner.task);
                Outcome::Done
            }
            Some(_) => refused("the claim is another"),
        }
    }

    fn claim(&mut self, claim: &Claim) -> Outcome {
        let before = self.claims.get(&claim.task).map_or(0, |held| held.generation);
        if before.saturating_add(1) != claim.generation {
            return refused("the claim has moved on");
        }
        let meets = |held: &Claim| {
            let overlap = crate::api::path::first_overlap(&claim.locked_files, &held.locked_files);
            held.task != claim.task && overlap.is_some()
        };
        if self.claims.values().any(meets) {
            return refused("another claim holds these files");
        }
        self.claims.insert(claim.task.clone(), claim.clone());
        Outcome::Done
    }

    fn add_worktree(
        &mut self,
        owner: &Owner,
        path: &Path,
        branch: &BranchName,
    ) -> Result<Outcome, ActionError> {
        if let Some(there) = self.worktrees.get(path) {
            let same = there.owner == *owner && there.state == WorktreeState::Ready;
            return Ok(if same { Outcome::AlreadySo } else { refused("the place is taken") });
        }
        if !self.branches.contains_key(branch) {
            return Ok(refused("the branch is gone"));
        }
        let torn = self.strikes(Fault::Torn);
        let state = if torn { WorktreeState::HalfMade } else { WorktreeState::Ready };
        let made = SimWorktree {
            owner: owner.clone(),
            branch: branch.clone(),
            unsaved: BTreeSet::new(),
            state,
        };
        self.worktrees.insert(path.to_owned(), made);
        if torn {
            self.crashed = true;
            return Err(ActionError("the loop died within it".to_owned()));
        }
        Ok(Outcome::Done)
    }

    fn repair(&mut self, path: &Path, trash: &str) -> Outcome {
        match self.worktrees.get(path) {
            None => Outcome::AlreadySo,
            Some(one) if one.state == WorktreeState::Ready => refused("the worktree is whole"),
            Some(one) => {
                let kept = (self.now, one.unsaved.clone());
                self.put_in_trash(trash, kept);
                self.worktrees.remove(path);
                Outcome::Done
            }
        }
    }

    /// Keeps what was retired under its name, or under the next one if that is taken.
    fn put_in_trash(&mut self, name: &str, kept: (Timestamp, BTreeSet<Work>)) {
        let mut free = name.to_owned();
        while self.trash.contains_key(&free) {
            free.push_str("-2");
        }
        self.trash.insert(free, kept);
    }

    fn prepare(&mut self, attempt: &Attempt) -> Outcome {
        let all = self.attempts.entry(attempt.id.owner.clone()).or_default();
        if all.contains_key(&attempt.id.number) {
            return refused("the attempt exists");
        }
        let made = SimAttempt {
            attempt: attempt.clone(),
            shim: None,
            stop: None,
            exit: None,
            agents: Vec::new(),
        };
        all.insert(attempt.id.number, made);
        Outcome::Done
    }

    fn new_session(&mut self, id: &AttemptId) -> Outcome {
        let name = id.owner.task.to_string();
        if self.sessions.values().any(|one| one.name == name) {
            return refused("the session exists");
        }
        let number = self.fresh();
        let session = Session {
            id: format!("${number}"),
            name,
            owner: Some(id.owner.clone()),
            attempt: Some(id.number),
        };
        self.sessions.insert(number, session);
        Outcome::Done
    }

    fn ask_to_stop(&mut self, id: &AttemptId, why: StopReason, at: Timestamp) -> Outcome {
        match self.attempt(&id.owner, id.number) {
            None => refused("there is no such attempt"),
            Some(one) => {
                one.stop.get_or_insert(StopRequest { asked_at: at, why });
                Outcome::Done
            }
        }
    }

    fn kill(&mut self, owner: &Owner, processes: &[ProcessId]) -> Outcome {
        for one in self.attempts.get_mut(owner).into_iter().flat_map(BTreeMap::values_mut) {
            one.agents.retain(|agent| !processes.contains(agent));
            if let Some(shim) = one.shim.as_mut().filter(|shim| processes.contains(&shim.process)) {
                shim.alive = false;
            }
        }
        Outcome::Done
    }

    fn close(&mut self, id: &AttemptId, exit: &Exit) -> Outcome {
        let Some(one) = self.attempt(&id.owner, id.number) else {
            return refused("there is no such attempt");
        };
        if one.exit.is_some() {
            return Outcome::AlreadySo;
        }
        if one.shim.as_ref().is_some_and(|shim| shim.alive) || !one.agents.is_empty() {
            return refused("something of it lives");
        }
        one.exit = Some(exit.clone());
        Outcome::Done
    }

    fn kill_session(&mut self, id: &str, owner: &Owner) -> Outcome {
        let found = self.sessions.iter().find(|(_, one)| one.id == id);
        let Some((number, session)) = found.map(|(number, one)| (*number, one.clone())) else {
            return Outcome::AlreadySo;
        };
        if session.owner.as_ref() != Some(owner) {
            return refused("the session is another's");
        }
        self.sessions.remove(&number);
        if let Some(attempt) = session.attempt {
            let shim = self.attempt(owner, attempt).and_then(|one| one.shim.as_ref());
            if shim.is_some_and(|shim| shim.alive) {
                self.end(owner, attempt, ExitReason::HungUp);
            }
        }
        Outcome::Done
    }

    fn rescue(&mut self, owner: &Owner, path: &Path) -> Outcome {
        match self.worktrees.get(path) {
            Some(one) if one.owner == *owner => {
                self.rescued.extend(one.unsaved.iter().copied());
                Outcome::Done
            }
            Some(_) => refused("the worktree is another's"),
            None => Outcome::AlreadySo,
        }
    }

    fn retire(&mut self, owner: &Owner, path: &Path, trash: &str) -> Outcome {
        let Some(one) = self.worktrees.get(path) else { return Outcome::AlreadySo };
        if one.owner != *owner {
            return refused("the worktree is another's");
        }
        if !one.unsaved.is_subset(&self.rescued) {
            return refused("there is unsaved work");
        }
        let kept = (self.now, one.unsaved.clone());
        self.put_in_trash(trash, kept);
        self.worktrees.remove(path);
        debug_assert!(places().is_ours(path), "only our own places are retired");
        Outcome::Done
    }
}
