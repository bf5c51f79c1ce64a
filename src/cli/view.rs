//! `reconciler view`: what the shim starts the program of a decision worker through. Not for people.

use super::attach;
use super::exit::Failure;
use super::say::Done;
use crate::shim::view;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Becomes a program that can change nothing in the repository; without one, tells whether this
/// machine allows that.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct View {
    /// The folder of the attempt.
    folder: PathBuf,
    /// The common git directory of its repository.
    common_dir: PathBuf,
    /// The program and its arguments.
    #[arg(last = true)]
    argv: Vec<String>,
}

impl View {
    pub(super) fn run(self) -> Done {
        let entered = view::enter(&self.folder, &self.common_dir);
        if self.argv.is_empty() {
            return entered
                .map(|()| ExitCode::SUCCESS)
                .map_err(|error| Failure::new(error.to_string()));
        }
        let is_entered = entered.is_ok();
        if let Err(error) = entered {
            crate::shim::note_lack(&self.folder, &format!("a read-only view: {error}"));
        }
        Err(attach::exec(&self.argv, |command| {
            if is_entered {
                command.env(view::VIEW_VARIABLE, "1");
            }
        }))
    }
}
