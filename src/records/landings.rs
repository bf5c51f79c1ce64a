//! How far the work of each task is on its way to the target branch. One record for each task; it is
//! forgotten with it.

use super::{ByTask, Error, Records, file};
use crate::api::landing::Landing;
use crate::api::name::TaskName;
use crate::disk;

pub(super) const LANDINGS: &str = "landings";

impl Records {
    /// Returns how far every task's work is.
    ///
    /// # Errors
    /// When the folder cannot be read: then none is known.
    pub fn landings(&self) -> Result<ByTask<Landing>, Error> {
        self.by_task(LANDINGS)
    }

    /// Returns how far the work of one task is, as the disk has it now.
    ///
    /// # Errors
    /// When the record is there and cannot be understood.
    pub fn landing(&self, task: &TaskName) -> Result<Option<Landing>, Error> {
        Ok(file::read(&self.of_task(LANDINGS, task)).transpose()?)
    }

    /// Records how far the work of a task is, in place of what was recorded before.
    ///
    /// # Errors
    /// When it cannot be made durable; what was there before may still be.
    pub fn set_landing(&self, task: &TaskName, landing: &Landing) -> Result<(), Error> {
        self.make_root()?;
        Ok(disk::replace(&self.of_task(LANDINGS, task), &file::bytes(landing))?)
    }

    /// Removes what is recorded.
    ///
    /// # Errors
    /// When it cannot be removed; try again.
    pub fn clear_landing(&self, task: &TaskName) -> Result<(), Error> {
        Ok(disk::remove(&self.of_task(LANDINGS, task))?)
    }
}
