//! `reconciler send`: says something to a worker: the answer to its question, or what is typed for
//! it. It tells what came of it, and never guesses.

use super::context::Context;
use super::exit::{Code, Failure};
use super::print::printable;
use super::say::{self, Done};
use crate::api::name::TaskName;
use crate::client::Sent;
use clap::Args;
use std::io::Read as _;
use std::path::PathBuf;

/// Say something to the worker of a task: the answer to its question, or what to type.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 answered, delivered or queued, 1 unknown or anything else.

Examples:
  reconciler send rate-limit 'answer with 429'
  git diff | reconciler send fix-login --file -")]
pub(super) struct Send {
    /// The task
    task: TaskName,
    /// What to say
    #[arg(required_unless_present = "file")]
    text: Option<String>,
    /// Say what is in a file; - is the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,
}

impl Send {
    pub(super) async fn run(self, context: &Context) -> Done {
        let text = self.words()?;
        let client = context.client().await?;
        let by = client.person(None).await?.worker.to_string();
        let name = self.task.to_string();
        match client.send(&self.task, &text, &by).await? {
            Sent::Answered { question } => {
                say::out(format!("task/{name}  answered: {}", printable(&question.question.text)))?;
            }
            Sent::Delivered => say::out(format!("task/{name}  delivered"))?,
            Sent::Queued => {
                say::out(format!("task/{name}  queued"))?;
                context.note("its agent reads nothing right now; it gets this when it does");
            }
            Sent::Paused => {
                say::out(format!("task/{name}  queued"))?;
                context.note("it is paused, and gets this when it is not: reconciler status");
            }
            Sent::Unknown => {
                say::out(format!("task/{name}  unknown"))?;
                return Err(Failure::new("its attempt ended before it was certain")
                    .hint(format!("look: reconciler describe task {name}")));
            }
        }
        Ok(Code::Success.into())
    }

    fn words(&self) -> Result<String, Failure> {
        let text = match (&self.text, &self.file) {
            (Some(text), _) => text.clone(),
            (None, Some(path)) if path.as_os_str() == "-" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text)?;
                text
            }
            (None, Some(path)) => std::fs::read_to_string(path).map_err(|error| {
                Failure::new(format!("cannot read {}: {error}", path.display()))
            })?,
            (None, None) => String::new(),
        };
        if text.trim().is_empty() {
            return Err(Failure::usage("there is nothing to say"));
        }
        Ok(text)
    }
}
