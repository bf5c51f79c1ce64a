//! One look, with what it means: the one source of every screen. It works whether or not the loop
//! runs, because the plan is made from the look and from nothing the loop remembers.

use super::{Client, Conflict, Error};
use crate::api::event::Event;
use crate::api::name::TaskName;
use crate::disk;
use crate::engine;
use crate::locks::{Guard, Held};
use crate::plan::Plan;
use crate::plan::desired::Desired;
use crate::plan::observed::{Observed, Sighting};
use crate::world::World as _;
use jiff::Timestamp;
use std::path::PathBuf;
use std::sync::Arc;

/// With less than this free, in bytes, no record of any use can be written.
const ROOM_MIN: u64 = 64 * 1024;

/// One look, with what it means.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What is wanted.
    pub desired: Sighting<Arc<Desired>>,
    /// What there is.
    pub observed: Observed,
    /// What the loop would do now, and why each task is where it is.
    pub plan: Plan,
    /// Whether the loop runs.
    pub loop_state: LoopState,
    /// What happened, oldest first.
    pub events: Sighting<Vec<Event>>,
    /// The conflicts between branches that the last forecast found and that still stand.
    pub conflicts: Vec<Conflict>,
    /// The tasks that are proposed and wait for a person, as far as that can be read.
    pub proposals: Vec<TaskName>,
}

/// Whether the loop of this repository runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoopState {
    /// It runs.
    Running {
        /// Its pid, if it said so.
        pid: Option<u32>,
        /// Since when, if it said so.
        since: Option<Timestamp>,
    },
    /// It does not.
    NotRunning,
    /// That cannot be seen.
    Unknown(String),
}

impl Client {
    /// Looks at everything once. Changes nothing.
    pub async fn snapshot(&self) -> Snapshot {
        let look = self.visitor.observe().await;
        let (mut plan, _) = engine::decide(&look);
        plan.report.notices.extend(self.why_nothing_is_recorded());
        let loop_state = self.loop_state();
        let events = Sighting::from(self.events());
        let conflicts = self.known_conflicts(&look.observed);
        let proposals = self.proposed_names().await;
        let (desired, observed) = (look.desired, look.observed);
        Snapshot { desired, observed, plan, loop_state, events, conflicts, proposals }
    }

    /// Returns that the disk is full, if it is: then why an effect failed is recorded nowhere.
    fn why_nothing_is_recorded(&self) -> Option<String> {
        let free = disk::free(self.root()).ok()?;
        (free < ROOM_MIN).then(|| {
            let root = self.root().display();
            format!("the disk of {root} is full: nothing can be recorded until there is room")
        })
    }

    /// Returns whether the loop runs.
    pub fn loop_state(&self) -> LoopState {
        match Guard::held(self.repository.common_dir()) {
            Ok(Held::Free) => LoopState::NotRunning,
            Ok(Held::By(holder)) => LoopState::Running {
                pid: holder.as_ref().map(|holder| holder.pid),
                since: holder.map(|holder| holder.since),
            },
            Err(error) => LoopState::Unknown(error.to_string()),
        }
    }

    /// Returns what happened, oldest first.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        Ok(self.records().events()?)
    }

    /// Returns the logs of a task's attempts, oldest first: their numbers, and where they are or
    /// will be. A task that was never registered has none.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn logs(&self, task: &TaskName) -> Result<Vec<(u32, PathBuf)>, Error> {
        let tasks = self.records().tasks()?;
        let Some(Ok(record)) = tasks.get(task) else { return Ok(Vec::new()) };
        let attempts = self.records().attempts_of(&record.owner())?;
        let log = |attempt: &crate::api::attempt::Attempt| self.records().log_path(attempt);
        let path = |one: &Arc<crate::records::AttemptFiles>| {
            Some((one.number, log(one.attempt.as_ref().ok()?)))
        };
        Ok(attempts.iter().filter_map(path).collect())
    }
}
