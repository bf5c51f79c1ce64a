//! `reconciler board`: the project board of GitHub that shows the tasks. The loop keeps it up to date by
//! itself; this shows what would change, does it now, or makes the board.

use super::context::{Context, Output};
use super::exit::Failure;
use super::print::printable;
use super::say::{self, Done};
use crate::api::policy::Github as Policy;
use crate::client::{BoardMade, BoardOutcome, BoardPlan, Snapshot};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Show the tasks on a project board of GitHub.
#[derive(Debug, Args)]
#[command(after_help = "\
The token comes from the environment (GITHUB_TOKEN, or the policy's `github.tokenVariable`) and is never written;
GITHUB_API_URL names another server than github.com. Which rights it needs: reconciler doctor --for github
While `reconciler run` runs, the board follows by itself.

Examples:
  reconciler board init acme       make a board, its fields and its views, and say what is left to click
  reconciler board                 what would change; nothing is written
  reconciler board sync            do it now")]
pub(super) struct Board {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what would change; nothing is written.
    Plan,
    /// Bring the board up to where the tasks are.
    Sync,
    /// Make a board with our fields and views, or complete one.
    Init {
        /// The person or organization whose it is to be.
        owner: String,
        /// What it is to be called.
        #[arg(long, default_value = "Parallel Work Dashboard")]
        title: String,
    },
}

impl Board {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        Context::block_on(Box::pin(self.run_on(context)))
    }

    async fn run_on(self, context: &Context) -> Done {
        let client = context.client().await?;
        let snapshot = client.snapshot().await;
        let hub = client.hub(&policy(&snapshot)?)?;
        match self.what {
            None | Some(What::Plan) => {
                let plan = client.board_plan(&hub, &snapshot).await?;
                show(context, &plan, of_plan)
            }
            Some(What::Sync) => {
                let done = client.board_sync(&hub, &snapshot).await?;
                show(context, &done, of_outcome)
            }
            Some(What::Init { owner, title }) => {
                let made = client.board_init(&hub, (&owner, &title)).await?;
                show(context, &made, of_made)
            }
        }
    }
}

/// Returns what the committed policy says of GitHub.
fn policy(snapshot: &Snapshot) -> Result<Policy, Failure> {
    let desired = snapshot.desired.known();
    let unknown = || {
        let why = snapshot.why_blind().unwrap_or_default().to_owned();
        Failure::from(crate::client::Error::Unknown(why))
    };
    Ok(desired.ok_or_else(unknown)?.policy().github.clone())
}

fn show<T: serde::Serialize>(
    context: &Context,
    what: &T,
    lines: impl Fn(&T) -> Vec<String>,
) -> Done {
    if context.output == Output::Json {
        say::out(format!("{:#}", serde_json::to_value(what)?))?;
    } else {
        for line in lines(what) {
            say::out(printable(&line))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn of_plan(plan: &BoardPlan) -> Vec<String> {
    let count = plan.changes.len();
    let head = match count {
        0 => format!("{}: up to date     {}", plan.title, plan.url),
        _ => format!("{}: {count} to change     {}", plan.title, plan.url),
    };
    let width = plan.changes.iter().map(|one| one.task.len()).max().unwrap_or(0);
    let changes = plan.changes.iter().map(|one| format!("  {:width$}  {}", one.task, one.what));
    let notes = plan.notes.iter().map(|note| format!("! {note}"));
    let next = (count > 0).then(|| "do it: reconciler board sync".to_owned());
    [head].into_iter().chain(changes).chain(notes).chain(next).collect()
}

fn of_outcome(done: &BoardOutcome) -> Vec<String> {
    let BoardOutcome { requests, created, written, archived, reverted, adopted, .. } = *done;
    let mut parts = Vec::new();
    for (count, what) in [
        (created, "cards made"),
        (written, "values written"),
        (archived, "put into the archive"),
        (reverted, "edits of people undone"),
        (adopted, "edits of people taken into tasks"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    let head = if parts.is_empty() {
        "the board is up to date: nothing was to be done".to_owned()
    } else {
        format!("the board is up to date: {}, in {requests} requests", parts.join(", "))
    };
    let notes = done.notes.iter().map(|note| format!("! {note}"));
    std::iter::once(head).chain(notes).collect()
}

fn of_made(made: &BoardMade) -> Vec<String> {
    let mut lines = vec![if made.new.is_empty() {
        format!("project {} of {} has all that is needed     {}", made.number, made.owner, made.url)
    } else {
        format!("project {} of {}     {}", made.number, made.owner, made.url)
    }];
    lines.extend(made.new.iter().map(|one| format!("  made     {one}")));
    lines.extend(made.by_hand.iter().map(|one| format!("  by hand  {one}")));
    lines.push(format!(
        "name it in state/policy.json and commit: \"github\": {{ \"board\": {{ \"owner\": \"{}\", \"number\": {} }} }}",
        made.owner, made.number
    ));
    lines
}
