//! The `.reconciler/` folder of one repository: what this machine knows of tasks and attempts. It
//! decides nothing, and a record it cannot understand is damage, never absence.

mod attempts;
mod backup;
mod board;
mod file;
mod handover;
mod holds;
mod issues;
mod journal;
mod landings;
mod reports;
#[cfg(test)]
mod tests;

pub use attempts::{AttemptFiles, AttemptsFolder};
pub use file::Damage;
pub use reports::Words;

use crate::api::attempt::{Failure, TaskRecord};
use crate::api::name::{Owner, TaskName};
use crate::disk::{self, Published};
use attempts::Finished;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// Why a record was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// A record is there and cannot be understood.
    #[error(transparent)]
    Damage(#[from] Damage),
}

/// Records by task; one that cannot be understood stands there as damage.
pub type ByTask<T> = BTreeMap<TaskName, Result<T, Damage>>;

/// The records of one repository on this machine.
#[derive(Debug)]
pub struct Records {
    root: PathBuf,
    finished: Mutex<Finished>,
}

impl Records {
    /// Returns the records of the repository whose main work tree is here. Touches no disk.
    pub fn at(repository: &Path) -> Self {
        Self { root: repository.join(".reconciler"), finished: Mutex::default() }
    }

    /// Returns what is known of every task.
    ///
    /// # Errors
    /// When the folder cannot be read: then every task is unknown.
    pub fn tasks(&self) -> Result<ByTask<TaskRecord>, Error> {
        let mut tasks: ByTask<TaskRecord> = self.by_task("tasks")?;
        for (name, task) in &mut tasks {
            if task.as_ref().is_ok_and(|task| task.task != *name) {
                let message = "it is the record of another task".to_owned();
                *task = Err(Damage { path: self.of_task("tasks", name), message });
            }
        }
        Ok(tasks)
    }

    /// Writes the record of a task at first sight; the first one stands.
    ///
    /// # Errors
    /// When it cannot be made durable; try again.
    pub fn register(&self, task: &TaskRecord) -> Result<Published, Error> {
        let published = self.create(&self.of_task("tasks", &task.task), task)?;
        if published == Published::New {
            // It was of an earlier task of this name.
            self.clear_failure(&task.task)?;
        }
        Ok(published)
    }

    /// Removes the record of a task and the notes beside it, if it is of this uid. Returns
    /// whether it was.
    ///
    /// # Errors
    /// When the record cannot be read, understood or removed; then nothing was removed for certain.
    pub fn forget(&self, owner: &Owner) -> Result<bool, Error> {
        let path = self.of_task("tasks", &owner.task);
        let Some(task) = file::read::<TaskRecord>(&path) else { return Ok(false) };
        if task?.owner() != *owner {
            return Ok(false);
        }
        self.clear_failure(&owner.task)?;
        self.clear_retrial(&owner.task)?;
        self.clear_landing(&owner.task)?;
        disk::remove(&path)?;
        Ok(true)
    }

    /// Returns the tasks whose last effect failed.
    ///
    /// # Errors
    /// When the folder cannot be read: then every failure is unknown.
    pub fn failures(&self) -> Result<ByTask<Failure>, Error> {
        self.by_task("failures")
    }

    /// Records that an effect failed, in place of the failure before it.
    ///
    /// # Errors
    /// When it cannot be made durable; the one before still stands.
    pub fn record_failure(&self, task: &TaskName, failure: &Failure) -> Result<(), Error> {
        self.make_root()?;
        Ok(disk::replace(&self.of_task("failures", task), &file::bytes(failure))?)
    }

    /// Forgets the failure of a task.
    ///
    /// # Errors
    /// When it cannot be removed; try again.
    pub fn clear_failure(&self, task: &TaskName) -> Result<(), Error> {
        Ok(disk::remove(&self.of_task("failures", task))?)
    }

    fn by_task<T: DeserializeOwned>(&self, folder: &str) -> Result<ByTask<T>, Error> {
        let mut found = BTreeMap::new();
        for name in disk::list_records(&self.root.join(folder))? {
            let Some(task) = name.strip_suffix(".json").and_then(|stem| stem.parse().ok()) else {
                continue;
            };
            // Removed since it was listed: it is absent.
            if let Some(record) = file::read(&self.of_task(folder, &task)) {
                found.insert(task, record);
            }
        }
        Ok(found)
    }

    fn of_task(&self, folder: &str, task: &TaskName) -> PathBuf {
        self.root.join(folder).join(format!("{task}.json"))
    }

    fn create(&self, path: &Path, record: &impl Serialize) -> Result<Published, Error> {
        self.make_root()?;
        Ok(disk::create(path, &file::bytes(record))?)
    }

    /// Makes the folder of the records, which git does not see.
    ///
    /// # Errors
    /// When it is not there and cannot be made: then nothing can be recorded.
    pub fn make_root(&self) -> Result<(), disk::Error> {
        disk::make_ignored_folder(&self.root)
    }
}
