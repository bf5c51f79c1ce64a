//! `reconciler context` and `messages`: what a worker reads of its own attempt. Neither changes
//! anything but what counts as read.

use super::context::{Context, Output};
use super::exit::Code;
use super::print::{self, printable};
use super::say::Done;
use crate::api::report::Message;
use crate::client;
use clap::Args;
use serde_json::json;
use std::time::Duration;

/// Show your task, your locks, who holds what, and what came before: a worker, of its own task.
#[derive(Debug, Args)]
#[command(after_help = "\
It is JSON by itself; with -o name, the rules alone.

Example:
  reconciler context")]
pub(super) struct Brief;

/// Show what people said since you read last: a worker, of its own task.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler messages
  reconciler messages --wait 600          wait for one if there is none")]
pub(super) struct Messages {
    /// How long to wait if there is none, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    wait: u64,
}

impl Brief {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let brief = client.brief(&client.own_attempt()?).await?;
        match context.output {
            Output::Name => print::out(&(client::RULES.join("\n") + "\n"))?,
            Output::Json | Output::Table | Output::Wide => print::out(&print::json(&brief)?)?,
        }
        Ok(Code::Success.into())
    }
}

impl Messages {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let own = client.own_attempt()?;
        let messages = client.messages_within(&own, Duration::from_secs(self.wait)).await?;
        match context.output {
            Output::Json => print::out(&print::json(&json!(messages))?)?,
            Output::Table | Output::Wide | Output::Name => {
                print::out(&messages.iter().map(line).collect::<String>())?;
                if messages.is_empty() {
                    context.note("nothing was said to you since you read last");
                }
            }
        }
        Ok(Code::Success.into())
    }
}

fn line(message: &Message) -> String {
    let lines: Vec<String> = message.text.lines().map(printable).collect();
    format!("{}: {}\n", printable(&message.by), lines.join("\n"))
}
