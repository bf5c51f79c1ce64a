//! `demo`: the main job, shown on a throw-away repository.

use super::context::Context;
use super::exit::Failure;
use crate::client::Environment;
use crate::client::demo::{Line, play};
use clap::Args;
use std::io::Write as _;
use std::process::ExitCode;

/// Show the main job on a throw-away repository: no account, no network, nothing left behind.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler demo")]
pub(super) struct Demo;

impl Demo {
    /// Runs the verb.
    pub(super) fn run(context: &Context) -> Result<ExitCode, Failure> {
        Context::block_on(Self::play(context.environment.clone()))
    }

    async fn play(environment: Environment) -> Result<ExitCode, Failure> {
        let beneath = environment.temporary_folder();
        let mut out = std::io::stdout();
        let tell = |line| match line {
            Line::Headline(text) => writeln!(out, "\n{text}"),
            Line::Seen(text) => text.lines().try_for_each(|line| writeln!(out, "   {line}")),
        };
        let mut told = tell;
        play(&beneath, environment, |line| {
            told(line).ok();
        })
        .await?;
        Ok(ExitCode::SUCCESS)
    }
}
