//! `reconciler rescue`: work that was in no branch when its worktree went. It is never dropped unasked.

use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::print::{self, Long, Row, Table, Tone, ago, printable, printable_line};
use super::say::{self, Done};
use super::wait::duration;
use crate::api::name::BranchName;
use crate::client::{Client, Rescue as Saved, Rescues};
use clap::{Args, Subcommand};
use std::process::ExitCode;
use std::time::Duration;

/// Show, restore or drop work that was saved before a worktree went.
#[derive(Debug, Args)]
#[command(after_help = "\
Files that git ignores are in no rescue: they stay with their worktree in .reconciler/trash for its time.
What a submodule or another repository inside had is TASK/ATTEMPT.1 and so on; what a rebase that was not
finished had put aside is TASK/ATTEMPT.autostash.

Examples:
  reconciler rescue                          what there is
  reconciler rescue show fix-login/2         its files and its changes
  reconciler rescue restore fix-login/2      make a branch of it: rescue/fix-login-2
  reconciler rescue drop fix-login/2
  reconciler rescue drop --older-than 2160h     all that was saved more than 90 days ago")]
pub(super) struct Rescue {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List what there is.
    List,
    /// Show the files and the changes of one.
    Show {
        /// TASK/ATTEMPT, as listed.
        #[arg(value_parser = rescue)]
        name: String,
    },
    /// Make a branch of one; no work tree is touched.
    Restore {
        /// TASK/ATTEMPT, as listed.
        #[arg(value_parser = rescue)]
        name: String,
        /// The branch to make; rescue/TASK-ATTEMPT without it.
        #[arg(long, value_name = "NAME", value_parser = branch)]
        branch: Option<BranchName>,
    },
    /// Drop one, or all that are old, for good; by itself none ever goes.
    Drop {
        /// TASK/ATTEMPT, as listed.
        #[arg(value_parser = rescue, required_unless_present = "older_than")]
        name: Option<String>,
        /// All that were saved longer ago than this, as 2160h.
        #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "name")]
        older_than: Option<Duration>,
        /// Do it without asking.
        #[arg(short, long)]
        yes: bool,
    },
}

/// Takes the name that git knows as well.
fn rescue(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("refs/reconciler/rescue/").unwrap_or(text);
    if printable(name) == name {
        Ok(name.to_owned())
    } else {
        Err("no name of rescued work has such characters".to_owned())
    }
}

fn branch(text: &str) -> Result<BranchName, String> {
    BranchName::try_from(text.to_owned())
}

impl Rescue {
    /// Runs the verb.
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        match self.what {
            None | Some(What::List) => list(&client, context).await?,
            Some(What::Show { name }) => {
                let shown = client.show_rescue(&name).await?;
                let text = String::from_utf8_lossy(&shown);
                let lines: Vec<String> = text.lines().map(printable_line).collect();
                print::out(&(lines.join("\n") + "\n"))?;
            }
            Some(What::Restore { name, branch }) => {
                let branch = client.restore_rescue(&name, branch).await?;
                say::out(format!("rescue/{name}  is on branch {branch}"))?;
                context.note(&format!(
                    "look at it: git switch {branch}; take it over: git cherry-pick {branch}"
                ));
            }
            Some(What::Drop { name, older_than, yes }) => {
                let names = match older_than {
                    Some(age) => client.rescues_older_than(age).await?,
                    None => name.into_iter().collect(),
                };
                return drop_all(&client, &names, (yes, context)).await;
            }
        }
        Ok(Code::Success.into())
    }
}

async fn list(client: &Client, context: &Context) -> Result<(), Failure> {
    let Rescues { now, all: found } = client.rescues().await?;
    match (context.output, found.as_slice()) {
        (Output::Json, found) => print::out(&print::json(&found)?)?,
        (Output::Name, found) => {
            let names: Vec<String> = found.iter().map(|one| format!("{}\n", one.name)).collect();
            print::out(&names.concat())?;
        }
        (Output::Table | Output::Wide, []) => say::out("nothing had to be rescued")?,
        (Output::Table | Output::Wide, [first, ..]) => {
            let row = |one: &Saved| {
                let commit = one.commit.chars().take(7).collect();
                let (subject, saved) = (printable(&one.subject), ago(Some(one.saved_at), now));
                let cells = vec![one.name.clone(), saved, commit, subject];
                Row { tone: Tone::Plain, cells }
            };
            let header = vec!["NAME", "SAVED", "COMMIT", "WHAT"];
            let table = Table { header, rows: found.iter().map(row).collect() };
            print::out(&table.draw(context.look, Long::Cut, 0))?;
            let name = &first.name;
            context.note(&format!(
                "its changes: reconciler rescue show {name}; a branch of it: reconciler rescue restore {name}"
            ));
        }
    }
    Ok(())
}

async fn drop_all(client: &Client, names: &[String], (yes, context): (bool, &Context)) -> Done {
    let all = names.join(", ");
    if names.is_empty() {
        say::out("nothing is so old")?;
        return Ok(Code::Success.into());
    }
    if !yes {
        if !context.interactive {
            let what = format!("rescue {all} was not dropped: nobody can be asked here");
            return Err(Failure::new(what).hint("pass --yes"));
        }
        if !say::ask(&format!("Drop {all} for good?"))? {
            say::out("nothing was changed")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    for name in names {
        let commit = client.drop_rescue(name).await?;
        say::out(format!("rescue/{name}  dropped"))?;
        context
            .note(&format!("until git collects it, it can be had back: git branch NAME {commit}"));
    }
    Ok(Code::Success.into())
}
