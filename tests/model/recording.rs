//! Recording: what the claims became is committed to the ledger by compare-and-swap. It never takes
//! a commit without an answer for done, and reads again instead.

use crate::mutant::Mutant;
use crate::protocol::Protocol;
use crate::world::{At, Broken, Entry, File, Healer, How, Ledger, Lock, TASKS, World};

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
            At::Releasing(end) => At::Entombing(end, ledger),
            At::Idle
            | At::Looked(_)
            | At::Deciding { .. }
            | At::Chosen(_)
            | At::Committing(..)
            | At::Recorded(_)
            | At::Noting(_)
            | At::Holds(_)
            | At::Entombing(..)
            | At::Entombed(_)
            | At::Removing(_) => return None,
        };
        Some(())
    }

    /// Commits to the ledger on top of what was read.
    pub(crate) fn commit(&self, world: &mut World, actor: usize, answer: Answer) -> Option<()> {
        let (task, read, new) = match world.actors[actor].at {
            At::Committing(claim, read) => (self.part(actor).task, read, claim.entry()),
            At::Entombing(end, read) => (end.task, read, end.claim.tombstone()),
            At::Idle
            | At::Looked(_)
            | At::Deciding { .. }
            | At::Chosen(_)
            | At::Published(_)
            | At::Recorded(_)
            | At::Noting(_)
            | At::Holds(_)
            | At::Releasing(_)
            | At::Entombed(_)
            | At::Removing(_) => return None,
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
        } else if let At::Entombing(end, _) = *at {
            *at = match end.how {
                _ if self.has(Mutant::FileBeforeTombstone) => At::Idle,
                How::Own => At::Entombed(end),
                How::Force => At::Removing(end),
            };
            if *at == At::Idle {
                Self::unlock(world, Lock::Claimer(actor));
            }
        }
    }

    fn read_again(world: &mut World, actor: usize) {
        let at = &mut world.actors[actor].at;
        if let At::Committing(claim, _) = *at {
            *at = At::Published(claim);
        } else if let At::Entombing(end, _) = *at {
            *at = At::Releasing(end);
        }
    }

    /// Begins to compare the ledger with the files: it reads the ledger, which so is the older.
    pub(crate) fn heal_first(&self, world: &mut World) -> Option<()> {
        if !self.scenario.heals || world.healer != Healer::Idle {
            return None;
        }
        world.healer = if self.has(Mutant::HealingReadsFilesFirst) {
            Healer::Files(world.files)
        } else {
            Healer::Ledger(world.ledger)
        };
        Some(())
    }

    /// Reads the other: what does the ledger not say although the files do, or the other way round?
    pub(crate) fn heal_second(&self, world: &mut World) -> Option<()> {
        let (ledger, files) = match world.healer {
            Healer::Ledger(ledger) => (ledger, world.files),
            Healer::Files(files) => (world.ledger, files),
            Healer::Idle | Healer::Both(_) => return None,
        };
        let changes = std::array::from_fn(|task: usize| match files[task] {
            File::Whole(claim) => {
                Some(claim.entry()).filter(|new| self.replaces(*new, ledger[task]))
            }
            File::Absent => ledger[task].filter(|old| !old.released).map(Entry::ended),
            File::Torn => None,
        });
        world.healer = if changes == [None; TASKS] { Healer::Idle } else { Healer::Both(changes) };
        Some(())
    }

    /// Commits what is still news to the ledger.
    pub(crate) fn heal_commit(&self, world: &mut World) -> Option<()> {
        let Healer::Both(changes) = world.healer else { return None };
        let mut tree = world.ledger;
        for (task, change) in changes.into_iter().enumerate() {
            let Some(new) = change.filter(|new| self.replaces(*new, tree[task])) else { continue };
            let stands = world.held(task).is_some_and(|claim| claim.nonce == new.nonce);
            if new.released && stands && !world.meddled {
                world.break_law(Broken::FalseTombstone);
            }
            tree[task] = Some(new);
        }
        world.set_ledger(tree);
        world.healer = Healer::Idle;
        Some(())
    }
}
