//! Faults: what strikes from outside, each as often as its budget allows. A pause needs no step of
//! its own: whoever is not chosen sleeps, and keeps what it has read and the lock that it holds.

use crate::protocol::Protocol;
use crate::world::{At, File, Lock, TASKS, World};

impl Protocol {
    /// A claimer is killed: what it knew is gone, its lock is free, its worker lives on. Started again,
    /// it finds what it left.
    pub(crate) fn kill(world: &mut World, actor: usize) -> Option<()> {
        if world.actors[actor].at == At::Idle {
            return None;
        }
        world.left.kills = world.left.kills.checked_sub(1)?;
        Self::unlock(world, Lock::Claimer(actor));
        world.actors[actor].at = At::Idle;
        Some(())
    }

    /// A lease lapses: nobody renewed it, or clocks differ. Its worker may live.
    pub(crate) fn lapse(world: &mut World, task: usize) -> Option<()> {
        let claim = world.held(task).filter(|claim| claim.fresh)?;
        world.left.lapses = world.left.lapses.checked_sub(1)?;
        world.files[task] = File::Whole(crate::world::Claim { fresh: false, ..claim });
        Some(())
    }

    /// A person removes a claim file.
    pub(crate) fn remove_file(world: &mut World, task: usize) -> Option<()> {
        world.held(task)?;
        world.left.removals = world.left.removals.checked_sub(1)?;
        world.files[task] = File::Absent;
        world.meddled = true;
        Some(())
    }

    /// A claim file becomes unreadable.
    pub(crate) fn tear(world: &mut World, task: usize) -> Option<()> {
        world.held(task)?;
        world.left.tears = world.left.tears.checked_sub(1)?;
        world.files[task] = File::Torn;
        Some(())
    }

    /// The ref of the ledger is removed, while the files say all that it said. What was released is on
    /// record there alone: losing that is more than the protocol withstands.
    pub(crate) fn lose_ledger(&self, world: &mut World) -> Option<()> {
        let is_in_file = |task: usize| {
            world.ledger[task].is_none_or(|entry| {
                let held = world.held(task);
                !entry.released && held.is_some_and(|claim| claim.generation >= entry.generation)
            })
        };
        if world.ledger == [None; TASKS]
            || !(self.scenario.loses_releases || (0..TASKS).all(is_in_file))
        {
            return None;
        }
        world.left.losses = world.left.losses.checked_sub(1)?;
        world.ledger = [None; TASKS];
        Some(())
    }
}
