//! `reconciler merge`: the merge queue, and what a person may do about it. The loop merges.

use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::print::{self, Long, Row, Table, Tone, ago, printable};
use super::say::{self, Done};
use super::wait::duration;
use crate::api::hold::{HoldKind, Target};
use crate::api::name::TaskName;
use crate::api::policy::Method;
use crate::client::view::merge::{MergeView, MergesView, merges};
use crate::client::{Because, Client, Lift, LoopState};
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// Show what is done and on its way to the target branch, and what cannot land.
///
/// The loop puts done work onto the target one after the other, by priority and completion, verifies it
/// in a checkout of its own, and moves the branch forward. How is said by `merge` in state/policy.json.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler merge                         the queue
  reconciler merge hold --reason release   nothing lands for now; what is done waits
  reconciler merge resume
  reconciler merge retry fix-login         after you mended its branch by hand
  reconciler merge eject fix-login         its worker is told, and tries again if it may")]
pub(super) struct Merge {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what is on its way, and what cannot land.
    Queue,
    /// Let nothing land for now, on this machine.
    Hold {
        /// After this it goes on by itself.
        #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
        lasts: Option<Duration>,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Let work land again.
    Resume,
    /// Let work that could not land try again, as it is on its branch now.
    Retry {
        /// The task.
        task: TaskName,
    },
    /// Take work out of the queue.
    Eject {
        /// The task.
        task: TaskName,
        /// Why: its worker is told.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

impl Merge {
    /// Runs the verb.
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        match self.what {
            None | Some(What::Queue) => return queue(&client, context).await,
            Some(What::Hold { lasts, reason }) => {
                let lasts = lasts.and_then(|lasts| SignedDuration::try_from(lasts).ok());
                let because = Because { reason: reason.as_deref(), lasts };
                let hold = client.hold(&Target::Merges, HoldKind::Pause, because).await?;
                say::out(format!("merges  {hold}"))?;
                take_back(&client, context).await;
            }
            Some(What::Resume) => {
                client.lift(&Target::Merges, Lift::Pause).await?;
                say::out("merges  go on")?;
            }
            Some(What::Retry { task }) => {
                client.retry_merge(&task).await?;
                say::out(format!("task/{task}  is put onto the target again"))?;
            }
            Some(What::Eject { task, reason }) => {
                client.eject(&task, reason.as_deref()).await?;
                say::out(format!("task/{task}  is out of the merge queue"))?;
                take_back(&client, context).await;
                context.note(&format!("to let it land after all: reconciler merge retry {task}"));
            }
        }
        if client.loop_state() == LoopState::NotRunning {
            context.note("reconciler is not running: nothing is merged until it does");
        }
        Ok(Code::Success.into())
    }
}

/// Has GitHub not merge by itself what is not to land now.
#[cfg(feature = "github")]
async fn take_back(client: &Client, context: &Context) {
    for note in Box::pin(client.take_back_merges()).await {
        context.note(&note);
    }
}

#[cfg(not(feature = "github"))]
fn take_back(_: &Client, _: &Context) -> std::future::Ready<()> {
    std::future::ready(())
}

async fn queue(client: &Client, context: &Context) -> Done {
    let snapshot = client.snapshot().await;
    let Some(view) = merges(&snapshot) else {
        let why = snapshot.why_blind().unwrap_or("nobody knows why");
        return Err(Failure::new(format!("what is to be merged cannot be told: {why}")));
    };
    match context.output {
        Output::Json => print::out(&print::json(&view)?)?,
        Output::Name => {
            let names = view.queue.iter().map(|one| format!("task/{}\n", one.task));
            print::out(&names.collect::<String>())?;
        }
        Output::Table | Output::Wide => {
            print::out(&draw(&view, snapshot.now(), context))?;
            if let Some(first) = view.refused.first() {
                context.note(&format!(
                    "what cannot land stays on its branch; when that is mended: reconciler merge retry {}",
                    first.task
                ));
            }
            if client.loop_state() == LoopState::NotRunning {
                context.note("reconciler is not running: nothing is merged until it does");
            }
        }
    }
    Ok(Code::Success.into())
}

fn draw(view: &MergesView, now: Timestamp, context: &Context) -> String {
    let mut text = match &view.target {
        None => "nothing lands by itself: the policy says so, or state is read from no branch\n"
            .to_owned(),
        Some(target) => {
            let method = match view.method {
                Method::Rebase | Method::None => "commit by commit",
                Method::Squash => "as one commit",
                Method::Merge => "by a merge commit",
            };
            let verify = view.verify.as_deref().and_then(|one| one.lines().next());
            let verify = verify.map(|one| format!(", verified by `{}`", printable(one)));
            format!("done work lands on {target}, {method}{}\n", verify.unwrap_or_default())
        }
    };
    if let Some(held) = &view.held {
        text = format!("{text}HELD  {}; `reconciler merge resume`\n", printable(held));
    }
    text += "\n";
    let row = |tone, place: String, one: &MergeView| {
        let priority = one.priority.map_or_else(|| "-".to_owned(), |one| one.to_string());
        let message = printable(&one.message);
        Row { tone, cells: vec![place, one.task.clone(), priority, ago(one.since, now), message] }
    };
    let waiting = (1..)
        .zip(&view.queue)
        .map(|(place, one): (usize, _)| row(Tone::Plain, place.to_string(), one));
    let refused = view.refused.iter().map(|one| row(Tone::Alarm, "-".to_owned(), one));
    let rows: Vec<Row> = waiting.chain(refused).collect();
    if rows.is_empty() {
        return text + "nothing waits to be merged\n";
    }
    let header = vec!["PLACE", "TASK", "PRIORITY", "SINCE", "MESSAGE"];
    text + &Table { header, rows }.draw(context.look, Long::Cut, 0)
}
