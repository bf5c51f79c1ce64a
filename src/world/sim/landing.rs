//! The merge queue of the simulated world: candidates, and the target branch that only they and people
//! move. A commit is known by what is in it.

use super::perform::{Answer, died};
use super::{State, Work, failed, refused};
use crate::api::attempt::{AttemptId, ExitReason};
use crate::api::hash;
use crate::api::landing::{Landing, Obstacle, Stage};
use crate::api::name::{BranchName, CommitId, Owner, RemoteName};
use crate::plan::action::Candidate;
use crate::plan::may_land;
use crate::world::Outcome;
use std::collections::BTreeSet;

/// The branch that work lands on.
pub(super) const TARGET: &str = "main";

impl State {
    /// Returns the tip of a branch: that of an empty one is where it began.
    pub(super) fn tip(&self, branch: &BranchName) -> Option<CommitId> {
        let works = self.branches.get(branch)?;
        let base = self.bases.get(branch).cloned().unwrap_or_else(|| self.desired.revision.clone());
        Some(if works.is_empty() { base } else { commit_of(works) })
    }

    pub(super) fn build_candidates(
        &mut self,
        (target, seen, remote): (&BranchName, &CommitId, Option<&RemoteName>),
        onto: &CommitId,
        works: &[Candidate],
    ) -> Answer {
        if self.desired.revision != *seen {
            return Ok(refused("the target has moved on"));
        }
        if remote.is_some() && self.follows() {
            return Ok(Outcome::Done);
        }
        let mut at = onto.clone();
        for work in works {
            if self.tip(&work.branch).as_ref() != Some(&work.tip) {
                return failed("the branch has moved on");
            }
            let owner = &work.attempt.owner;
            let before = self.landings.get(&owner.task).filter(|one| one.uid == owner.uid).cloned();
            let mut refused = before.as_ref().map(|one| one.refused.clone()).unwrap_or_default();
            let stage = self.stage(before.as_ref(), (&at, seen), work);
            if stage == Stage::Refused {
                let paths = vec!["a".to_owned()];
                let why = Obstacle::Conflict { paths, target: target.clone() };
                refused.insert(work.attempt.number, why.to_string());
            }
            if self.tears() {
                return died();
            }
            let landing = Landing {
                uid: owner.uid.clone(),
                attempt: work.attempt.number,
                tip: work.tip.clone(),
                target: target.clone(),
                onto: at.clone(),
                stage,
                at: self.now,
                refused,
                pull: before.and_then(|one| one.pull),
            };
            at = landing.candidate().unwrap_or(&at).clone();
            self.landings.insert(owner.task.clone(), landing);
        }
        Ok(Outcome::Done)
    }

    /// Returns what comes of putting the work of a branch onto a commit.
    fn stage(
        &mut self,
        before: Option<&Landing>,
        (at, seen): (&CommitId, &CommitId),
        work: &Candidate,
    ) -> Stage {
        let ours = self.branches.get(&work.branch).cloned().unwrap_or_default();
        let before = before.filter(|one| one.attempt == work.attempt.number && one.tip == work.tip);
        if let Some(commit) = before.and_then(Landing::candidate)
            && self.candidates.get(commit).is_some_and(|one| one.is_subset(&self.main))
            && !ours.is_empty()
        {
            return Stage::Landed { commit: commit.clone() };
        }
        let base = self.candidates.get(at).unwrap_or(&self.main);
        if ours.is_subset(base) {
            return Stage::Nothing;
        }
        let all: BTreeSet<Work> = base.union(&ours).copied().collect();
        // Where a tape says nothing, it fits.
        match (self.rng.below(12) == 11, at == seen) {
            (true, true) => {
                self.mishaps += 1;
                Stage::Refused
            }
            (true, false) => Stage::Waiting { paths: vec!["a".to_owned()] },
            (false, _) => {
                let commit = self.commit_id();
                self.candidates.insert(commit.clone(), all);
                Stage::Candidate { commit }
            }
        }
    }

    pub(super) fn refuse(&mut self, id: &AttemptId, why: &Obstacle) -> Outcome {
        let now = self.now;
        let landing = self.landings.get_mut(&id.owner.task);
        let ours = landing.filter(|one| one.uid == id.owner.uid && one.attempt == id.number);
        match ours {
            Some(landing) if !matches!(landing.stage, Stage::Landed { .. }) => {
                landing.refused.insert(id.number, why.to_string());
                (landing.stage, landing.at) = (Stage::Refused, now);
                Outcome::Done
            }
            Some(_) | None => refused("it is not on its way"),
        }
    }

    pub(super) fn land(
        &mut self,
        (seen, remote): (&CommitId, Option<&RemoteName>),
        commit: &CommitId,
        landed: &[(AttemptId, u64)],
    ) -> Answer {
        for (id, generation) in landed {
            let held = self.claims.get(&id.owner.task).and_then(|one| one.read().ok());
            if !held.is_some_and(|claim| may_land(claim, id, *generation)) {
                return Ok(refused("a claim is another by now"));
            }
        }
        let Some(all) = self.candidates.get(commit).cloned() else {
            return failed("there is no such commit");
        };
        if !all.is_subset(&self.main) {
            if self.desired.revision != *seen {
                return Ok(refused("the target has moved on"));
            }
            if remote.is_some()
                && let Some(answer) = self.push(commit, &all)
            {
                return answer;
            }
            self.move_target(commit.clone(), &all);
        }
        for (id, _) in landed {
            if self.tears() {
                return died();
            }
            let now = self.now;
            let Some(landing) = self.landings.get_mut(&id.owner.task) else { continue };
            let ours = landing.uid == id.owner.uid && landing.attempt == id.number;
            if let (Some(commit), true) = (landing.candidate().cloned(), ours) {
                (landing.stage, landing.at) = (Stage::Landed { commit }, now);
            }
        }
        Ok(Outcome::Done)
    }

    /// Pushes a candidate; returns what keeps it from landing here.
    fn push(&mut self, commit: &CommitId, all: &BTreeSet<Work>) -> Option<Answer> {
        if self.follows() {
            return Some(Ok(refused("the target has moved on")));
        }
        match self.rng.below(12) {
            10 => Some(failed("the remote cannot be reached")),
            11 => {
                self.ahead = Some((commit.clone(), all.clone()));
                Some(failed("it is pushed, and nobody knows"))
            }
            _ => None,
        }
    }

    /// Brings the target up to the remote, where others push too; returns whether it was behind. What
    /// people committed here meanwhile they bring together with that.
    fn follows(&mut self) -> bool {
        // Where a tape says nothing, nobody does.
        if self.rng.below(12) == 11 {
            let main = self.main.clone();
            let (_, all) = self.ahead.take().unwrap_or((self.desired.revision.clone(), main));
            self.ahead = Some((self.commit_id(), all));
        }
        let Some((commit, all)) = self.ahead.take() else { return false };
        self.move_target(commit, &all);
        true
    }

    fn move_target(&mut self, to: CommitId, with: &BTreeSet<Work>) {
        let mut desired = (*self.desired).clone();
        desired.revision = to;
        self.desired = std::sync::Arc::new(desired);
        self.main.extend(with);
    }

    /// Returns whether it is recorded that the work of an attempt could not land.
    pub(super) fn could_not_land(&self, id: &AttemptId) -> bool {
        self.landings
            .get(&id.owner.task)
            .is_some_and(|one| one.uid == id.owner.uid && one.refused.contains_key(&id.number))
    }

    /// A verification ends, well or not.
    pub(super) fn verify(&mut self, owner: &Owner, number: u32, chance: u64) {
        match chance {
            0..=5 => self.end(owner, number, ExitReason::Succeeded),
            6 => {
                self.mishaps += 1;
                self.end(owner, number, ExitReason::Failed { status: 1 });
            }
            _ => {}
        }
    }
}

/// Returns the commit that holds exactly this.
fn commit_of(works: &BTreeSet<Work>) -> CommitId {
    let digest = hash::of(works);
    let digits = digest.get(..40).expect("a digest has more digits").to_owned();
    CommitId::try_from(digits).expect("40 digits")
}
