//! `reconciler scale`: how many seats a worker has, by a commit.

use super::context::Context;
use super::editing::{Recording, finish};
use super::say::Done;
use crate::api::name::WorkerName;
use clap::Args;

/// Set how many seats a worker has.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler scale codegen --replicas 3")]
pub(super) struct Scale {
    /// The worker
    worker: WorkerName,
    /// How many it is to have
    #[arg(long, value_name = "N")]
    replicas: u32,
    #[command(flatten)]
    recording: Recording,
}

impl Scale {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let edited = client.scale(&self.worker, self.replicas, self.recording.record()).await?;
        finish("scaled:", &edited)
    }
}
