//! Keeps one spare worktree: made while nothing else is to be done, taken by the next task. It never
//! keeps a task waiting, and a task that finds none gets its worktree made as always.

use crate::api::name::{BranchName, CommitId, Owner};
use crate::git::{self, Repository, Taken};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// How old the files of a spare are when its index is written anew: git tells times by seconds.
const SETTLE: Duration = Duration::from_millis(1_100);

/// The keeper of the spare; dropped, it makes none to the end.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    /// Held by whoever makes it or takes it.
    turn: Arc<tokio::sync::Mutex<()>>,
    making: Mutex<Making>,
}

#[derive(Debug, Default)]
struct Making {
    tasks: JoinSet<()>,
    /// The commit for which it was tried last: that could not be is not tried again and again.
    tried: Option<CommitId>,
}

impl Keeper {
    /// Begins to make the spare, if there is none and nobody is at it.
    pub(super) fn prepare(&self, repository: &Repository, place: PathBuf, commit: &CommitId) {
        let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else { return };
        let mut making = self.making();
        while making.tasks.try_join_next().is_some() {}
        let is_new = making.tried.as_ref() != Some(commit);
        if !is_new || repository.has_spare(&place).unwrap_or(true) {
            return;
        }
        making.tried = Some(commit.clone());
        let (repository, commit) = (repository.clone(), commit.clone());
        let turns = Arc::clone(&self.turn);
        making.tasks.spawn(async move {
            match repository.make_spare(&place, &commit).await {
                Ok(git::Spare::Ready) => {}
                Ok(git::Spare::Unsuitable) => {
                    return tracing::debug!("no spare worktree is kept here");
                }
                Err(error) => return tracing::warn!(%error, "the spare worktree was not made"),
            }
            // It can be taken meanwhile: what is taken so early only costs git more.
            drop(turn);
            tokio::time::sleep(SETTLE).await;
            let Ok(_turn) = turns.try_lock() else { return };
            if let Err(error) = repository.settle_spare(&place).await {
                tracing::debug!(%error, "the spare worktree was not settled");
            }
        });
    }

    /// Makes the spare the worktree of a task, if there is one.
    pub(super) async fn take(
        &self,
        repository: &Repository,
        place: &Path,
        (path, branch, owner): (&Path, &BranchName, &Owner),
    ) -> Result<Taken, git::Error> {
        let Ok(_turn) = self.turn.try_lock() else { return Ok(Taken::No) };
        let taken = repository.take_spare(place, path, branch, owner).await;
        self.making().tried = None;
        taken
    }

    fn making(&self) -> MutexGuard<'_, Making> {
        self.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
