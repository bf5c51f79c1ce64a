//! `reconciler shim`: what the loop starts in each tmux pane. Not for people.

use super::context::Context;
use super::exit::Failure;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs one attempt to its end.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Shim {
    /// The folder of the attempt.
    folder: PathBuf,
    /// The common git directory of its repository.
    common_dir: PathBuf,
}

impl Shim {
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        context.arm_faults("shim");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let code = runtime.block_on(crate::shim::run(&self.folder, &self.common_dir))?;
        Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
    }
}
