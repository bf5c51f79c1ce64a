//! `reconciler trust`: shows what workers would run on this machine, and approves it.

use super::context::Context;
use super::exit::Failure;
use super::say::{self, Done};
use crate::api::name::WorkerName;
use crate::client::AgentTrust;
use clap::Args;
use std::process::ExitCode;

/// Approve the programs that the workers of this repository run on this machine.
///
/// A change of an agent's file asks anew; so does another clone.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 all are approved, 1 some are not.\n\nExample:\n  reconciler trust --list"
)]
pub(super) struct Trust {
    /// Only show them
    #[arg(long, conflicts_with_all = ["revoke", "yes"])]
    list: bool,
    /// Take back every approval for this repository
    #[arg(long)]
    revoke: bool,
    /// Approve what is shown without asking
    #[arg(short, long)]
    yes: bool,
}

impl Trust {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        if self.revoke {
            client.revoke()?;
            say::out("no agent is approved any more; what runs goes on, nothing new starts")?;
            return Ok(ExitCode::SUCCESS);
        }
        let agents = client.agents().await?;
        if agents.is_empty() {
            say::out("no worker names an agent")?;
        }
        for agent in &agents {
            show(agent)?;
        }
        let open: Vec<&AgentTrust> = agents.iter().filter(|one| !one.approved).collect();
        if open.is_empty() {
            return Ok(ExitCode::SUCCESS);
        }
        if self.list {
            return Ok(ExitCode::FAILURE);
        }
        if !self.yes {
            if !context.interactive {
                return Err(Failure::new("nothing was approved: nobody can be asked here")
                    .hint("read what is above and pass --yes"));
            }
            if !say::ask("Let them run as you on this machine?")? {
                say::out("nothing was approved")?;
                return Ok(ExitCode::FAILURE);
            }
        }
        let digests: Vec<String> = open.iter().map(|one| one.digest.clone()).collect();
        client.approve(&digests)?;
        let names: Vec<&str> = open.iter().map(|one| one.name.as_str()).collect();
        say::out(format!("approved {}", names.join(", ")))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn show(agent: &AgentTrust) -> std::io::Result<()> {
    let workers: Vec<&str> = agent.workers.iter().map(WorkerName::as_str).collect();
    let workers = if workers.is_empty() { "no worker".to_owned() } else { workers.join(", ") };
    let state = if agent.approved { "approved" } else { "NOT approved" };
    say::out(format!("{}  {state}, used by {workers}", agent.name))?;
    // As JSON, so that no argument looks like two and none steers the terminal.
    let argv = serde_json::Value::from(agent.spec.argv.clone());
    say::out(format!("    runs  {argv}"))?;
    if !agent.spec.resume.is_empty() {
        say::out(format!("    again {}", serde_json::json!(agent.spec.resume)))?;
    }
    if !agent.spec.files.is_empty() {
        say::out(format!("    files {}", serde_json::json!(agent.spec.files)))?;
    }
    if !agent.spec.env.is_empty() {
        say::out(format!("    with  {}", serde_json::json!(agent.spec.env)))?;
    }
    let handed = [agent.spec.env_allow.clone(), agent.spec.secret_env.clone()].concat();
    if !handed.is_empty() {
        say::out(format!("    sees  {}", serde_json::json!(handed)))?;
    }
    Ok(())
}
