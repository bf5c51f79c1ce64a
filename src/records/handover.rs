//! Handover: what people said to an attempt that did not live to hear it goes to the next one. It
//! takes nothing away from the attempt before, and hands nothing over twice.

use super::{Error, Records};
use crate::api::attempt::{AttemptId, ExitReason};
use crate::api::report::{Exchange, Message};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Which message it is: nobody says two things at one moment.
type Key = (Timestamp, String);

impl Records {
    /// Gives an attempt the messages that no attempt since the last success has heard. To be called
    /// before its program starts; whoever was killed in it, the next attempt completes it.
    ///
    /// # Errors
    /// When they cannot be read or written: what is missing here, the next attempt gets.
    pub fn take_over(&self, id: &AttemptId) -> Result<(), Error> {
        let of = |number| AttemptId { owner: id.owner.clone(), number };
        let mut known: BTreeSet<Key> = self.messages(id)?.iter().map(|(_, one)| key(one)).collect();
        let mut waiting = Vec::new();
        for before in self.attempts_of(&id.owner)?.iter().rev() {
            if before.number >= id.number {
                continue;
            }
            let succeeded = |exit: &_| matches!(exit, Ok(exit) if is_success(exit));
            if before.exit.as_ref().is_some_and(succeeded) {
                break;
            }
            let before = of(before.number);
            let exchanges = self.exchanges(&before)?;
            let queued = self.queued(&before)?.into_iter().map(|(_, message)| message);
            let unknown = queued.filter(|message| !known.contains(&key(message)));
            waiting.extend(unknown.map(|message| with_question(message, &exchanges)));
            known.extend(self.messages(&before)?.iter().map(|(_, one)| key(one)));
        }
        waiting.sort_by_key(|message| message.at);
        for message in &waiting {
            self.send(id, message)?;
        }
        Ok(())
    }
}

fn key(message: &Message) -> Key {
    (message.at, message.by.clone())
}

fn is_success(exit: &crate::api::attempt::Exit) -> bool {
    exit.reason == ExitReason::Succeeded
}

/// Returns a message so that it can be understood where the question was not asked.
fn with_question(message: Message, exchanges: &[Exchange]) -> Message {
    let asked = exchanges.iter().find(|one| one.answer.as_ref() == Some(&message));
    let Some(Exchange { question, .. }) = asked else { return message };
    let text = format!("You had asked: {}\nThe answer: {}", question.text, message.text);
    Message { text, ..message }
}
