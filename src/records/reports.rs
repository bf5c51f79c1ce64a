//! What is said in an attempt: progress, questions and answers, messages, proposals, errands, and the
//! worker's last word. Each is a file in the folder of the attempt; but for the progress, what is said stands.

use super::{Error, Records, file};
use crate::api::attempt::AttemptId;
use crate::api::errand::{self, Errand};
use crate::api::name::TaskName;
use crate::api::report::{Exchange, Message, Progress, Question, Report, Silence};
use crate::disk::{self, Published};
use crate::process::clock;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How many questions, or messages, one attempt may have.
const NUMBERS_MAX: u32 = 10_000;

const PROGRESS: &str = "progress.json";
const REPORT: &str = "report.json";
const QUESTION: &str = "question";
const ANSWER: &str = "answer";
const MESSAGE: &str = "message";
const DELIVERED: &str = "delivered";
const PROPOSAL: &str = "proposal";
const CONVERSATION: &str = "conversation.json";
const SILENCE: &str = "silence.json";
const LACKS: &str = "lacks.json";
const ERRAND: &str = "errand";
const OUTCOME: &str = "errand-outcome";
const DENIED: &str = "denied.json";

/// How long the same denial is no news, and any.
const SAME_DENIAL: SignedDuration = SignedDuration::from_mins(1);
const ANY_DENIAL: SignedDuration = SignedDuration::from_secs(1);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Lacks {
    what: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Denied {
    at: Timestamp,
    what: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Conversation {
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Proposed {
    task: TaskName,
}

/// What was said in one attempt. What cannot be understood of it counts as not said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words {
    /// How far it is.
    pub progress: Option<Progress>,
    /// The worker's last word.
    pub report: Option<Report>,
    /// How the agent calls its conversation.
    pub conversation: Option<String>,
    /// That it lives and writes nothing, if its shim found that.
    pub silence: Option<Silence>,
    /// What it runs without, because this machine does not allow it.
    pub lacks: Vec<String>,
    /// The oldest question without an answer.
    pub question: Option<Exchange>,
}

impl Words {
    /// Returns what the files with these names in a folder say.
    pub(super) fn read(folder: &Path, names: &[String]) -> Self {
        let is_there = |name: &str| names.iter().any(|one| one == name);
        let read = Folder { folder, names };
        let unanswered = || {
            let numbers = read.numbers(QUESTION);
            let number = numbers.into_iter().find(|one| !is_there(&numbered(ANSWER, *one)))?;
            let question = read.one(&numbered(QUESTION, number))?;
            Some(Exchange { number, question, answer: None })
        };
        Self {
            progress: read.one(PROGRESS),
            report: read.one(REPORT),
            conversation: read.one(CONVERSATION).map(|one: Conversation| one.name),
            silence: read.one(SILENCE),
            lacks: read.one(LACKS).map(|one: Lacks| one.what).unwrap_or_default(),
            question: unanswered(),
        }
    }
}

/// The folder of an attempt, with what is in it.
struct Folder<'a> {
    folder: &'a Path,
    names: &'a [String],
}

impl Folder<'_> {
    fn one<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let is_there = self.names.iter().any(|one| one == name);
        is_there.then(|| file::read(&self.folder.join(name))?.ok())?
    }

    fn numbers(&self, stem: &str) -> Vec<u32> {
        let number = |name: &String| {
            name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(".json")?.parse().ok()
        };
        let mut numbers: Vec<u32> = self.names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }
}

impl Records {
    /// Writes how far an attempt is, in place of what was said before.
    ///
    /// # Errors
    /// When it cannot be written; what was said before still stands.
    pub fn set_progress(&self, id: &AttemptId, progress: &Progress) -> Result<(), Error> {
        Ok(disk::replace_unsynced(&self.said(id, PROGRESS), &file::bytes(progress))?)
    }

    /// Returns how far an attempt is; `None` when it never said so.
    ///
    /// # Errors
    /// When what it said cannot be understood.
    pub fn progress(&self, id: &AttemptId) -> Result<Option<Progress>, Error> {
        self.heard(id, PROGRESS)
    }

    /// Returns when it was written how far an attempt is; `None` when it never was.
    ///
    /// # Errors
    /// When that cannot be seen.
    pub fn progress_written_at(&self, id: &AttemptId) -> Result<Option<Timestamp>, Error> {
        Ok(super::attempts::modified(&self.said(id, PROGRESS))?)
    }

    /// Writes the worker's last word on an attempt; the first one stands.
    ///
    /// # Errors
    /// When it cannot be made durable; then it was not said.
    pub fn report(&self, id: &AttemptId, report: &Report) -> Result<Published, Error> {
        self.say(&self.said(id, REPORT), report)
    }

    /// Returns the worker's last word on an attempt.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub fn reported(&self, id: &AttemptId) -> Result<Option<Report>, Error> {
        self.heard(id, REPORT)
    }

    /// Writes a question and returns its number.
    ///
    /// # Errors
    /// When it cannot be made durable; then it was not asked.
    pub fn ask(&self, id: &AttemptId, question: &Question) -> Result<u32, Error> {
        self.add(id, QUESTION, question)
    }

    /// Writes the answer to a question; the first one stands.
    ///
    /// # Errors
    /// When it cannot be made durable; then it was not given.
    pub fn answer(
        &self,
        id: &AttemptId,
        number: u32,
        answer: &Message,
    ) -> Result<Published, Error> {
        self.say(&self.said(id, &numbered(ANSWER, number)), answer)
    }

    /// Returns what an attempt asked, with the answers, oldest first.
    ///
    /// # Errors
    /// When the folder or a question cannot be read.
    pub fn exchanges(&self, id: &AttemptId) -> Result<Vec<Exchange>, Error> {
        let mut found = Vec::new();
        for number in self.numbers(id, QUESTION)? {
            let Some(question) = self.heard(id, &numbered(QUESTION, number))? else { continue };
            let answer = self.heard(id, &numbered(ANSWER, number))?;
            found.push(Exchange { number, question, answer });
        }
        Ok(found)
    }

    /// Writes a message that is to be typed for the program, and returns its number.
    ///
    /// # Errors
    /// When it cannot be made durable; then it was not sent.
    pub fn send(&self, id: &AttemptId, message: &Message) -> Result<u32, Error> {
        self.add(id, MESSAGE, message)
    }

    /// Returns the messages that were not typed yet, oldest first.
    ///
    /// # Errors
    /// When the folder or a message cannot be read.
    pub fn queued(&self, id: &AttemptId) -> Result<Vec<(u32, Message)>, Error> {
        let delivered = self.numbers(id, DELIVERED)?;
        let mut messages = self.messages(id)?;
        messages.retain(|(number, _)| delivered.binary_search(number).is_err());
        Ok(messages)
    }

    /// Returns the messages to an attempt, oldest first.
    pub(super) fn messages(&self, id: &AttemptId) -> Result<Vec<(u32, Message)>, Error> {
        let mut found = Vec::new();
        for number in self.numbers(id, MESSAGE)? {
            let message = self.heard(id, &numbered(MESSAGE, number))?;
            found.extend(message.map(|message| (number, message)));
        }
        Ok(found)
    }

    /// Marks a message as typed, before it is: one that may have been typed is not typed again.
    ///
    /// # Errors
    /// When it cannot be made durable; then it is not to be typed.
    pub fn deliver(&self, id: &AttemptId, number: u32) -> Result<Published, Error> {
        let path = self.said(id, &numbered(DELIVERED, number));
        let published = disk::create(&path, b"{}\n")?;
        disk::sync_folder_of(&path)?;
        Ok(published)
    }

    /// Returns whether a message was typed.
    ///
    /// # Errors
    /// When it cannot be seen.
    pub fn is_delivered(&self, id: &AttemptId, number: u32) -> Result<bool, Error> {
        Ok(disk::is_there(&self.said(id, &numbered(DELIVERED, number)))?)
    }

    /// Notes that an attempt is silent, or that it goes on.
    ///
    /// # Errors
    /// When it cannot be noted; what was noted before still stands.
    pub fn set_silence(&self, id: &AttemptId, silence: Option<&Silence>) -> Result<(), Error> {
        let path = self.said(id, SILENCE);
        match silence {
            Some(silence) => disk::replace_unsynced(&path, &file::bytes(silence))?,
            None => disk::remove(&path)?,
        }
        Ok(())
    }

    /// Adds what an attempt runs without, because this machine does not allow it.
    ///
    /// # Errors
    /// When it cannot be noted; go on without, or do not start.
    pub fn note_lack(&self, id: &AttemptId, lack: &str) -> Result<(), Error> {
        let path = self.said(id, LACKS);
        let mut lacks: Lacks = self.heard(id, LACKS)?.unwrap_or_default();
        lacks.what.push(lack.to_owned());
        Ok(disk::replace_unsynced(&path, &file::bytes(&lacks))?)
    }

    /// Writes down what an attempt asks to be done for it, and returns its number.
    ///
    /// # Errors
    /// When it cannot be made durable; then it was not asked.
    pub fn send_on_errand(&self, id: &AttemptId, errand: &Errand) -> Result<u32, Error> {
        self.add(id, ERRAND, errand)
    }

    /// Returns the errands of an attempt that nobody did yet, oldest first. One that cannot be
    /// understood is none.
    ///
    /// # Errors
    /// When its folder cannot be read.
    pub fn errands(&self, id: &AttemptId) -> Result<Vec<(u32, Errand)>, Error> {
        let done = self.numbers(id, OUTCOME)?;
        let open = self.numbers(id, ERRAND)?.into_iter().filter(|one| !done.contains(one));
        let read = |number| Some((number, self.heard(id, &numbered(ERRAND, number)).ok()??));
        Ok(open.filter_map(read).collect())
    }

    /// Writes down what came of an errand; the first word stands.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub fn end_errand(
        &self,
        id: &AttemptId,
        number: u32,
        outcome: &errand::Outcome,
    ) -> Result<Published, Error> {
        self.create(&self.said(id, &numbered(OUTCOME, number)), outcome)
    }

    /// Returns what came of an errand, once it is done.
    ///
    /// # Errors
    /// When that cannot be understood.
    pub fn errand_outcome(
        &self,
        id: &AttemptId,
        number: u32,
    ) -> Result<Option<errand::Outcome>, Error> {
        self.heard(id, &numbered(OUTCOME, number))
    }

    /// Returns whether it is news that this was denied to an attempt, and remembers that it was.
    ///
    /// # Errors
    /// When that cannot be seen or written: do not tell it, lest it be told without end.
    pub fn is_new_denial(&self, id: &AttemptId, what: &str) -> Result<bool, Error> {
        let (now, last) = (clock::now(), self.heard::<Denied>(id, DENIED)?);
        let is_old_news = last.is_some_and(|last| {
            let age = now.duration_since(last.at);
            age < ANY_DENIAL || (last.what == what && age < SAME_DENIAL)
        });
        if !is_old_news {
            let denied = Denied { at: now, what: what.to_owned() };
            disk::replace_unsynced(&self.said(id, DENIED), &file::bytes(&denied))?;
        }
        Ok(!is_old_news)
    }

    /// Writes down how the agent calls its conversation; the first name stands.
    ///
    /// # Errors
    /// When it cannot be made durable; then it is not known.
    pub fn name_conversation(&self, id: &AttemptId, name: &str) -> Result<Published, Error> {
        self.create(&self.said(id, CONVERSATION), &Conversation { name: name.to_owned() })
    }

    /// Returns how the agent calls its conversation, if it said so.
    ///
    /// # Errors
    /// When what it said cannot be understood.
    pub fn conversation(&self, id: &AttemptId) -> Result<Option<String>, Error> {
        let found: Option<Conversation> = self.heard(id, CONVERSATION)?;
        Ok(found.map(|one| one.name))
    }

    /// Writes down that an attempt proposes a task, and returns how many it has proposed.
    ///
    /// # Errors
    /// When it cannot be made durable; then it must not be proposed.
    pub fn note_proposal(&self, id: &AttemptId, task: &TaskName) -> Result<u32, Error> {
        self.add(id, PROPOSAL, &Proposed { task: task.clone() })
    }

    /// Returns how many tasks an attempt has proposed.
    ///
    /// # Errors
    /// When that cannot be seen.
    pub fn proposals(&self, id: &AttemptId) -> Result<usize, Error> {
        Ok(self.numbers(id, PROPOSAL)?.len())
    }

    fn said(&self, id: &AttemptId, name: &str) -> PathBuf {
        self.folder(id).join(name)
    }

    /// Writes what is not said again: not even a power cut may take it away.
    fn say(&self, path: &Path, record: &impl Serialize) -> Result<Published, Error> {
        let published = self.create(path, record)?;
        disk::sync_folder_of(path)?;
        Ok(published)
    }

    fn heard<T: DeserializeOwned>(&self, id: &AttemptId, name: &str) -> Result<Option<T>, Error> {
        Ok(file::read(&self.said(id, name)).transpose()?)
    }

    /// Writes a record under the first number that is free.
    fn add(&self, id: &AttemptId, stem: &str, record: &impl Serialize) -> Result<u32, Error> {
        let mut number = self.numbers(id, stem)?.last().map_or(1, |last| last.saturating_add(1));
        loop {
            let path = self.said(id, &numbered(stem, number));
            if number > NUMBERS_MAX {
                let message = format!("there are {NUMBERS_MAX} of them already");
                return Err(super::Damage { path, message }.into());
            }
            // Somebody else may have taken the number since.
            match self.say(&path, record)? {
                Published::New => return Ok(number),
                Published::Existed => number += 1,
            }
        }
    }

    fn numbers(&self, id: &AttemptId, stem: &str) -> Result<Vec<u32>, Error> {
        let folder = self.folder(id);
        let names = disk::list_records(&folder)?;
        Ok(Folder { folder: &folder, names: &names }.numbers(stem))
    }
}

fn numbered(stem: &str, number: u32) -> String {
    format!("{stem}-{number}.json")
}
