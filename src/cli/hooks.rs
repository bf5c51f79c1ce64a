//! `reconciler hooks`: installs the hooks that refuse what another task holds, says how they stand,
//! removes them without a trace.

use super::context::Context;
use super::say::{self, Done};
use crate::client::{HooksMode, HooksPlan};
use clap::{Args, Subcommand};
use std::process::ExitCode;

/// Install, look at or remove the git hooks that enforce locks.
#[derive(Debug, Args)]
#[command(after_help = "\
What a hook refuses: a change of a path that another task holds; by a task, also a change outside of
its own lock, or under a lock that is no longer in force. Who asks is told by the mark of the
worktree. What the pinned ref has already, here or at its remote, is no change.

  what somebody does                      no hooks  default  strict
  commit, -a, PATH, -p, --amend           passes    refused  refused
  commit --no-verify                      passes    refused  refused
  cherry-pick, revert, rebase             passes    refused  refused
  merge, also --squash or --no-verify     passes    refused  refused
  am                                      passes    refused  refused
  push                                    passes    refused  refused
  merge --ff-only, reset                  passes    passes   refused
  commit-tree with update-ref or branch   passes    passes   refused
  -c core.hooksPath=... with any of them  passes    passes   passes

Price of strict: a look at each move of a branch, some 10 ms each, and a short script at each move
of any ref. What went past the hooks is found by `reconciler locks audit`.
If the program is gone, everything is refused as long as there are locks. A person who must pass
over a lock: RECONCILER_BYPASS=\"why\" git ...; the journal notes it. Workers of tasks cannot.

Where: a hook that is there already is kept beside ours and called by it (lefthook, pre-commit,
prek). Where the repository sets core.hooksPath (husky), the hooks there get marked lines that call
ours. Where the user sets it for all repositories, this one gets a folder whose hooks call theirs.

Examples:
  reconciler hooks install --strict
  reconciler hooks status
  reconciler hooks uninstall")]
pub(super) struct Hooks {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Install them, or mend what somebody changed
    Install {
        /// Also judge every other move of a branch
        #[arg(long)]
        strict: bool,
        /// Only show what would be done
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
    /// Say how they stand; the exit code is 1 when they do not stand as installed
    Status,
    /// Remove them; what was there before comes back
    Uninstall {
        /// Only show what would be done
        #[arg(short = 'n', long)]
        dry_run: bool,
    },
}

impl Hooks {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        if matches!(self.verb, Verb::Status) {
            return status(context).await;
        }
        let _turn = client.turn_of_hooks().await?;
        let (plan, dry_run) = match self.verb {
            Verb::Status => return status(context).await,
            Verb::Install { strict, dry_run } => {
                let mode = if strict { HooksMode::Strict } else { HooksMode::Default };
                (client.plan_hooks(mode).await?, dry_run)
            }
            Verb::Uninstall { dry_run } => (client.plan_hooks_removal().await?, dry_run),
        };
        show(context, &plan)?;
        if !dry_run {
            client.apply_hooks(&plan).await?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(context: &Context, plan: &HooksPlan) -> std::io::Result<()> {
    for step in &plan.steps {
        say::out(step.to_string())?;
    }
    if plan.steps.is_empty() {
        say::out("nothing to do")?;
    }
    for note in &plan.notes {
        context.note(note);
    }
    Ok(())
}

async fn status(context: &Context) -> Done {
    let status = context.client().await?.hooks_status().await?;
    let mode = status.mode.map_or("not installed", HooksMode::as_str);
    say::out(format!("hooks: {mode}, in {}", status.place))?;
    for one in &status.hooks {
        say::out(format!("  {:<22} {}", one.hook.as_str(), one.state))?;
    }
    for path in &status.without {
        context.note(&format!("in {} git finds no hooks at all", path.display()));
    }
    let stands = status.mode.is_some() && status.drifted().next().is_none();
    match status.mode {
        Some(HooksMode::Default) if !stands => say::note("mend them: reconciler hooks install"),
        Some(HooksMode::Strict) if !stands => {
            say::note("mend them: reconciler hooks install --strict");
        }
        Some(HooksMode::Default | HooksMode::Strict) | None => {}
    }
    Ok(if stands { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
