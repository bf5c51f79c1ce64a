//! What workers decided: recorded for people, who learn from it. It never decides anything.

use super::{Client, Error, OwnAttempt};
use crate::api::decision::Decision;
use crate::api::name::TaskName;
use crate::process::clock;
use jiff::SignedDuration;

/// What was decided, in the words of who did.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    /// What was to be decided.
    pub question: &'a str,
    /// What could have been chosen.
    pub options: &'a [String],
    /// What was chosen.
    pub choice: &'a str,
    /// Why.
    pub why: &'a str,
}

impl Client {
    /// Records a decision of an attempt.
    ///
    /// # Errors
    /// [`Error::Refused`] for a confidence that is no percentage; or when it cannot be written: then
    /// it is not recorded.
    pub fn record_decision(
        &self,
        own: &OwnAttempt,
        words: Decided<'_>,
        confidence: Option<u8>,
        tasks: Vec<TaskName>,
    ) -> Result<Decision, Error> {
        if confidence.is_some_and(|percent| percent > 100) {
            return Err(Error::Refused {
                what: "confidence is more than 100 percent".to_owned(),
                help: "say how sure you are in percent, from 0 to 100".to_owned(),
            });
        }
        let decision = Decision {
            at: clock::now(),
            attempt: own.id.clone(),
            seat: own.attempt.seat.clone(),
            question: self.own_text(own, words.question)?,
            options: words
                .options
                .iter()
                .map(|one| self.own_text(own, one))
                .collect::<Result<_, _>>()?,
            choice: self.own_text(own, words.choice)?,
            why: self.own_text(own, words.why)?,
            confidence,
            tasks,
        };
        self.records().append_decision(&decision)?;
        Ok(decision)
    }

    /// Returns the decisions of this last time, or all that are kept, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn decisions(&self, last: Option<SignedDuration>) -> Result<Vec<Decision>, Error> {
        let mut all = self.records().decisions()?;
        let since = last.and_then(|last| clock::now().checked_sub(last).ok());
        all.retain(|one| since.is_none_or(|since| one.at >= since));
        Ok(all)
    }
}
