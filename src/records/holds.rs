//! What people said to the loop outside of git: holds, and that a task may try anew. A hold whose
//! record cannot be understood stands, with the damage as its reason.

use super::{Error, Records, file};
use crate::api::attempt::Attempt;
use crate::api::hold::{Hold, HoldKind, Holds, Retrial, Target};
use crate::api::name::TaskName;
use crate::disk;
use crate::process::clock;
use std::path::PathBuf;

const HOLDS: &str = "holds";
const RETRIES: &str = "retries";

impl Records {
    /// Returns every hold, those that lapsed as well.
    ///
    /// # Errors
    /// When the folder cannot be read: then nothing new may start.
    pub fn holds(&self) -> Result<Holds, Error> {
        let mut found = Holds::default();
        for name in disk::list_records(&self.root.join(HOLDS))? {
            let Some(target) = target(&name) else { continue };
            // Removed since it was listed: it is absent.
            if let Some(hold) = self.hold(&target) {
                found.insert(target, hold);
            }
        }
        Ok(found)
    }

    /// Returns the hold on this, or what is wrong with its record.
    pub fn hold(&self, target: &Target) -> Option<Result<Hold, String>> {
        let read: Option<Result<Hold, _>> = file::read(&self.hold_path(target));
        read.map(|hold| hold.map_err(|damage| damage.to_string()))
    }

    /// Returns whether nothing is to be typed in an attempt, because its task, its worker or everything
    /// is paused.
    pub fn is_paused(&self, attempt: &Attempt) -> bool {
        let (task, worker) = (attempt.id.owner.task.clone(), attempt.seat.worker.clone());
        let now = clock::now();
        [Target::All, Target::Task(task), Target::Worker(worker)].iter().any(|target| {
            self.hold(target).is_some_and(|hold| match hold {
                Ok(hold) => hold.kind == HoldKind::Pause && hold.holds_at(now),
                Err(_) => true,
            })
        })
    }

    /// Writes a hold, in place of the one before it.
    ///
    /// # Errors
    /// When it cannot be made durable; what was so before may still be.
    pub fn set_hold(&self, target: &Target, hold: &Hold) -> Result<(), Error> {
        self.make_root()?;
        let path = self.hold_path(target);
        disk::replace(&path, &file::bytes(hold))?;
        Ok(disk::sync_folder_of(&path)?)
    }

    /// Removes the hold on this, if there is one.
    ///
    /// # Errors
    /// When it cannot be removed; then it may hold.
    pub fn lift_hold(&self, target: &Target) -> Result<(), Error> {
        Ok(disk::remove(&self.hold_path(target))?)
    }

    /// Returns the tasks that may try anew.
    ///
    /// # Errors
    /// When the folder cannot be read: then none is known.
    pub fn retrials(&self) -> Result<super::ByTask<Retrial>, Error> {
        self.by_task(RETRIES)
    }

    /// Lets a task try anew.
    ///
    /// # Errors
    /// When it cannot be made durable; say it again.
    pub fn set_retrial(&self, task: &TaskName, retrial: &Retrial) -> Result<(), Error> {
        self.make_root()?;
        let path = self.of_task(RETRIES, task);
        disk::replace(&path, &file::bytes(retrial))?;
        Ok(disk::sync_folder_of(&path)?)
    }

    /// Removes the word that a task may try anew.
    pub(super) fn clear_retrial(&self, task: &TaskName) -> Result<(), disk::Error> {
        disk::remove(&self.of_task(RETRIES, task))
    }

    /// Makes and returns the folders in which people speak to the loop: a change there is a hint.
    ///
    /// # Errors
    /// When one of them cannot be made.
    pub fn folders_of_words(&self) -> Result<[PathBuf; 3], disk::Error> {
        self.make_root()?;
        let folders = [HOLDS, RETRIES, super::landings::LANDINGS].map(|name| self.root.join(name));
        for folder in &folders {
            disk::make_folder(folder)?;
        }
        Ok(folders)
    }

    fn hold_path(&self, target: &Target) -> PathBuf {
        self.root.join(HOLDS).join(match target {
            Target::All => "all.json".to_owned(),
            Target::Task(name) => format!("task.{name}.json"),
            Target::Worker(name) => format!("worker.{name}.json"),
            Target::Merges => "merges.json".to_owned(),
        })
    }
}

/// Returns what the hold in a file of this name is on.
fn target(file: &str) -> Option<Target> {
    let stem = file.strip_suffix(".json")?;
    match stem.split_once('.') {
        None if stem == "all" => Some(Target::All),
        None => (stem == "merges").then_some(Target::Merges),
        Some(("task", name)) => name.parse().ok().map(Target::Task),
        Some(("worker", name)) => name.parse().ok().map(Target::Worker),
        Some(_) => None,
    }
}
