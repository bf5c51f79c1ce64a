//! `reconciler check`: every error of every state file at once. A picture for people, a line for
//! programs.

use super::context::Context;
use super::say::{self, Done};
use crate::api::problem::Severity;
use crate::client::Version;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Check state files before they are committed.
///
/// Without a flag it checks the files of the work tree. It needs no running reconciler and no
/// network.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 no errors, 1 errors.\n\nExample:\n  reconciler check --staged"
)]
pub(super) struct Check {
    /// Check what is staged
    #[arg(long, conflicts_with = "rev")]
    staged: bool,
    /// Check a commit
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
}

impl Check {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let version = match (self.rev, self.staged) {
            (Some(words), _) => Version::Revision(words),
            // A hook is given the index of the commit to be, which may not be that of the work tree.
            (None, true) => {
                let index = context.environment.variables.get("GIT_INDEX_FILE").map(PathBuf::from);
                Version::Staged(index.map(std::path::absolute).transpose()?)
            }
            (None, false) => Version::WorkTree,
        };
        let checked = client.check(&context.directory, &version).await?;
        for problem in &checked.problems {
            if context.look.width.is_some() {
                say::out(format!("{}\n", problem.picture()))?;
            } else {
                say::out(problem.to_string())?;
            }
        }
        let errors = checked.count(Severity::Error);
        say::note(format!(
            "checked {} in {} ms: {}, {}",
            count(checked.files, "file"),
            checked.took.as_millis(),
            count(errors, "error"),
            count(checked.count(Severity::Warning), "warning")
        ));
        if checked.files == 0 {
            say::note("there are no state files here; `reconciler init` writes the first ones");
        }
        Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
