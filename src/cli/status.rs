//! `reconciler status`: the whole repository on one screen, who needs a person first.

use super::context::{Context, Look, Output};
use super::exit::{Code, Failure};
use super::forecast::draw_conflicts;
use super::listing::agent_of;
use super::print::{self, Long, Row, Table, Tone, ago, or_dash};
use super::watch::{self, Watched};
use crate::client::Snapshot;
use crate::client::view::status::{Health, LoopView, Need, StatusView, status};
use crate::client::view::worker::{Activity, SeatView, WorkerView};
use clap::Args;
use jiff::Timestamp;
use std::process::ExitCode;

/// How many troubles are shown.
const NEEDS_MAX: usize = 10;
/// How many pairs of branches in conflict are shown.
const CONFLICTS_MAX: usize = 3;
/// How many names of tasks with one trouble are shown.
const NAMES_MAX: usize = 3;
/// How many idle seats of one worker are shown before they become one row.
const IDLE_MAX: usize = 2;

/// Show the whole repository on one screen, who needs you first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler status -w               stay and look again each second
  reconciler status --exit-status    for scripts: 0 all is done, 8 in progress, 1 needs a person")]
pub(super) struct Status {
    /// Look again each second.
    #[arg(short, long)]
    watch: bool,
    /// Exit with 0 when all is done, 8 while something is in progress, 1 when a person is needed.
    #[arg(long, conflicts_with = "watch")]
    exit_status: bool,
}

impl Status {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let watched = if self.watch { Watched::again(context) } else { Watched::Once };
        let mut before = None;
        let screen = |snapshot: &Snapshot| {
            let view = status(snapshot, &context.zone);
            if watched == Watched::Changes && before.as_ref() == Some(&view) {
                return Ok(String::new());
            }
            let text = match (context.output, watched) {
                (Output::Json, Watched::Changes) => serde_json::to_string(&view)? + "\n",
                (Output::Json, Watched::Once | Watched::Screen) => print::json(&view)?,
                (Output::Table | Output::Wide | Output::Name, _) => {
                    draw(&view, snapshot.now(), context.look)
                }
            };
            before = Some(view);
            Ok(text)
        };
        let last = Context::block_on(async {
            let client = context.client().await?;
            watch::show(&client, context, watched, screen).await
        })?;
        Ok(if self.exit_status { verdict(&last, context) } else { Code::Success }.into())
    }
}

fn verdict(snapshot: &Snapshot, context: &Context) -> Code {
    match status(snapshot, &context.zone).health {
        Health::Healthy => Code::Success,
        Health::InProgress => Code::Pending,
        Health::Degraded => Code::Failed,
    }
}

/// Draws the screen.
pub(super) fn draw(view: &StatusView, now: Timestamp, look: Look) -> String {
    let mut screen = headline(view, now);
    if !view.needs_you.is_empty() {
        screen.push_str(&title("NEEDS YOU", Tone::Alarm, look));
        screen.push_str(&needs(&view.needs_you, look));
    }
    if !view.workers.is_empty() {
        screen.push('\n');
        screen.push_str(&workers(&view.workers).draw(look, Long::Cut, 0));
    }
    if !view.conflicts.is_empty() {
        screen.push_str(&title("BRANCHES IN CONFLICT", Tone::Waiting, look));
        screen.push_str(&conflicts(view, look));
    }
    let counts = counts(view);
    if !counts.is_empty() {
        screen = screen + "\n" + &counts;
    }
    if view.workers.is_empty() && view.revision.is_some() {
        screen.push_str("no workers; make one: reconciler new worker NAME\n");
    }
    screen
}

fn title(text: &str, tone: Tone, look: Look) -> String {
    format!("\n{}\n", print::paint(text, tone, look))
}

fn headline(view: &StatusView, now: Timestamp) -> String {
    let source = match (&view.state_ref, &view.revision) {
        (Some(state_ref), Some(revision)) => {
            format!("{state_ref}@{}", revision.get(..7).unwrap_or(revision))
        }
        _ => "state cannot be read".to_owned(),
    };
    let runs = match &view.loop_view {
        LoopView::Running { pid, since } => {
            let pid = pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
            match since {
                Some(_) => format!("reconciler up {}{pid}", ago(*since, now)),
                None => format!("reconciler is running{pid}"),
            }
        }
        LoopView::NotRunning => "reconciler is not running".to_owned(),
        LoopView::Unknown { .. } => "reconciler: cannot tell whether it runs".to_owned(),
    };
    format!("{}   {source}   {runs}\n", print::printable(&view.repository))
}

/// Draws the troubles: for each the tasks, what is the matter, and the command that goes on.
fn needs(needs: &[Need], look: Look) -> String {
    let row = |need: &Need| {
        let mut names = need.tasks.iter().take(NAMES_MAX).cloned().collect::<Vec<_>>().join(", ");
        if need.tasks.len() > NAMES_MAX {
            names = format!("{names} and {} more", need.tasks.len() - NAMES_MAX);
        }
        let mut rows = vec![vec![names, need.message.clone()]];
        if !need.message.contains(&need.command) {
            rows.push(vec![String::new(), format!("=> {}", need.command)]);
        }
        rows.into_iter().map(|cells| Row { tone: Tone::Plain, cells })
    };
    let rows = needs.iter().take(NEEDS_MAX).flat_map(row).collect();
    let mut text = Table { header: Vec::new(), rows }.draw(look, Long::Wrap, 2);
    if needs.len() > NEEDS_MAX {
        let more = needs.len() - NEEDS_MAX;
        text += "  and ";
        text += &more.to_string();
        text += " more: reconciler get tasks\n";
    }
    text
}

fn workers(workers: &[WorkerView]) -> Table {
    let header = vec!["WORKER", "STATE", "AGENT", "TASK", "MESSAGE"];
    Table { header, rows: workers.iter().flat_map(worker_rows).collect() }
}

/// Returns a row for each seat; many idle ones become one.
fn worker_rows(worker: &WorkerView) -> Vec<Row> {
    let is_idle = |seat: &&SeatView| seat.activity == Activity::Idle;
    let idle = worker.status.seats.iter().filter(is_idle).count();
    let gathered = idle > IDLE_MAX;
    let shown = worker.status.seats.iter().filter(|seat| !gathered || !is_idle(seat));
    let message = &worker.status.message;
    let row = |name: String, state: String, tasks: String, activity: Activity| Row {
        tone: match activity {
            Activity::Paused | Activity::Cordoned => Tone::Waiting,
            _ if !message.is_empty() => Tone::Alarm,
            Activity::Working => Tone::Plain,
            Activity::Leaving | Activity::Unknown => Tone::Waiting,
            Activity::Idle | Activity::Suspended => Tone::Faint,
        },
        cells: vec![name, state, agent_of(worker), or_dash(tasks), message.clone()],
    };
    let mut rows: Vec<Row> = shown
        .map(|seat| {
            let tasks = seat.tasks.join(", ");
            row(seat.name.clone(), seat.activity.to_string(), tasks, seat.activity)
        })
        .collect();
    if gathered {
        let name = worker.metadata.name.clone();
        rows.push(row(name, format!("{idle} Idle"), String::new(), Activity::Idle));
    }
    rows
}

fn counts(view: &StatusView) -> String {
    if view.tasks.is_empty() {
        return match view.revision {
            Some(_) => "no tasks; make one: reconciler new task NAME\n".to_owned(),
            None => String::new(),
        };
    }
    let counts: Vec<String> =
        view.tasks.iter().map(|(state, count)| format!("{state} {count}")).collect();
    let waiting = match view.waiting_for_files {
        0 => String::new(),
        1 => "1 task waits for files of others: reconciler locks forecast\n".to_owned(),
        many => format!("{many} tasks wait for files of others: reconciler locks forecast\n"),
    };
    let (counts, today) = (counts.join("   "), view.completed_today);
    format!("TASKS   {counts}   (completed today: {today})\n{waiting}")
}

/// Draws the first branches that conflict.
fn conflicts(view: &StatusView, look: Look) -> String {
    let state_ref = view.state_ref.as_deref().unwrap_or("the state ref");
    let onto = state_ref.strip_prefix("refs/heads/").unwrap_or(state_ref);
    let shown = view.conflicts.get(..CONFLICTS_MAX).unwrap_or(&view.conflicts);
    let mut text = draw_conflicts(shown, onto, look);
    if let Some(more) = view.conflicts.len().checked_sub(CONFLICTS_MAX).filter(|more| *more > 0) {
        text = format!("{text}  and {more} more: reconciler locks forecast\n");
    }
    text
}
