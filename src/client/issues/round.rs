//! One round over all issues that are ours and those that could be. It writes nothing to an issue before
//! it has read that the claim still is ours.

use super::{Intake, Pulled};
use crate::api::claim::BootTime;
use crate::api::issue::{Book, Lease, LeaseState, Stage, Sure, Taken};
use crate::client::board::Hub;
use crate::client::{Client, Error, Proposal, Snapshot};
use crate::github::{self, Found, Grip, Home};
use crate::intake::{self, Scene, Sight, Step, Work};
use crate::process::{clock, identity};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A round under way.
pub(super) struct Round<'a> {
    pub(super) client: &'a Client,
    pub(super) hub: &'a Hub,
    pub(super) intake: &'a mut Intake,
    pub(super) home: Home,
    pub(super) book: Book,
    pub(super) snapshot: Snapshot,
    pub(super) out: Pulled,
}

/// What a round looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// What changed here.
    Here,
    /// The issues and their claims as well.
    Everywhere,
}

/// Whether what is done next is still to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Going {
    /// It is.
    On,
    /// The issue is not ours any more.
    Over,
}

/// What two reckonings of one end may differ by, in milliseconds: GitHub tells its time to the second.
const A_LITTLE: u64 = 5_000;

/// Returns for how long a claim is nobody else's that ends then. `from` is a moment of this boot, and `now` is
/// what GitHub said that it was after that.
pub(super) fn sure(from: Option<BootTime>, now: Timestamp, ends: Timestamp) -> Option<Sure> {
    let left_millis = u64::try_from(ends.duration_since(now).as_millis()).ok()?;
    Some(Sure { from: from?, left_millis })
}

impl Round<'_> {
    pub(super) async fn run(mut self, proposals: &[Proposal]) -> Result<Pulled, Error> {
        let poll = Duration::from_secs(u64::from(self.hub.policy.poll_seconds));
        let is_due = self.intake.polled.is_none_or(|at| at + poll <= clock::since_boot());
        let look = if is_due && !self.intake.is_off() { Look::Everywhere } else { Look::Here };
        let keys: Vec<String> = self.book.taken.keys().cloned().collect();
        for key in keys {
            if self.is_over() {
                return Ok(self.out);
            }
            let done = self.follow(&key, look, proposals).await;
            self.go_on(&key, done)?;
        }
        if is_due {
            if !self.intake.is_off() {
                self.take_more(proposals).await?;
            }
            self.intake.polled = Some(clock::since_boot());
        }
        if self.intake.is_off() {
            let name = &self.home.name;
            self.out.notes.push(format!(
                "{name} has issues switched off: none are taken, and none are told; switch them on in \
                 its settings, it is looked again once an hour"
            ));
        }
        Ok(self.out)
    }

    /// Returns whether the program is to end.
    pub(super) fn is_over(&self) -> bool {
        self.hub.over.as_ref().is_some_and(|over| *over.borrow())
    }

    /// Lets the other issues go on where one is refused; what concerns all of them ends the round.
    pub(super) fn go_on(&mut self, key: &str, done: Result<(), Error>) -> Result<(), Error> {
        match done {
            Err(Error::Github(
                error @ (github::Error::Refused(_) | github::Error::NotFound(_)),
            )) => {
                self.out.notes.push(format!("{key}: {error}"));
                Ok(())
            }
            Err(error @ (Error::Refused { .. } | Error::Invalid(_))) => {
                self.out.notes.push(format!("{key}: {error}"));
                Ok(())
            }
            done => done,
        }
    }

    /// Does what is to be done with an issue that is ours.
    pub(super) async fn follow(
        &mut self,
        key: &str,
        look: Look,
        proposals: &[Proposal],
    ) -> Result<(), Error> {
        let Some(mut taken) = self.book.taken.get(key).cloned() else { return Ok(()) };
        if (taken.stage == Stage::Claiming || taken.moving.is_some())
            && self.resolve(&mut taken).await? == Going::Over
        {
            let work = self.work(&taken, proposals).await?;
            return self.lose(&taken, &work).await;
        }
        let issue = match look {
            Look::Everywhere => self.see(taken.ticket.issue).await?,
            Look::Here => Sight::NotLooked,
        };
        let work = self.work(&taken, proposals).await?;
        intake::note(&mut taken, &work);
        self.remember(&taken)?;
        // Another may have it by now although nothing is to be said.
        let known = self.intake.now().filter(|_| look == Look::Here);
        let now = if let Some(now) = known {
            now
        } else {
            match self.confirm(&mut taken).await? {
                Some(now) => now,
                None => return self.lose(&taken, &work).await,
            }
        };
        // Where there are no issues nothing can be told; the claim is kept.
        let telling = if self.intake.is_off() { &Work::Unknown } else { &work };
        let (issue, lease) = (&issue, self.lease());
        let scene = Scene { taken: &taken, issue, work: telling, lease, now };
        for step in intake::decide(scene) {
            if self.confirm(&mut taken).await?.is_none() {
                return self.lose(&taken, &work).await;
            }
            if self.perform(&mut taken, &step, &work).await? == Going::Over {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks what is where an issue was.
    pub(super) async fn see(&mut self, number: u64) -> Result<Sight, Error> {
        match self.hub.github.issue(&self.home.name, number).await? {
            Found::Issue(issue) => return Ok(Sight::There(issue)),
            Found::Gone | Found::Moved => {}
        }
        let home = self.hub.github.home(&self.home.name).await?;
        if home.name != self.home.name {
            return Err(github::Error::Renamed(home.name).into());
        }
        if home.has_issues {
            return Ok(Sight::Gone);
        }
        self.intake.off = Some(clock::since_boot());
        Ok(Sight::NotLooked)
    }

    /// Finds out what became of a change of the claim that nobody confirmed.
    async fn resolve(&mut self, taken: &mut Taken) -> Result<Going, Error> {
        let (at, _) = self.look(taken).await?;
        if at.is_some() && at == taken.moving {
            taken.commit = at.unwrap_or_default();
        } else if at.as_deref() != Some(&taken.commit) {
            return Ok(Going::Over);
        }
        taken.moving = None;
        taken.stage = taken.stage.max(Stage::Claimed);
        self.remember(taken)?;
        Ok(Going::On)
    }

    /// Returns the commit that the claim is at, and the time at GitHub.
    pub(super) async fn look(
        &mut self,
        taken: &Taken,
    ) -> Result<(Option<String>, Timestamp), Error> {
        let found = self.hub.github.claim(&self.home.name, &taken.ticket.claim_ref()).await?;
        self.intake.tell_time(found.1);
        Ok(found)
    }

    /// Looks whether the claim is ours still, and remembers until when that is sure; returns the time at
    /// GitHub if it is.
    async fn confirm(&mut self, taken: &mut Taken) -> Result<Option<Timestamp>, Error> {
        let from = clock::boot_time().ok();
        let (at, now) = self.look(taken).await?;
        if at.as_deref() != Some(&taken.commit) {
            return Ok(None);
        }
        let seen = sure(from, now, taken.expires_at);
        // It tells nothing new unless the claim was moved, or this machine started anew.
        let is_new = |new: &Sure| {
            taken.sure.as_ref().is_none_or(|old| {
                old.from.boot_id != new.from.boot_id || old.until() + A_LITTLE < new.until()
            })
        };
        if seen.as_ref().is_some_and(is_new) {
            taken.sure = seen;
            self.remember(taken)?;
        }
        Ok(Some(now))
    }

    /// Stops what another works on by now.
    async fn lose(&mut self, taken: &Taken, work: &Work) -> Result<(), Error> {
        let is_over = matches!(taken.stage, Stage::Completed | Stage::Failed);
        match work {
            // Whether it is to be stopped shows the next time.
            Work::Unknown => return Ok(()),
            Work::Open { .. } if !is_over => {
                self.suspend(taken, "another node took its issue over").await?;
            }
            Work::Proposed => self.withdraw(taken).await?,
            Work::Open { .. } | Work::Absent | Work::Completed(_) | Work::Failed(_) => {}
        }
        if taken.stage > Stage::Claiming {
            let note = format!("{}: its claim is not ours any more", taken.ticket);
            self.out.notes.push(note);
        }
        self.forget(taken)
    }

    /// Makes a claim say this from now on.
    pub(super) async fn restate(
        &mut self,
        taken: &mut Taken,
        state: LeaseState,
    ) -> Result<Going, Error> {
        let from = clock::boot_time().ok();
        let (lease, now) = self.lease_of(taken, state).await?;
        let message = lease.message(&taken.ticket);
        let commit = self.hub.github.claim_commit(&self.home, &message).await?;
        taken.moving = Some(commit.clone());
        self.remember(taken)?;
        let name = taken.ticket.claim_ref();
        let places = (taken.commit.as_str(), Some(commit.as_str()));
        match self.hub.github.move_claim(&self.home, &name, places).await? {
            Grip::Ours => {
                (taken.commit, taken.moving) = (commit, None);
                taken.expires_at = lease.expires_at;
                taken.sure = sure(from, now, taken.expires_at);
                self.remember(taken)?;
                Ok(Going::On)
            }
            Grip::NotYet => {
                taken.moving = None;
                self.remember(taken)?;
                Err(github::Error::Unknown(format!("{name} was not moved")).into())
            }
            Grip::Lost => {
                taken.moving = None;
                self.remember(taken)?;
                // The next round finds it so, and stops the task.
                self.intake.look_again();
                Ok(Going::Over)
            }
        }
    }

    /// Returns what the claim is to say, and the time at GitHub.
    async fn lease_of(
        &mut self,
        taken: &Taken,
        state: LeaseState,
    ) -> Result<(Lease, Timestamp), Error> {
        let now = match self.intake.now() {
            Some(now) => now,
            None => self.look(taken).await?.1,
        };
        let lease = Lease {
            worker: taken.worker.clone(),
            node: identity::node().to_owned(),
            nonce: taken.nonce.clone(),
            state,
            expires_at: now + self.lease(),
        };
        Ok((lease, now))
    }

    /// Returns how long a claim holds: as long as a lock.
    pub(super) fn lease(&self) -> SignedDuration {
        let policy = self.snapshot.desired.known().map(|desired| desired.policy().locks);
        SignedDuration::from_secs(i64::from(policy.unwrap_or_default().expiry_seconds))
    }

    pub(super) fn remember(&mut self, taken: &Taken) -> Result<(), Error> {
        let key = taken.ticket.to_string();
        if self.book.taken.get(&key) == Some(taken) {
            return Ok(());
        }
        self.book.taken.insert(key, taken.clone());
        Ok(self.client.records().set_issues(&self.book)?)
    }

    pub(super) fn forget(&mut self, taken: &Taken) -> Result<(), Error> {
        self.book.taken.remove(&taken.ticket.to_string());
        Ok(self.client.records().set_issues(&self.book)?)
    }

    async fn perform(
        &mut self,
        taken: &mut Taken,
        step: &Step,
        work: &Work,
    ) -> Result<Going, Error> {
        match step {
            Step::Propose => self.propose(taken).await?,
            Step::Renew => return self.restate(taken, LeaseState::Held).await,
            Step::Label(label) => self.label(taken, label).await?,
            Step::Unlabel(label) => self.unlabel(taken, label).await?,
            Step::Assign => self.assign(taken).await?,
            Step::Say(remark) => self.say(taken, remark).await?,
            Step::Progress => self.show_progress(taken).await?,
            Step::Settle(stage) => return self.settle(taken, *stage).await,
            Step::Suspend(why) => self.suspend(taken, why).await?,
            Step::Release => return self.release(taken, work).await,
            Step::Decline => {
                self.book.declined.insert(taken.ticket.clone());
                return self.release(taken, work).await;
            }
        }
        Ok(Going::On)
    }
}
