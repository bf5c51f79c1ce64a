//! Effects on records, claims, sessions and processes of the simulated world, each with the
//! precondition that the real doer checks.

use super::{Fault, File, SimAttempt, State, failed, refused};
use crate::api::attempt::{
    Attempt, AttemptId, Exit, ProcessId, StopReason, StopRequest, TaskRecord,
};
use crate::api::claim::Claim;
use crate::api::name::{Owner, TaskName};
use crate::plan::action::Action;
use crate::world::{ActionError, Outcome};
use jiff::Timestamp;
use std::path::Path;

pub(super) type Answer = Result<Outcome, ActionError>;

/// The answer of what was cut in the middle.
pub(super) fn died() -> Answer {
    failed("the loop died within it")
}

impl State {
    pub(super) fn perform(&mut self, action: &Action) -> Answer {
        match action {
            Action::Register(record) => Ok(self.register(record)),
            Action::Claim(claim) => self.claim(claim),
            Action::Renew { claim } => self.renew(claim),
            Action::Release { owner, generation } => self.release(owner, *generation),
            Action::Expire { owner, generation, .. } => self.expire(owner, *generation),
            Action::Complete { attempt, exit } => self.complete(attempt, exit),
            Action::NoteGeneration { owner, path, generation } => {
                Ok(self.note_generation(owner, path, *generation))
            }
            Action::CreateBranch { branch, at, .. } => Ok(self.create_branch(branch, at)),
            Action::AddWorktree { owner, path, branch } => self.add_worktree(owner, path, branch),
            Action::RepairWorktree { owner, path, trash } => self.repair(owner, path, trash),
            Action::PrepareAttempt(attempt) => self.prepare(attempt),
            Action::NewSession { attempt, directory } => self.new_session(attempt, directory),
            Action::AskToStop { attempt, why, at, .. } => self.ask_to_stop(attempt, *why, *at),
            Action::KillProcesses { processes, .. } => self.kill(processes),
            Action::CloseAttempt { attempt, exit } => Ok(self.close(attempt, exit)),
            Action::KillSession { session, owner } => Ok(self.kill_session(session, owner)),
            Action::EndSession { session, seat } => Ok(self.end_session(session, seat)),
            Action::Rescue { owner, path, attempt } => self.rescue(owner, path, *attempt),
            Action::Retire { owner, path, attempt, trash } => {
                self.retire(owner, path, (*attempt, trash))
            }
            Action::BuildCandidates { target, remote, onto, works, .. } => {
                self.build_candidates((&target.0, &target.1, remote.as_ref()), onto, works)
            }
            // What is there is nobody's.
            Action::CheckOut { .. } => Ok(Outcome::Done),
            Action::Refuse { attempt, why } => Ok(self.refuse(attempt, why)),
            Action::Land { target, remote, commit, landed } => {
                self.land((&target.1, remote.as_ref()), commit, landed)
            }
            Action::DropBranch { branch, contained_in, .. } => {
                Ok(self.drop_branch(branch, contained_in))
            }
            Action::Forget(owner) => self.forget(owner),
            Action::NoteFailure { task, failure } => {
                self.failures.insert(task.clone(), failure.clone());
                Ok(Outcome::Done)
            }
            Action::ClearFailure(task) => {
                self.failures.remove(task);
                Ok(Outcome::Done)
            }
            Action::EmptyTrash { trash } => {
                self.trash.remove(trash);
                Ok(Outcome::Done)
            }
            Action::SweepAttempts { folder } => self.sweep(folder),
        }
    }

    /// Returns whether the effect under way is cut here: whoever does it dies.
    pub(super) fn tears(&mut self) -> bool {
        let torn = self.strikes(Fault::Torn);
        if torn {
            self.crash();
        }
        torn
    }

    fn register(&mut self, record: &TaskRecord) -> Outcome {
        if self.records.contains_key(&record.task) {
            return refused("there is a record");
        }
        self.records.insert(record.task.clone(), File::new(record.clone()));
        self.failures.remove(&record.task);
        Outcome::Done
    }

    fn forget(&mut self, owner: &Owner) -> Answer {
        let Some(record) = self.records.get(&owner.task) else { return Ok(Outcome::AlreadySo) };
        if record.read().map_err(ActionError)?.uid != owner.uid {
            return Ok(Outcome::AlreadySo);
        }
        self.failures.remove(&owner.task);
        self.retrials.remove(&owner.task);
        self.landings.remove(&owner.task);
        if self.tears() {
            return died();
        }
        self.records.remove(&owner.task);
        Ok(Outcome::Done)
    }

    fn held(&self, task: &TaskName) -> Result<Option<&Claim>, ActionError> {
        self.claims.get(task).map(File::read).transpose().map_err(ActionError)
    }

    fn renew(&mut self, claim: &Claim) -> Answer {
        match self.held(&claim.task)? {
            Some(held) if held.is_continued_by(claim) => {
                self.claims.insert(claim.task.clone(), File::new(claim.clone()));
                Ok(Outcome::Done)
            }
            Some(_) | None => Ok(refused("the claim is another")),
        }
    }

    pub(super) fn release(&mut self, owner: &Owner, generation: u64) -> Answer {
        match self.held(&owner.task)? {
            None => Ok(Outcome::AlreadySo),
            Some(held) if held.generation == generation && held.uid == owner.uid => {
                self.claims.remove(&owner.task);
                Ok(Outcome::Done)
            }
            Some(_) => Ok(refused("the claim is another")),
        }
    }

    fn claim(&mut self, claim: &Claim) -> Answer {
        let held = self.held(&claim.task)?;
        let boot = self.boot_time();
        let same = |held: &Claim| {
            held.is_of_same_holder(claim) && held.time_left(self.now, &boot).is_positive()
        };
        if held.is_some_and(same) {
            return Ok(Outcome::AlreadySo);
        }
        let held = held.map_or(0, |held| held.generation);
        let before = self.generations.get(&claim.task).copied().unwrap_or(0).max(held);
        if before.saturating_add(1) != claim.generation {
            return Ok(refused("the claim has moved on"));
        }
        let meets = |held: &Claim| {
            let overlap = crate::api::path::first_overlap(&claim.locked_files, &held.locked_files);
            held.task != claim.task && overlap.is_some()
        };
        if self.claims.values().filter_map(|one| one.read().ok()).any(meets) {
            return Ok(refused("another claim holds these files"));
        }
        self.generations.insert(claim.task.clone(), claim.generation);
        self.claims.insert(claim.task.clone(), File::new(claim.clone()));
        Ok(Outcome::Done)
    }

    fn prepare(&mut self, attempt: &Attempt) -> Answer {
        let now = self.now;
        let folder = self.attempts.entry(attempt.id.owner.clone()).or_default();
        if folder.all.last_key_value().is_some_and(|(last, _)| *last >= attempt.id.number) {
            return Ok(refused("it, or one after it, exists"));
        }
        folder.changed = now;
        if self.tears() {
            return died();
        }
        let made = SimAttempt {
            attempt: attempt.clone(),
            damage: None,
            shim: None,
            stop: None,
            exit: None,
            completed: false,
            late: false,
            agents: Vec::new(),
        };
        let folder = self.attempts.entry(attempt.id.owner.clone()).or_default();
        folder.all.insert(attempt.id.number, made);
        Ok(Outcome::Done)
    }

    fn sweep(&mut self, folder: &str) -> Answer {
        let torn = self.tears();
        let of = |owner: &Owner| AttemptId::folder(owner) == folder;
        let found = self.attempts.keys().find(|owner| of(owner)).cloned();
        let Some(owner) = found else { return Ok(Outcome::AlreadySo) };
        if self.records.values().any(|one| one.damaged || one.content.owner() == owner) {
            return Ok(refused("it is of a task that has a record"));
        }
        if torn {
            // Files go before their folder, the first attempt before the others.
            if let Some(attempts) = self.attempts.get_mut(&owner) {
                attempts.all.pop_first();
            }
            return died();
        }
        self.attempts.remove(&owner);
        Ok(Outcome::Done)
    }

    fn complete(&mut self, attempt: &Attempt, exit: &Exit) -> Answer {
        let prepared = self.prepare(attempt)?;
        if prepared != Outcome::Done {
            return Ok(prepared);
        }
        if self.tears() {
            return died();
        }
        Ok(self.close(&attempt.id, exit))
    }

    fn note_generation(&mut self, owner: &Owner, path: &Path, generation: u64) -> Outcome {
        let held = self.claims.get(&owner.task).filter(|one| !one.damaged);
        if held.is_none_or(|one| one.content.generation != generation) {
            return refused("the claim is another");
        }
        match self.worktrees.get_mut(path) {
            Some(one) if one.owner.as_ref() == Some(owner) => {
                one.generation = Some(generation);
                Outcome::Done
            }
            Some(_) | None => refused("there is no such worktree"),
        }
    }

    fn ask_to_stop(&mut self, id: &AttemptId, why: StopReason, at: Timestamp) -> Answer {
        let torn = self.tears();
        let held = self.held(&id.owner.task)?.cloned();
        let (now, boot, drained) = (self.now, self.boot_time(), self.drained());
        let Some(one) = self.attempt(&id.owner, id.number) else {
            return Ok(refused("there is no such attempt"));
        };
        let stands = match why {
            StopReason::Lapsed => {
                held.is_some_and(|held| !held.time_left(now, &boot).is_positive())
            }
            StopReason::TakenOver => held.is_some_and(|held| held.seat != one.attempt.seat),
            StopReason::Drained => drained.contains(&one.attempt.seat.worker),
            StopReason::Suspended
            | StopReason::Deleted
            | StopReason::SpecChanged
            | StopReason::WorkerGone
            | StopReason::HeldElsewhere
            | StopReason::Outdated
            | StopReason::Restarted => true,
        };
        if !stands {
            return Ok(refused("the claim is another"));
        }
        one.stop.get_or_insert(StopRequest { asked_at: at, why });
        if torn {
            return died();
        }
        if let Some(shim) = &mut one.shim {
            shim.told = true;
        }
        Ok(Outcome::Done)
    }

    /// Kills each process that is still the very one that is named, whoever's it is: whether it may
    /// be named is the planner's to know.
    fn kill(&mut self, processes: &[ProcessId]) -> Answer {
        for process in processes {
            self.strangers.remove(process);
            let all = self.attempts.values_mut().flat_map(|one| one.all.values_mut());
            all.for_each(|one| one.lose(process));
            if self.tears() {
                return died();
            }
        }
        Ok(Outcome::Done)
    }

    fn close(&mut self, id: &AttemptId, exit: &Exit) -> Outcome {
        let Some(one) = self.attempt(&id.owner, id.number) else {
            return refused("there is no such attempt");
        };
        if one.shim_lives() {
            return refused("its shim lives");
        }
        if let Some(there) = &one.exit {
            if there.reason == exit.reason {
                return Outcome::AlreadySo;
            }
            return refused("it ended otherwise");
        }
        if one.shim.is_some() && exit.started_at.is_none() {
            return refused("it was started by now");
        }
        one.exit = Some(exit.clone());
        if one.late && one.shim.is_none() {
            self.mishaps += 1;
        }
        Outcome::Done
    }
}
