//! Working under a claim: the note in the worktree, the commits that the hooks judge, the renewals
//! of the shim. Each of them may sleep between any two steps and wake with a stale view.

use crate::mutant::Mutant;
use crate::protocol::Protocol;
use crate::world::{At, Broken, File, Lock, Renewer, Worker, World};

impl Protocol {
    /// Makes sure that it is alone in the worktree of its task, and that the claim is still its own.
    pub(crate) fn enter(&self, world: &mut World, actor: usize) -> Option<()> {
        let At::Recorded(claim) = world.actors[actor].at else { return None };
        let task = self.part(actor).task;
        let is_mine = world.held(task).is_some_and(|there| there.nonce == claim.nonce);
        if !is_mine && !self.has(Mutant::WorkWithoutFile) {
            world.actors[actor].at = At::Idle;
            return Some(());
        }
        let own = world.actors[actor].worker.claim();
        if own.is_some_and(|own| own.nonce == claim.nonce) {
            world.actors[actor].at = At::Holds(claim);
            return Some(());
        }
        // The one loop does it, a task's row in order: nobody else is in between.
        if self.on(task).any(|other| matches!(world.actors[other].at, At::Noting(_))) {
            return None;
        }
        let lives = self.on(task).any(|other| world.actors[other].worker.claim().is_some());
        let is_stray = matches!(world.actors[actor].worker, Worker::Stray(_));
        // A contender of the model has but one worker: it waits for its own stray.
        if is_stray || lives && (own.is_some() || !self.has(Mutant::SessionBesidePredecessor)) {
            return None;
        }
        world.actors[actor].at = At::Noting(claim);
        Some(())
    }

    /// Notes the generation in the worktree, and starts what works and what renews there.
    pub(crate) fn note(&self, world: &mut World, actor: usize) -> Option<()> {
        let At::Noting(claim) = world.actors[actor].at else { return None };
        let task = self.part(actor).task;
        if world.recorded[task][usize::from(claim.generation)] != claim.nonce {
            world.break_law(Broken::Unrecorded);
        }
        let of_file = world.held(task).filter(|_| self.has(Mutant::NoteOfTheFile));
        world.notes[task] = of_file.unwrap_or(claim).generation;
        world.actors[actor].at = At::Holds(claim);
        if self.part(actor).works {
            world.actors[actor].worker = Worker::Idle(claim);
        }
        if self.part(actor).renews && world.actors[actor].renewer == Renewer::None {
            world.actors[actor].renewer = Renewer::Idle(claim);
        }
        Some(())
    }

    /// The hook judges a commit while git holds the lock of the branch.
    pub(crate) fn judge(&self, world: &mut World, actor: usize) -> Option<()> {
        let Worker::Idle(claim) = world.actors[actor].worker else { return None };
        let task = self.part(actor).task;
        if !self.has(Mutant::VerdictBeforeRefLock) && self.branch_is_locked(world, task) {
            return None;
        }
        let file = world.held(task)?;
        let passes = file.generation == world.notes[task];
        if !passes && !self.has(Mutant::VerdictIgnoresGeneration) {
            return None;
        }
        if file.nonce != claim.nonce {
            world.break_law(Broken::FencedPasses);
        }
        world.actors[actor].worker = Worker::Judged(claim);
        Some(())
    }

    fn branch_is_locked(&self, world: &World, task: usize) -> bool {
        let is_git = |worker| matches!(worker, Worker::Judged(_) | Worker::Stray(_));
        self.on(task).any(|other| is_git(world.actors[other].worker))
    }

    /// Git moves the branch.
    pub(crate) fn accept(&self, world: &mut World, actor: usize) -> Option<()> {
        let (claim, after) = match world.actors[actor].worker {
            Worker::Judged(claim) => (claim, Worker::Idle(claim)),
            Worker::Stray(claim) => (claim, Worker::None),
            Worker::None | Worker::Idle(_) => return None,
        };
        let task = self.part(actor).task;
        if claim.generation < world.accepted[task] {
            world.break_law(Broken::StaleCommit);
        }
        world.accepted[task] = world.accepted[task].max(claim.generation);
        world.actors[actor].worker = after;
        Some(())
    }

    /// The worker ends in the middle of a commit, which git goes on with; nothing shows whose it is.
    pub(crate) fn end_without_git(&self, world: &mut World, actor: usize) -> Option<()> {
        let Worker::Judged(claim) = world.actors[actor].worker else { return None };
        self.scenario.strays.then(|| world.actors[actor].worker = Worker::Stray(claim))
    }

    /// The worker ends, or is ended; git frees the branch, or what it left is removed.
    pub(crate) fn end(world: &mut World, actor: usize) -> Option<()> {
        world.actors[actor].worker.claim()?;
        world.actors[actor].worker = Worker::None;
        Some(())
    }

    /// The shim takes the table lock and reads whether the claim is still its own.
    pub(crate) fn read_for_renewal(&self, world: &mut World, actor: usize) -> Option<()> {
        let Renewer::Idle(claim) = world.actors[actor].renewer else { return None };
        if !self.may_lock(world, Mutant::NoLockAtRenew) {
            return None;
        }
        let is_mine = match world.files[self.part(actor).task] {
            File::Whole(there) if there.nonce == claim.nonce => !there.fresh,
            File::Whole(_) => self.has(Mutant::RenewWithoutNonce),
            File::Absent => self.has(Mutant::RenewRecreates),
            File::Torn => false,
        };
        if !is_mine {
            return None;
        }
        if !self.has(Mutant::NoLockAtRenew) {
            world.table = Lock::Renewer(actor);
        }
        world.actors[actor].renewer = Renewer::Read(claim);
        Some(())
    }

    /// The shim publishes the renewed claim, and gives the table lock back.
    pub(crate) fn renew(&self, world: &mut World, actor: usize) -> Option<()> {
        let Renewer::Read(claim) = world.actors[actor].renewer else { return None };
        let task = self.part(actor).task;
        if claim.generation < world.last_recorded(task) {
            world.break_law(Broken::Anew);
        }
        world.files[task] = File::Whole(claim);
        Self::unlock(world, Lock::Renewer(actor));
        world.actors[actor].renewer = Renewer::Idle(claim);
        Some(())
    }

    /// The shim ends when its worker has ended, and when it is killed.
    pub(crate) fn end_renewer(world: &mut World, actor: usize) -> Option<()> {
        let works = world.actors[actor].worker.claim().is_some();
        match world.actors[actor].renewer {
            Renewer::None => return None,
            Renewer::Idle(_) if !works => {}
            Renewer::Idle(_) | Renewer::Read(_) => {
                world.left.kills = world.left.kills.checked_sub(1)?;
            }
        }
        Self::unlock(world, Lock::Renewer(actor));
        world.actors[actor].renewer = Renewer::None;
        Some(())
    }
}
