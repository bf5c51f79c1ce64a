//! `reconciler doctor`: everything that keeps tasks from running, each with what mends it.

use super::context::{Context, Output};
use super::say::{self, Done};
use crate::client::{Finding, Health, examine};
use clap::Args;
use std::process::ExitCode;

/// Find out why something does not work, and what mends it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 nothing failed, 1 something did.\n\nExample:\n  reconciler doctor"
)]
pub(super) struct Doctor;

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> Done {
        let found = examine(&context.directory, context.environment.clone()).await;
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
