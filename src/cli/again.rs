//! `reconciler restart` and `reconciler retry`: the next attempt of a task, now. The loop starts it.

use super::context::Context;
use super::exit::Code;
use super::say::{self, Done};
use crate::api::name::TaskName;
use crate::client::{Client, LoopState};
use clap::Args;

/// Stop what runs for a task and start it again, in the same worktree.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler restart fix-login")]
pub(super) struct Restart {
    /// The task
    task: TaskName,
}

/// Give a task whose attempts are used up all of them anew.
#[derive(Debug, Args)]
#[command(after_help = "\
A task that waits for its next attempt starts it at once.

Example:
  reconciler retry flaky-ci --reason 'the test server is back'")]
pub(super) struct Retry {
    /// The task
    task: TaskName,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Restart {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let id = client.restart(&self.task).await?;
        say::out(format!("task/{}  attempt {} is asked to stop", self.task, id.number))?;
        next(&client, context);
        Ok(Code::Success.into())
    }
}

impl Retry {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let after = client.retry(&self.task, self.reason.as_deref()).await?;
        let line = format!("task/{}  no attempt up to {after} counts any more", self.task);
        say::out(line)?;
        next(&client, context);
        Ok(Code::Success.into())
    }
}

/// Says when the next attempt starts.
fn next(client: &Client, context: &Context) {
    if client.loop_state() == LoopState::NotRunning {
        context.note("reconciler is not running: the next attempt starts when it does");
    }
}
