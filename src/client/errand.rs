//! Errands: what a worker with a read-only view of the repository has done by its shim, outside of that
//! view. Both sides are here, so that a worker can have nothing done that it could not ask for itself.

use super::report::tell;
use super::{Client, Error, OwnAttempt, Proposed};
use crate::api::decision::Decision;
use crate::api::errand::{Errand, Outcome};
use crate::api::event::Event;
use crate::disk::Published;
use crate::shim::view::VIEW_VARIABLE;
use std::time::Duration;

/// How long to wait for what came of an errand, and how often to look.
const WAITING: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(10);

impl Client {
    /// Returns whether this process sees a repository that it cannot write.
    pub(super) fn has_view(&self) -> bool {
        self.environment.variables.contains_key(VIEW_VARIABLE)
    }

    /// Has something done by the shim of the own attempt, and waits for what comes of it.
    pub(super) async fn have_done(
        &self,
        own: &OwnAttempt,
        errand: &Errand,
    ) -> Result<Outcome, Error> {
        let number = self.records().send_on_errand(&own.id, errand)?;
        tell(own.shim());
        match tokio::time::timeout(WAITING, self.outcome_of(own, number)).await {
            Ok(Ok(Outcome::Refused { what, help })) => Err(Error::Refused { what, help }),
            Ok(done) => done,
            Err(_) => Err(Error::Unknown(format!("nobody did errand {number} of {} yet", own.id))),
        }
    }

    async fn outcome_of(&self, own: &OwnAttempt, number: u32) -> Result<Outcome, Error> {
        loop {
            if let Some(outcome) = self.records().errand_outcome(&own.id, number)? {
                return Ok(outcome);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Has a note made in the journal, which is worth no waiting.
    pub(super) fn have_noted(&self, event: Event) {
        let Ok(own) = self.own_attempt() else { return };
        if self.records().send_on_errand(&own.id, &Errand::Note(event)).is_ok() {
            tell(own.shim());
        }
    }

    /// Does the errands of the own attempt that nobody did yet.
    ///
    /// # Errors
    /// When this process is part of no attempt, or what it does cannot be recorded.
    pub async fn do_errands(&self) -> Result<(), Error> {
        let own = self.own_attempt()?;
        for (number, errand) in self.records().errands(&own.id)? {
            let outcome = match self.run_errand(&own, errand).await {
                Ok(outcome) => outcome,
                Err(error) => Outcome::Refused {
                    what: error.to_string(),
                    help: error.hint().unwrap_or("see what is wrong: reconciler doctor").to_owned(),
                },
            };
            match self.records().end_errand(&own.id, number, &outcome)? {
                Published::New | Published::Existed => {}
            }
        }
        Ok(())
    }

    async fn run_errand(&self, own: &OwnAttempt, errand: Errand) -> Result<Outcome, Error> {
        Ok(match errand {
            Errand::Propose { task, file, why } => {
                match self.propose(own, (&task, &file), &why).await? {
                    Proposed::Waits { why } => Outcome::Waits { why },
                    Proposed::Accepted(edited) => {
                        Outcome::Accepted { path: edited.path, commit: edited.commit }
                    }
                }
            }
            Errand::Decide(decision) => {
                let decision = Decision {
                    attempt: own.id.clone(),
                    seat: own.attempt.seat.clone(),
                    ..decision
                };
                self.records().append_decision(&decision)?;
                Outcome::Done
            }
            Errand::Note(event) => {
                let object = format!("task/{}", own.id.owner.task);
                self.records().append(&Event { object, ..event })?;
                Outcome::Done
            }
        })
    }
}
