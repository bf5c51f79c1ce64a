//! Rescued work: what no branch held when a worktree went, found again. Restoring makes a branch and
//! touches no work tree; nothing is dropped that was not named.

use super::{Client, Error};
use crate::api::event::{Event, EventKind};
use crate::api::name::{BranchName, CommitId};
use crate::git::Moved;
use crate::process::clock;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::time::Duration;

/// The refs that hold rescued work.
pub(super) const RESCUES: &str = "refs/reconciler/rescue/";

/// All rescued work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescues {
    /// When it was looked at.
    pub now: Timestamp,
    /// What there is, by name.
    pub all: Vec<Rescue>,
}

/// Work that was in no branch when its worktree went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rescue {
    /// `TASK/ATTEMPT`, or `TASK/ATTEMPT-2` and so on.
    pub name: String,
    /// Its commit, on top of what the worktree had checked out.
    pub commit: String,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// What it is, in a line.
    pub subject: String,
}

impl Client {
    /// Returns all rescued work.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn rescues(&self) -> Result<Rescues, Error> {
        let found = self.repository.rescued(RESCUES).await?.into_iter();
        let rescue = |one: crate::git::Rescued| Rescue {
            name: one.name,
            commit: one.commit.to_string(),
            saved_at: one.at,
            subject: one.subject,
        };
        Ok(Rescues { now: clock::now(), all: found.map(rescue).collect() })
    }

    /// Returns what a rescue holds, as git shows it: against the commit that it is on top of.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none of this name.
    pub async fn show_rescue(&self, name: &str) -> Result<Vec<u8>, Error> {
        let commit = self.rescue(name).await?;
        Ok(self.repository.show(&commit).await?)
    }

    /// Makes a branch of rescued work.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none of this name, or there is such a branch.
    pub async fn restore_rescue(
        &self,
        name: &str,
        branch: Option<BranchName>,
    ) -> Result<BranchName, Error> {
        let commit = self.rescue(name).await?;
        let named = || BranchName::try_from(format!("rescue/{}", name.replace('/', "-")));
        let branch = branch.map_or_else(named, Ok).map_err(|why| Error::Refused {
            what: format!("no branch can be called so: {why}"),
            help: "name one: --branch NAME".to_owned(),
        })?;
        match self.repository.create(&branch.to_ref(), &commit).await? {
            Moved::Done | Moved::AlreadySo => Ok(branch),
            Moved::Lost { .. } => Err(Error::Refused {
                what: format!("there is a branch {branch} already, of something else"),
                help: "name another: --branch NAME".to_owned(),
            }),
        }
    }

    /// Returns the names of what was saved longer ago than this.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn rescues_older_than(&self, age: Duration) -> Result<Vec<String>, Error> {
        let Rescues { now, all } = self.rescues().await?;
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        let is_old = |one: &Rescue| now.duration_since(one.saved_at) > age;
        Ok(all.into_iter().filter(is_old).map(|one| one.name).collect())
    }

    /// Drops rescued work, as it is now; the journal tells who did, and its commit.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is none of this name, or it changed meanwhile.
    pub async fn drop_rescue(&self, name: &str) -> Result<CommitId, Error> {
        let commit = self.rescue(name).await?;
        match self.repository.delete(&format!("{RESCUES}{name}"), &commit).await? {
            Moved::Done | Moved::AlreadySo => {
                let message =
                    format!("rescue {name}, commit {commit}, by {}", self.speaker().await);
                let (time, reason) = (clock::now(), "RescueDropped".to_owned());
                let object = format!("task/{}", name.split('/').next().unwrap_or(name));
                let event = Event { time, object, kind: EventKind::Normal, reason, message };
                // It is history: an event is worth no failure.
                self.records().append(&event).ok();
                Ok(commit)
            }
            Moved::Lost { .. } => Err(Error::Refused {
                what: format!("rescue {name} is another by now"),
                help: "look at it: reconciler rescue list".to_owned(),
            }),
        }
    }

    async fn rescue(&self, name: &str) -> Result<CommitId, Error> {
        let found = self.repository.rescued(RESCUES).await?;
        if let Some(one) = found.iter().find(|one| one.name == name) {
            return Ok(one.commit.clone());
        }
        let task = name.split('/').next().unwrap_or(name);
        let of_task = found.iter().filter(|one| one.name.split('/').next() == Some(task));
        let near: Vec<&str> = of_task.map(|one| one.name.as_str()).collect();
        let help = match near.as_slice() {
            [] => "see what there is: reconciler rescue list".to_owned(),
            near => format!("of task {task} there is {}", near.join(", ")),
        };
        Err(Error::Refused { what: format!("no rescued work is called `{name}`"), help })
    }
}
