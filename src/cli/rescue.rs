//! `reconciler rescue`: work that was in no branch when its worktree went. It is never dropped unasked.

use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::print::{self, Long, Row, Table, Tone, ago, printable};
use super::say::{self, Done};
use crate::api::name::BranchName;
use crate::client::{self, Client, Rescues};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use std::process::ExitCode;

/// Show, restore or drop work that was saved before a worktree went.
#[derive(Debug, Args)]
#[command(after_help = "\
Files that git ignores are in no rescue: they stay with their worktree in .reconciler/trash for its time.

Examples:
  reconciler rescue                          what there is
  reconciler rescue show fix-login/2         its files and its changes
  reconciler rescue restore fix-login/2      make a branch of it: rescue/fix-login-2
  reconciler rescue drop fix-login/2")]
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
        name: String,
    },
    /// Make a branch of one; no work tree is touched.
    Restore {
        /// TASK/ATTEMPT, as listed.
        name: String,
        /// The branch to make; rescue/TASK-ATTEMPT without it.
        #[arg(long, value_name = "NAME", value_parser = branch)]
        branch: Option<BranchName>,
    },
    /// Drop one for good.
    Drop {
        /// TASK/ATTEMPT, as listed.
        name: String,
        /// Do it without asking.
        #[arg(short, long)]
        yes: bool,
    },
}

fn row(one: &client::Rescue, now: Timestamp) -> Row {
    let commit = one.commit.chars().take(7).collect();
    let saved = ago(Some(one.saved_at), now);
    let cells = vec![one.name.clone(), saved, commit, printable(&one.subject)];
    Row { tone: Tone::Plain, cells }
}

fn branch(text: &str) -> Result<BranchName, String> {
    BranchName::try_from(text.to_owned())
}

impl Rescue {
    /// Runs the verb.
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        match self.what {
            None | Some(What::List) => {
                let Rescues { now, all: found } = client.rescues().await?;
                match context.output {
                    Output::Json => print::out(&print::json(&found)?)?,
                    Output::Name => {
                        print::out(
                            &found
                                .iter()
                                .flat_map(|one| [one.name.as_str(), "\n"])
                                .collect::<String>(),
                        )?;
                    }
                    Output::Table | Output::Wide if found.is_empty() => {
                        say::out("nothing had to be rescued")?;
                    }
                    Output::Table | Output::Wide => {
                        let header = vec!["NAME", "SAVED", "COMMIT", "WHAT"];
                        let rows = found.iter().map(|one| row(one, now)).collect();
                        let table = Table { header, rows };
                        print::out(&table.draw(context.look, Long::Cut, 0))?;
                    }
                }
            }
            Some(What::Show { name }) => {
                let shown = client.show_rescue(&name).await?;
                let text = String::from_utf8_lossy(&shown);
                let lines: Vec<String> = text.lines().map(printable).collect();
                print::out(&(lines.join("\n") + "\n"))?;
            }
            Some(What::Restore { name, branch }) => {
                let branch = client.restore_rescue(&name, branch).await?;
                say::out(format!("rescue/{name}  is on branch {branch}"))?;
                context.note(&format!(
                    "look at it: git switch {branch}; take it over: git cherry-pick {branch}"
                ));
            }
            Some(What::Drop { name, yes }) => {
                return drop_one(&client, &name, (yes, context)).await;
            }
        }
        Ok(Code::Success.into())
    }
}

async fn drop_one(client: &Client, name: &str, (yes, context): (bool, &Context)) -> Done {
    if !yes {
        if !context.interactive {
            let what = format!("rescue {name} was not dropped: nobody can be asked here");
            return Err(Failure::new(what).hint("pass --yes"));
        }
        if !say::ask(&format!("Drop {name} for good?"))? {
            say::out("nothing was changed")?;
            return Ok(ExitCode::FAILURE);
        }
    }
    let commit = client.drop_rescue(name).await?;
    say::out(format!("rescue/{name}  dropped"))?;
    context.note(&format!("until git collects it, it can be had back: git branch NAME {commit}"));
    Ok(Code::Success.into())
}
