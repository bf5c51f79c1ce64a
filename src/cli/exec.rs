//! `reconciler exec`: runs a command where a task is worked on, with the environment of its worker,
//! beside the agent. It is a person's command: the agent hears nothing of it.

use super::attach;
use super::context::Context;
use super::say::Done;
use crate::api::name::TaskName;
use clap::Args;

/// Run a command in the worktree of a task, beside its agent.
#[derive(Debug, Args)]
#[command(after_help = "\
The exit code is that of the command.

Examples:
  reconciler exec fix-login -- git log --oneline main..
  reconciler exec fix-login -- cargo test")]
pub(super) struct Exec {
    /// The task
    task: TaskName,
    /// The command and its arguments; no shell reads them
    #[arg(last = true, required = true)]
    argv: Vec<String>,
}

impl Exec {
    pub(super) fn run(self, context: &Context) -> Done {
        let place = Context::block_on(async {
            let client = context.client().await?;
            Ok(client.workplace(&self.task)?)
        })?;
        Err(attach::exec(&self.argv, |command| {
            command.current_dir(&place.directory).envs(&place.variables);
        }))
    }
}
