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
use std::time::Duration;

/// The ref of the ledger: its tree says who holds what or held it last, its commits are the changes.
pub const LOCKS: &str = "refs/reconciler/locks";
/// How often a commit is tried that others overtake, or that git refuses.
const TRIES: usize = 5;
/// The pause after git refused one.
const PAUSE: Duration = Duration::from_millis(40);

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

    /// Notes what it does not say although the claims do, unless it is noted already, and why.
    pub fn heal(&self, claims: &BTreeMap<TaskName, ClaimSighting>) {
        let missing = self.missing(claims);
        let mut pending = self.pending();
        for one in missing {
            pending.entry(one.claim.task.clone()).or_insert_with(|| Change::from(one));
        }
    }

    /// Commits what is to be added, all that there is at once. When it returns, what was noted before
    /// is recorded.
    ///
    /// # Errors
    /// When it is not certain that they are recorded; they stay noted, so try again.
    pub async fn publish(&self, repository: &Repository) -> Result<(), LedgerError> {
        let _committing = self.committing.lock().await;
        let mut refused = None;
        for _ in 0..TRIES {
            let changes = self.pending().clone();
            if changes.is_empty() {
                return Ok(());
            }
            match self.commit(repository, &changes).await {
                Ok(true) => {
                    // What was noted meanwhile stays.
                    self.pending().retain(|task, one| changes.get(task) != Some(one));
                    return Ok(());
                }
                Ok(false) => refused = None,
                // Somebody may be packing the refs just now.
                Err(error) => {
                    refused = Some(error);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        Err(refused.map_or(LedgerError::Overtaken, LedgerError::Git))
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
            self.learn(Box::pin(read(repository)).await?);
        }
        Ok(())
    }

    /// Takes over what was read. A generation that was known before and is lost, as when somebody
    /// removed the ref, is noted to be recorded again.
    fn learn(&self, read: Known) {
        let before = self.known().take().unwrap_or_default();
        let is_lost = |one: &Holding| {
            let now = read.holdings.get(&one.claim.task);
            !one.claim.is_without_task()
                && now.is_none_or(|now| now.claim.generation < one.claim.generation)
        };
        let lost: Vec<Holding> = before.holdings.into_values().filter(is_lost).collect();
        let mut pending = self.pending();
        for one in lost {
            let task = one.claim.task.clone();
            pending.entry(task).or_insert_with(|| Change::from(one));
        }
        drop(pending);
        *self.known() = Some(read);
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
            self.learn(Box::pin(read(repository)).await?);
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
        let taken = one.holding.claim.reason.as_ref().filter(|_| one.holding.released_at.is_none());
        let why = one.why.as_ref().or(taken);
        let words: Vec<&str> = why.iter().flat_map(|why| why.split_whitespace()).collect();
        let why = if words.is_empty() { String::new() } else { format!(": {}", words.join(" ")) };
        format!("{seat} {verb} {task}, generation {generation}{why}")
    };
    let lines: Vec<String> = changes.iter().map(line).collect();
    match lines.as_slice() {
        [one] => one.clone(),
        many => format!("{} changes of ownership\n\n{}", many.len(), many.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::name::Uid;
    use serde_json::json;

    fn claim(task: &str, generation: u64, worker_type: &str) -> Claim {
        let (time, uid) = ("2026-01-01T00:00:00Z", Uid::derive(1, task));
        let json = json!({
            "taskId": task, "uid": uid, "workerId": "ada-1", "workerType": worker_type,
            "claimedAt": time, "lockedFiles": ["src/"], "expiresAt": time,
            "heartbeat": { "at": time, "bootId": "boot", "bootMillis": 0 },
            "generation": generation, "nonce": uid, "node": "here",
        });
        serde_json::from_value(json).unwrap()
    }

    fn known(claims: &[Claim]) -> Known {
        let holding = |claim: &Claim| Holding { claim: claim.clone(), released_at: None };
        let holdings = claims.iter().map(|one| (one.task.clone(), holding(one))).collect();
        Known { tip: None, holdings }
    }

    #[test]
    fn generations_that_were_lost_with_the_ref_are_kept_and_recorded_again() {
        let ledger = Ledger::default();
        let without_task = Claim::name_without_task(&Uid::derive(1, "x"));
        let mut path_lock = claim(without_task.as_str(), 1, "human");
        path_lock.uid = Uid::derive(1, "x");
        assert!(path_lock.is_without_task());
        ledger.learn(known(&[claim("a", 3, "human"), claim("b", 2, "ai_agent"), path_lock]));
        ledger.learn(known(&[claim("b", 2, "ai_agent")]));
        assert_eq!(ledger.generation(&"a".parse().unwrap()), 3);
        let noted: Vec<String> = ledger.pending().keys().map(ToString::to_string).collect();
        assert_eq!(noted, ["a"]);
    }

    #[test]
    fn why_something_was_taken_away_is_one_line_of_the_history() {
        let holding = Holding { claim: claim("a", 3, "human"), released_at: Some(clock::now()) };
        let why = Some("forced by bob-1: she\n\nis   away".to_owned());
        let forced = Change { holding, why };
        let told = "ada-1 releases a, generation 3: forced by bob-1: she is away";
        assert_eq!(message(std::slice::from_ref(&forced)), told);
        let both = [
            forced,
            Change::from(
                known(&[claim("b", 1, "human")]).holdings.remove(&"b".parse().unwrap()).unwrap(),
            ),
        ];
        let text = message(&both);
        assert_eq!(text, format!("2 changes of ownership\n\n{told}\nada-1 claims b, generation 1"));
    }
}
