//! Again: a person has an attempt stopped so that the next begins, or gives a task whose attempts are
//! used up all of them anew. Neither starts anything: the loop does.

use super::{Client, Error};
use crate::api::attempt::{Attempt, AttemptId, ExitReason, StopReason, StopRequest};
use crate::api::hold::Retrial;
use crate::api::name::TaskName;
use crate::disk::Published;
use crate::process::clock;
use crate::process::signal::{self, Ask};
use crate::records;

impl Client {
    /// Asks the attempt that runs to stop, so that the loop starts the next at once. Returns which.
    ///
    /// # Errors
    /// [`Error::Refused`] when none of ours runs.
    pub async fn restart(&self, task: &TaskName) -> Result<AttemptId, Error> {
        let (id, files) = self.live_attempt(task)?;
        let request = StopRequest { asked_at: clock::now(), why: StopReason::Restarted };
        match self.records().ask_to_stop(&id, &request)? {
            // One that was asked before stops for that reason.
            Published::New | Published::Existed => {}
        }
        if let Some(shim) = &files.shim {
            let shim = shim.as_ref().map_err(|damage| records::Error::from(damage.clone()))?;
            signal::send(&shim.process, Ask::Terminate).map_err(|error| Error::Refused {
                what: format!("attempt {id} is to stop, and its shim was not told: {error}"),
                help: "run it again".to_owned(),
            })?;
        }
        let message =
            format!("attempt {} is to start again, by {}", id.number, self.speaker().await);
        self.note_words(task, "Restarted", &message);
        Ok(id)
    }

    /// Lets what came of the attempts of a task so far no longer count. Returns the last of them.
    ///
    /// # Errors
    /// [`Error::Refused`] when it has no attempt that is over, or has succeeded.
    pub async fn retry(&self, task: &TaskName, reason: Option<&str>) -> Result<u32, Error> {
        let refused = |what: String, help: String| Err(Error::Refused { what, help });
        let record = self.record_of(task)?;
        let attempts = self.records().attempts_of(&record.owner())?;
        let Some(last) = attempts.last() else {
            let help = format!("see what it waits for: reconciler describe task {task}");
            return refused(format!("{task} was not tried yet"), help);
        };
        let Some(exit) = &last.exit else {
            let help = format!("reconciler restart {task}");
            return refused(format!("attempt {} of {task} runs", last.number), help);
        };
        let landing = self.records().landing(task)?.filter(|one| one.uid == record.uid);
        let is_refused = landing.is_some_and(|one| one.refused.contains_key(&one.attempt));
        // Of done work, the last attempt may be one that verified it.
        let is_work =
            |attempt: &Result<Attempt, _>| attempt.as_ref().is_ok_and(|one| one.verifies.is_none());
        let work = attempts.iter().rev().find(|one| is_work(&one.attempt));
        let end = work.and_then(|one| one.exit.as_ref()).unwrap_or(exit);
        let is_done = end.as_ref().is_ok_and(|exit| exit.reason == ExitReason::Succeeded);
        if is_done && !is_refused {
            let help = "commit what is to be done now; then it runs again".to_owned();
            return refused(format!("{task} has succeeded"), help);
        }
        let (at, by) = (clock::now(), self.speaker().await);
        let reason = reason.unwrap_or_default().trim().to_owned();
        let message = format!("by {by}, after attempt {}", last.number);
        let retrial = Retrial { uid: record.uid, after: last.number, by, at, reason };
        self.records().set_retrial(task, &retrial)?;
        self.note_words(task, "Retried", &message);
        Ok(last.number)
    }
}
