//! `reconciler init`: shows what preparing the repository would change, then does it.

use super::context::Context;
use super::say::{self, Done};
use crate::client::{HooksMode, InitHooks, InitOptions, Step};
use clap::Args;
use std::collections::BTreeSet;
use std::process::ExitCode;

/// Prepare this repository: a first worker and task, schemas for editors, hooks, the ref to read.
///
/// Writes only what is missing and commits nothing, so it can be run again at any time.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler init --ref main")]
pub(super) struct Init {
    /// Read desired state from this branch [default: the one that is checked out]
    #[arg(long = "ref", value_name = "REF")]
    state_ref: Option<String>,
    #[command(flatten)]
    hooks: WhichHooks,
    /// Also tell agents in AGENTS.md how to work here
    #[arg(long)]
    agents: bool,
    /// Only show what would be done
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Args)]
struct WhichHooks {
    /// Install no hooks; without them a commit can change what a task holds
    #[arg(long, conflicts_with = "strict")]
    no_hooks: bool,
    /// Also judge every other move of a branch; see `reconciler hooks --help` for the price
    #[arg(long)]
    strict: bool,
}

impl Init {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let hooks = match (self.hooks.no_hooks, self.hooks.strict) {
            (true, _) => InitHooks::Leave,
            (false, true) => InitHooks::Of(HooksMode::Strict),
            (false, false) => InitHooks::AsBefore,
        };
        let options = InitOptions { state_ref: self.state_ref, hooks, tells_agents: self.agents };
        let plan = client.plan_init(&context.directory, &options).await?;
        say::out(format!("{}: state will be read from {}", plan.root.display(), plan.state_ref))?;
        for there in &plan.there {
            say::out(format!("  there    {there}"))?;
        }
        for step in &plan.steps {
            say::out(format!("  {step}"))?;
        }
        for note in &plan.notes {
            say::note(format!("note: {note}"));
        }
        if plan.steps.is_empty() {
            say::out("nothing to do")?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        if !self.yes && context.interactive && !say::ask("Go ahead?")? {
            say::out("nothing was changed")?;
            return Ok(ExitCode::FAILURE);
        }
        client.init(&plan).await?;
        say::out("done; nothing is committed yet. Next:")?;
        let branch = plan.state_ref.trim_start_matches("refs/heads/");
        let written = plan.steps.iter().filter_map(|step| match step {
            Step::Write { path, .. } => Some(path.split('/').next().unwrap_or_default()),
            Step::Pin(_) | Step::Approve(_) | Step::Hook(_) => None,
        });
        let written: BTreeSet<&str> = written.collect();
        if !written.is_empty() {
            let written: Vec<&str> = written.into_iter().rev().collect();
            say::out(format!("  git add {}", written.join(" ")))?;
            say::out(format!("  git commit -m \"Add reconciler\"      # on {branch}"))?;
        }
        say::out("  reconciler run")?;
        if self.hooks.no_hooks {
            say::note("to refuse commits of what a task holds: reconciler hooks install");
        }
        Ok(ExitCode::SUCCESS)
    }
}
