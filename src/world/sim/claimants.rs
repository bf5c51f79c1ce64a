//! Who holds a claim while time passes: shims renew theirs or find it taken over, people take tasks
//! and give them back, and either may stand still. It takes no decision of the loop's.

use super::{Fault, File, State};
use crate::api::attempt::{ExitReason, StopReason};
use crate::api::claim::{Claim, Heartbeat};
use crate::api::name::{Owner, TaskName, Uid};
use crate::api::path::first_overlap;
use crate::api::worker::WorkerType;
use crate::plan::observed::WorktreeState;
use jiff::SignedDuration;

impl State {
    fn heartbeat(&self) -> Heartbeat {
        Heartbeat { at: self.now, boot: self.boot_time() }
    }

    fn lease(&self) -> SignedDuration {
        SignedDuration::from_secs(self.desired.policy().locks.expiry_seconds.into())
    }

    /// A shim renews the claim of its attempt in time; one that finds it taken over ends.
    pub(super) fn keep_claim(&mut self, owner: &Owner, number: u32) {
        let seat = self.attempt(owner, number).map(|one| one.attempt.seat.clone());
        let claim = self.claims.get(&owner.task).filter(|claim| !claim.damaged);
        let (Some(seat), Some(claim)) = (seat, claim.map(|one| one.content.clone())) else {
            return;
        };
        if (&claim.uid, &claim.seat) != (&owner.uid, &seat) {
            self.end(owner, number, ExitReason::Stopped { why: StopReason::TakenOver });
            return;
        }
        let left = claim.time_left(self.now, &self.boot_time());
        if left <= claim.lease() * 2 / 3 && !self.is_full() {
            let renewed = claim.renewed(self.heartbeat(), self.lease());
            self.claims.insert(owner.task.clone(), File::new(renewed));
        }
    }

    /// A person claims something, gives it back, or says that it is done.
    pub(super) fn claimants(&mut self) {
        if self.strikes(Fault::PersonClaims) {
            let mut names: Vec<TaskName> = self.desired.tasks.keys().cloned().collect();
            names.push("lock-1".parse().expect("a name"));
            let by_person = self.claims.iter().filter(|(_, claim)| claim.content.is_by_person());
            let theirs: Vec<TaskName> = by_person.map(|(name, _)| name.clone()).collect();
            // Who has something does something about it more often than others ask for it.
            if !theirs.is_empty() && !self.rng.one_in(3) {
                names = theirs;
            }
            let Some(name) = self.rng.pick(&names).cloned() else { return };
            let what = self.rng.below(6);
            self.meddle_with_claim(&name, what);
        }
        if self.strikes(Fault::ShimPaused) {
            let live = self.matching(super::SimAttempt::shim_lives);
            if let Some((owner, number)) = self.rng.pick(&live).cloned() {
                self.stop_or_go_on(&owner, number);
            }
        }
        if self.strikes(Fault::Suspended) {
            let seconds = self.rng.below(7200).cast_signed();
            self.sleep(SignedDuration::from_secs(seconds));
            self.awake_since = self.boot_millis;
        }
    }

    fn meddle_with_claim(&mut self, name: &TaskName, what: u64) {
        match what {
            0..=2 => self.claim_as_person(name),
            3 => self.replace_by_person(name),
            4 => self.give_back(name),
            _ => {
                let (now, beat, lease) = (self.now, self.heartbeat(), self.lease());
                let completes = self.rng.one_in(2);
                let Some(claim) = self.persons_claim(name) else { return };
                claim.completed_at = completes.then_some(now);
                *claim = claim.renewed(beat, lease);
            }
        }
    }

    fn persons_claim(&mut self, name: &TaskName) -> Option<&mut Claim> {
        let claim = self.claims.get_mut(name).filter(|claim| !claim.damaged)?;
        claim.content.is_by_person().then_some(&mut claim.content)
    }

    fn claim_as_person(&mut self, name: &TaskName) {
        if self.claims.contains_key(name) || self.claims.values().any(|one| one.damaged) {
            return;
        }
        let spec = self.desired.tasks.get(name).and_then(|entry| entry.spec.as_ref());
        let files = spec.map_or_else(Vec::new, |spec| spec.files.clone());
        let mut held = self.claims.values().map(|one| &one.content.locked_files);
        if held.any(|held| first_overlap(held, &files).is_some()) {
            return;
        }
        let number = self.fresh();
        let record = self.records.get(name).map(|one| one.content.uid.clone());
        let uid = record.unwrap_or_else(|| Uid::derive(number.into(), name.as_str()));
        let heartbeat = self.heartbeat();
        let claim = Claim {
            task: name.clone(),
            uid,
            seat: "alice-1".to_owned().try_into().expect("a seat"),
            worker_type: WorkerType::Human,
            claimed_at: self.now,
            locked_files: files,
            branch_name: None,
            expires_at: self.now,
            heartbeat: heartbeat.clone(),
            generation: 0,
            nonce: Uid::derive(number.into(), "claim"),
            node: "here".to_owned(),
            attempt: None,
            process: None,
            reason: None,
            completed_at: None,
        };
        let claim = claim.renewed(heartbeat, self.lease());
        self.publish_for_person(claim);
    }

    /// Takes a claim from whoever has it.
    fn replace_by_person(&mut self, name: &TaskName) {
        let Some(held) = self.claims.get(name).filter(|one| !one.damaged) else { return };
        let mut claim = held.content.renewed(self.heartbeat(), self.lease());
        claim.seat = "bob-1".to_owned().try_into().expect("a seat");
        claim.worker_type = WorkerType::Human;
        claim.nonce = Uid::derive(self.fresh().into(), "claim");
        claim.completed_at = None;
        self.publish_for_person(claim);
    }

    fn publish_for_person(&mut self, mut claim: Claim) {
        let last = self.generations.entry(claim.task.clone()).or_default();
        *last += 1;
        claim.generation = *last;
        let last = claim.generation;
        self.say(|| format!("  {} claims {}, generation {last}", claim.seat, claim.task));
        self.claims.insert(claim.task.clone(), File::new(claim));
    }

    fn give_back(&mut self, name: &TaskName) {
        if self.persons_claim(name).is_some() {
            self.claims.remove(name);
        }
    }

    /// Stops the processes of an attempt, or lets stopped ones go on.
    fn stop_or_go_on(&mut self, owner: &Owner, number: u32) {
        let shim = self.attempt(owner, number).and_then(|one| one.shim.as_ref());
        let Some(process) = shim.map(|shim| shim.process.clone()) else { return };
        if self.paused.remove(&process) {
            self.wake_up(owner, number);
        } else {
            self.paused.insert(process);
        }
    }

    /// Returns whether the processes of an attempt are stopped: nothing they are told is heard.
    pub(super) fn stands_still(&mut self, owner: &Owner, number: u32) -> bool {
        let shim = self.attempt(owner, number).and_then(|one| one.shim.as_ref());
        let process = shim.filter(|shim| shim.alive).map(|shim| shim.process.clone());
        process.is_some_and(|process| self.paused.contains(&process))
    }

    /// A terminal that goes away sends SIGCONT after SIGHUP.
    pub(super) fn go_on(&mut self, owner: &Owner, number: u32) {
        let shim = self.attempt(owner, number).and_then(|one| one.shim.as_ref());
        if let Some(process) = shim.map(|shim| shim.process.clone()) {
            self.paused.remove(&process);
        }
    }

    /// What came while it stood still is seen now.
    fn wake_up(&mut self, owner: &Owner, number: u32) {
        let open = self
            .sessions
            .values()
            .any(|one| one.owner.as_ref() == Some(owner) && one.attempt == Some(number));
        if !open && self.attempt(owner, number).is_some_and(|one| one.shim_lives()) {
            self.end(owner, number, ExitReason::HungUp);
        }
    }

    /// People have no claims any more. Who stands still does so for ever.
    pub(super) fn end_claims(&mut self) {
        self.claims.retain(|_, claim| !claim.content.is_by_person());
    }

    /// Ends a person's claim that lapsed, unless something in its worktree is unsaved.
    pub(super) fn expire(&mut self, owner: &Owner, generation: u64) -> super::perform::Answer {
        let held = self.claims.get(&owner.task).map(File::read).transpose();
        let held = held.map_err(super::ActionError)?.cloned();
        let Some(held) = held else { return Ok(super::Outcome::AlreadySo) };
        if held.time_left(self.now, &self.boot_time()).is_positive() {
            return Ok(super::refused("it was renewed"));
        }
        let path = super::places().worktree(&owner.task);
        let unsaved = self.worktrees.get(&path).is_some_and(|one| {
            one.state == WorktreeState::Ready && !(one.unsaved.is_empty() && one.loose.is_empty())
        });
        if unsaved {
            return super::failed("something is unsaved");
        }
        self.release(owner, generation)
    }
}
