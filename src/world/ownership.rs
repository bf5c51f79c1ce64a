//! Ownership: the one way to change who holds what, for the loop and for every command. A claim
//! decides in its file; it changes under the table lock alone, and no generation is used twice.

use super::ledger::{Change, Ledger, LedgerError};
use crate::api::claim::{Claim, Holding};
use crate::api::name::TaskName;
use crate::api::path::PathPattern;
use crate::disk;
use crate::git::Repository;
use crate::locks::{Claims, TableError, TableLock};
use crate::plan::observed::ClaimSighting;
use crate::process::clock;
use std::collections::BTreeMap;

/// Why nothing is known of who holds what, or it could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    /// The table lock was not to be had.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// The ledger cannot be read or written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A lock cannot be understood: it is held, nobody knows by whom.
    #[error("the lock cannot be understood: {0}")]
    Damaged(String),
}

/// Who holds what in one repository.
#[derive(Debug)]
pub struct Ownership {
    repository: Repository,
    claims: Claims,
    ledger: Ledger,
    /// Those of one process wait here for each other, and get the table lock in turn.
    queue: tokio::sync::Mutex<()>,
}

/// A time in which nobody else changes who holds what.
#[derive(Debug)]
pub struct Turn<'a> {
    of: &'a Ownership,
    lock: TableLock,
    _queue: tokio::sync::MutexGuard<'a, ()>,
}

/// What became of a release.
#[must_use = "a claim that is another by now is still held"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Released {
    /// It is released.
    Done,
    /// There was no claim.
    AlreadySo,
    /// The claim is another by now.
    Another,
}

impl Ownership {
    /// Returns that of a repository. Touches nothing.
    pub fn of(repository: Repository) -> Self {
        let claims = Claims::at(repository.root());
        let (ledger, queue) = (Ledger::default(), tokio::sync::Mutex::default());
        Self { repository, claims, ledger, queue }
    }

    /// Returns the claims, as their files say them.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Returns what was recorded of them.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Reads the ledger, unless what is known of it is what it says.
    ///
    /// # Errors
    /// When it cannot be read: then no generation is certain to be new.
    pub async fn refresh(&self) -> Result<(), LedgerError> {
        self.ledger.refresh(&self.repository).await
    }

    /// Waits for the turn to change who holds what. Others wait meanwhile: what needs no turn is done
    /// before or after it.
    ///
    /// # Errors
    /// When somebody keeps the table lock.
    pub async fn turn(&self) -> Result<Turn<'_>, OwnershipError> {
        let queue = self.queue.lock().await;
        let lock = TableLock::take(self.repository.common_dir()).await?;
        Ok(Turn { of: self, lock, _queue: queue })
    }

    /// Has changes recorded; when it returns, they are.
    ///
    /// # Errors
    /// When that is not certain; the next publication tries again.
    pub async fn record(&self, changes: Vec<Change>) -> Result<(), LedgerError> {
        self.ledger.note(changes);
        self.publish().await
    }

    /// Records what was noted.
    ///
    /// # Errors
    /// When that is not certain; the next publication tries again.
    pub async fn publish(&self) -> Result<(), LedgerError> {
        Box::pin(self.ledger.publish(&self.repository)).await
    }

    /// Releases a claim: that is recorded first, so that its generation is never used again, and with
    /// whatever else is to be recorded, so that many releases cost little more than one.
    ///
    /// # Errors
    /// When it is not certain that it is released; try again.
    pub async fn release(&self, claim: &Claim) -> Result<Released, OwnershipError> {
        self.record(vec![tombstone(claim, None)]).await?;
        let turn = self.turn().await?;
        match turn.held(&claim.task)? {
            None => Ok(Released::AlreadySo),
            Some(held) if claim.is_continued_by(&held) => {
                self.claims.remove(&turn.lock, &claim.task)?;
                Ok(Released::Done)
            }
            Some(_) => Ok(Released::Another),
        }
    }
}

impl Turn<'_> {
    /// Returns the claim of a task.
    ///
    /// # Errors
    /// When its file cannot be understood: it is held then.
    pub fn held(&self, task: &TaskName) -> Result<Option<Claim>, OwnershipError> {
        self.of.claims.get(task).transpose().map_err(OwnershipError::Damaged)
    }

    /// Returns every claim.
    ///
    /// # Errors
    /// When they cannot be read: then it is unknown what is held.
    pub fn claims(&self) -> Result<BTreeMap<TaskName, ClaimSighting>, OwnershipError> {
        Ok(self.of.claims.list()?)
    }

    /// Returns the claims that may hold a path which one of these patterns does, and that of the task.
    ///
    /// # Errors
    /// When they cannot be read: then it is unknown what is held.
    pub fn near(
        &self,
        patterns: &[PathPattern],
        task: &TaskName,
    ) -> Result<BTreeMap<TaskName, ClaimSighting>, OwnershipError> {
        Ok(self.of.claims.near_patterns(patterns, Some(task))?)
    }

    /// Returns the last generation of a task's claims that is recorded, or will be.
    ///
    /// # Errors
    /// When the ledger cannot be read: then no generation is certain to be new.
    pub async fn generation(&self, task: &TaskName) -> Result<u64, OwnershipError> {
        self.of.refresh().await?;
        Ok(self.of.ledger.generation(task))
    }

    /// Publishes a claim, in place of the one that may stand there.
    ///
    /// # Errors
    /// When it is not durable; the one before may still stand.
    pub fn publish(&self, claim: &Claim) -> Result<(), OwnershipError> {
        Ok(self.of.claims.publish(&self.lock, claim)?)
    }

    /// Releases a claim that was seen in this turn.
    ///
    /// # Errors
    /// When it is not certain that it is released; try again.
    pub async fn release(&self, claim: &Claim, why: Option<String>) -> Result<(), OwnershipError> {
        self.heal().await?;
        self.of.record(vec![tombstone(claim, why)]).await?;
        Ok(self.of.claims.remove(&self.lock, &claim.task)?)
    }

    /// Releases a claim that cannot be understood: whoever the ledger says to hold it does no longer.
    ///
    /// # Errors
    /// When it is not certain that it is released; try again.
    pub async fn release_damaged(
        &self,
        task: &TaskName,
        why: Option<String>,
    ) -> Result<(), OwnershipError> {
        self.of.refresh().await?;
        if let Some(last) = self.of.ledger.last(task) {
            self.of.record(vec![tombstone(&last.claim, why)]).await?;
        }
        Ok(self.of.claims.remove(&self.lock, task)?)
    }

    /// Notes a change that was made in this turn; the next publication records it.
    pub fn note(&self, change: Change) {
        self.of.ledger.note(vec![change]);
    }

    /// Notes what the ledger does not say although the claims do, because whoever changed them was cut
    /// off. The next publication records it.
    ///
    /// # Errors
    /// When the claims or the ledger cannot be read.
    pub async fn heal(&self) -> Result<(), OwnershipError> {
        self.of.refresh().await?;
        self.of.ledger.heal(&self.claims()?);
        Ok(())
    }

    /// Tells the loop, which looks then.
    pub fn announce(&mut self) {
        self.lock.announce();
    }
}

fn tombstone(claim: &Claim, why: Option<String>) -> Change {
    let released_at = Some(clock::now());
    Change { holding: Holding { claim: claim.clone(), released_at }, why }
}

/// Draws random bits.
pub fn draw() -> u128 {
    uuid::Uuid::new_v4().as_u128()
}
