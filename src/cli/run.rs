//! `run`: the loop itself, in the foreground. What happens is told as it happens, one line each.

use super::context::Context;
use super::exit::{Code, Failure};
use crate::api::event::{Event, EventKind};
use crate::api::task::TaskState;
use crate::client::{Client, End, IfEmpty, Turn, Until};
use clap::{Args, ValueEnum};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Make what is committed so, and keep it so, until Ctrl-C.
///
/// Workers go on when the loop ends, and are adopted when it runs again.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler run --until settled")]
pub(super) struct Run {
    /// Do what is to be done now, then end; workers go on.
    #[arg(long, conflicts_with = "until")]
    once: bool,
    /// End when nothing runs any more, and nothing will without somebody's doing.
    #[arg(long)]
    until: Option<Wanted>,
    /// An empty `state/` is meant: delete all tasks.
    #[arg(long)]
    allow_empty: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    Settled,
}

impl Run {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        context.arm_faults("run");
        Context::block_on(self.run_on(context))
    }

    async fn run_on(self, context: &Context) -> Result<ExitCode, Failure> {
        let client = context.client().await?;
        let until = match (self.once, self.until) {
            (true, _) => Until::Once,
            (false, Some(Wanted::Settled)) => Until::Settled,
            (false, None) => Until::Stopped,
        };
        let if_empty = if self.allow_empty { IfEmpty::Delete } else { IfEmpty::Keep };
        let mut teller = Teller::new(client.state_ref(), until);
        let running = Box::pin(client.run(until, if_empty, stop()?, |turn| teller.tell(turn)));
        let end = beside(&client, running, until).await?;
        say(&summary(&end));
        Ok(exit_code(&end, until).into())
    }
}

/// Runs the loop, and beside it keeps pull requests, the project board and issues up to date; what is
/// settled is shown there.
#[cfg(feature = "github")]
async fn beside<E>(
    client: &Client,
    running: impl Future<Output = Result<End, E>>,
    until: Until,
) -> Result<End, E> {
    let told = |note: &str| say(&format!("note: {note}"));
    let (over, is_over) = tokio::sync::watch::channel(false);
    let running = async {
        let end = running.await;
        over.send_replace(true);
        end
    };
    // A request under way is finished: what it made must be known.
    let (end, (), (), ()) = tokio::join!(
        running,
        Box::pin(client.keep_pulls(is_over.clone(), told)),
        Box::pin(client.keep_board(is_over.clone(), told)),
        Box::pin(client.keep_issues(is_over, told)),
    );
    let mut notes = Vec::new();
    if until != Until::Stopped && end.is_ok() {
        notes.extend(Box::pin(client.see_to_pulls()).await);
        notes.extend(Box::pin(client.tell_issues()).await);
        notes.extend(Box::pin(client.show_on_board()).await);
    }
    notes.extend(Box::pin(client.leave_board()).await);
    for note in notes {
        told(&note);
    }
    end
}

#[cfg(not(feature = "github"))]
async fn beside<E>(
    _: &Client,
    running: impl Future<Output = Result<End, E>>,
    _: Until,
) -> Result<End, E> {
    running.await
}

/// Returns what is done when somebody wants it to end: Ctrl-C, a service manager, or a
/// terminal that closes.
pub(super) fn stop() -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

/// Tells of each turn what is new.
struct Teller {
    state_ref: String,
    until: Until,
    begun: bool,
    told: BTreeSet<String>,
}

impl Teller {
    fn new(state_ref: &str, until: Until) -> Self {
        let state_ref = state_ref.trim_start_matches("refs/heads/").to_owned();
        Self { state_ref, until, begun: false, told: BTreeSet::new() }
    }

    fn tell(&mut self, turn: Turn<'_>) {
        if !self.begun {
            self.begin(turn);
        }
        for event in turn.events {
            say(&line(event));
        }
        // What is told once is told again only after it was otherwise in between.
        let notices: BTreeSet<String> = turn.report.notices.iter().cloned().collect();
        for notice in notices.difference(&self.told) {
            say(&format!("note: {notice}"));
        }
        self.told = notices;
    }

    fn begin(&mut self, turn: Turn<'_>) {
        self.begun = true;
        let revision = turn.revision.map(|id| format!("@{}", id.short())).unwrap_or_default();
        let ends = match self.until {
            Until::Stopped => "Ctrl-C ends the loop, workers go on",
            Until::Once => "one pass, workers go on",
            Until::Settled => "until everything is settled",
        };
        let count = turn.report.tasks.len();
        say(&format!("reconciler runs {}{revision}: {count} tasks ({ends})", self.state_ref));
        for (name, task) in &turn.report.tasks {
            if task.reason.needs_person() {
                say(&format!("note: task/{name} needs you: {}", task.message));
            }
        }
    }
}

fn line(event: &Event) -> String {
    let mark = match event.kind {
        EventKind::Normal => ' ',
        EventKind::Warning => '!',
    };
    let time = event.time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S");
    format!("{time} {mark} {:24} {:16} {}", event.object, event.reason, event.message)
}

fn summary(end: &End) -> String {
    let count = |state| end.report.tasks.values().filter(|task| task.state == state).count();
    let states = [
        TaskState::InProgress,
        TaskState::Claimed,
        TaskState::Pending,
        TaskState::Completed,
        TaskState::Failed,
    ];
    let parts: Vec<String> = states
        .into_iter()
        .filter(|state| count(*state) > 0)
        .map(|state| format!("{} {state}", count(state)))
        .collect();
    let waits = end.report.tasks.values().filter(|task| task.reason.needs_person()).count();
    let hint =
        if waits > 0 { format!("; {waits} need you: reconciler status") } else { String::new() };
    let tasks = if parts.is_empty() { "no tasks".to_owned() } else { parts.join(", ") };
    format!("reconciler ended: {tasks}{hint}")
}

/// Returns how the loop's end is told to a script.
fn exit_code(end: &End, until: Until) -> Code {
    let reasons = || end.report.tasks.values().map(|task| task.reason.to_string());
    if until != Until::Settled {
        return Code::Success;
    }
    if end.unread {
        return Code::Failed;
    }
    if !end.settled {
        return Code::Interrupted;
    }
    if reasons().any(|reason| reason == "NotTrusted") {
        return Code::NotTrusted;
    }
    let trouble = end.report.tasks.values().any(|task| task.reason.needs_person());
    if trouble { Code::Failed } else { Code::Success }
}

fn say(text: &str) {
    // The loop goes on also when nobody reads.
    writeln!(std::io::stdout(), "{text}").ok();
}
