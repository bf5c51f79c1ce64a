//! `reconciler completion`: what a shell needs to complete our verbs and flags.

use super::say::{self, Done};
use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use std::process::ExitCode;

/// Print the completions for a shell.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  reconciler completion bash > ~/.local/share/bash-completion/completions/reconciler"
)]
pub(super) struct Completion {
    /// Which shell
    shell: Shell,
}

impl Completion {
    pub(super) fn run(&self) -> Done {
        let mut text = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut super::Arguments::command(),
            "reconciler",
            &mut text,
        );
        say::out(String::from_utf8_lossy(&text).trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}
