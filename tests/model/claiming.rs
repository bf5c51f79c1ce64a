//! Claiming and releasing, step by step, as the loop and the commands do it. Whatever is read here
//! may be stale at the next step, unless the table lock forbids it.

use crate::mutant::Mutant;
use crate::protocol::Protocol;
use crate::world::{At, Broken, Claim, End, File, Glance, How, Lock, TASKS, WANTS, World};

impl Protocol {
    /// Looks for free paths before it has the table lock, or at the ledger before the files. In two
    /// mutants alone.
    pub(crate) fn look(&self, world: &mut World, actor: usize) -> Option<()> {
        let task = self.part(actor).task;
        if world.actors[actor].at != At::Idle {
            return None;
        }
        if self.has(Mutant::OverlapBeforeLock) && self.free(world, task) == WANTS[task] {
            world.actors[actor].at = At::Looked(Glance::NotYet);
            return Some(());
        }
        if self.has(Mutant::LedgerBeforeFiles) && world.table == Lock::Free {
            world.table = Lock::Claimer(actor);
            world.actors[actor].at = At::Looked(Glance::Saw(world.ledger[task]));
            return Some(());
        }
        None
    }

    /// Returns the paths of those a task wants that no other task's file holds.
    fn free(&self, world: &World, task: usize) -> u8 {
        let holds = |other: usize| match world.files[other] {
            File::Torn if self.has(Mutant::CorruptIsFree) => 0,
            File::Absent | File::Whole(_) | File::Torn => world.paths(other),
        };
        let held = (0..TASKS).filter(|&other| other != task).fold(0, |all, one| all | holds(one));
        WANTS[task] & !held
    }

    /// Takes the table lock and reads the files: may the claim be taken?
    pub(crate) fn read_files(&self, world: &mut World, actor: usize) -> Option<()> {
        let at = world.actors[actor].at;
        let last = if let At::Looked(last) = at { last } else { Glance::NotYet };
        if !matches!(at, At::Looked(_)) && (at != At::Idle || self.looks_first()) {
            return None;
        }
        if world.table != Lock::Claimer(actor) && !self.may_lock(world, Mutant::NoLockAtClaim) {
            return None;
        }
        let Some((file, paths)) = self.may_claim(world, actor) else {
            // Who looked first has to give up; who did not looks again later.
            Self::unlock(world, Lock::Claimer(actor));
            world.actors[actor].at = At::Idle;
            return Some(());
        };
        if !self.has(Mutant::NoLockAtClaim) {
            world.table = Lock::Claimer(actor);
        }
        world.actors[actor].at = At::Deciding { file, last, paths };
        Some(())
    }

    fn looks_first(&self) -> bool {
        self.has(Mutant::OverlapBeforeLock) || self.has(Mutant::LedgerBeforeFiles)
    }

    /// Returns the claim in the file and the paths to take, if the files let it be taken.
    fn may_claim(&self, world: &World, actor: usize) -> Option<(Option<Claim>, u8)> {
        let part = self.part(actor);
        let torn = world.files[part.task] == File::Torn && !self.has(Mutant::CorruptIsFree);
        let file = world.held(part.task);
        let is_own = |claim: Claim| usize::from(claim.holder) == actor;
        let may_take =
            file.is_none_or(|claim| is_own(claim) || (part.takes_lapsed && !claim.fresh));
        if torn || !may_take || (world.actors[actor].claims_left == 0 && !file.is_some_and(is_own))
        {
            return None;
        }
        let free = self.free(world, part.task);
        let paths = if self.has(Mutant::PartialAcquire) { free } else { WANTS[part.task] };
        let is_free = paths & !free == 0 || self.has(Mutant::OverlapBeforeLock);
        (paths != 0 && is_free).then_some((file, paths))
    }

    /// Reads the ledger, and chooses the generation: or finds that it holds the claim already.
    pub(crate) fn choose(&self, world: &mut World, actor: usize) -> Option<()> {
        let At::Deciding { file, last, paths } = world.actors[actor].at else { return None };
        let last = match last {
            Glance::NotYet => world.ledger[self.part(actor).task],
            Glance::Saw(last) => last,
        };
        // What the ledger gave to another nonce is nobody's to go on with.
        let stands = |claim: &Claim| {
            last.is_none_or(|last| {
                (last.generation, last.nonce) == (claim.generation, claim.nonce)
                    || last.generation < claim.generation
            })
        };
        let own = file.filter(|claim| usize::from(claim.holder) == actor);
        if let Some(claim) = own.filter(stands) {
            Self::unlock(world, Lock::Claimer(actor));
            world.actors[actor].at = At::Published(claim);
            return Some(());
        }
        let in_file = file.map_or(0, |claim| claim.generation);
        let in_ledger = last.map_or(0, |last| last.generation);
        let generation = if self.has(Mutant::GenerationFromFile) {
            in_file + 1
        } else if self.has(Mutant::GenerationFromLedger) {
            in_ledger + 1
        } else if self.has(Mutant::StealWithoutBump) && file.is_some() {
            in_file
        } else {
            in_file.max(in_ledger) + 1
        };
        let Some(left) = world.actors[actor].claims_left.checked_sub(1) else {
            Self::unlock(world, Lock::Claimer(actor));
            world.actors[actor].at = At::Idle;
            return Some(());
        };
        world.actors[actor].claims_left = left;
        let holder = u8::try_from(actor).expect("there are few contenders");
        let nonce = holder * 4 + left + 1;
        world.actors[actor].at =
            At::Chosen(Claim { holder, generation, nonce, paths, fresh: true });
        Some(())
    }

    /// Publishes the claim in its file, and gives the table lock back.
    pub(crate) fn publish(&self, world: &mut World, actor: usize) -> Option<()> {
        let At::Chosen(claim) = world.actors[actor].at else { return None };
        let task = self.part(actor).task;
        if claim.generation <= world.last_recorded(task) && !world.meddled {
            world.break_law(Broken::Anew);
        }
        world.files[task] = File::Whole(claim);
        Self::unlock(world, Lock::Claimer(actor));
        world.actors[actor].at = if self.has(Mutant::WorkBeforeLedger) {
            At::Recorded(claim)
        } else {
            At::Published(claim)
        };
        Some(())
    }

    /// Reads the claim that is to end: its own, whose worker has ended.
    pub(crate) fn read_own(&self, world: &mut World, actor: usize) -> Option<()> {
        let (At::Holds(own), true) = (world.actors[actor].at, self.part(actor).releases) else {
            return None;
        };
        if world.actors[actor].worker.claim().is_some() {
            return None;
        }
        let task = self.part(actor).task;
        let is_mine = world.held(task).is_some_and(|claim| claim.nonce == own.nonce);
        let end = End { task, claim: own, how: How::Own };
        world.actors[actor].at = match is_mine {
            true if self.has(Mutant::FileBeforeTombstone) => At::Entombed(end),
            true => At::Releasing(end),
            false => At::Idle,
        };
        Some(())
    }

    /// Takes the table lock, and looks once more whether the claim is its own.
    pub(crate) fn look_again(&self, world: &mut World, actor: usize) -> Option<()> {
        let At::Entombed(end) = world.actors[actor].at else { return None };
        if !self.may_lock(world, Mutant::NoLockAtRelease) {
            return None;
        }
        let task = end.task;
        let is_mine = world.held(task).is_some_and(|there| there.nonce == end.claim.nonce);
        let ends_any = self.has(Mutant::ReleaseWithoutNonce) && world.held(task).is_some();
        if !(is_mine || ends_any) {
            world.actors[actor].at = At::Idle;
            return Some(());
        }
        if !self.has(Mutant::NoLockAtRelease) {
            world.table = Lock::Claimer(actor);
        }
        world.actors[actor].at = At::Removing(end);
        Some(())
    }

    /// Takes the table lock and reads a claim that a person ends by force, whosever it is.
    pub(crate) fn read_any(&self, world: &mut World, actor: usize) -> Option<()> {
        let task = self.part(actor).forces?;
        let claim = world.held(task)?;
        let may = world.actors[actor].force_left && world.actors[actor].at == At::Idle;
        if !may || !self.may_lock(world, Mutant::NoLockAtRelease) {
            return None;
        }
        world.actors[actor].force_left = false;
        let end = End { task, claim, how: How::Force };
        if !self.has(Mutant::NoLockAtRelease) {
            world.table = Lock::Claimer(actor);
        }
        world.actors[actor].at = if self.has(Mutant::FileBeforeTombstone) {
            At::Removing(end)
        } else {
            At::Releasing(end)
        };
        Some(())
    }

    /// Removes the file of a claim whose end is recorded, and gives the table lock back.
    pub(crate) fn remove(&self, world: &mut World, actor: usize) -> Option<()> {
        let At::Removing(end) = world.actors[actor].at else { return None };
        let End { task, claim, .. } = end;
        if world.held(task).is_some_and(|there| there.nonce != claim.nonce) {
            world.break_law(Broken::ForeignRelease);
        }
        world.files[task] = File::Absent;
        if self.has(Mutant::FileBeforeTombstone) {
            world.actors[actor].at = At::Releasing(end);
            return Some(());
        }
        Self::unlock(world, Lock::Claimer(actor));
        world.actors[actor].at = At::Idle;
        Some(())
    }

    /// Returns whether the table lock is free, or not asked for.
    pub(crate) fn may_lock(&self, world: &World, without: Mutant) -> bool {
        world.table == Lock::Free || self.has(without)
    }

    /// Gives the table lock back, if it is this one's.
    pub(crate) fn unlock(world: &mut World, holder: Lock) {
        if world.table == holder {
            world.table = Lock::Free;
        }
    }
}
