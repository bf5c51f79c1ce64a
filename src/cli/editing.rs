//! What the verbs that edit state files share: whether the edit is committed, and what is said of
//! it at the end.

use super::say::{self, Done};
use crate::client::{Commit, Edited, Record};
use clap::Args;
use std::process::ExitCode;

/// Whether the edit is committed.
#[derive(Debug, Args)]
pub(super) struct Recording {
    /// Leave the edited file to be committed by yourself
    #[arg(long)]
    no_commit: bool,
    /// Why: becomes part of the commit message
    #[arg(long, conflicts_with = "no_commit")]
    reason: Option<String>,
}

impl Recording {
    pub(super) fn record(&self) -> Record<'_> {
        let commit = if self.no_commit { Commit::No } else { Commit::Yes };
        Record { commit, reason: self.reason.as_deref() }
    }
}

/// Says what became of an edit.
pub(super) fn finish(verb: &str, edited: &Edited) -> Done {
    for warning in &edited.warnings {
        say::note(warning.to_string());
    }
    let path = &edited.path;
    if let Some(commit) = &edited.commit {
        say::out(format!("{verb} {path}, committed {}", commit.short()))?;
    } else {
        say::out(format!("{verb} {path}, not committed"))?;
        say::note(format!("it takes effect with: git add {path} && git commit -- {path}"));
    }
    Ok(ExitCode::SUCCESS)
}
