//! `reconciler delete`: shows what follows from it, asks, and deletes one file by a commit.

use super::context::Context;
use super::editing::{Recording, finish};
use super::exit::Failure;
use super::say::{self, Done};
use clap::Args;
use std::process::ExitCode;

/// Delete an object: its file is removed by a commit, and what it has in progress is stopped.
///
/// Unsaved work is saved to a rescue ref first; a branch with commits of its own is kept.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler delete task fix-login")]
pub(super) struct Delete {
    /// Which: NAME, KIND/NAME or KIND NAME
    #[arg(required = true, num_args = 1..=2, value_name = "NAME")]
    words: Vec<String>,
    /// Do it without asking
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    recording: Recording,
}

impl Delete {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let key = client.find(&self.words.join("/")).await?;
        match client.consequences_of_delete(&key).await {
            Ok(lines) => {
                say::out(format!("delete {key} ({})", key.path()))?;
                for line in lines {
                    say::out(format!("  => {line}"))?;
                }
            }
            Err(error) => say::note(format!("what follows from it cannot be told: {error}")),
        }
        if !self.yes {
            if !context.interactive {
                return Err(Failure::new(format!(
                    "{key} was not deleted: nobody can be asked here"
                ))
                .hint("pass --yes"));
            }
            if !say::ask("Delete it?")? {
                say::out("nothing was changed")?;
                return Ok(ExitCode::FAILURE);
            }
        }
        let edited = client.delete(&key, self.recording.record()).await?;
        finish("deleted", &edited)
    }
}
