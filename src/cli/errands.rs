//! `reconciler errands`: what a shim starts when its worker asks for what it cannot do itself. Not for
//! people.

use super::context::Context;
use super::say::Done;
use clap::Args;
use std::process::ExitCode;

/// Does what the attempt of this process asked for.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct Errands;

impl Errands {
    pub(super) async fn run(self, context: &Context) -> Done {
        context.client().await?.do_errands().await?;
        Ok(ExitCode::SUCCESS)
    }
}
