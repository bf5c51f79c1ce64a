//! Merges: a person lets work that could not land try again, or takes it out of the queue. Nothing is
//! merged here: the loop does.

use super::{Client, Error, Snapshot};
use crate::api::landing::{Landing, Obstacle, OrderState, Stage};
use crate::api::name::TaskName;
use crate::plan::merge_target;
use crate::plan::observed::AttemptSighting;
use crate::process::clock;

impl Client {
    /// Lets the work of a task try to land again, as it is on its branch now.
    ///
    /// # Errors
    /// [`Error::Refused`] when nothing keeps it from landing.
    pub async fn retry_merge(&self, task: &TaskName) -> Result<(), Error> {
        let turn = self.ownership().turn().await?;
        let mut landing = self.landing(task)?;
        if landing.refused.remove(&landing.attempt).is_none() {
            return Err(Error::Refused {
                what: format!("nothing keeps {task} from landing"),
                help: "see the queue: reconciler merge".to_owned(),
            });
        }
        // No commit is put onto itself: what is recorded so is built anew.
        landing.onto = landing.tip.clone();
        (landing.stage, landing.at) = (Stage::Waiting { paths: Vec::new() }, clock::now());
        self.records().set_landing(task, &landing)?;
        drop(turn);
        self.note_words(task, "MergeRetried", &format!("by {}", self.speaker().await));
        Ok(())
    }

    /// Takes the work of a task out of the queue; its worker is told, and tries again if it may.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is not in the queue.
    pub async fn eject(&self, task: &TaskName, reason: Option<&str>) -> Result<(), Error> {
        let snapshot = self.snapshot().await;
        let by = self.speaker().await;
        // Whoever speaks with GitHub writes the same record.
        let turn = self.ownership().turn().await?;
        // What nothing was done about yet has no record.
        let recorded = self.landing(task);
        let mut landing = match queued(&snapshot, task, recorded.as_ref().ok()) {
            Some(landing) => landing,
            None => recorded?,
        };
        match landing.stage {
            Stage::Candidate { .. } | Stage::Waiting { .. } => {}
            Stage::Nothing | Stage::Refused | Stage::Landed { .. } => {
                return Err(Error::Refused {
                    what: format!("{task} is not in the merge queue"),
                    help: "see the queue: reconciler merge".to_owned(),
                });
            }
        }
        // Before its worker tries again, GitHub is told not to merge it by itself.
        if let Some(ordered) = landing.pull.as_mut().and_then(|pull| pull.ordered.as_mut()) {
            ordered.state = OrderState::Leaving;
        }
        let by = reason.map_or_else(|| by.clone(), |reason| format!("{by}: {reason}"));
        let why = Obstacle::Ejected { by }.to_string();
        landing.refused.insert(landing.attempt, why.clone());
        (landing.stage, landing.at) = (Stage::Refused, clock::now());
        self.records().set_landing(task, &landing)?;
        drop(turn);
        self.note_words(task, "MergeRefused", &why);
        Ok(())
    }

    fn landing(&self, task: &TaskName) -> Result<Landing, Error> {
        let record = self.record_of(task)?;
        let landing = self.records().landing(task)?.filter(|one| one.uid == record.uid);
        landing.ok_or_else(|| Error::Refused {
            what: format!("nothing of {task} is on its way to land"),
            help: "see the queue: reconciler merge".to_owned(),
        })
    }
}

/// Returns the landing of work that waits in the queue and is in no record yet, as it would begin.
fn queued(snapshot: &Snapshot, task: &TaskName, recorded: Option<&Landing>) -> Option<Landing> {
    let seen = snapshot.observed.tasks.known()?.get(task)?;
    let record = seen.record.as_ref().ok()?;
    let did_work =
        |one: &&AttemptSighting| one.attempt.as_ref().is_ok_and(|one| one.verifies.is_none());
    let attempt = seen.attempts.iter().rfind(did_work)?.number;
    let is_recorded = recorded.is_some_and(|one| one.attempt == attempt);
    if is_recorded || !snapshot.plan.report.merges.contains(task) {
        return None;
    }
    let branches = snapshot.observed.branches.known()?;
    let target = merge_target(snapshot.desired.known()?)?;
    Some(Landing {
        uid: record.uid.clone(),
        attempt,
        tip: branches.get(record.branch.as_ref()?)?.clone(),
        onto: branches.get(&target)?.clone(),
        target,
        stage: Stage::Waiting { paths: Vec::new() },
        at: clock::now(),
        refused: recorded.map(|one| one.refused.clone()).unwrap_or_default(),
        pull: recorded.and_then(|one| one.pull.clone()),
    })
}
