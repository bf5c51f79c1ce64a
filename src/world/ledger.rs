//! The ledger: `refs/reconciler/locks`, whose tree says of each task who holds it or held it last,
//! and whose commits are every change of that. The files in `.task-locks` decide, under the table
//! lock; what they say is committed here before anything works under it, and a release before it is
//! one. Several processes write it: it is read again when its ref moved. It never forgets a generation.

use crate::api::claim::{Claim, Holding};
use crate::api::name::{CommitId, TaskName};
use crate::api::to_json;
use crate::git::{self, Committed, Repository};
use crate::plan::observed::ClaimSighting;
use crate::process::clock;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The ref of the ledger: its tree says who holds what or held it last, its commits are the changes.
pub const LOCKS: &str = "refs/reconciler/locks";
/// How often a commit is tried that others overtake.
const TRIES: usize = 5;

/// Why the ledger was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// git refused.
    #[error("the ledger of claims, {LOCKS}, cannot be used")]
    Git(#[from] git::Error),
    /// Others move it all the time.
    #[error("the ledger of claims, {LOCKS}, is moved by others all the time")]
    Overtaken,
}

/// A change of ownership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is so from now on.
    pub holding: Holding,
    /// Why, in a person's words; it goes into the history.
    pub why: Option<String>,
}

impl From<Holding> for Change {
    fn from(holding: Holding) -> Self {
        Self { holding, why: None }
    }
}

/// What is known of the ledger, and what is to be added to it.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Whoever commits, or reads what others committed, holds it.
    committing: tokio::sync::Mutex<()>,
    /// What it said when it was read or written last; `None` before.
    known: Mutex<Option<Known>>,
    pending: Mutex<BTreeMap<TaskName, Change>>,
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
        self.pending().get(task).map_or(0, |one| one.holding.claim.generation).max(recorded)
    }

    /// Notes changes of ownership; they are recorded by the next [`Self::publish`].
    pub fn note(&self, changes: Vec<Change>) {
        let by_task = changes.into_iter().map(|one| (one.holding.claim.task.clone(), one));
        self.pending().extend(by_task);
    }

    /// Commits what is to be added, all that there is at once. When it returns, what was noted before
    /// is recorded.
    ///
    /// # Errors
    /// When it is not certain that they are recorded; they stay noted, so try again.
    pub async fn publish(&self, repository: &Repository) -> Result<(), LedgerError> {
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
        Err(LedgerError::Overtaken)
    }

    /// Reads it, unless it is known and its ref has not moved. That it has not is seen without a fork
    /// where libgit2 reads the repository.
    ///
    /// # Errors
    /// When it cannot be read: then no generation is certain to be new.
    pub async fn refresh(&self, repository: &Repository) -> Result<(), LedgerError> {
        if self.is_current(repository).await? {
            return Ok(());
        }
        // It may have been moved by ourselves, and what is known of it just changes.
        let _committing = self.committing.lock().await;
        if !self.is_current(repository).await? {
            let read = Box::pin(read(repository)).await?;
            *self.known() = Some(read);
        }
        Ok(())
    }

    async fn is_current(&self, repository: &Repository) -> Result<bool, git::Error> {
        let tip = repository.reader().resolve(LOCKS).await?;
        Ok(self.known().as_ref().is_some_and(|known| known.tip == tip))
    }

    /// Returns what was released and whose name is never used again: only the history keeps it.
    fn over(&self) -> Vec<TaskName> {
        let known = self.known();
        let all = known.iter().flat_map(|known| &known.holdings);
        let over = all.filter(|(_, one)| one.released_at.is_some() && one.claim.is_without_task());
        over.map(|(task, _)| task.clone()).collect()
    }

    /// Returns what is recorded of a task.
    pub fn last(&self, task: &TaskName) -> Option<Holding> {
        self.known().as_ref()?.holdings.get(task).cloned()
    }

    /// Commits changes and returns whether that is done; else others overtook it.
    async fn commit(
        &self,
        repository: &Repository,
        changes: &BTreeMap<TaskName, Change>,
    ) -> Result<bool, git::Error> {
        // After a commit whose outcome is not certain, its ref tells.
        if !self.is_current(repository).await? {
            let read = Box::pin(read(repository)).await?;
            *self.known() = Some(read);
        }
        let (tip, new) = {
            let known = self.known();
            let recorded =
                |task: &TaskName| known.as_ref().and_then(|known| known.holdings.get(task));
            let is_new = |one: &&Change| {
                let one = &one.holding;
                recorded(&one.claim.task).is_none_or(|recorded| one.replaces(recorded))
            };
            let new: Vec<Change> = changes.values().filter(is_new).cloned().collect();
            (known.as_ref().and_then(|known| known.tip.clone()), new)
        };
        if new.is_empty() {
            return Ok(true);
        }
        let file = |one: &Change| {
            let one = &one.holding;
            (file_name(&one.claim.task), Some(to_json(one).into_bytes()))
        };
        let mut files: BTreeMap<String, Option<Vec<u8>>> = new.iter().map(file).collect();
        let over = self.over();
        for task in &over {
            files.entry(file_name(task)).or_insert(None);
        }
        let at = (LOCKS, tip.as_ref());
        let Committed::At(tip) = repository.commit_table(at, &files, &message(&new)).await? else {
            return Ok(false);
        };
        let mut known = self.known();
        if let Some(known) = known.as_mut() {
            known.tip = Some(tip);
            known.holdings.retain(|task, _| !over.contains(task));
            let holdings = new.into_iter().map(|one| one.holding);
            known.holdings.extend(holdings.map(|one| (one.claim.task.clone(), one)));
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

    fn pending(&self) -> MutexGuard<'_, BTreeMap<TaskName, Change>> {
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

fn message(changes: &[Change]) -> String {
    let line = |one: &Change| {
        let Claim { task, seat, generation, .. } = &one.holding.claim;
        let verb = if one.holding.released_at.is_some() { "releases" } else { "claims" };
        let words: Vec<&str> = one.why.iter().flat_map(|why| why.split_whitespace()).collect();
        let why = if words.is_empty() { String::new() } else { format!(": {}", words.join(" ")) };
        format!("{seat} {verb} {task}, generation {generation}{why}")
    };
    let lines: Vec<String> = changes.iter().map(line).collect();
    match lines.as_slice() {
        [one] => one.clone(),
        many => format!("{} changes of ownership\n\n{}", many.len(), many.join("\n")),
    }
}
