//! The effects of landing by pull request: a branch is pushed, what GitHub says is recorded, and the target
//! follows what GitHub merged. It asks GitHub nothing, and replaces nothing there but what was pushed here.

use super::HostWorld;
use super::landing::{Destination, Shared};
use crate::api::hold::Target;
use crate::api::landing::{Landing, Obstacle, Ordered, Pull, Stage};
use crate::api::name::{BranchName, CommitId, RemoteName};
use crate::api::policy::Method;
use crate::git::{Built, Work};
use crate::plan::action::{Candidate, Withdrawal};
use crate::process::clock;
use crate::world::ActionError;

/// Where proposed work is to land.
#[derive(Debug, Clone, Copy)]
pub struct Base<'a> {
    /// The branch.
    pub target: &'a BranchName,
    /// The remote that shares it.
    pub remote: &'a RemoteName,
    /// What becomes of the commits.
    pub method: Method,
}

impl HostWorld {
    /// Returns what is recorded of work that is proposed, as long as it is that: done, under its claim,
    /// and that of its issue, held back by nobody, not refused and not landed; `None` when it is not so
    /// any more.
    ///
    /// # Errors
    /// When the records or the claims cannot be read.
    pub fn proposed(&self, work: &Candidate) -> Result<Option<Landing>, ActionError> {
        let (owner, now) = (&work.attempt.owner, clock::now());
        let holds = [Target::All, Target::Merges, Target::Task(owner.task.clone())];
        let mut holds = holds.iter().filter_map(|target| self.records.hold(target));
        // One that is damaged holds.
        if holds.any(|hold| hold.map_or(true, |hold| hold.holds_at(now))) {
            return Ok(None);
        }
        let held = self.ownership.claims().get(&owner.task).transpose().map_err(ActionError)?;
        if held.is_none_or(|claim| claim.uid != owner.uid) {
            return Ok(None);
        }
        if !self.is_certain(&owner.task)? {
            return Ok(None);
        }
        let landing = self.records.landing(&owner.task)?;
        Ok(landing.filter(|one| {
            one.uid == owner.uid
                && one.attempt == work.attempt.number
                && one.tip == work.tip
                && matches!(one.stage, Stage::Candidate { .. })
        }))
    }

    /// Records what is known of the pull request of proposed work, and returns whether it is proposed
    /// still: otherwise nothing was recorded.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn record_pull(&self, work: &Candidate, pull: Pull) -> Result<bool, ActionError> {
        let _turn = self.ownership.turn().await?;
        let Some(mut landing) = self.proposed(work)? else { return Ok(false) };
        if landing.pull.as_ref() != Some(&pull) {
            landing.pull = Some(pull);
            self.records.set_landing(&work.attempt.owner.task, &landing)?;
        }
        Ok(true)
    }

    /// Records what becomes of that which GitHub was told to do with a pull request by itself, whether or
    /// not its work is to land; returns whether there was anything to become.
    ///
    /// # Errors
    /// When it cannot be recorded.
    pub async fn change_order(
        &self,
        one: &Withdrawal,
        change: impl FnOnce(Ordered) -> Option<Ordered>,
        said: &str,
    ) -> Result<bool, ActionError> {
        let mut turn = self.ownership.turn().await?;
        let landing = self.records.landing(&one.owner.task)?;
        let Some(mut landing) = landing.filter(|landing| landing.uid == one.owner.uid) else {
            return Ok(false);
        };
        let pull = landing.pull.as_mut().filter(|pull| pull.number == Some(one.number));
        let Some((pull, ordered)) = pull.and_then(|pull| {
            let ordered = pull.ordered.take()?;
            Some((pull, ordered))
        }) else {
            return Ok(false);
        };
        pull.ordered = change(ordered);
        said.clone_into(&mut pull.said);
        self.records.set_landing(&one.owner.task, &landing)?;
        turn.announce();
        Ok(true)
    }

    /// Pushes the branch of proposed work. What is at the remote is replaced only if it is `ours`: what was
    /// pushed from here before.
    ///
    /// # Errors
    /// When it is not there afterwards; the message is for people.
    pub async fn push_work(
        &self,
        base: Base<'_>,
        work: &Candidate,
        ours: Option<&CommitId>,
    ) -> Result<(), ActionError> {
        let Candidate { branch, tip, .. } = work;
        let (git, remote) = (&self.repository, base.remote);
        if git.reader().resolve(&branch.to_ref()).await?.as_ref() != Some(tip) {
            return Err(ActionError(format!("branch {branch} has moved on")));
        }
        self.only_its_own(base, tip).await?;
        let theirs = git.tip_at(remote, branch).await?;
        match &theirs {
            Some(theirs) if theirs == tip => Ok(()),
            Some(theirs) if ours == Some(theirs) => {
                Ok(git.swap(remote, branch, (Some(theirs), tip)).await?)
            }
            Some(theirs) if !git.is_ancestor(theirs, tip).await? => Err(ActionError(format!(
                "{branch} at {remote} has commits that are not here: they are not replaced; merge \
                 it there, or take them into {branch} here"
            ))),
            Some(_) | None => Ok(git.push(remote, branch, (theirs.as_ref(), tip)).await?),
        }
    }

    /// Makes sure that work proposes no commits of the target that were never pushed.
    async fn only_its_own(&self, base: Base<'_>, tip: &CommitId) -> Result<(), ActionError> {
        let Base { target, remote, .. } = base;
        let git = &self.repository;
        let Some(here) = git.reader().resolve(&target.to_ref()).await? else { return Ok(()) };
        let Some(theirs) = git.tip_at(remote, target).await? else {
            return Err(ActionError(format!("{remote} has no branch {target}: push it first")));
        };
        let Some(common) = git.merge_base(&here, tip).await? else { return Ok(()) };
        if git.is_ancestor(&common, &theirs).await? {
            return Ok(());
        }
        Err(ActionError(format!(
            "it is made from commits of {target} that {remote} does not have: push them first, by \
             `git push {remote} {target}`"
        )))
    }

    /// Sends proposed work back to its worker, because it conflicts with what the target is by now;
    /// returns whether it does.
    ///
    /// # Errors
    /// When the remote, git or the records fail.
    pub async fn refuse_conflict(
        &self,
        base: Base<'_>,
        work: &Candidate,
    ) -> Result<bool, ActionError> {
        let onto = self.catch_up(base).await?;
        let tried = Work {
            tip: &work.tip,
            onto: &onto,
            method: base.method,
            title: &work.title,
            trailers: &[],
        };
        let Built::Conflict(clash) = self.repository.build(&tried).await? else { return Ok(false) };
        let target = base.target.clone();
        self.refuse(&work.attempt, &Obstacle::Conflict { paths: clash.paths, target }).await?;
        Ok(true)
    }

    /// Records that proposed work was merged by a commit, once the target has that here.
    ///
    /// # Errors
    /// When it does not, or that cannot be recorded.
    pub async fn landed_as(
        &self,
        base: Base<'_>,
        work: &Candidate,
        (number, commit): (u64, &CommitId),
    ) -> Result<(), ActionError> {
        let here = self.catch_up(base).await?;
        if !self.repository.is_ancestor(commit, &here).await? {
            return Err(ActionError(format!("{} does not have it yet", base.target)));
        }
        self.forget_candidate(&work.attempt.owner.task).await?;
        let mut turn = self.ownership.turn().await?;
        let Some(mut landing) = self.proposed(work)? else { return Ok(()) };
        let pull = landing.pull.get_or_insert_default();
        pull.number = Some(number);
        (landing.stage, landing.at) = (Stage::Landed { commit: commit.clone() }, clock::now());
        self.records.set_landing(&work.attempt.owner.task, &landing)?;
        turn.announce();
        Ok(())
    }

    /// Brings the target up to where its remote is, and returns its tip.
    async fn catch_up(&self, base: Base<'_>) -> Result<CommitId, ActionError> {
        let Base { target, remote, .. } = base;
        let tip = async || {
            let tip = self.repository.reader().resolve(&target.to_ref()).await?;
            tip.ok_or_else(|| ActionError(format!("there is no branch {target} here")))
        };
        let seen = tip().await?;
        let destination = Destination { branch: target, seen: &seen, remote: Some(remote) };
        match self.follow(destination).await? {
            Shared::Followed => tip().await,
            Shared::Nowhere | Shared::At(_) => Ok(seen),
        }
    }
}
