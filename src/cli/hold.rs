//! `reconciler pause`, `unpause`, `cordon`, `uncordon` and `drain`: what starts nothing for now, on this
//! machine, without a commit. They work whether or not the loop runs.

use super::context::Context;
use super::exit::{Code, Failure};
use super::say::{self, Done};
use super::wait::duration;
use crate::api::hold::{Hold, HoldKind, Target};
use crate::api::name::WorkerName;
use crate::client::{Because, Client, Lift, LoopState};
use clap::Args;
use jiff::SignedDuration;
use std::time::Duration;

/// Let nothing new start, for a task, a worker or all; what runs goes on.
#[derive(Debug, Args)]
#[command(after_help = "\
It is of this machine and needs no commit; to stop a task and keep it stopped: reconciler suspend.
While it is paused, no message is typed for what runs: it is queued.

Examples:
  reconciler pause fix-login --reason 'waits for the review' --for 30m
  reconciler pause all --reason 'the quota is used up'")]
pub(super) struct Pause {
    /// A task, a worker or `all`; KIND/NAME where both are called so
    name: String,
    /// After this it goes on by itself
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    lasts: Option<Duration>,
    /// Why; needed for `all`
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Let go on what was paused.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler unpause all")]
pub(super) struct Unpause {
    /// A task, a worker or `all`
    name: String,
}

/// Let a worker finish what it has and take nothing new.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler cordon codegen --reason 'its model is changed'")]
pub(super) struct Cordon {
    /// The worker
    worker: WorkerName,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// Let a cordoned or drained worker take tasks again.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler uncordon codegen")]
pub(super) struct Uncordon {
    /// The worker
    worker: WorkerName,
}

/// Cordon a worker, tell its agents to commit and end, and stop them after a grace.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is thrown away: each task keeps its branch and its worktree, and goes on with another worker.

Example:
  reconciler drain codegen --grace 2m --reason 'the machine is needed'")]
pub(super) struct Drain {
    /// The worker
    worker: WorkerName,
    /// How long what runs may take to end by itself
    #[arg(long, default_value = "10m", value_name = "DURATION", value_parser = duration)]
    grace: Duration,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Pause {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let target = client.hold_target(&self.name).await?;
        let lasts = self.lasts.map(SignedDuration::try_from).transpose()?;
        let because = Because { reason: self.reason.as_deref(), lasts };
        let hold = client.hold(&target, HoldKind::Pause, because).await?;
        say::out(line(&target, &hold))?;
        context.note(&format!(
            "what runs goes on, and nothing new starts until: reconciler unpause {}",
            self.name
        ));
        Ok(Code::Success.into())
    }
}

impl Unpause {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let target = client.hold_target(&self.name).await?;
        client.lift(&target, Lift::Pause).await?;
        lifted(&client, &target, context)
    }
}

impl Cordon {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let target = worker(&client, &self.worker).await?;
        let because = Because { reason: self.reason.as_deref(), lasts: None };
        let hold = client.hold(&target, HoldKind::Cordon, because).await?;
        say::out(line(&target, &hold))?;
        context.note(&format!(
            "what runs on it goes on; it takes tasks again with: reconciler uncordon {}",
            self.worker
        ));
        Ok(Code::Success.into())
    }
}

impl Uncordon {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let target = worker(&client, &self.worker).await?;
        client.lift(&target, Lift::Cordon).await?;
        lifted(&client, &target, context)
    }
}

impl Drain {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let target = worker(&client, &self.worker).await?;
        let because = Because { reason: self.reason.as_deref(), lasts: None };
        let grace = SignedDuration::try_from(self.grace)?;
        let drained = client.drain(&self.worker, grace, because).await?;
        say::out(line(&target, &drained.hold))?;
        let told: Vec<String> = drained.told.iter().map(ToString::to_string).collect();
        if told.is_empty() {
            context.note("nothing runs on it");
        } else if client.loop_state() == LoopState::NotRunning {
            let told = told.join(", ");
            context.note(&format!("told to end: {told}; reconciler is not running, so nobody stops them after the grace"));
        } else {
            let told = told.join(", ");
            context.note(&format!("told to end: {told}; stopped after the grace if they do not"));
        }
        Ok(Code::Success.into())
    }
}

async fn worker(client: &Client, worker: &WorkerName) -> Result<Target, Failure> {
    Ok(client.hold_target(&format!("worker/{worker}")).await?)
}

/// Says what a target is, as the other verbs name it.
fn line(target: &Target, hold: &Hold) -> String {
    format!("{}  {hold}", object(target))
}

fn lifted(client: &Client, target: &Target, context: &Context) -> Done {
    say::out(format!("{}  goes on", object(target)))?;
    if client.loop_state() == LoopState::NotRunning {
        context.note("reconciler is not running: nothing starts until it does");
    }
    Ok(Code::Success.into())
}

fn object(target: &Target) -> String {
    match target {
        Target::All => "all".to_owned(),
        Target::Task(name) => format!("task/{name}"),
        Target::Worker(name) => format!("worker/{name}"),
    }
}
