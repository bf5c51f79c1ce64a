//! `reconciler doctor`: everything that keeps tasks from running, each with what mends it.

use super::context::{Context, Output};
use super::say::{self, Done};
use crate::api::name::AgentName;
#[cfg(feature = "github")]
use crate::client::examine_github;
use crate::client::{Finding, Health, examine, examine_agent};
use clap::Args;
use std::process::ExitCode;

/// Find out why something does not work, and what mends it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 nothing failed, 1 something did.\n\nExamples:\n  reconciler doctor\n  reconciler doctor --for claude\n  reconciler doctor --for github    its token, its rights, the board"
)]
pub(super) struct Doctor {
    /// Look at what this agent, or `github`, needs, and at nothing else
    #[arg(long = "for", value_name = "AGENT")]
    agent: Option<AgentName>,
}

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> Done {
        let (directory, environment) = (&context.directory, context.environment.clone());
        let found = match &self.agent {
            #[cfg(feature = "github")]
            Some(agent) if agent.as_str() == "github" => {
                Box::pin(examine_github(directory, environment)).await
            }
            Some(agent) => examine_agent(agent, directory, environment).await,
            None => examine(directory, environment).await,
        };
        let count = |health| found.iter().filter(|one| one.health == health).count();
        if context.output == Output::Json {
            say::out(format!("{:#}", serde_json::to_value(&found)?))?;
        } else {
            print(&found)?;
            let (ok, warn, fail) =
                (count(Health::Ok), count(Health::Warning), count(Health::Failure));
            say::out(format!("{ok} ok, {warn} to look at, {fail} failed"))?;
        }
        Ok(if count(Health::Failure) == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Prints what was found, section after section.
fn print(found: &[Finding]) -> std::io::Result<()> {
    let mut section = "";
    for one in found {
        if one.section != section {
            section = one.section;
            say::out(section)?;
        }
        let word = match one.health {
            Health::Ok => "ok  ",
            Health::Warning => "warn",
            Health::Failure => "FAIL",
        };
        say::out(format!("  {word}  {}", one.text))?;
        if let Some(fix) = &one.fix {
            say::out(format!("        fix: {fix}"))?;
        }
    }
    Ok(())
}
