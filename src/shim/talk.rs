//! Talk: what the shim says to the program, and what the two of them write down of each other. It
//! types nothing before the program is ready, no message twice and none while it is paused.

use super::ear::Heard;
use super::errand;
use super::pulse::Pulse;
use super::stall::Stall;
use crate::api::attempt::{Attempt, Dialogue};
use crate::api::report::{self, Message, Outcome, Report, Source};
use crate::disk::Published;
use crate::process::clock;
use crate::records::Records;
use regex::Regex;
use std::convert::Infallible;
use std::path::Path;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

/// A program without a sign of readiness is ready when it has written something and then nothing
/// for so long.
const QUIET: Duration = Duration::from_secs(1);
/// How often to look for what a lost signal should have told.
const LOOK: Duration = Duration::from_secs(5);
/// An answer belongs so long to the command that asked, if that still waits; then it is typed.
const FOR_ITS_ASKER: Duration = Duration::from_secs(2);
/// Between a text and the key that sends it: terminal programs take a fast return for pasted text.
const BEFORE_RETURN: Duration = Duration::from_millis(150);

/// One side of the talk.
#[derive(Debug)]
pub(super) struct Talk<'a> {
    pub(super) records: &'a Records,
    pub(super) attempt: &'a Attempt,
    pub(super) own_program: &'a Path,
    pub(super) dialogue: &'a Dialogue,
    pub(super) heard: &'a Heard,
    pub(super) pulse: Pulse<'a>,
    /// What is typed.
    pub(super) keys: UnboundedSender<Vec<u8>>,
}

impl Talk<'_> {
    /// Types the prompt, and then every message that comes.
    pub(super) async fn go_on(
        &self,
        told: &mut Signal,
        on_word: &tokio::sync::Notify,
    ) -> Infallible {
        let mut stall = Stall::watch(self.attempt);
        let mut prompt = self.dialogue.paste.as_ref();
        loop {
            let mut pause = LOOK;
            // Nothing is said before the prompt.
            if prompt.is_none() && self.dialogue.listens && !self.records.is_paused(self.attempt) {
                pause = self.type_messages().await;
            }
            if self.report().is_some() {
                on_word.notify_one();
            }
            self.note_conversation();
            errand::run(self.records, self.attempt, self.own_program).await;
            stall.look(self).await;
            tokio::select! {
                _ = told.recv() => {}
                () = self.heard.marked.notified() => self.take_marker(),
                () = self.is_ready(), if prompt.is_some() => {
                    if let Some(prompt) = prompt.take() {
                        self.type_in(prompt).await;
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Returns whether the program shows this prompt, and nothing is left to be said to it.
    pub(super) fn is_at(&self, prompt: Option<&Regex>) -> bool {
        let answered = self.heard.last_typed.get().is_some()
            && self.heard.last_output.get() > self.heard.last_typed.get();
        let shows = |prompt: &Regex| prompt.is_match(&self.heard.end.borrow());
        let queued = || self.records.queued(&self.attempt.id).is_ok_and(|all| all.is_empty());
        answered && prompt.is_some_and(shows) && queued()
    }

    /// Returns the program's word that it is done, or failed.
    pub(super) fn report(&self) -> Option<Report> {
        // What cannot be understood is no word.
        self.records.reported(&self.attempt.id).ok().flatten()
    }

    /// Types what makes a program end that is done.
    pub(super) async fn say_goodbye(&self) {
        if let Some(quit) = &self.dialogue.quit {
            self.type_in(quit).await;
        }
    }

    /// Writes down how the program calls its conversation, once it is known.
    pub(super) fn note_conversation(&self) {
        if let Some(name) = self.heard.conversation.borrow_mut().take() {
            // One that is lost costs the next attempt its memory.
            self.records.name_conversation(&self.attempt.id, &name).ok();
        }
    }

    async fn is_ready(&self) {
        if self.dialogue.ready.is_some() {
            return self.heard.ready.notified().await;
        }
        loop {
            let quiet = self.heard.last_output.get().map(|last| last + QUIET);
            match quiet {
                Some(until) if until <= Instant::now() => return,
                Some(until) => tokio::time::sleep_until(until).await,
                None => tokio::time::sleep(QUIET).await,
            }
        }
    }

    /// Types what waits, and returns how long to wait before the next look.
    async fn type_messages(&self) -> Duration {
        let (records, id) = (self.records, &self.attempt.id);
        let Ok(messages) = records.queued(id) else { return LOOK };
        let answers = records.exchanges(id).unwrap_or_default().into_iter();
        let answers: Vec<Message> = answers.filter_map(|one| one.answer).collect();
        for (number, message) in messages {
            let age = Duration::try_from(clock::now().duration_since(message.at));
            if answers.contains(&message) && age.is_ok_and(|age| age < FOR_ITS_ASKER) {
                // What came after it is typed after it.
                return FOR_ITS_ASKER;
            }
            // Marked first: what may have been typed is not typed again.
            if matches!(records.deliver(id, number), Ok(Published::New)) {
                self.type_in(&message.text).await;
            }
        }
        LOOK
    }

    fn take_marker(&self) {
        let report = Report {
            at: clock::now(),
            by: Source::Marker,
            outcome: Outcome::Completed,
            summary: String::new(),
            evidence: Vec::new(),
        };
        // Refused by the disk it is heard no more: the program ends, or is asked for its word.
        self.records.report(&self.attempt.id, &report).ok();
    }

    async fn type_in(&self, text: &str) {
        let pastes = if self.heard.takes_pastes.get() { Pastes::Taken } else { Pastes::Unknown };
        // A program whose terminal is closed is told nothing.
        self.keys.send(keys(text, pastes).into_bytes()).ok();
        tokio::time::sleep(BEFORE_RETURN).await;
        self.keys.send(b"\r".to_vec()).ok();
    }
}

/// Whether a program takes a bracketed paste.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pastes {
    /// It asked for them.
    Taken,
    /// It did not.
    Unknown,
}

/// Returns the keys that put a text into a program, with nothing in them that a terminal obeys but
/// the paste itself (xterm's mode 2004) and returns.
pub fn keys(text: &str, pastes: Pastes) -> String {
    let text = report::plain(text);
    match pastes {
        Pastes::Taken => format!("\x1b[200~{text}\x1b[201~"),
        Pastes::Unknown => text.replace('\n', "\r"),
    }
}
