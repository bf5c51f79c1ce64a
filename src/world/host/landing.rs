//! The effects of the merge queue: candidates are built and recorded, checked out to be verified, and
//! landed. Each looks once more at what it presupposes; what a crash cuts off is found by the next.

use super::HostWorld;
use super::perform::{Answer, refused};
use crate::api::attempt::AttemptId;
use crate::api::landing::{Landing, Obstacle, Stage};
use crate::api::name::{BranchName, CommitId, Owner, RemoteName, TaskName};
use crate::api::policy::Method;
use crate::git::{Advanced, Built, CANDIDATES, Moved, Work};
use crate::plan::action::Candidate;
use crate::plan::verdict::{Author, Presumed, Refusal, verdict};
use crate::plan::{may_land, strays};
use crate::process::clock;
use crate::world::{ActionError, Outcome};
use std::path::Path;

/// What is said of a target that is not where the plan saw it.
const MOVED_ON: &str = "the target has moved on";

/// The branch that work lands on.
#[derive(Clone, Copy)]
pub(super) struct Destination<'a> {
    pub(super) branch: &'a BranchName,
    /// The tip that it was seen at.
    pub(super) seen: &'a CommitId,
    /// Where it is shared.
    pub(super) remote: Option<&'a RemoteName>,
}

impl<'a> Destination<'a> {
    pub(super) fn of(
        (branch, seen): &'a (BranchName, CommitId),
        remote: Option<&'a RemoteName>,
    ) -> Self {
        Self { branch, seen, remote }
    }
}

/// How the target stands to its remote.
pub(super) enum Shared {
    /// It has none.
    Nowhere,
    /// It has all that the remote has, which is there; `None` when there is no such branch yet.
    At(Option<CommitId>),
    /// It was behind, and has moved to where the remote is.
    Followed,
}

impl HostWorld {
    pub(super) async fn build_candidates(
        &self,
        target: Destination<'_>,
        onto: &CommitId,
        (method, works): (Method, &[Candidate]),
    ) -> Answer {
        let Destination { branch, seen, .. } = target;
        if self.repository.reader().resolve(&branch.to_ref()).await?.as_ref() != Some(seen) {
            return refused(MOVED_ON);
        }
        if let Shared::Followed = self.follow(target).await? {
            return Ok(Outcome::Done);
        }
        let mut at = onto.clone();
        for (number, work) in works.iter().enumerate() {
            match self.candidate((branch, seen), &at, (method, work)).await {
                Ok(Some(commit)) => at = commit,
                Ok(None) => {}
                // Its own try, which is noted under its own name, comes next.
                Err(_) if number > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Outcome::Done)
    }

    /// Builds and records one candidate, and returns it if there is one.
    async fn candidate(
        &self,
        (target, seen): (&BranchName, &CommitId),
        onto: &CommitId,
        (method, work): (Method, &Candidate),
    ) -> Result<Option<CommitId>, ActionError> {
        let Candidate { attempt: id, branch, tip, title } = work;
        if self.repository.reader().resolve(&branch.to_ref()).await?.as_ref() != Some(tip) {
            return Err(ActionError(format!("branch {branch} has moved on")));
        }
        let before = self.landing_of(&id.owner)?;
        let was_refused = before.as_ref().is_some_and(|one| one.refused.contains_key(&id.number));
        let mut refused = before.as_ref().map(|one| one.refused.clone()).unwrap_or_default();
        let stage = if let Some(commit) = self.landed_already(before.as_ref(), (work, seen)).await?
        {
            Stage::Landed { commit }
        } else {
            let trailers = [
                ("Reconciler-Task", id.owner.task.to_string()),
                ("Reconciler-Attempt", id.number.to_string()),
            ];
            let work = Work { tip, onto, method, title, trailers: &trailers };
            match self.repository.build(&work).await? {
                Built::Nothing => Stage::Nothing,
                Built::Conflict(clash) if onto == seen => {
                    let why = Obstacle::Conflict { paths: clash.paths, target: target.clone() };
                    refused.insert(id.number, why.to_string());
                    Stage::Refused
                }
                Built::Conflict(clash) => Stage::Waiting { paths: clash.paths },
                Built::Candidate { commit, paths } => match self.refusals(&id.owner, &paths)? {
                    refusals if refusals.is_empty() => Stage::Candidate { commit },
                    refusals => {
                        refused.insert(id.number, Obstacle::Lock { refusals }.to_string());
                        Stage::Refused
                    }
                },
            }
        };
        let mut landing = Landing {
            uid: id.owner.uid.clone(),
            attempt: id.number,
            tip: tip.clone(),
            target: target.clone(),
            onto: onto.clone(),
            stage,
            at: clock::now(),
            refused,
            pull: None,
        };
        self.keep_candidate(&id.owner.task, landing.candidate()).await?;
        let _turn = self.ownership.turn().await?;
        let now = self.landing_of(&id.owner)?;
        if !was_refused && now.as_ref().is_some_and(|one| one.refused.contains_key(&id.number)) {
            // A person took it out meanwhile.
            return Ok(None);
        }
        landing.pull = now.and_then(|one| one.pull);
        self.records.set_landing(&id.owner.task, &landing)?;
        Ok(landing.candidate().cloned())
    }

    /// Returns the candidate that the target has already: who moved it there was cut off before it
    /// could be recorded.
    async fn landed_already(
        &self,
        before: Option<&Landing>,
        (work, seen): (&Candidate, &CommitId),
    ) -> Result<Option<CommitId>, ActionError> {
        let before = before.filter(|one| one.attempt == work.attempt.number && one.tip == work.tip);
        let Some(commit) = before.and_then(Landing::candidate) else { return Ok(None) };
        Ok(self.repository.is_ancestor(commit, seen).await?.then(|| commit.clone()))
    }

    /// Returns why the locks refuse these changes, a sentence each.
    fn refusals(&self, owner: &Owner, paths: &[String]) -> Result<Vec<String>, ActionError> {
        let claims = self.ownership.claims().list()?;
        let Some(Ok(claim)) = claims
            .get(&owner.task)
            .filter(|one| one.as_ref().is_ok_and(|claim| claim.uid == owner.uid))
        else {
            return Err(ActionError("its claim is gone".to_owned()));
        };
        let author = Author::Worker { owner: owner.clone(), generation: Some(claim.generation) };
        let case = self.repository.case();
        // A lock that cannot be understood holds what it was last known to.
        let damaged = claims.iter().filter(|(_, claim)| claim.is_err());
        let presumed: Presumed = damaged
            .map(|(task, _)| {
                let last = self.ownership.ledger().last(task);
                let last = last.filter(|one| one.released_at.is_none());
                (task.clone(), last.map(|one| one.claim.locked_files).unwrap_or_default())
            })
            .collect();
        let mut found = Vec::new();
        for refusal in verdict(&author, (paths, case), &claims, &presumed) {
            match refusal {
                Refusal::Held { path, by, .. } => {
                    found.push(format!("{path} is held by {} for {}", by.seat, by.task));
                }
                Refusal::Outside { path, .. } => {
                    found.push(format!("{path} is not among the files of its claim"));
                }
                // Nobody knows: it is looked at again.
                Refusal::Damaged { task, why, .. } => {
                    return Err(ActionError(format!("the lock of {task} is damaged: {why}")));
                }
                Refusal::Fenced { .. } => {
                    return Err(ActionError("its claim is another by now".to_owned()));
                }
            }
        }
        found.extend(strays(paths, claim));
        Ok(found)
    }

    /// Brings the target up to what others pushed.
    pub(super) async fn follow(&self, target: Destination<'_>) -> Result<Shared, ActionError> {
        let Destination { branch, seen, remote } = target;
        let Some(remote) = remote else { return Ok(Shared::Nowhere) };
        let git = &self.repository;
        let Some(theirs) = git.tip_at(remote, branch).await? else { return Ok(Shared::At(None)) };
        if git.is_ancestor(&theirs, seen).await? {
            return Ok(Shared::At(Some(theirs)));
        }
        if !git.is_ancestor(seen, &theirs).await? {
            return Err(ActionError(format!(
                "{branch} here and at {remote} have gone different ways: done work waits until you \
                 bring them together, as by `git pull --rebase {remote} {branch}`"
            )));
        }
        let followed = moved(branch, git.advance(branch, seen, &theirs).await?)?;
        if followed { Ok(Shared::Followed) } else { Err(ActionError(MOVED_ON.to_owned())) }
    }

    /// Pushes a candidate to where the target is shared: there first, for it is there that others
    /// could be faster.
    async fn share(
        &self,
        target: Destination<'_>,
        commit: &CommitId,
    ) -> Result<Shared, ActionError> {
        let shared = self.follow(target).await?;
        let Destination { branch, seen, remote } = target;
        let (Shared::At(theirs), Some(remote)) = (&shared, remote) else { return Ok(shared) };
        if theirs.as_ref() == Some(commit) {
            return Ok(shared);
        }
        // It could not be taken back.
        if let Some(obstacle) = self.repository.in_the_way(branch, (seen, commit)).await? {
            moved(branch, obstacle)?;
        }
        self.repository.push(remote, branch, (theirs.as_ref(), commit)).await?;
        Ok(shared)
    }

    fn landing_of(&self, owner: &Owner) -> Result<Option<Landing>, ActionError> {
        Ok(self.records.landing(&owner.task)?.filter(|one| one.uid == owner.uid))
    }

    /// Keeps a candidate from git's collection of garbage, or lets go of the one that was kept.
    async fn keep_candidate(
        &self,
        task: &TaskName,
        commit: Option<&CommitId>,
    ) -> Result<(), ActionError> {
        let name = format!("{CANDIDATES}{task}");
        let before = self.repository.reader().resolve(&name).await?;
        let moved = match (before, commit) {
            (None, None) => return Ok(()),
            (Some(before), None) => self.repository.delete(&name, &before).await?,
            (None, Some(commit)) => self.repository.create(&name, commit).await?,
            (Some(before), Some(commit)) => self.repository.update(&name, commit, &before).await?,
        };
        match moved {
            Moved::Done | Moved::AlreadySo => Ok(()),
            Moved::Lost { .. } => Err(ActionError(format!("{name} is moved by somebody else"))),
        }
    }

    /// Lets go of all that was made to land the work of a task that is gone.
    pub(super) async fn forget_candidate(&self, task: &TaskName) -> Result<(), ActionError> {
        self.keep_candidate(task, None).await
    }

    pub(super) async fn check_out(&self, place: &Path, commit: &CommitId) -> Answer {
        self.records.make_root()?;
        self.repository.check_out_clean(place, commit).await?;
        Ok(Outcome::Done)
    }

    pub(super) async fn refuse(&self, id: &AttemptId, why: &Obstacle) -> Answer {
        let is_its = |one: &Landing| one.attempt == id.number;
        match self.landing_of(&id.owner)?.filter(is_its).map(|one| one.stage) {
            None => return refused("it is not on its way by now"),
            Some(Stage::Landed { .. }) => return refused("it has landed by now"),
            Some(_) => {}
        }
        // Before it is recorded: who is cut off between the two comes here again.
        self.keep_candidate(&id.owner.task, None).await?;
        let _turn = self.ownership.turn().await?;
        let Some(mut landing) = self.landing_of(&id.owner)?.filter(is_its) else {
            return refused("it is not on its way by now");
        };
        landing.refused.insert(id.number, why.to_string());
        (landing.stage, landing.at) = (Stage::Refused, clock::now());
        self.records.set_landing(&id.owner.task, &landing)?;
        Ok(Outcome::Done)
    }

    /// Returns whether a task came of no issue, or of one whose claim nobody else can have by now.
    async fn is_of_our_issue(&self, task: &TaskName) -> Result<bool, ActionError> {
        let desired = self.desired().await;
        let spec = desired.known().and_then(|desired| desired.tasks.get(task)?.spec.as_ref());
        let Some(claim) = spec.and_then(|spec| spec.issue_claim.as_ref()) else {
            return self.is_certain(task);
        };
        let book = self.records.issues()?;
        let is_held = book.taken.get(task.as_str()).is_some_and(|one| one.is_held(&claim.nonce));
        Ok(is_held && self.is_certain(task)?)
    }

    /// Returns whether nobody else can have the claim of a task's issue by now, if one is remembered.
    pub(super) fn is_certain(&self, task: &TaskName) -> Result<bool, ActionError> {
        let book = self.records.issues()?;
        let Some(taken) = book.taken.get(task.as_str()) else { return Ok(true) };
        let now = clock::boot_time().map_err(|error| ActionError(error.to_string()))?;
        Ok(taken.is_certain(&now))
    }

    pub(super) async fn land(
        &self,
        target: Destination<'_>,
        commit: &CommitId,
        landed: &[(AttemptId, u64)],
    ) -> Answer {
        let Destination { branch, seen, .. } = target;
        for (id, generation) in landed {
            let held = self.ownership.claims().get(&id.owner.task).transpose();
            let held = held.map_err(ActionError)?;
            if !held.is_some_and(|claim| may_land(&claim, id, *generation)) {
                return refused("a claim is another by now");
            }
        }
        for (id, _) in landed {
            if !self.is_of_our_issue(&id.owner.task).await? {
                return refused("the claim of its issue is not certain to be ours");
            }
        }
        if let Shared::Followed = self.share(target, commit).await? {
            return refused(MOVED_ON);
        }
        if !moved(branch, self.repository.advance(branch, seen, commit).await?)? {
            return refused(MOVED_ON);
        }
        for (id, _) in landed {
            self.keep_candidate(&id.owner.task, None).await?;
            let _turn = self.ownership.turn().await?;
            let Some(mut landing) = self.landing_of(&id.owner)? else { continue };
            if let (Some(commit), true) =
                (landing.candidate().cloned(), landing.attempt == id.number)
            {
                (landing.stage, landing.at) = (Stage::Landed { commit }, clock::now());
                self.records.set_landing(&id.owner.task, &landing)?;
            }
        }
        Ok(Outcome::Done)
    }
}

/// Returns whether a branch moved, or had moved; what is in its way is told to the person whose it is.
fn moved(branch: &BranchName, advanced: Advanced) -> Result<bool, ActionError> {
    match advanced {
        Advanced::Done | Advanced::AlreadySo => Ok(true),
        Advanced::Moved => Ok(false),
        Advanced::InTheWay { work_tree, said } => Err(ActionError(format!(
            "{branch} is checked out at {}, and what is not committed there is in the way: commit, \
             stash or remove it; git says: {said}",
            work_tree.display()
        ))),
    }
}
