//! What people hold back at run time, and what they let try anew. It stops nothing by itself.

use super::{Fault, State};
use crate::api::attempt::ExitReason;
use crate::api::hold::{Hold, HoldKind, Holds, Retrial, Target};
use crate::api::name::{TaskName, WorkerName};
use jiff::SignedDuration;
use std::collections::BTreeSet;

impl State {
    /// Lets a person hold something back, lift everything, or let a task try anew.
    pub(super) fn hold_back(&mut self) {
        if !self.strikes(Fault::HeldBack) {
            return;
        }
        match self.rng.below(4) {
            0 => self.holds = Holds::default(),
            1 => self.try_anew(),
            2 => self.hold_worker(),
            _ => self.pause_something(),
        }
    }

    fn pause_something(&mut self) {
        let names: Vec<TaskName> = self.desired.tasks.keys().cloned().collect();
        let task = self.rng.pick(&names).cloned().map(Target::Task);
        let target = if self.rng.one_in(2) { Some(Target::All) } else { task };
        // Half a record holds as well.
        let hold = if self.rng.one_in(4) {
            Err("half a file".to_owned())
        } else {
            Ok(self.hold(HoldKind::Pause))
        };
        if let Some(target) = target {
            self.say(|| format!("  {target} is paused"));
            self.holds.insert(target, hold);
        }
    }

    fn hold_worker(&mut self) {
        let names: Vec<WorkerName> = self.desired.workers.keys().cloned().collect();
        let Some(name) = self.rng.pick(&names).cloned() else { return };
        let seconds = self.rng.below(60).cast_signed();
        let stop_at = self.now.saturating_add(SignedDuration::from_secs(seconds));
        let stop_at = stop_at.unwrap_or(self.now);
        let kinds = [HoldKind::Drain { stop_at }, HoldKind::Cordon, HoldKind::Pause];
        let kind = self.rng.pick(&kinds).copied().unwrap_or(HoldKind::Cordon);
        let hold = self.hold(kind);
        self.say(|| format!("  worker {name} is {hold}"));
        self.holds.insert(Target::Worker(name), Ok(hold));
    }

    fn hold(&mut self, kind: HoldKind) -> Hold {
        let (seconds, lapses) = (self.rng.below(120).cast_signed(), self.rng.one_in(2));
        let until = self.now.saturating_add(SignedDuration::from_secs(seconds)).ok();
        let until = until.filter(|_| lapses);
        Hold { kind, by: "ada".to_owned(), since: self.now, until, reason: String::new() }
    }

    /// A task whose last attempt is over, and did not succeed, may try anew.
    fn try_anew(&mut self) {
        let names: Vec<TaskName> = self.records.keys().cloned().collect();
        let Some(name) = self.rng.pick(&names).cloned() else { return };
        let record = self.records.get(&name).filter(|record| !record.damaged);
        let Some(owner) = record.map(|record| record.content.owner()) else { return };
        let attempts = self.attempts.get(&owner).and_then(|one| one.all.last_key_value());
        let Some((after, last)) = attempts else { return };
        let work = self.attempts_of(&owner).filter(|one| one.attempt.verifies.is_none()).last();
        let is_done = work.is_some_and(|one| {
            one.exit.as_ref().is_some_and(|exit| exit.reason == ExitReason::Succeeded)
                && !self.could_not_land(&one.attempt.id)
        });
        if last.exit.is_none() || is_done {
            return;
        }
        let (by, reason) = ("ada".to_owned(), String::new());
        let retrial = Retrial { uid: owner.uid, after: *after, by, at: self.now, reason };
        self.retrials.insert(name, retrial);
    }

    /// Returns the workers that a person drains.
    pub(super) fn drained(&self) -> BTreeSet<WorkerName> {
        let drains = |hold: &Hold| matches!(hold.kind, HoldKind::Drain { .. });
        let workers = self.holds.workers.iter();
        let drained = workers.filter(|(_, hold)| hold.as_ref().is_ok_and(drains));
        drained.map(|(name, _)| name.clone()).collect()
    }
}
