//! Stall: finds out that a program lives and does nothing: it writes nothing, says nothing of its
//! progress and changes no file. It stops nothing, and takes no silence alone for a stall.

use super::ear::Heard;
use crate::api::attempt::Attempt;
use crate::process::clock;
use crate::records::Records;
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Whether a program is stalled, as far as it was looked at.
#[derive(Debug)]
pub(super) struct Stall {
    limit: Duration,
    /// When the silence began, or a look found that it is none.
    quiet_since: Instant,
    is_told: bool,
}

impl Stall {
    /// Begins with a program that was just started.
    pub(super) fn watch(attempt: &Attempt) -> Self {
        let limit = Duration::from_secs(attempt.program.dialogue.stall_seconds.into());
        Self { limit, quiet_since: Instant::now(), is_told: false }
    }

    /// Looks, when it is time to, and writes down what changed.
    pub(super) async fn look(&mut self, records: &Records, attempt: &Attempt, heard: &Heard) {
        if self.limit.is_zero() {
            return;
        }
        let last_output = heard.last_output.get();
        if last_output.is_some_and(|at| at > self.quiet_since) {
            self.goes_on(records, attempt);
            self.quiet_since = last_output.unwrap_or(self.quiet_since);
        }
        if self.is_told || self.quiet_since.elapsed() < self.limit {
            return;
        }
        let now = clock::now();
        let silent_for = SignedDuration::try_from(self.limit).unwrap_or(SignedDuration::MAX);
        let since = now.saturating_sub(silent_for).unwrap_or(now);
        if is_busy(records, attempt, since).await {
            self.quiet_since = Instant::now();
        } else {
            self.is_told = records.set_stalled(&attempt.id, Some(since)).is_ok();
        }
    }

    fn goes_on(&mut self, records: &Records, attempt: &Attempt) {
        if self.is_told {
            self.is_told = records.set_stalled(&attempt.id, None).is_err();
        }
    }
}

/// Returns whether something shows that the program works, or waits for a person.
async fn is_busy(records: &Records, attempt: &Attempt, since: Timestamp) -> bool {
    let id = &attempt.id;
    let said = records.progress(id).ok().flatten();
    let asks = records.exchanges(id).is_ok_and(|all| all.iter().any(|one| one.answer.is_none()));
    if asks || said.is_some_and(|progress| progress.last_updated > since) {
        return true;
    }
    let directory = attempt.directory.clone();
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
