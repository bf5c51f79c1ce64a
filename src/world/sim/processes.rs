//! What processes do while time passes: shims take their attempt, agents work and end.

use super::{Shim, State};
use crate::api::attempt::{Exit, ExitReason, ProcessId};
use crate::api::name::Owner;

impl State {
    pub(super) fn live(&mut self) {
        self.take_attempts();
        for (owner, number) in self.live_attempts() {
            self.work(&owner, number);
        }
    }

    /// Returns the attempts whose shim lives.
    pub(super) fn live_attempts(&self) -> Vec<(Owner, u32)> {
        self.attempts
            .iter()
            .flat_map(|(owner, all)| all.iter().map(move |(number, one)| (owner, *number, one)))
            .filter(|(_, _, one)| one.shim.as_ref().is_some_and(|shim| shim.alive))
            .map(|(owner, number, _)| (owner.clone(), number))
            .collect()
    }

    /// A shim that runs takes its attempt, unless that is taken or closed.
    fn take_attempts(&mut self) {
        for (id, session) in self.sessions.clone() {
            let (Some(owner), Some(number)) = (session.owner, session.attempt) else { continue };
            let late = self.rng.one_in(3);
            let one = self.attempt(&owner, number);
            let taken = one.as_ref().is_some_and(|one| one.shim.is_some());
            let open = one.as_ref().is_some_and(|one| one.exit.is_none());
            let lives = one.is_some_and(|one| one.shim.as_ref().is_some_and(|shim| shim.alive));
            if !taken && open && !late {
                self.take(&owner, number);
            } else if !lives && (taken || !open) {
                // Its shim has nothing to do any more: the session goes with it.
                self.sessions.remove(&id);
            }
        }
    }

    fn take(&mut self, owner: &Owner, number: u32) {
        let (shim, agent, started_at) = (self.process(), self.process(), self.now);
        let Some(one) = self.attempt(owner, number) else { return };
        one.shim = Some(Shim { process: shim, alive: true, started_at });
        if one.stop.is_none() {
            one.agents.push(agent);
            *self.started.entry(owner.task.clone()).or_default() += 1;
            self.say(|| format!("  {}#{number} begins", owner.task));
        }
    }

    /// An agent changes something, commits something, or ends.
    fn work(&mut self, owner: &Owner, number: u32) {
        let chance = self.rng.below(12);
        let stopped = self.attempt(owner, number).and_then(|one| one.stop.clone());
        if let Some(request) = stopped {
            self.end(owner, number, ExitReason::Stopped { why: request.why });
            return;
        }
        // Where a tape says nothing, work is done.
        match chance {
            0 | 1 => self.end(owner, number, ExitReason::Succeeded),
            2 | 3 => self.commit_changes(owner),
            4..=7 => self.change(owner),
            8 if self.rng.one_in(3) => {
                self.end(owner, number, ExitReason::Failed { status: 1 });
            }
            _ => {}
        }
    }

    pub(super) fn attempt(&mut self, owner: &Owner, number: u32) -> Option<&mut super::SimAttempt> {
        self.attempts.get_mut(owner)?.get_mut(&number)
    }

    /// The shim ends its agent, records the end and leaves.
    pub(super) fn end(&mut self, owner: &Owner, number: u32, reason: ExitReason) {
        let now = self.now;
        if let Some(one) = self.attempt(owner, number) {
            one.agents.clear();
            let started_at = one.shim.as_ref().map(|shim| shim.started_at);
            let exit = one.exit.get_or_insert(Exit { started_at, ended_at: now, reason });
            let how = exit.reason.clone();
            if let Some(shim) = &mut one.shim {
                shim.alive = false;
            }
            self.say(|| format!("  {}#{number} {how}", owner.task));
        }
        // Now and then the server misses that its pane has died.
        if !self.rng.one_in(4) {
            self.sessions
                .retain(|_, one| one.owner.as_ref() != Some(owner) || one.attempt != Some(number));
        }
    }

    pub(super) fn change(&mut self, owner: &Owner) {
        let work = self.fresh();
        let mut of_owner = self.worktrees.values_mut().filter(|one| one.owner == *owner);
        if let Some(worktree) = of_owner.next() {
            worktree.unsaved.insert(work);
            self.produced.insert(work);
        }
    }

    fn commit_changes(&mut self, owner: &Owner) {
        let mut of_owner = self.worktrees.values_mut().filter(|one| one.owner == *owner);
        let Some(worktree) = of_owner.next() else { return };
        let Some(branch) = self.branches.get_mut(&worktree.branch) else { return };
        branch.append(&mut worktree.unsaved);
    }

    pub(super) fn process(&mut self) -> ProcessId {
        let start_time = self.fresh();
        // Few pids, so that they are reused.
        let pid = u32::try_from(start_time % 7).unwrap_or(0) + 1;
        ProcessId { pid, start_time, boot_id: "boot".to_owned() }
    }
}
