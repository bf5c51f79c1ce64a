//! What workers say of their attempts, and what people say to them. It writes words down and tells
//! the shim; it neither starts nor stops anything.

use super::{Client, Error};
use crate::api::attempt::{Attempt, AttemptId, OWNER_VARIABLE, ShimRecord, TaskRecord};
use crate::api::event::{Event, EventKind};
use crate::api::name::{Owner, TaskName};
use crate::api::report::{Exchange, Message, Outcome, Progress, Question, Report, Source, plain};
use crate::api::task::Class;
use crate::disk::Published;
use crate::process::clock;
use crate::process::signal::{self, Ask};
use crate::records::AttemptFiles;
use crate::shim::masked;
use std::sync::Arc;
use std::time::Duration;

/// The longest text that is taken, in bytes.
const TEXT_MAX: usize = 100_000;
/// How long to wait for the shim to say that a message was typed, and how often to look.
const DELIVERY: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(20);
/// How often progress is written at most.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);
/// How often to look for what a person says.
const WAITING: Duration = Duration::from_millis(500);

/// The attempt that this process is part of.
#[derive(Debug, Clone)]
pub struct OwnAttempt {
    /// Which.
    pub id: AttemptId,
    /// What was started.
    pub attempt: Attempt,
    shim: Option<ShimRecord>,
}

impl OwnAttempt {
    /// Returns the shim that runs it, as far as that is known.
    pub(super) fn shim(&self) -> Option<&ShimRecord> {
        self.shim.as_ref()
    }
}

/// An attempt that is not over.
pub(super) type LiveAttempt = (AttemptId, Arc<AttemptFiles>);

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It answered a question.
    Answered {
        /// Which.
        question: Exchange,
    },
    /// It was typed into the worker's terminal.
    Delivered,
    /// It waits: the worker reads nothing right now.
    Queued,
    /// It waits: the task, its worker or everything is paused.
    Paused,
    /// Nobody can tell whether it was or will be typed.
    Unknown,
}

impl Client {
    /// Returns the attempt that this process is part of, by its environment.
    ///
    /// # Errors
    /// [`Error::Refused`] when it is part of none, or of one that is over.
    pub fn own_attempt(&self) -> Result<OwnAttempt, Error> {
        let variable = |name: &str| self.environment.variables.get(name);
        let owner = variable(OWNER_VARIABLE).and_then(|mark| Owner::parse(mark));
        let number = variable("RECONCILER_ATTEMPT").and_then(|text| text.parse().ok());
        let (Some(owner), Some(number)) = (owner, number) else {
            return Err(Error::Refused {
                what: "only a worker says this of its own attempt, and this is none".to_owned(),
                help: "people: `reconciler release TASK --done`, or `reconciler send TASK TEXT`"
                    .to_owned(),
            });
        };
        let id = AttemptId { owner, number };
        let files = self.records().attempt(&id)?;
        let over = || Error::Refused {
            what: format!("attempt {id} is over: nothing more is recorded of it"),
            help: format!("see what came of it: reconciler describe task {}", id.owner.task),
        };
        let files = files.filter(|files| files.exit.is_none()).ok_or_else(over)?;
        let attempt = files.attempt.map_err(crate::records::Error::from)?;
        Ok(OwnAttempt { id, attempt, shim: files.shim.and_then(Result::ok) })
    }

    /// Writes how far an attempt is. Who says it more often than ten times a second waits meanwhile:
    /// the last word stands, and the disk is left in peace.
    ///
    /// # Errors
    /// When it cannot be written; what was said before still stands.
    pub async fn say_progress(
        &self,
        own: &OwnAttempt,
        (done, total): (Option<u32>, Option<u32>),
        step: &str,
    ) -> Result<Progress, Error> {
        let progress = Progress {
            last_updated: clock::now(),
            current_step: self.own_text(own, step)?,
            steps_completed: done,
            total_steps: total,
        };
        if let Some(written) = self.records().progress_written_at(&own.id)? {
            // A clock that was set back makes nobody wait longer.
            let age = Duration::try_from(clock::now().duration_since(written));
            tokio::time::sleep(PROGRESS_PAUSE.saturating_sub(age.unwrap_or_default())).await;
        }
        // Whoever spoke later while this one waited has said it.
        let said = self.records().progress(&own.id).ok().flatten();
        let later = progress.last_updated..=clock::now();
        if said.is_none_or(|said| said == progress || !later.contains(&said.last_updated)) {
            self.records().set_progress(&own.id, &progress)?;
        }
        Ok(progress)
    }

    /// Writes the last word of an attempt, and returns the one that stands: the first.
    ///
    /// # Errors
    /// [`Error::Refused`] when it says that it is done and its work is not committed.
    pub async fn say_ended(
        &self,
        own: &OwnAttempt,
        (outcome, by): (Outcome, Source),
        summary: &str,
        evidence: &[String],
    ) -> Result<Report, Error> {
        if outcome == Outcome::Completed && own.attempt.class == Class::Execution {
            let unsaved = self.repository.unsaved(&own.attempt.directory).await?;
            if !unsaved.clean {
                return Err(Error::Refused {
                    what: "not everything in your worktree is committed".to_owned(),
                    help: "look: git status; then commit it or undo it, and say it again"
                        .to_owned(),
                });
            }
        }
        let evidence =
            evidence.iter().map(|one| self.own_text(own, one)).collect::<Result<_, _>>()?;
        let summary = self.own_text(own, summary)?;
        let report = Report { at: clock::now(), by, outcome, summary, evidence };
        let published = self.records().report(&own.id, &report)?;
        let stands = match published {
            Published::New => report,
            Published::Existed => self.records().reported(&own.id)?.unwrap_or(report),
        };
        tell(own.shim.as_ref());
        Ok(stands)
    }

    /// Writes a question for people, and returns its number.
    ///
    /// # Errors
    /// When it cannot be written; then it was not asked.
    pub fn ask_person(
        &self,
        own: &OwnAttempt,
        question: &str,
        options: &[String],
    ) -> Result<u32, Error> {
        let options =
            options.iter().map(|one| self.own_text(own, one)).collect::<Result<_, _>>()?;
        let question = Question { at: clock::now(), text: self.own_text(own, question)?, options };
        let number = self.records().ask(&own.id, &question)?;
        let seat = own.attempt.seat.to_string();
        self.note_words(&own.id.owner.task, "Asked", &format!("{seat} asks: {}", question.text));
        Ok(number)
    }

    /// Returns the answer to a question, once there is one.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub fn answer_to(&self, own: &OwnAttempt, number: u32) -> Result<Option<Message>, Error> {
        let exchanges = self.records().exchanges(&own.id)?;
        Ok(exchanges.into_iter().find(|one| one.number == number).and_then(|one| one.answer))
    }

    /// Waits for the answer to a question; `None` when the time is up.
    ///
    /// # Errors
    /// When the records cannot be read.
    pub async fn answer_within(
        &self,
        own: &OwnAttempt,
        number: u32,
        limit: Duration,
    ) -> Result<Option<Message>, Error> {
        let answer = within(limit, || self.answer_to(own, number)).await?;
        if let Some(answer) = &answer {
            self.count_as_heard(own, answer)?;
        }
        Ok(answer)
    }

    /// Takes an answer that its asker has from the messages that wait.
    fn count_as_heard(&self, own: &OwnAttempt, answer: &Message) -> Result<(), Error> {
        for (number, message) in self.records().queued(&own.id)? {
            if message == *answer {
                // Whoever else took it did so first.
                let (Published::New | Published::Existed) =
                    self.records().deliver(&own.id, number)?;
            }
        }
        Ok(())
    }

    /// Takes what was said to a worker, and waits for it if there is nothing yet; nothing when the
    /// time is up.
    ///
    /// # Errors
    /// As [`Self::take_messages`].
    pub async fn messages_within(
        &self,
        own: &OwnAttempt,
        limit: Duration,
    ) -> Result<Vec<Message>, Error> {
        let some = || Ok(Some(self.take_messages(own)?).filter(|all| !all.is_empty()));
        Ok(within(limit, some).await?.unwrap_or_default())
    }

    /// Sends a text to whoever works on a task now: it answers its open question, or else is typed
    /// into its terminal.
    ///
    /// # Errors
    /// [`Error::Refused`] when nobody of ours works on it.
    pub async fn send(&self, task: &TaskName, words: &str, by: &str) -> Result<Sent, Error> {
        let (id, files) = self.live_attempt(task)?;
        let message = Message { at: clock::now(), by: by.to_owned(), text: text(words, &[])? };
        let shim = files.shim.as_ref().and_then(|shim| shim.as_ref().ok());
        let listens = files.attempt.as_ref().is_ok_and(|one| one.program.dialogue.listens);
        if let Some(question) = &files.words.question
            && self.records().answer(&id, question.number, &message)? == Published::New
        {
            self.note_words(task, "Answered", &format!("{by}: {}", message.text));
            // Its agent may have asked by its terminal, and wait there.
            self.records().send(&id, &message)?;
            tell(shim);
            let question = Exchange { answer: Some(message), ..question.clone() };
            return Ok(Sent::Answered { question });
        }
        let number = self.records().send(&id, &message)?;
        self.note_words(task, "Sent", &format!("{by}: {}", message.text));
        if files.attempt.as_ref().is_ok_and(|attempt| self.records().is_paused(attempt)) {
            return Ok(Sent::Paused);
        }
        if !listens {
            return Ok(Sent::Queued);
        }
        tell(shim);
        let delivered = async {
            while !self.records().is_delivered(&id, number)? {
                tokio::time::sleep(LOOK).await;
            }
            Ok::<(), Error>(())
        };
        match tokio::time::timeout(DELIVERY, delivered).await {
            Ok(Ok(())) => Ok(Sent::Delivered),
            Ok(Err(error)) => Err(error),
            Err(_) if self.live_attempt(task).is_ok_and(|(one, _)| one == id) => Ok(Sent::Queued),
            Err(_) => Ok(Sent::Unknown),
        }
    }

    /// Returns what waits to be said to a worker, and marks it as said; nothing while it is paused.
    ///
    /// # Errors
    /// When the messages cannot be read or marked; then none of them counts as said.
    pub fn take_messages(&self, own: &OwnAttempt) -> Result<Vec<Message>, Error> {
        let mut taken = Vec::new();
        if self.records().is_paused(&own.attempt) {
            return Ok(taken);
        }
        for (number, message) in self.records().queued(&own.id)? {
            if self.records().deliver(&own.id, number)? == Published::New {
                taken.push(message);
            }
        }
        Ok(taken)
    }

    /// Returns the attempt of a task that is not over.
    pub(super) fn live_attempt(&self, task: &TaskName) -> Result<LiveAttempt, Error> {
        let owner = self.record_of(task)?.owner();
        self.live_attempt_of(&owner)?.ok_or_else(|| Error::Refused {
            what: format!("nobody works on {task} right now"),
            help: format!("see where it is: reconciler describe task {task}"),
        })
    }

    /// Returns every attempt that is not over.
    pub(super) fn live_attempts(&self) -> Result<Vec<LiveAttempt>, Error> {
        let tasks = self.records().tasks()?;
        let owners = tasks.values().filter_map(|record| Some(record.as_ref().ok()?.owner()));
        owners.filter_map(|owner| self.live_attempt_of(&owner).transpose()).collect()
    }

    fn live_attempt_of(&self, owner: &Owner) -> Result<Option<LiveAttempt>, Error> {
        let attempts = self.records().attempts_of(owner)?;
        let live = attempts.last().filter(|last| last.exit.is_none() && last.shim.is_some());
        let id = |number| AttemptId { owner: owner.clone(), number };
        Ok(live.map(|live| (id(live.number), Arc::clone(live))))
    }

    /// Returns the record of a task.
    pub(super) fn record_of(&self, task: &TaskName) -> Result<TaskRecord, Error> {
        let refused = |what: String| Error::Refused {
            what,
            help: format!("see where it is: reconciler describe task {task}"),
        };
        let record = self.records().tasks()?.remove(task);
        let record = record.ok_or_else(|| refused(format!("no task {task} was seen")))?;
        record.map_err(|damage| refused(damage.to_string()))
    }

    /// Returns what a worker says, without the secrets that it was given.
    pub(super) fn own_text(&self, own: &OwnAttempt, words: &str) -> Result<String, Error> {
        let names = &own.attempt.program.secret_env;
        let values = names.iter().filter_map(|name| self.environment.variables.get(name));
        text(words, &values.map(|value| value.clone().into_bytes()).collect::<Vec<_>>())
    }

    /// Notes in the journal what was said of a task.
    pub(super) fn note_words(&self, task: &TaskName, reason: &str, message: &str) {
        let event = Event {
            time: clock::now(),
            object: format!("task/{task}"),
            kind: EventKind::Normal,
            reason: reason.to_owned(),
            message: message.chars().take(300).collect(),
        };
        if self.has_view() {
            return self.have_noted(event);
        }
        // It is history: an event is worth no failure.
        self.records().append(&event).ok();
    }
}

/// Looks until there is something, or the time is up.
async fn within<T>(
    limit: Duration,
    look: impl Fn() -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    let found = async {
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            tokio::time::sleep(WAITING).await;
        }
    };
    match tokio::time::timeout(limit, found).await {
        Ok(found) => found.map(Some),
        Err(_) => Ok(None),
    }
}

/// Tells a shim that something was written down. One that is not told looks by itself.
pub(super) fn tell(shim: Option<&ShimRecord>) {
    if let Some(shim) = shim {
        signal::send(&shim.process, Ask::Look).ok();
    }
}

fn text(words: &str, secrets: &[Vec<u8>]) -> Result<String, Error> {
    let text = masked(plain(words).trim(), secrets);
    if text.len() <= TEXT_MAX {
        return Ok(text);
    }
    Err(Error::Refused {
        what: format!("the text has {} bytes, and {TEXT_MAX} are taken", text.len()),
        help: "write it to a file, and say where it is".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_holds_no_secret_and_nothing_that_steers_a_terminal() {
        let said = "\u{1b}[31mkey hunter2-secret, token ghp_0123456789abcdefghij0123456789";
        let text = text(said, &[b"hunter2-secret".to_vec()]).unwrap();
        assert_eq!(text, "[31mkey ***, token ***");
    }

    #[test]
    fn a_text_without_an_end_is_refused() {
        assert!(text(&"x".repeat(TEXT_MAX + 1), &[]).is_err());
    }
}
