//! `reconciler progress`, `ask`, `complete` and `fail`: what a worker says of its own attempt. Who it
//! is stands in its environment, so it can speak for no other.

use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::say::{self, Done};
use crate::api::report::{Outcome, Source};
use crate::api::to_json;
use crate::client::{Client, OwnAttempt};
use clap::Args;
use std::time::Duration;

/// Say how far you are: a worker, of its own task.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler progress 3/8 'regression test added'")]
pub(super) struct Progress {
    /// How many steps are done of how many, as 3/8
    #[arg(value_name = "DONE/ALL", value_parser = steps)]
    steps: (u32, u32),
    /// What you do now
    #[arg(default_value = "")]
    step: String,
}

/// Ask a person, and wait for the answer: a worker, of its own task.
#[derive(Debug, Args)]
#[command(after_help = "\
The answer is given by `reconciler send TASK TEXT`, and printed.

Exit codes: 0 answered, 124 not answered in time, 1 anything else.

Examples:
  reconciler ask '429 or 503 on burst?' --option 429 --option 503
  reconciler ask 'May I drop Python 3.8?' --no-wait")]
pub(super) struct Ask {
    /// What you want to know
    question: String,
    /// An answer that you can think of; may be given several times
    #[arg(long, value_name = "TEXT")]
    option: Vec<String>,
    /// Go on without the answer; it comes as a message
    #[arg(long, conflicts_with = "timeout")]
    no_wait: bool,
    /// How long to wait, in seconds; 0 is without limit
    #[arg(long, value_name = "SECONDS", default_value = "0")]
    timeout: u64,
}

/// Say that your task is done: a worker, of its own task.
#[derive(Debug, Args)]
#[command(after_help = "\
Everything in your worktree must be committed. Verification comes after it.

Example:
  reconciler complete 'login redirects once' --evidence 'cargo test: 212 passed'")]
pub(super) struct Complete {
    /// What was done
    #[arg(default_value = "")]
    summary: String,
    /// What shows it, as a command and its result; may be given several times
    #[arg(long, value_name = "TEXT")]
    evidence: Vec<String>,
}

/// Say that you cannot do your task: a worker, of its own task.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler fail 'the API it needs does not exist'
  reconciler fail 'the test server was down' --retryable")]
pub(super) struct Fail {
    /// Why
    reason: String,
    /// Another try may succeed
    #[arg(long)]
    retryable: bool,
}

fn steps(text: &str) -> Result<(u32, u32), String> {
    let parsed = text.split_once('/').and_then(|(done, all)| {
        Some((done.parse().ok()?, all.parse().ok().filter(|all| *all > 0)?))
    });
    parsed.ok_or_else(|| "write it as 3/8: what is done, and all of it".to_owned())
}

async fn own(context: &Context) -> Result<(Client, OwnAttempt), Failure> {
    let client = context.client().await?;
    let own = client.own_attempt()?;
    Ok((client, own))
}

impl Progress {
    pub(super) async fn run(self, context: &Context) -> Done {
        let (client, own) = own(context).await?;
        let (done, all) = self.steps;
        let said = client.say_progress(&own, (Some(done), Some(all)), &self.step).await?;
        match context.output {
            Output::Json => say::out(to_json(&said).trim_end())?,
            Output::Table | Output::Wide | Output::Name => {
                context.note(&format!("{}: {said}", own.id.owner.task));
            }
        }
        Ok(Code::Success.into())
    }
}

impl Ask {
    pub(super) async fn run(self, context: &Context) -> Done {
        let (client, own) = own(context).await?;
        let number = client.ask_person(&own, &self.question, &self.option)?;
        if self.no_wait {
            context.note("asked; the answer comes as a message");
            return Ok(Code::Success.into());
        }
        let limit = if self.timeout == 0 { u64::MAX / 4 } else { self.timeout };
        match client.answer_within(&own, number, Duration::from_secs(limit)).await? {
            Some(answer) => {
                say::out(answer.text)?;
                Ok(Code::Success.into())
            }
            None => Err(Failure::coded(
                Code::TimedOut,
                "nobody answered; the question stays open".to_owned(),
            )),
        }
    }
}

impl Complete {
    pub(super) async fn run(self, context: &Context) -> Done {
        let (client, own) = own(context).await?;
        let outcome = (Outcome::Completed, Source::Command);
        let stands = client.say_ended(&own, outcome, &self.summary, &self.evidence).await?;
        if stands.outcome != Outcome::Completed {
            return Err(Failure::new("you said already that it failed, and that stands"));
        }
        context.note(&format!("{}: done, as you say; end now", own.id.owner.task));
        Ok(Code::Success.into())
    }
}

impl Fail {
    pub(super) async fn run(self, context: &Context) -> Done {
        let (client, own) = own(context).await?;
        let outcome = Outcome::Failed { retryable: self.retryable };
        let said = (outcome, Source::Command);
        let stands = client.say_ended(&own, said, &self.reason, &[]).await?;
        if stands.outcome == Outcome::Completed {
            return Err(Failure::new("you said already that it is done, and that stands"));
        }
        context.note(&format!("{}: failed, as you say; end now", own.id.owner.task));
        Ok(Code::Success.into())
    }
}
