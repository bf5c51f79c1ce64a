//! Recording: what the claims became is committed to the ledger by compare-and-swap. It never takes
//! a commit without an answer for done, and reads again instead.

use crate::mutant::Mutant;
use crate::protocol::Protocol;
use crate::world::{At, Broken, Entry, File, Healer, Ledger, Lock, TASKS, World};

/// What is heard of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Heard,
    /// It was done, and the answer was lost.
    LostAfter,
    /// It was not done, and no answer says so.
    LostBefore,
}

impl Protocol {
    /// Returns whether this is news to a ledger that says the other.
    fn replaces(&self, new: Entry, recorded: Option<Entry>) -> bool {
        recorded.is_none_or(|old| {
            let is_later = new.generation > old.generation;
            let is_equal = new.generation == old.generation;
            if self.has(Mutant::EqualGenerationReplaces) {
                return is_later || (is_equal && new != old);
            }
            is_later || (is_equal && new.nonce == old.nonce && new.released != old.released)
        })
    }

    /// Reads the ledger: a claim that was published is recorded there, or may be, or cannot.
    pub(crate) fn read_ledger(&self, world: &mut World, actor: usize) -> Option<()> {
        let ledger = world.ledger;
        world.actors[actor].at = match world.actors[actor].at {
            At::Published(claim) => {
                let recorded = ledger[self.part(actor).task];
                if recorded == Some(claim.entry()) {
                    At::Recorded(claim)
                } else if self.replaces(claim.entry(), recorded) {
                    At::Committing(claim, ledger)
                } else {
                    // A later holder is on record, or another one of this generation.
                    At::Idle
                }
            }
            At::Releasing(task, claim) => At::Entombing(task, claim, ledger),
            At::Idle
            | At::Looked(_)
            | At::Deciding { .. }
            | At::Chosen(_)
            | At::Committing(..)
            | At::Recorded(_)
            | At::Noting(_)
            | At::Holds(_)
            | At::Entombing(..)
            | At::Removing(..) => return None,
        };
        Some(())
    }

    /// Commits to the ledger on top of what was read.
    pub(crate) fn commit(&self, world: &mut World, actor: usize, answer: Answer) -> Option<()> {
        let (task, read, new) = match world.actors[actor].at {
            At::Committing(claim, read) => (self.part(actor).task, read, claim.entry()),
            At::Entombing(task, claim, read) => (task, read, claim.tombstone()),
            At::Idle
            | At::Looked(_)
            | At::Deciding { .. }
            | At::Chosen(_)
            | At::Published(_)
            | At::Recorded(_)
            | At::Noting(_)
            | At::Holds(_)
            | At::Releasing(..)
            | At::Removing(..) => return None,
        };
        if answer != Answer::Heard {
            world.left.unheard = world.left.unheard.checked_sub(1)?;
        }
        let mut tree = read;
        if self.replaces(new, read[task]) {
            tree[task] =
                Some(new).filter(|new| !(new.released && self.has(Mutant::ResetAtRelease)));
        }
        let is_done = answer != Answer::LostBefore && self.swap(world, read, tree);
        let taken_for_done = match answer {
            Answer::Heard => is_done,
            Answer::LostAfter | Answer::LostBefore => self.has(Mutant::LostAckIsDone),
        };
        if taken_for_done {
            self.go_on(world, actor);
        } else {
            Self::read_again(world, actor);
        }
        Some(())
    }

    fn swap(&self, world: &mut World, read: Ledger, tree: Ledger) -> bool {
        let is_done = world.ledger == read || self.has(Mutant::LedgerWithoutCompare);
        if is_done {
            world.set_ledger(tree);
        }
        is_done
    }

    fn go_on(&self, world: &mut World, actor: usize) {
        let at = &mut world.actors[actor].at;
        if let At::Committing(claim, _) = *at {
            *at = At::Recorded(claim);
        } else if let At::Entombing(task, claim, _) = *at {
            *at = At::Removing(task, claim);
            if self.has(Mutant::FileBeforeTombstone) {
                *at = At::Idle;
                Self::unlock(world, Lock::Claimer(actor));
            }
        }
    }

    fn read_again(world: &mut World, actor: usize) {
        let at = &mut world.actors[actor].at;
        if let At::Committing(claim, _) = *at {
            *at = At::Published(claim);
        } else if let At::Entombing(task, claim, _) = *at {
            *at = At::Releasing(task, claim);
        }
    }

    /// Begins to compare the ledger with the files.
    pub(crate) fn heal_files(&self, world: &mut World) -> Option<()> {
        let may = self.scenario.heals && world.healer == Healer::Idle;
        if !may || !self.may_lock(world, Mutant::NoLockAtHealing) {
            return None;
        }
        if !self.has(Mutant::NoLockAtHealing) {
            world.table = Lock::Healer;
        }
        world.healer = Healer::Files(world.files);
        Some(())
    }

    /// Reads the ledger: what it does not say although the files do, and the other way round.
    pub(crate) fn heal_ledger(&self, world: &mut World) -> Option<()> {
        let Healer::Files(files) = world.healer else { return None };
        let mut tree = world.ledger;
        for task in 0..TASKS {
            let recorded = tree[task];
            match files[task] {
                File::Whole(claim) if self.replaces(claim.entry(), recorded) => {
                    tree[task] = Some(claim.entry());
                }
                File::Absent => {
                    tree[task] = recorded.map(|entry| Entry { released: true, ..entry });
                }
                File::Whole(_) | File::Torn => {}
            }
        }
        world.healer = if tree == world.ledger {
            Self::unlock(world, Lock::Healer);
            Healer::Idle
        } else {
            Healer::Both(world.ledger, tree)
        };
        Some(())
    }

    /// Commits the difference; if others were faster, the next look finds it again.
    pub(crate) fn heal_commit(&self, world: &mut World) -> Option<()> {
        let Healer::Both(read, tree) = world.healer else { return None };
        let ends = |task: usize| {
            read[task].is_some_and(|old| !old.released)
                && tree[task].is_some_and(|new| new.released)
        };
        let stands = |task: usize| {
            let entry = tree[task].map(|entry| entry.nonce);
            entry.is_some() && world.held(task).map(|claim| claim.nonce) == entry
        };
        let is_false = world.ledger == read && (0..TASKS).any(|task| ends(task) && stands(task));
        if is_false {
            world.break_law(Broken::FalseTombstone);
        }
        self.swap(world, read, tree);
        Self::unlock(world, Lock::Healer);
        world.healer = Healer::Idle;
        Some(())
    }
}
