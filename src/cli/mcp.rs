//! `reconciler mcp`: the server that an agent starts for itself. Nothing but the protocol is on stdout.

use super::context::Context;
use super::exit::Code;
use super::say::Done;
use crate::mcp;
use clap::Args;

/// Serve an agent by the Model Context Protocol, on stdin and stdout.
///
/// Agents start it themselves, each for its own attempt, which their environment names. Who is no worker
/// can read by it, and say nothing.
#[derive(Debug, Args)]
#[command(after_help = "\
Example, as a server in the settings of an agent:
  { \"mcpServers\": { \"reconciler\": { \"command\": \"reconciler\", \"args\": [\"mcp\"] } } }")]
pub(super) struct Mcp;

impl Mcp {
    pub(super) async fn run(self, context: &Context) -> Done {
        mcp::serve(context.holder().await?).await?;
        Ok(Code::Success.into())
    }
}
