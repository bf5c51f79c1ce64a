//! `reconciler claim`, `release` and `renew`: a person takes a task, gives it back, holds it longer.
//! What is said here names who holds what, since when and until when, and what can be done.

use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::print::{self, printable, span};
use super::say::{self, Done};
use crate::api::claim::Claim;
use crate::api::name::TaskName;
use crate::api::path::PathPattern;
use crate::api::worker::WorkerType;
use crate::client::{Client, Freed, LoopState, Obstacle, Release as How, Taken};
use clap::Args;
use jiff::Timestamp;
use std::process::ExitCode;

/// Take a task yourself: nobody else works on it, or on its files.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 it is yours, 6 somebody holds it or some of its files, 1 anything else.

Examples:
  reconciler claim fix-login
  reconciler claim fix-login --as ada
  reconciler claim fix-login --force --reason 'the agent is stuck'")]
pub(super) struct ClaimTask {
    /// The task
    task: TaskName,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    who: Who,
}

/// Give back a task that you took, or say that it is done.
///
/// What you did stays in its worktree and on its branch.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 it is free, 6 somebody else holds it, 1 anything else.

Examples:
  reconciler release fix-login              others may take it
  reconciler release fix-login --done       it is completed; the loop saves and retires its worktree
  reconciler release fix-login --force --reason 'Ada is on holiday'")]
pub(super) struct Release {
    /// The task
    task: TaskName,
    /// It is completed
    #[arg(long, conflicts_with = "force")]
    done: bool,
    #[command(flatten)]
    force: Force,
    #[command(flatten)]
    who: Who,
}

/// Hold longer what you hold: a task, or everything.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler renew fix-login")]
pub(super) struct Renew {
    /// The task; all that you hold without one
    task: Option<TaskName>,
    #[command(flatten)]
    who: Who,
}

/// For whom a verb is.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// Do it as this person [default: git's user.name, else $USER]
    #[arg(long = "as", value_name = "NAME")]
    pub(super) name: Option<String>,
}

/// Whether somebody else's claim is taken away.
#[derive(Debug, Args)]
pub(super) struct Force {
    /// Take it away from whoever holds it; needs --reason
    #[arg(long, requires = "reason")]
    force: bool,
    /// Why, for the history of the locks
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<String>,
}

impl Force {
    pub(super) fn how(self) -> Option<How> {
        self.reason.filter(|_| self.force).map(|reason| How::Forced { reason })
    }
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("say why".to_owned()) } else { Ok(text.to_owned()) }
}

impl ClaimTask {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.holder().await?;
        let person = client.person(self.who.name.as_deref()).await?;
        let force = self.force.reason.as_deref().filter(|_| self.force.force);
        let taken = client.claim(&self.task, &person, force).await?;
        if told(context, &taken)? {
            for line in next(&client, &self.task) {
                context.say(&line)?;
            }
        }
        end(&taken, context)
    }
}

/// Returns what comes next for who has just taken a task.
fn next(client: &Client, task: &TaskName) -> Vec<String> {
    let place = format!(".worktrees/{task}");
    let first = match client.loop_state() {
        LoopState::Running { .. } | LoopState::NotRunning | LoopState::Unknown(_)
            if client.workplace(task).is_ok() =>
        {
            format!("work in {place}")
        }
        LoopState::Running { .. } => format!("the loop makes {place}: work there"),
        LoopState::NotRunning | LoopState::Unknown(_) => {
            format!("no loop runs: start `reconciler run`, which makes {place}, or work here")
        }
    };
    vec![first, format!("when it is done: reconciler release {task} --done")]
}

impl Release {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.holder().await?;
        let person = client.person(self.who.name.as_deref()).await?;
        let own = if self.done { How::Completed } else { How::Own };
        let how = self.force.how().unwrap_or(own);
        let freed = client.release(&self.task, &person, &how).await?;
        finish(context, &self.task, &freed)
    }
}

/// Says what became of giving something back.
pub(super) fn finish(context: &Context, task: &TaskName, freed: &Freed) -> Done {
    match context.output {
        Output::Json => print::out(&print::json(freed)?)?,
        Output::Name => print::out(&format!("lock/{task}\n"))?,
        Output::Table | Output::Wide => match freed {
            Freed::Released { claim: Some(claim) } => {
                context.say(&format!("released {task}, which {} held", claim.seat))?;
            }
            Freed::Released { claim: None } => {
                context.say(&format!("released {task}, whose lock could not be understood"))?;
            }
            Freed::AlreadyFree => context.say(&format!("nobody holds {task}"))?,
            Freed::Completed { .. } => {
                context.say(&format!("{task} is done; the loop saves and retires its worktree"))?;
            }
            Freed::Refused { .. } => {}
        },
    }
    match freed {
        Freed::Refused { obstacles } => Err(refusal("released", obstacles, context)),
        Freed::Released { .. } | Freed::AlreadyFree | Freed::Completed { .. } => {
            Ok(ExitCode::SUCCESS)
        }
    }
}

impl Renew {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.holder().await?;
        let person = client.person(self.who.name.as_deref()).await?;
        let renewed = client.renew(self.task.as_ref(), &person).await?;
        if let (Some(task), []) = (&self.task, renewed.as_slice()) {
            return Err(Failure::new(format!("{person} does not hold {task}"))
                .hint(format!("take it: reconciler claim {task}")));
        }
        renewals(context, &renewed)
    }
}

/// Says what was renewed.
pub(super) fn renewals(context: &Context, renewed: &[Claim]) -> Done {
    match context.output {
        Output::Json => print::out(&print::json(&renewed)?)?,
        Output::Name => print::out(&names(renewed))?,
        Output::Table | Output::Wide if renewed.is_empty() => {
            context.note("nothing is held, so nothing was renewed");
        }
        Output::Table | Output::Wide => {
            for claim in renewed {
                context.say(&format!("renewed {}", line(claim, context)))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns the names of claims, a line each.
pub(super) fn names(claims: &[Claim]) -> String {
    claims.iter().flat_map(|claim| ["lock/", claim.task.as_str(), "\n"]).collect()
}

/// Says what became of a wish to hold something; returns whether people are told more.
pub(super) fn told(context: &Context, taken: &Taken) -> Result<bool, Failure> {
    let (verb, claim) = match taken {
        Taken::Claimed { claim } => ("claimed", claim),
        Taken::Renewed { claim } => ("held already, renewed:", claim),
        Taken::Refused { .. } => {
            if context.output == Output::Json {
                print::out(&print::json(taken)?)?;
            }
            return Ok(false);
        }
    };
    match context.output {
        Output::Json => print::out(&print::json(taken)?)?,
        Output::Name => print::out(&names(std::slice::from_ref(claim)))?,
        Output::Table | Output::Wide => {
            context.say(&format!("{verb} {}", line(claim, context)))?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the exit code of a wish to hold something.
pub(super) fn end(taken: &Taken, context: &Context) -> Done {
    match taken {
        Taken::Claimed { .. } | Taken::Renewed { .. } => Ok(ExitCode::SUCCESS),
        Taken::Refused { obstacles } => Err(refusal("claimed", obstacles, context)),
    }
}

/// Says who has what until when.
fn line(claim: &Claim, context: &Context) -> String {
    let paths: Vec<&str> = claim.locked_files.iter().map(PathPattern::as_str).collect();
    let paths = if paths.is_empty() { "no files".to_owned() } else { paths.join(" ") };
    let until = hour(claim.expires_at, context);
    format!("{} for {} until {until}: {}", claim.task, claim.seat, printable(&paths))
}

fn hour(time: Timestamp, context: &Context) -> String {
    time.to_zoned(context.zone.clone()).strftime("%H:%M").to_string()
}

/// Returns the failure that others stand in the way.
fn refusal(verb: &str, obstacles: &[Obstacle], context: &Context) -> Failure {
    let lines: Vec<String> = obstacles.iter().map(|one| in_the_way(one, context)).collect();
    let message = format!("nothing was {verb}:\n  {}", lines.join("\n  "));
    let failure = Failure::coded(Code::Conflict, message);
    let Some(Obstacle { task, worker_type, held, .. }) = obstacles.first() else {
        return failure;
    };
    let (what, verb) = match held {
        Some(_) => ("take it away", "release"),
        // The task itself was asked for.
        None => ("take it over", "claim"),
    };
    let ask = match worker_type {
        Some(WorkerType::AiAgent) => format!("look at it:   reconciler attach {task}"),
        Some(WorkerType::Human) => "or ask them".to_owned(),
        None => "see its file: reconciler doctor".to_owned(),
    };
    failure.hint(format!(
        "wait for it:  reconciler wait lock/{task} --for released\n      {ask}\n      \
         {what}: reconciler {verb} {task} --force --reason TEXT"
    ))
}

/// Says who is in the way, by what, since when and until when.
fn in_the_way(one: &Obstacle, context: &Context) -> String {
    let who = match (&one.worker, one.worker_type) {
        (Some(worker), Some(WorkerType::Human)) => {
            format!("task/{} ({worker}, a person) holds", one.task)
        }
        (Some(worker), _) => format!("task/{} ({worker}) holds", one.task),
        (None, _) => format!("the lock of task/{} cannot be understood: it may hold", one.task),
    };
    let what = match (&one.held, &one.path) {
        (Some(held), Some(path)) => format!(" {held}, with {path} in it"),
        (Some(held), None) => format!(" {held}"),
        (None, _) => " it".to_owned(),
    };
    let time = one.since.zip(one.until).map_or_else(String::new, |(since, until)| {
        let age = span(one.now.duration_since(since).as_secs());
        let end = if until < one.now { "lapsed at" } else { "until" };
        format!(", since {age}, {end} {}", hour(until, context))
    });
    printable(&format!("{who}{what}{time}"))
}

impl Context {
    /// Writes a line of data for people.
    pub(super) fn say(&self, line: &str) -> Result<(), Failure> {
        match self.output {
            Output::Table | Output::Wide => Ok(say::out(printable(line))?),
            Output::Json | Output::Name => Ok(()),
        }
    }
}
