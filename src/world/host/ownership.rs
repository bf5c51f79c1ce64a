//! Who holds what, as the loop sees and changes it. It decides nothing: what others hold by now is
//! looked at again, in a turn of its own.

use super::perform::{Answer, refused};
use super::{HostWorld, Role};
use crate::api::attempt::Attempt;
use crate::api::claim::{Claim, Holding};
use crate::api::name::{Owner, TaskName};
use crate::api::path::{PathPattern, first_overlap};
use crate::plan::observed::{ClaimSighting, Sighting};
use crate::process::clock;
use crate::world::ledger::{Change, LedgerError};
use crate::world::ownership::Released;
use crate::world::{ActionError, Outcome};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The claims, and the last generation of each task's.
type Owned = (Sighting<BTreeMap<TaskName, ClaimSighting>>, BTreeMap<TaskName, u64>);

impl HostWorld {
    /// Completes the claims by the generations of the ledger, which was read before them: what it says
    /// to be held and is in no file any more was released. The loop also sees to it that the ledger
    /// says what the claims do, whatever was lost of either.
    pub(super) fn owned(
        &self,
        claims: Sighting<BTreeMap<TaskName, ClaimSighting>>,
        ledger: Result<(), LedgerError>,
    ) -> Owned {
        let Sighting::Known(claims) = claims else { return (claims, BTreeMap::new()) };
        if self.setting.role == Role::Visitor {
            return (Sighting::Known(claims), BTreeMap::new());
        }
        if let Err(error) = ledger {
            let why = format!("the ledger of claims cannot be read: {}", ActionError::from(error));
            return (Sighting::Unknown(why), BTreeMap::new());
        }
        let ledger = self.ownership.ledger();
        let (generations, missing) = (ledger.generations(), ledger.missing(&claims));
        if !missing.is_empty() {
            self.record_ownership(missing);
        }
        (Sighting::Known(claims), generations)
    }

    /// Shows in `.task-locks/shared` who holds what only one task may change at a time.
    pub(super) fn show_shared(
        &self,
        shared: &[PathPattern],
        claims: &Sighting<BTreeMap<TaskName, ClaimSighting>>,
    ) {
        let held = claims.known().into_iter().flat_map(BTreeMap::values).flatten();
        let held: Vec<&Claim> = held.collect();
        if let Err(error) = self.ownership.claims().link_shared(&held, shared) {
            tracing::warn!(%error, "what shows who holds shared files is old");
        }
    }

    /// Has changes of ownership committed while the loop goes on.
    pub(super) fn record_ownership(&self, changes: Vec<Holding>) {
        self.ownership.ledger().note(changes.into_iter().map(Change::from).collect());
        let ownership = Arc::clone(&self.ownership);
        self.chores().spawn(async move {
            if let Err(error) = ownership.publish().await {
                let error = ActionError::from(error).0;
                tracing::warn!(error, "a change of ownership is not recorded yet");
            }
        });
    }

    /// Publishes a claim that was planned, if nobody else holds any of it by now.
    pub(super) async fn claim(&self, claim: &Claim) -> Answer {
        let turn = self.ownership.turn().await?;
        let held = turn.held(&claim.task)?;
        let same = |held: &Claim| held.is_of_same_holder(claim) && !has_lapsed(held);
        if held.as_ref().is_some_and(same) {
            return Ok(Outcome::AlreadySo);
        }
        let held = held.map_or(0, |held| held.generation);
        if turn.generation(&claim.task).await?.max(held).saturating_add(1) != claim.generation {
            return refused("the claim has moved on");
        }
        for (task, other) in turn.near(&claim.locked_files, &claim.task)? {
            // What a damaged one holds is the plan's to judge: here it would keep everybody waiting.
            let Ok(other) = other else { continue };
            let overlap = first_overlap(&claim.locked_files, &other.locked_files);
            if let Some((_, held, path)) = overlap.filter(|_| task != claim.task) {
                let Claim { seat, expires_at, .. } = &other;
                let what = format!("{task} ({seat}) holds {held} by now, so {path}");
                return refused(&format!("{what}, until {expires_at:.0}"));
            }
        }
        turn.publish(claim)?;
        drop(turn);
        self.record_ownership(vec![Holding { claim: claim.clone(), released_at: None }]);
        Ok(Outcome::Done)
    }

    pub(super) async fn renew(&self, claim: &Claim) -> Answer {
        let turn = self.ownership.turn().await?;
        match turn.held(&claim.task)? {
            Some(held) if held.is_continued_by(claim) => {
                // A person may have said since that it is done.
                let completed_at = held.completed_at.or(claim.completed_at);
                turn.publish(&Claim { completed_at, ..claim.clone() })?;
                Ok(Outcome::Done)
            }
            Some(_) | None => refused("the claim is another by now"),
        }
    }

    pub(super) async fn release(&self, owner: &Owner, generation: u64) -> Answer {
        let held = self.ownership.claims().get(&owner.task).transpose().map_err(ActionError)?;
        let Some(held) = held else { return Ok(Outcome::AlreadySo) };
        if held.generation != generation || held.uid != owner.uid {
            return refused("the claim is another by now");
        }
        match self.ownership.release(&held).await? {
            Released::Done => Ok(Outcome::Done),
            Released::AlreadySo => Ok(Outcome::AlreadySo),
            Released::Another => refused("the claim is another by now"),
        }
    }

    /// Releases what a person let lapse. What is in no commit keeps it.
    pub(super) async fn expire(
        &self,
        owner: &Owner,
        generation: u64,
        path: Option<&Path>,
    ) -> Answer {
        let is_it = |held: &Claim| held.owner() == *owner && held.generation == generation;
        let unsaved = match path {
            Some(path)
                if self.repository.linked()?.iter().any(|one| one.path == path && !one.missing) =>
            {
                self.repository.unsaved(path).await?.describe_all()
            }
            Some(_) | None => None,
        };
        let turn = self.ownership.turn().await?;
        let Some(held) = turn.held(&owner.task)? else { return Ok(Outcome::AlreadySo) };
        if !is_it(&held) || !has_lapsed(&held) {
            return refused("it was renewed, or is another by now");
        }
        if let (Some(what), Some(path)) = (unsaved, path) {
            let (who, path) = (&held.seat.worker, path.display());
            let way_out = format!("commit them, or `reconciler renew {}`", owner.task);
            return Err(ActionError(format!("{who} has {what} in {path}: {way_out}")));
        }
        turn.release(&held, Some("it lapsed".to_owned())).await?;
        Ok(Outcome::Done)
    }

    /// Notes in the worktree of an attempt the generation that it works under, or returns why it may
    /// not begin. Nobody else takes the task meanwhile.
    pub(super) async fn work_under_claim(
        &self,
        attempt: &Attempt,
        directory: &Path,
    ) -> Result<Option<&'static str>, ActionError> {
        let owner = &attempt.id.owner;
        let turn = self.ownership.turn().await?;
        let Some(held) = turn.held(&owner.task)? else { return Ok(Some("its claim is gone")) };
        if held.owner() != *owner || held.seat != attempt.seat {
            return Ok(Some("somebody else holds the task by now"));
        }
        if self.places().is_ours(directory) {
            self.repository.note_generation(directory, owner, held.generation)?;
        }
        Ok(None)
    }

    /// Notes in a worktree the generation of its claim; nobody takes that meanwhile.
    pub(super) async fn note_generation(
        &self,
        owner: &Owner,
        path: &Path,
        generation: u64,
    ) -> Answer {
        let turn = self.ownership.turn().await?;
        match turn.held(&owner.task)? {
            Some(held) if held.generation == generation && held.owner() == *owner => {
                self.repository.note_generation(path, owner, generation)?;
                Ok(Outcome::Done)
            }
            Some(_) | None => refused("the claim is another by now"),
        }
    }
}

/// Returns whether a claim was not renewed in time, by this machine's own clock.
pub(super) fn has_lapsed(claim: &Claim) -> bool {
    // Which boot it is could be told when it was planned.
    let boot = clock::boot_time();
    boot.is_ok_and(|boot| !claim.time_left(clock::now(), &boot).is_positive())
}
