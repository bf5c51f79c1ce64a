//! Stall: finds out what the silence of a program that lives means: it is stopped, reads nothing, waits
//! at its prompt, or does nothing at all. It stops nothing, and takes no silence alone for a stall.

use super::talk::Talk;
use crate::api::attempt::Attempt;
use crate::api::report::{Silence, SilenceKind};
use crate::process::clock;
use crate::records::Records;
use jiff::{SignedDuration, Timestamp};
use regex::Regex;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// After this part of the time without output by which a program is stalled it is asked whether it
/// could answer.
const SHARE: u32 = 4;

/// Whether a program is stalled, as far as it was looked at.
#[derive(Debug)]
pub(super) struct Stall {
    limit: Duration,
    /// By which it is at its prompt.
    prompt: Option<Regex>,
    /// When the silence began, or a look found that it is none.
    quiet_since: Instant,
    /// Since when it was seen not to read what was typed.
    unread_since: Option<Instant>,
    told: Option<SilenceKind>,
}

impl Stall {
    /// Begins with a program that was just started.
    pub(super) fn watch(attempt: &Attempt) -> Self {
        let dialogue = &attempt.program.dialogue;
        let limit = Duration::from_secs(dialogue.stall_seconds.into());
        // It was checked when it was admitted.
        let prompt = dialogue.ready.as_ref().and_then(|ready| Regex::new(ready).ok());
        Self { limit, prompt, quiet_since: Instant::now(), unread_since: None, told: None }
    }

    /// Looks, when it is time to, and writes down what changed.
    pub(super) async fn look(&mut self, talk: &Talk<'_>) {
        if self.limit.is_zero() {
            return;
        }
        let last_output = talk.heard.last_output.get();
        if last_output.is_some_and(|at| at > self.quiet_since) {
            self.quiet_since = last_output.unwrap_or(self.quiet_since);
            self.unread_since = None;
            return self.tell(talk, None);
        }
        if self.quiet_since.elapsed() < self.limit / SHARE {
            return;
        }
        let kind = self.kind(talk).await;
        self.tell(talk, kind);
    }

    /// Returns what the silence means, if it means something already.
    async fn kind(&mut self, talk: &Talk<'_>) -> Option<SilenceKind> {
        if talk.pulse.is_stopped() {
            return Some(SilenceKind::Stopped);
        }
        if !talk.pulse.has_unread() {
            self.unread_since = None;
        } else if self.unread_since.get_or_insert_with(Instant::now).elapsed() >= self.limit / SHARE
        {
            if self.told == Some(SilenceKind::Deaf) {
                return self.told;
            }
            // Who works may read later.
            let busy = is_busy(talk, self.quiet_for()).await;
            self.unread_since = self.unread_since.filter(|_| !busy);
            return (!busy).then_some(SilenceKind::Deaf);
        }
        if self.unread_since.is_none() && talk.is_at(self.prompt.as_ref()) {
            return Some(SilenceKind::AtPrompt);
        }
        if self.told == Some(SilenceKind::Idle) || self.quiet_since.elapsed() < self.limit {
            return self.told.filter(|told| *told == SilenceKind::Idle);
        }
        if is_busy(talk, self.limit).await {
            self.quiet_since = Instant::now();
            return None;
        }
        Some(SilenceKind::Idle)
    }

    fn quiet_for(&self) -> Duration {
        self.quiet_since.elapsed()
    }

    fn tell(&mut self, talk: &Talk<'_>, kind: Option<SilenceKind>) {
        if kind == self.told {
            return;
        }
        let silence = kind.map(|kind| Silence { since: ago(self.quiet_for()), kind });
        // What cannot be noted is tried again at the next look.
        if talk.records.set_silence(&talk.attempt.id, silence.as_ref()).is_ok() {
            self.told = kind;
        }
    }
}

fn ago(time: Duration) -> Timestamp {
    let now = clock::now();
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    now.saturating_sub(time).unwrap_or(now)
}

/// Returns whether something shows that the program works, or waits for a person.
async fn is_busy(talk: &Talk<'_>, within: Duration) -> bool {
    let since = ago(within);
    let (records, id): (&Records, _) = (talk.records, &talk.attempt.id);
    let said = records.progress(id).ok().flatten();
    let asks = records.exchanges(id).is_ok_and(|all| all.iter().any(|one| one.answer.is_none()));
    if asks || said.is_some_and(|progress| progress.last_updated > since) {
        return true;
    }
    let directory = talk.attempt.directory.clone();
    let changed = tokio::task::spawn_blocking(move || has_changed(&directory, since.into())).await;
    changed.unwrap_or(true)
}

/// Folders that change without anybody's work: git's own, and ours.
const NOT_WORK: [&str; 4] = [".git", ".reconciler", ".task-locks", ".worktrees"];

/// Returns whether a file or folder below this one changed since then. What cannot be seen did not.
fn has_changed(folder: &Path, since: SystemTime) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.filter_map(Result::ok).any(|entry| {
        let name = entry.file_name();
        let Ok(found) = entry.metadata() else { return false };
        let is_work = NOT_WORK.iter().all(|one| name != *one);
        let is_new = || found.modified().is_ok_and(|at| at > since);
        is_work && (is_new() || (found.is_dir() && has_changed(&entry.path(), since)))
    })
}
