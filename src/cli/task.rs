//! `reconciler task`: work that goes over GitHub: an issue is made of it, and who works on which is shown.

use super::context::{Context, Output};
use super::exit::Failure;
use super::print::{self, Long, Row, Table, Tone, printable};
use super::say::{self, Done};
use crate::api::name::TaskName;
use crate::client::{Client, Hub, OpenIssue, OpenState, Push};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Hand work to other machines as issues of GitHub, and see who works on it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler task push --title 'Add login' --body 'JWT, see docs/auth.md' --label cc01
  reconciler task push fix-login --label cc01 --label cc02
  reconciler task issues")]
pub(super) struct Task {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Push(PushTask),
    Issues(Issues),
}

/// Make an issue, from a task or from words; whoever works one of its labels takes it.
#[derive(Debug, Args)]
#[command(after_help = "\
An open issue that was made of the same before is the one: nothing is made twice. The task itself stays as
it is; suspend it if it is not to be done here as well.

Example:
  reconciler task push --title 'Add login' --body 'JWT, see docs/auth.md' --label cc01")]
struct PushTask {
    /// The task whose title and prompt it has
    #[arg(required_unless_present = "title", conflicts_with_all = ["title", "body"])]
    name: Option<TaskName>,
    /// What it is called
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// What is to be done
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    body: String,
    /// Its labels, again or separated by commas
    #[arg(long, value_delimiter = ',', required = true)]
    label: Vec<String>,
}

/// Show the open issues that are worked by label, and who has them.
#[derive(Debug, Args)]
#[command(after_help = "\
Without --label, the labels of github.pull in state/policy.json.

Example:
  reconciler task issues --label cc01,cc02")]
struct Issues {
    /// Which labels, again or separated by commas
    #[arg(long, value_delimiter = ',')]
    label: Vec<String>,
}

impl Task {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let policy = client.policy().await?.github;
        let hub = client.hub(&policy)?;
        match self.what {
            What::Push(push) => push.run((&client, &hub), context).await,
            What::Issues(issues) => issues.run((&client, &hub), context).await,
        }
    }
}

impl PushTask {
    async fn run(self, (client, hub): (&Client, &Hub), context: &Context) -> Done {
        let push = match (&self.name, self.title) {
            (Some(name), _) => client.push_of(name, self.label).await?,
            (None, Some(title)) => Push { title, body: self.body, labels: self.label, task: None },
            (None, None) => return Err(Failure::usage("name a task, or say --title")),
        };
        let pushed = client.push(hub, &push).await?;
        match context.output {
            Output::Json => print::out(&print::json(&pushed)?)?,
            Output::Name => say::out(format!("issue/{}", pushed.number))?,
            Output::Table | Output::Wide => {
                let how = if pushed.was_there { "is there already" } else { "made" };
                let url = printable(&pushed.url);
                say::out(format!("issue #{} {how}: {url}", pushed.number))?;
                context.note("see who takes it: reconciler task issues");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Issues {
    async fn run(self, (client, hub): (&Client, &Hub), context: &Context) -> Done {
        let policy = client.policy().await?.github;
        let labels = if self.label.is_empty() {
            policy.pull.into_iter().map(|feed| feed.label).collect()
        } else {
            self.label
        };
        if labels.is_empty() {
            let error = Failure::usage("no labels are worked here");
            return Err(error.hint("say which: reconciler task issues --label cc01"));
        }
        let all = client.open_issues(hub, &labels).await?;
        match context.output {
            Output::Json => print::out(&print::json(&all)?)?,
            Output::Name => {
                let names = all.iter().map(|one| format!("issue/{}\n", one.number));
                print::out(&names.collect::<String>())?;
            }
            Output::Table | Output::Wide if all.is_empty() => {
                context.note(&format!("no open issue is labelled {}", labels.join(" or ")));
            }
            Output::Table | Output::Wide => {
                let header = vec!["ISSUE", "LABEL", "STATE", "WORKER", "NODE", "LAPSES", "TITLE"];
                let rows = all.iter().map(row).collect();
                print::out(&Table { header, rows }.draw(context.look, Long::Cut, 0))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(one: &OpenIssue) -> Row {
    let (state, tone) = match one.state {
        OpenState::Open => ("open", Tone::Waiting),
        OpenState::Claimed => ("claimed", Tone::Plain),
        OpenState::Lapsed => ("lapsed", Tone::Waiting),
        OpenState::Completed => ("completed", Tone::Faint),
        OpenState::Failed => ("failed", Tone::Alarm),
    };
    let or_dash = |text: Option<&String>| text.map_or("-".to_owned(), |text| printable(text));
    let lapses = one.expires_at.map_or("-".to_owned(), |at| format!("{at:.0}"));
    let cells = vec![
        format!("#{}", one.number),
        printable(&one.label),
        state.to_owned(),
        or_dash(one.worker.as_ref()),
        or_dash(one.node.as_ref()),
        lapses,
        printable(&one.title),
    ];
    Row { tone, cells }
}
