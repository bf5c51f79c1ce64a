//! `reconciler wait`: blocks until a task is as asked, or its lock is free, and says by its exit code
//! what came of it.

use super::context::Context;
use super::exit::{Code, Failure};
use super::print::{self, printable};
use super::reference::{self, Type};
use crate::api::name::{NameError, TaskName};
use crate::api::task::TaskState;
use crate::client::view::task::{TaskStatus, tasks};
use crate::client::{Client, Snapshot};
use clap::Args;
use jiff::SignedDuration;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

/// How often it looks.
const INTERVAL: Duration = Duration::from_millis(250);

/// Wait until a task is as asked, or a lock is free.
#[derive(Debug, Args)]
#[command(after_help = "\
Conditions: done (completed or failed), running, delete, state=S where S is pending, claimed,
in_progress, completed or failed, or a reason. Several, joined by commas, are alternatives.
Of a lock, lock/NAME: released.
Exit codes: 0 it is so, 1 it failed or can no longer be so, 8 not yet (--timeout 0s), 124 timed out.

Examples:
  reconciler wait fix-login --for done && reconciler logs fix-login
  reconciler wait fix-login --for state=failed,state=completed --timeout 2h
  reconciler wait lock/fix-login --for released && reconciler claim fix-login")]
pub(super) struct Wait {
    /// The task, or lock/NAME.
    name: String,
    /// What to wait for.
    #[arg(long = "for", required = true, value_delimiter = ',', value_name = "CONDITION")]
    conditions: Vec<Condition>,
    /// Give up after this long; `0s` looks once.
    #[arg(long, default_value = "30m", value_name = "DURATION", value_parser = duration)]
    timeout: Duration,
}

/// What can be waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    Done,
    Running,
    Deleted,
    Released,
    Called(String),
}

impl FromStr for Condition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.split_once('=')) {
            ("done", _) => Ok(Self::Done),
            ("running", _) => Ok(Self::Running),
            ("delete", _) => Ok(Self::Deleted),
            ("released", _) => Ok(Self::Released),
            (_, Some(("state", state))) if !state.is_empty() => Ok(Self::Called(state.to_owned())),
            _ => {
                Err("wait for done, running, delete, state=STATE or, of a lock, released"
                    .to_owned())
            }
        }
    }
}

/// Reads a duration as people write it.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: Result<SignedDuration, _> = text.parse();
    let positive = parsed.ok().and_then(|one| Duration::try_from(one).ok());
    positive.ok_or_else(|| "write it as 30m, 90s or 1h30m".to_owned())
}

/// What a look says of the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Met,
    /// It is over, and not as asked.
    Missed,
    NotYet,
}

impl Wait {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let lock = self.lock()?;
        Context::block_on(async {
            let client = context.client().await?;
            if let Some(lock) = lock {
                return self.until_released(&client, &lock, context).await;
            }
            let mut last = client.snapshot().await;
            if let Some(notice) = last.loop_notice() {
                context.note(&notice);
            }
            let watch = self.watch(&client, &mut last, context);
            // A timeout of zero polls once, and that is one look.
            if let Ok(ended) = tokio::time::timeout(self.timeout, watch).await {
                return ended;
            }
            let code = if self.timeout.is_zero() { Code::Pending } else { Code::TimedOut };
            Err(Failure::coded(code, format!("not yet: {}", line(&last, &self.name))))
        })
    }

    /// Returns the task whose lock is waited for; `None` when the wait is for a task.
    fn lock(&self) -> Result<Option<TaskName>, Failure> {
        let for_release = self.conditions.contains(&Condition::Released);
        let name = ["lock/", "locks/"].iter().find_map(|kind| self.name.strip_prefix(kind));
        match (name, for_release) {
            (None, false) => Ok(None),
            (Some(name), true) if self.conditions.len() == 1 => {
                let task =
                    name.parse().map_err(|why: NameError| Failure::usage(why.to_string()))?;
                Ok(Some(task))
            }
            (Some(_), _) => Err(Failure::usage("of a lock one waits for `released` alone")),
            (None, true) => Err(Failure::usage("only a lock is released")
                .hint(format!("say lock/{}", printable(&self.name)))),
        }
    }

    /// Looks until nobody holds a lock. One that cannot be understood is held.
    async fn until_released(
        &self,
        client: &Client,
        task: &TaskName,
        context: &Context,
    ) -> Result<ExitCode, Failure> {
        let watch = watch_lock(client, task, context);
        if tokio::time::timeout(self.timeout, watch).await.is_ok() {
            print::out(&format!("lock/{task}  released\n"))?;
            return Ok(Code::Success.into());
        }
        let code = if self.timeout.is_zero() { Code::Pending } else { Code::TimedOut };
        let line = lock_line(client, task).unwrap_or_default();
        Err(Failure::coded(code, format!("not yet: {line}")))
    }

    /// Looks until the wait is over, and says when something changed.
    async fn watch(
        &self,
        client: &Client,
        last: &mut Snapshot,
        context: &Context,
    ) -> Result<ExitCode, Failure> {
        let mut clock = tokio::time::interval(INTERVAL);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        clock.tick().await;
        let mut told = String::new();
        loop {
            if let Some(code) = self.judge(last)? {
                return Ok(code);
            }
            let line = line(last, &self.name);
            if line != told {
                context.note(&line);
                told = line;
            }
            clock.tick().await;
            *last = client.snapshot().await;
        }
    }

    /// Returns the exit code, once the wait is over.
    fn judge(&self, snapshot: &Snapshot) -> Result<Option<ExitCode>, Failure> {
        let all = tasks(snapshot);
        let task = all.iter().find(|task| task.metadata.name == self.name);
        let is_seen = snapshot.why_blind().is_none();
        if task.is_none() && is_seen && !self.conditions.contains(&Condition::Deleted) {
            let known: Vec<&str> = all.iter().map(|task| task.metadata.name.as_str()).collect();
            return Err(reference::unknown(Type::Task, &self.name, &known, snapshot));
        }
        let status = task.map(|task| &task.status);
        if status.is_none() && !is_seen {
            return Ok(None);
        }
        match verdict(&self.conditions, status) {
            Verdict::NotYet => Ok(None),
            Verdict::Met => {
                print::out(&(line(snapshot, &self.name) + "\n"))?;
                let failed = status.is_some_and(|status| status.state == TaskState::Failed);
                let asked = self.conditions.iter().any(|one| matches!(one, Condition::Called(_)));
                let code = if failed && !asked { Code::Failed } else { Code::Success };
                Ok(Some(code.into()))
            }
            Verdict::Missed => Err(Failure::new(line(snapshot, &self.name))
                .hint(format!("see why: reconciler describe task {}", self.name))),
        }
    }
}

/// Looks until nobody holds a lock, and says when another does.
async fn watch_lock(client: &Client, task: &TaskName, context: &Context) {
    let mut clock = tokio::time::interval(INTERVAL);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut told = String::new();
    while let Some(line) = lock_line(client, task) {
        if line != told {
            context.note(&line);
        }
        told = line;
        clock.tick().await;
    }
}

/// Says who holds a lock; `None` when nobody does.
fn lock_line(client: &Client, task: &TaskName) -> Option<String> {
    Some(match client.holder_of(task)? {
        Ok(claim) => format!("lock/{task}  held by {}", claim.seat),
        Err(why) => format!("lock/{task}  cannot be understood: {}", printable(&why)),
    })
}

/// Judges a task, or that there is none.
pub(super) fn verdict(conditions: &[Condition], status: Option<&TaskStatus>) -> Verdict {
    let is_met = |condition: &Condition| match (condition, status) {
        (Condition::Deleted, None) => true,
        (Condition::Done, Some(status)) => status.is_over(),
        (Condition::Running, Some(status)) => status.state == TaskState::InProgress,
        (Condition::Called(word), Some(status)) => status.is_called(word),
        // A wait for it is for a lock.
        (Condition::Released, _)
        | (Condition::Deleted, Some(_))
        | (Condition::Done | Condition::Running | Condition::Called(_), None) => false,
    };
    if conditions.iter().any(is_met) {
        return Verdict::Met;
    }
    // A deletion may come to a task that is over; nothing else does by itself.
    let can_come = conditions.contains(&Condition::Deleted);
    let is_over = status.is_none_or(TaskStatus::is_over);
    if is_over && !can_come { Verdict::Missed } else { Verdict::NotYet }
}

fn line(snapshot: &Snapshot, name: &str) -> String {
    let all = tasks(snapshot);
    match all.iter().find(|task| task.metadata.name == name) {
        Some(task) => {
            let status = &task.status;
            format!("{name}  {}  {}", status.reason, printable(&status.message))
        }
        None => match snapshot.why_blind() {
            Some(why) => format!("{name} cannot be seen: {}", printable(why)),
            None => format!("{name} is not there"),
        },
    }
}
