//! The claim that an attempt works under: renewed while its program can work, and looked at, so that
//! an attempt whose task somebody else has taken ends. It never takes a claim, and ends none.

use super::children;
use crate::api::attempt::{Attempt, ProcessId};
use crate::api::claim::Claim;
use crate::disk;
use crate::locks::{Claims, TableError, TableLock};
use crate::process::clock;
use jiff::SignedDuration;
use std::io;
use std::path::PathBuf;

/// Why a claim was not renewed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Clock(#[from] io::Error),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Disk(#[from] disk::Error),
}

/// Whose the task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// Ours, as far as it can be told.
    Us,
    /// Somebody else's.
    Another,
}

/// The lease of one attempt.
pub(super) struct Lease<'a> {
    pub(super) attempt: &'a Attempt,
    pub(super) process: ProcessId,
    pub(super) claims: Claims,
    /// Where the table lock is.
    pub(super) common_dir: PathBuf,
}

impl Lease<'_> {
    /// Looks at the claim, renews it when a third of its time is over, and says whose the task is.
    /// What fails is made up for by the next beat, long before the claim lapses.
    pub(super) async fn keep(&self) -> Holder {
        let task = &self.attempt.id.owner.task;
        match self.claims.get(task) {
            Some(Ok(claim)) if !self.is_ours(&claim) => Holder::Another,
            Some(Ok(claim)) => {
                let due = self.is_due(&claim).unwrap_or(true);
                if due && !children::stand_still().unwrap_or(false) {
                    self.renew().await.ok();
                }
                Holder::Us
            }
            // The loop takes a claim again that was removed; a torn one is for people.
            Some(Err(_)) | None => Holder::Us,
        }
    }

    fn is_ours(&self, claim: &Claim) -> bool {
        (&claim.uid, &claim.seat) == (&self.attempt.id.owner.uid, &self.attempt.seat)
    }

    fn is_due(&self, claim: &Claim) -> io::Result<bool> {
        let left = claim.time_left(clock::now(), &clock::boot_time()?);
        Ok(left <= claim.lease() * 2 / 3 || claim.process.as_ref() != Some(&self.process))
    }

    async fn renew(&self) -> Result<(), Error> {
        let lock = TableLock::take(&self.common_dir).await?;
        // Somebody may have taken it meanwhile; then it is theirs.
        let held = self.claims.get(&self.attempt.id.owner.task).and_then(Result::ok);
        let Some(held) = held.filter(|held| self.is_ours(held)) else { return Ok(()) };
        let lease = SignedDuration::from_secs(self.attempt.lease_seconds.into());
        let renewed = Claim {
            attempt: Some(self.attempt.id.number),
            process: Some(self.process.clone()),
            ..held.renewed(clock::heartbeat()?, lease)
        };
        Ok(self.claims.publish(&lock, &renewed)?)
    }
}
