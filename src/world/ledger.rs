//! The ledger: `refs/reconciler/locks`, whose tree says of each task who holds it or held it last,
//! and whose commits are every change of that. The files in `.task-locks` decide, under the guard;
//! what they say is committed here before anything works under it. It never forgets a generation.

use crate::api::claim::{Claim, Holding};
use crate::api::name::{CommitId, TaskName};
use crate::api::to_json;
use crate::git::{self, Committed, Repository};
use crate::plan::observed::ClaimSighting;
use crate::process::clock;
use crate::world::ActionError;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The ref of the ledger: its tree says who holds what or held it last, its commits are the changes.
pub const LOCKS: &str = "refs/reconciler/locks";
/// How often a commit is tried that others overtake.
const TRIES: usize = 5;

/// What is known of the ledger, and what is to be added to it.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Whoever commits holds it.
    committing: tokio::sync::Mutex<()>,
    /// What it said when it was read or written last; `None` before.
    known: Mutex<Option<Known>>,
    pending: Mutex<BTreeMap<TaskName, Holding>>,
}

#[derive(Debug, Default)]
struct Known {
    tip: Option<CommitId>,
    holdings: BTreeMap<TaskName, Holding>,
}

impl Ledger {
    /// Returns the last generation of a task's claims that is known.
    pub fn generation(&self, task: &TaskName) -> u64 {
        let known = self.known();
        let recorded = known.as_ref().and_then(|known| known.holdings.get(task));
        let recorded = recorded.map_or(0, |one| one.claim.generation);
        self.pending().get(task).map_or(0, |one| one.claim.generation).max(recorded)
    }

    /// Notes changes of ownership; they are recorded by the next [`Self::publish`].
    pub fn note(&self, changes: Vec<Holding>) {
        self.pending().extend(changes.into_iter().map(|one| (one.claim.task.clone(), one)));
    }

    /// Commits what is to be added, all that there is at once. When it returns, what was noted before
    /// is recorded.
    ///
    /// # Errors
    /// When it is not certain that they are recorded; they stay noted, so try again.
    pub async fn publish(&self, repository: &Repository) -> Result<(), ActionError> {
        let _committing = self.committing.lock().await;
        for _ in 0..TRIES {
            let changes = self.pending().clone();
            if changes.is_empty() {
                return Ok(());
            }
            if self.commit(repository, &changes).await? {
                // What was noted meanwhile stays.
                self.pending().retain(|task, one| changes.get(task) != Some(one));
                return Ok(());
            }
        }
        Err(ActionError(format!("{LOCKS} is moved by others all the time")))
    }

    /// Reads it, unless it is known.
    ///
    /// # Errors
    /// When it cannot be read: then no generation is certain to be new.
    pub async fn read(&self, repository: &Repository) -> Result<(), git::Error> {
        if self.known().is_none() {
            let read = read(repository).await?;
            self.known().get_or_insert(read);
        }
        Ok(())
    }

    /// Commits changes and returns whether that is done; else others overtook it.
    async fn commit(
        &self,
        repository: &Repository,
        changes: &BTreeMap<TaskName, Holding>,
    ) -> Result<bool, git::Error> {
        self.read(repository).await?;
        let (tip, new) = {
            let known = self.known();
            let recorded =
                |task: &TaskName| known.as_ref().and_then(|known| known.holdings.get(task));
            let new = |one: &&Holding| {
                recorded(&one.claim.task).is_none_or(|recorded| one.replaces(recorded))
            };
            let new: Vec<Holding> = changes.values().filter(new).cloned().collect();
            (known.as_ref().and_then(|known| known.tip.clone()), new)
        };
        if new.is_empty() {
            return Ok(true);
        }
        let file = |one: &Holding| (file_name(&one.claim.task), to_json(one).into_bytes());
        let files = new.iter().map(file).collect();
        let at = (LOCKS, tip.as_ref());
        let done = repository.commit_table(at, &files, &message(&new)).await;
        // What is not certain is read again.
        let mut known = self.known();
        let Ok(Committed::At(tip)) = done else {
            *known = None;
            return done.map(|_| false);
        };
        if let Some(known) = known.as_mut() {
            known.tip = Some(tip);
            known.holdings.extend(new.into_iter().map(|one| (one.claim.task.clone(), one)));
        }
        Ok(true)
    }

    /// Returns the last generation of each task's claims that is recorded.
    pub fn generations(&self) -> BTreeMap<TaskName, u64> {
        let known = self.known();
        let holdings = known.iter().flat_map(|known| &known.holdings);
        holdings.map(|(task, one)| (task.clone(), one.claim.generation)).collect()
    }

    /// Returns what it does not say although the claims do.
    pub fn missing(&self, claims: &BTreeMap<TaskName, ClaimSighting>) -> Vec<Holding> {
        let known = self.known();
        let none = BTreeMap::new();
        missing(known.as_ref().map_or(&none, |known| &known.holdings), claims)
    }

    fn known(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self) -> MutexGuard<'_, BTreeMap<TaskName, Holding>> {
        // Each change is one step.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(repository: &Repository) -> Result<Known, git::Error> {
    let table = repository.table(LOCKS).await?;
    let mut holdings = BTreeMap::new();
    for (name, bytes) in &table.files {
        let one: Holding = serde_json::from_slice(bytes).map_err(|why| git::Error::Unreadable {
            what: format!("{LOCKS}:{name}"),
            why: format!("{why}; `git log {LOCKS}` shows who changed it"),
        })?;
        holdings.insert(one.claim.task.clone(), one);
    }
    Ok(Known { tip: table.tip, holdings })
}

/// Returns what the ledger does not say although the claims do. A lock that cannot be understood
/// is held by whoever held it.
fn missing(
    holdings: &BTreeMap<TaskName, Holding>,
    claims: &BTreeMap<TaskName, ClaimSighting>,
) -> Vec<Holding> {
    let held = claims.values().filter_map(|claim| claim.as_ref().ok());
    let held = held.map(|claim| Holding { claim: claim.clone(), released_at: None });
    let held = held
        .filter(|one| holdings.get(&one.claim.task).is_none_or(|recorded| one.replaces(recorded)));
    let gone = holdings
        .values()
        .filter(|one| one.released_at.is_none() && !claims.contains_key(&one.claim.task));
    let released =
        |claim: &Claim| Holding { claim: claim.clone(), released_at: Some(clock::now()) };
    held.chain(gone.map(|one| released(&one.claim))).collect()
}

fn file_name(task: &TaskName) -> String {
    format!("{task}.lock")
}

fn message(changes: &[Holding]) -> String {
    let line = |one: &Holding| {
        let Claim { task, seat, generation, .. } = &one.claim;
        match one.released_at {
            None => format!("{seat} claims {task}, generation {generation}"),
            Some(_) => format!("{seat} releases {task}, generation {generation}"),
        }
    };
    let lines: Vec<String> = changes.iter().map(line).collect();
    match lines.as_slice() {
        [one] => one.clone(),
        many => format!("{} changes of ownership\n\n{}", many.len(), many.join("\n")),
    }
}
