//! The life of an object: what was committed of it, what happened to it, its attempts, its claims and
//! what landed for it, in one line of time. It reads alone, and needs no object to be there any more.

use super::diff::{Field, differences};
use super::view::attempt::attempts_of;
use super::{Client, Error, Snapshot};
use crate::api::admission::SIZE_MAX;
use crate::api::event::EventKind;
use crate::api::key::Key;
use crate::api::name::{CommitId, TaskName};
use crate::git::{BlobError, FileVersion};
use crate::plan::merge_target;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the journal tells of claims: the ledger tells it better.
const OF_LEDGER: [&str; 2] = ["Claimed", "Released"];

/// The life of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Life {
    /// The object, as `task/fix-login`.
    pub object: String,
    /// Its file.
    pub path: String,
    /// What happened, oldest first.
    pub items: Vec<Moment>,
    /// What could not be read, and why.
    pub unclear: Vec<String>,
}

/// Something that happened to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moment {
    /// When; what git recorded, to the second.
    pub time: Timestamp,
    /// Where it is recorded.
    pub source: MomentSource,
    /// Whether anyone should look at it.
    pub kind: EventKind,
    /// What happened, in one word.
    pub reason: String,
    /// Who did it, when that is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// What happened, for people.
    pub message: String,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitId>,
    /// The fields of its file that were changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<Field>,
}

/// Where something is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MomentSource {
    /// A commit of its file.
    State,
    /// The history of the locks.
    Lock,
    /// The records of its attempts.
    Attempt,
    /// The journal.
    Event,
    /// A commit of the branch that work lands on.
    Landing,
}

impl Client {
    /// Tells the life of an object, also of one that is deleted. What this machine no longer records
    /// is missing; what was committed is there for ever.
    ///
    /// # Errors
    /// When git cannot be asked for the history of its file.
    pub async fn life(&self, snapshot: &Snapshot, key: &Key) -> Result<Life, Error> {
        let mut unclear = Vec::new();
        let mut items = self.of_file(key).await?;
        if let Key::Task(task) = key {
            let claims = self.of_claims(task).await;
            items.extend(told(claims, "who held it", &mut unclear));
            let landed = self.of_landings(snapshot, task).await;
            items.extend(told(landed, "what landed for it", &mut unclear));
            items.extend(of_attempts(snapshot, task));
        }
        unclear.extend(snapshot.events.why_unknown().map(|why| format!("its events: {why}")));
        let has_claims = items.iter().any(|one| one.source == MomentSource::Lock);
        let events = snapshot.events_of(Some(&key.to_string())).into_iter();
        let events = events.filter(|one| !has_claims || !OF_LEDGER.contains(&one.reason.as_str()));
        items.extend(events.map(|event| Moment {
            kind: event.kind,
            ..moment(event.time, MomentSource::Event, &event.reason, event.message.clone())
        }));
        items.sort_by_key(|one| one.time);
        Ok(Life { object: key.to_string(), path: key.path(), items, unclear })
    }

    /// Returns what was committed of its file.
    async fn of_file(&self, key: &Key) -> Result<Vec<Moment>, Error> {
        let reader = self.repository.reader();
        if reader.resolve(&self.state_ref).await?.is_none() {
            return Ok(Vec::new());
        }
        let versions = self.repository.file_history(&self.state_ref, &key.path()).await?;
        let sides = |one: &FileVersion| [one.before.clone(), one.after.clone()];
        let mut ids: Vec<String> = versions.iter().flat_map(sides).flatten().collect();
        ids.sort_unstable();
        ids.dedup();
        let blobs = reader.blobs(&ids, SIZE_MAX as u64).await?;
        let contents: BTreeMap<String, _> = ids.into_iter().zip(blobs).collect();
        Ok(versions.into_iter().map(|one| of_version(one, &contents)).collect())
    }

    async fn of_claims(&self, task: &TaskName) -> Result<Vec<Moment>, Error> {
        let history = self.lock_history().await?;
        let mut found = Vec::new();
        for one in history.holdings().filter(|one| one.claim.task == *task) {
            let claim = &one.claim;
            let why = claim.reason.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
            let words = [
                (Some(claim.claimed_at), "Claimed", format!("generation {}", claim.generation)),
                (one.released_at, "Released", format!("generation {}{why}", claim.generation)),
            ];
            found.extend(words.into_iter().filter_map(|(at, reason, message)| {
                let who = Some(claim.seat.to_string());
                Some(Moment { who, ..moment(at?, MomentSource::Lock, reason, message) })
            }));
        }
        Ok(found)
    }

    async fn of_landings(
        &self,
        snapshot: &Snapshot,
        task: &TaskName,
    ) -> Result<Vec<Moment>, Error> {
        let target = snapshot.desired.known().and_then(|desired| merge_target(desired));
        let target = target.map_or_else(|| self.state_ref.clone(), |target| target.to_ref());
        if self.repository.reader().resolve(&target).await?.is_none() {
            return Ok(Vec::new());
        }
        let landed = self.repository.landed_for(&target, task.as_str()).await?;
        let branch = target.strip_prefix("refs/heads/").unwrap_or(&target);
        let of_commit = |one: crate::git::Landed| {
            let message = format!("{} on {branch}: {}", one.id.short(), one.subject);
            let (who, commit) = (Some(one.author), Some(one.id));
            Moment { who, commit, ..moment(one.at, MomentSource::Landing, "Landed", message) }
        };
        Ok(landed.into_iter().map(of_commit).collect())
    }
}

/// Returns what could be read; else notes why it could not.
fn told(found: Result<Vec<Moment>, Error>, what: &str, unclear: &mut Vec<String>) -> Vec<Moment> {
    found.unwrap_or_else(|why| {
        unclear.push(format!("{what}: {why}"));
        Vec::new()
    })
}

fn moment(time: Timestamp, source: MomentSource, reason: &str, message: String) -> Moment {
    let (reason, kind) = (reason.to_owned(), EventKind::Normal);
    let (who, commit, fields) = (None, None, Vec::new());
    Moment { time, source, kind, reason, who, message, commit, fields }
}

fn of_version(
    version: FileVersion,
    contents: &BTreeMap<String, Result<Vec<u8>, BlobError>>,
) -> Moment {
    let read = |id: &String| match contents.get(id) {
        Some(Ok(bytes)) => serde_json::from_slice::<Value>(bytes).map_err(|why| why.to_string()),
        Some(Err(why)) => Err(why.to_string()),
        None => Err("it was not read".to_owned()),
    };
    let FileVersion { commit, before, after } = version;
    let reason = match (&before, &after) {
        (None, _) => "Added",
        (Some(_), Some(_)) => "Changed",
        (Some(_), None) => "Deleted",
    };
    let mut message = format!("{} {}", commit.id.short(), commit.subject);
    let mut fields = Vec::new();
    match (before.as_ref().map(read), after.as_ref().map(read)) {
        (Some(Ok(old)), Some(Ok(new))) => {
            fields = differences(&said(&old), &said(&new));
            if fields.is_empty() {
                message.push_str("; nothing but its form");
            }
        }
        (_, Some(Err(why))) => message = format!("{message}; not valid: {why}"),
        (Some(Err(_)), Some(Ok(_))) => message.push_str("; valid again"),
        (_, None) | (None, Some(Ok(_))) => {}
    }
    let (who, id) = (Some(commit.author), Some(commit.id));
    let told = moment(commit.at, MomentSource::State, reason, message);
    Moment { who, commit: id, fields, ..told }
}

/// Returns what a file says of its object.
fn said(file: &Value) -> Value {
    json!({ "metadata": file.get("metadata"), "spec": file.get("spec") })
}

fn of_attempts(snapshot: &Snapshot, task: &TaskName) -> Vec<Moment> {
    let attempts = attempts_of(snapshot, task).into_iter();
    let ended = attempts.filter_map(|one| {
        let what = if one.verifies.is_some() { "verification" } else { "attempt" };
        let message = format!("{what} {} {}", one.number, one.message);
        let ended = moment(one.ended_at?, MomentSource::Attempt, "AttemptEnded", message);
        Some(Moment { who: one.worker, ..ended })
    });
    ended.collect()
}
