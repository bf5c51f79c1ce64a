//! Hold: a person's word, on one machine and outside of git, that nothing new starts for a while; and
//! the word that a task may try anew. A hold never says that something running is to be thrown away.

use super::name::{TaskName, Uid, WorkerName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// Everything in this repository.
    All,
    /// One task.
    Task(TaskName),
    /// One worker, with all its seats.
    Worker(WorkerName),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("everything"),
            Self::Task(name) => write!(f, "task {name}"),
            Self::Worker(name) => write!(f, "worker {name}"),
        }
    }
}

/// One hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// What it keeps from happening.
    #[serde(flatten)]
    pub kind: HoldKind,
    /// Who said so.
    pub by: String,
    /// Since when it holds.
    pub since: Timestamp,
    /// When it lapses by itself; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Why, in a person's words; empty when nobody said so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// What a hold keeps from happening. The JSON form is tagged with `kind`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum HoldKind {
    /// No attempt starts, and no message is typed.
    Pause,
    /// A worker takes no attempt.
    Cordon,
    /// A worker takes no attempt, and what runs on it is asked to stop later.
    Drain {
        /// When that is.
        stop_at: Timestamp,
    },
}

impl Hold {
    /// Returns whether it holds at this time.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            HoldKind::Pause => "paused",
            HoldKind::Cordon => "cordoned",
            HoldKind::Drain { .. } => "drained",
        };
        write!(f, "{what} by {} since {:.0}", self.by, self.since)?;
        if let Some(until) = self.until {
            write!(f, " until {until:.0}")?;
        }
        if !self.reason.is_empty() {
            write!(f, ": {}", self.reason)?;
        }
        Ok(())
    }
}

/// A hold, or what is wrong with its record: then it holds, nobody knows why.
pub type HoldSighting = Result<Hold, String>;

/// Every hold that is recorded, those that lapsed as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// That on everything.
    pub all: Option<HoldSighting>,
    /// Those on tasks.
    pub tasks: BTreeMap<TaskName, HoldSighting>,
    /// Those on workers.
    pub workers: BTreeMap<WorkerName, HoldSighting>,
}

impl Holds {
    /// Returns the hold on this, whether it lapsed or not.
    pub fn on(&self, target: &Target) -> Option<&HoldSighting> {
        match target {
            Target::All => self.all.as_ref(),
            Target::Task(name) => self.tasks.get(name),
            Target::Worker(name) => self.workers.get(name),
        }
    }

    /// Puts a hold in its place.
    pub fn insert(&mut self, target: Target, hold: HoldSighting) {
        match target {
            Target::All => self.all = Some(hold),
            Target::Task(name) => drop(self.tasks.insert(name, hold)),
            Target::Worker(name) => drop(self.workers.insert(name, hold)),
        }
    }

    /// Takes the hold on this away.
    pub fn remove(&mut self, target: &Target) {
        match target {
            Target::All => self.all = None,
            Target::Task(name) => drop(self.tasks.remove(name)),
            Target::Worker(name) => drop(self.workers.remove(name)),
        }
    }

    /// Returns every hold, with what it is on.
    pub fn iter(&self) -> impl Iterator<Item = (Target, &HoldSighting)> {
        let tasks = self.tasks.iter().map(|(name, hold)| (Target::Task(name.clone()), hold));
        let workers = self.workers.iter().map(|(name, hold)| (Target::Worker(name.clone()), hold));
        self.all.iter().map(|hold| (Target::All, hold)).chain(tasks).chain(workers)
    }
}

/// A person's word that a task may try anew: what came of its attempts so far no longer counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Retrial {
    /// The task's identity: for one that was made again it does not count.
    pub uid: Uid,
    /// The last attempt that no longer counts.
    pub after: u32,
    /// Who said so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why, in a person's words; empty when nobody said so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_written_with_its_kind_and_read_again() {
        let hold = Hold {
            kind: HoldKind::Drain { stop_at: Timestamp::UNIX_EPOCH },
            by: "ada".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            until: None,
            reason: "the disk is changed".to_owned(),
        };
        let text = serde_json::to_string(&hold).unwrap();
        assert!(text.contains(r#""kind":"drain","stopAt":"1970-01-01T00:00:00Z""#), "{text}");
        assert_eq!(serde_json::from_str::<Hold>(&text).unwrap(), hold);
    }

    #[test]
    fn a_hold_lapses_by_itself() {
        let hold = |until| Hold {
            kind: HoldKind::Pause,
            by: "ada".to_owned(),
            since: Timestamp::UNIX_EPOCH,
            until,
            reason: String::new(),
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(hold(None).holds_at(at(9)) && hold(Some(at(10))).holds_at(at(9)));
        assert!(!hold(Some(at(9))).holds_at(at(9)));
    }
}
