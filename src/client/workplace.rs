//! Where a task is worked on, for people who want to look or lend a hand there.

use super::{Client, Error};
use crate::api::attempt::OWNER_VARIABLE;
use crate::api::name::TaskName;
use crate::disk;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where a task is worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workplace {
    /// The directory.
    pub directory: PathBuf,
    /// What its worker has in its environment, but for what makes a process the worker's: a person's
    /// process must not end with it.
    pub variables: BTreeMap<String, String>,
}

impl Client {
    /// Returns where the last attempt of a task works, or worked.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such place, or no more.
    pub fn workplace(&self, task: &TaskName) -> Result<Workplace, Error> {
        let refused = |what: String| Error::Refused {
            what,
            help: format!("see where it is: reconciler describe task {task}"),
        };
        let attempts = self.records().attempts_of(&self.record_of(task)?.owner())?;
        let attempt = attempts.last().and_then(|last| last.attempt.as_ref().ok());
        let attempt = attempt.ok_or_else(|| refused(format!("{task} was never started")))?;
        let directory = attempt.directory.clone();
        if !disk::is_there(&directory)? {
            return Err(refused(format!("{} is not there any more", directory.display())));
        }
        let mut variables = attempt.program.env.clone();
        variables.retain(|name, _| {
            name != OWNER_VARIABLE
                && name != "RECONCILER"
                && !name.starts_with("RECONCILER_ATTEMPT")
        });
        Ok(Workplace { directory, variables })
    }
}
