//! `reconciler suspend` and `reconciler resume`: a task or worker rests, by a commit.

use super::context::Context;
use super::editing::{Recording, finish};
use super::say::Done;
use crate::client::Suspension;
use clap::Args;

/// Stop a task or worker and keep it stopped; its worktree and branch stay.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler suspend fix-login --reason 'waits for the new API'")]
pub(super) struct Suspend {
    #[command(flatten)]
    which: Which,
}

/// Let a suspended task or worker go on.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler resume fix-login")]
pub(super) struct Resume {
    #[command(flatten)]
    which: Which,
}

#[derive(Debug, Args)]
struct Which {
    /// Which, as NAME or KIND/NAME
    name: String,
    #[command(flatten)]
    recording: Recording,
}

impl Suspend {
    pub(super) async fn run(self, context: &Context) -> Done {
        self.which.set(context, Suspension::Suspended, "suspended:").await
    }
}

impl Resume {
    pub(super) async fn run(self, context: &Context) -> Done {
        self.which.set(context, Suspension::Resumed, "resumed:").await
    }
}

impl Which {
    async fn set(self, context: &Context, wanted: Suspension, verb: &str) -> Done {
        let client = context.client().await?;
        let key = client.find(&self.name).await?;
        let edited = client.suspend(&key, wanted, self.recording.record()).await?;
        finish(verb, &edited)
    }
}
