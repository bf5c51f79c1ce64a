//! What processes do while time passes: shims take their attempt, agents work and end.

use super::{Fault, Shim, SimAttempt, State, Work};
use crate::api::attempt::{Exit, ExitReason, ProcessId};
use crate::api::name::Owner;
use crate::plan::observed::WorktreeState;

impl State {
    pub(super) fn live(&mut self) {
        self.take_attempts();
        for (owner, number) in self.matching(|one| !one.agents.is_empty() || one.shim_lives()) {
            self.work(&owner, number);
        }
    }

    /// Returns the attempts that are so.
    pub(super) fn matching(&self, is: impl Fn(&SimAttempt) -> bool) -> Vec<(Owner, u32)> {
        let all = self.attempts.iter().flat_map(|(owner, one)| {
            one.all.iter().map(move |(number, one)| (owner, *number, one))
        });
        let found = all.filter(|(_, _, one)| is(one));
        found.map(|(owner, number, _)| (owner.clone(), number)).collect()
    }

    /// A shim that runs takes its attempt, unless that is taken or closed.
    fn take_attempts(&mut self) {
        for (id, session) in self.sessions.clone() {
            let (Some(owner), Some(number)) = (session.owner, session.attempt) else { continue };
            if session.is_idle {
                continue;
            }
            let late = self.rng.one_in(3) || self.is_full();
            let one = self.attempt(&owner, number);
            let taken = one.as_ref().is_some_and(|one| one.shim.is_some());
            let open = one.as_ref().is_some_and(|one| one.exit.is_none());
            let lives = one.is_some_and(|one| one.shim_lives());
            if !taken && open && late {
                self.attempt(&owner, number).into_iter().for_each(|one| one.late = true);
            } else if !taken && open {
                self.take(&owner, number);
            } else if !lives && (taken || !open) && !self.strikes(Fault::DeadPane) {
                // Its shim has nothing to do any more: the session goes with it.
                self.leave_session(id);
            }
        }
    }

    pub(super) fn take(&mut self, owner: &Owner, number: u32) {
        let (process, agent, started_at) = (self.process(), self.process(), self.now);
        let Some(one) = self.attempt(owner, number) else { return };
        one.shim = Some(Shim {
            process,
            alive: true,
            started_at,
            told: false,
            stubborn: false,
            unwritten: None,
        });
        if let Some(request) = &one.stop {
            let why = request.why;
            self.end(owner, number, ExitReason::Stopped { why });
        } else {
            one.agents.push(agent);
            *self.started.entry(owner.task.clone()).or_default() += 1;
            self.say(|| format!("  {}#{number} begins", owner.task));
        }
    }

    /// An agent changes something, commits something, or ends; its shim sees to its end.
    fn work(&mut self, owner: &Owner, number: u32) {
        let chance = self.rng.below(12);
        if self.stands_still(owner, number) {
            return;
        }
        let Some(one) = self.attempt(owner, number) else { return };
        let (alive, over, stop) = (one.shim_lives(), one.exit.is_some(), one.stop.clone());
        let serves = one.attempt.program.argv.iter().any(|word| word == "serve");
        let shim = one.shim.as_ref();
        let unwritten = shim.and_then(|shim| shim.unwritten.clone());
        let told = shim.is_some_and(|shim| shim.told && !shim.stubborn);
        if alive && over {
            // It lingers.
            if chance < 3
                && let Some(shim) = self.attempt(owner, number).and_then(|one| one.shim.as_mut())
            {
                shim.alive = false;
            }
            return;
        }
        if let Some(reason) = unwritten.filter(|_| alive) {
            self.end(owner, number, reason);
            return;
        }
        if alive {
            self.keep_claim(owner, number);
        }
        if let Some(request) = stop.filter(|_| alive && told) {
            let stubborn = self.strikes(Fault::Stubborn);
            match self.attempt(owner, number).and_then(|one| one.shim.as_mut()) {
                Some(shim) if stubborn => shim.stubborn = true,
                Some(_) | None => {
                    self.end(owner, number, ExitReason::Stopped { why: request.why });
                }
            }
            return;
        }
        if self.attempt(owner, number).is_some_and(|one| one.attempt.verifies.is_some()) {
            if alive {
                self.verify(owner, number, chance);
            } else {
                self.forsake(owner, number);
            }
            return;
        }
        // Where a tape says nothing, work is done.
        match chance {
            0 | 1 if !serves && alive => self.end(owner, number, ExitReason::Succeeded),
            0 | 1 if !serves => self.forsake(owner, number),
            2 | 3 => self.commit_changes(owner),
            4..=7 => self.change(owner),
            8 if alive && !serves && self.rng.one_in(3) => {
                self.mishaps += 1;
                self.end(owner, number, ExitReason::Failed { status: 1 });
            }
            9 if alive && !serves => self.say_done(owner, number),
            _ => {}
        }
    }

    /// An agent commits everything and says that it is done; it may end at any time from then on.
    fn say_done(&mut self, owner: &Owner, number: u32) {
        if self.is_full() {
            return;
        }
        self.commit_changes(owner);
        if let Some(one) = self.attempt(owner, number) {
            one.completed = true;
        }
    }

    /// An agent without a shim ends, and nobody hears of it.
    fn forsake(&mut self, owner: &Owner, number: u32) {
        if let Some(one) = self.attempt(owner, number) {
            one.agents.clear();
        }
    }

    pub(super) fn attempt(&mut self, owner: &Owner, number: u32) -> Option<&mut SimAttempt> {
        self.attempts.get_mut(owner)?.all.get_mut(&number)
    }

    /// The shim ends its agent, records the end and leaves.
    pub(super) fn end(&mut self, owner: &Owner, number: u32, reason: ExitReason) {
        if self.stands_still(owner, number) {
            return;
        }
        let (now, full) = (self.now, self.is_full());
        let lingers = self.strikes(Fault::Lingering);
        let Some(attempts) = self.attempts.get_mut(owner) else { return };
        let Some(one) = attempts.all.get_mut(&number) else { return };
        // It may be told to end twice in one moment.
        if one.shim.as_ref().is_some_and(|shim| !shim.alive) {
            return;
        }
        one.agents.clear();
        // Its word counts more than its end.
        let reason = if one.completed { ExitReason::Succeeded } else { reason };
        if let Some(shim) = &mut one.shim {
            if full {
                shim.unwritten.get_or_insert(reason);
                return;
            }
            shim.alive = lingers;
        }
        attempts.changed = now;
        let started_at = one.shim.as_ref().map(|shim| shim.started_at);
        let exit = one.exit.get_or_insert(Exit { started_at, ended_at: now, reason, class: None });
        let how = exit.reason.clone();
        self.say(|| format!("  {}#{number} {how}", owner.task));
        // Now and then the server misses that its pane has died.
        if !lingers && !self.rng.one_in(4) {
            self.empty_session(owner, number);
        }
    }

    /// Something is written in the worktree of this mark.
    pub(super) fn change(&mut self, owner: &Owner) {
        let work: Work = self.fresh();
        let whole = |one: &&mut super::SimWorktree| {
            one.owner.as_ref() == Some(owner) && one.state == WorktreeState::Ready
        };
        if let Some(worktree) = self.worktrees.values_mut().find(whole) {
            worktree.unsaved.insert(work);
            self.produced.insert(work);
        }
    }

    pub(super) fn commit_changes(&mut self, owner: &Owner) {
        let mut worktrees = self.worktrees.values_mut();
        let Some(one) = worktrees.find(|one| one.owner.as_ref() == Some(owner)) else { return };
        match one.head.as_ref().and_then(|branch| self.branches.get_mut(branch)) {
            Some(branch) => branch.append(&mut one.unsaved),
            None => one.loose.append(&mut one.unsaved),
        }
    }

    pub(super) fn process(&mut self) -> ProcessId {
        let start_time = self.fresh();
        // Few pids, so that they are reused.
        let pid = u32::try_from(start_time % 7).unwrap_or(0) + 1;
        ProcessId { pid, start_time, boot_id: format!("boot-{}", self.boot) }
    }
}
