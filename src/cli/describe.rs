//! `reconciler describe`: everything about one object, in a fixed order, its events last.

use super::context::{Context, Look, Output};
use super::exit::{Code, Failure};
use super::listing::{Columns, attempt_rows, event_row, list, tone};
use super::print::{self, Long, Row, Table, Tone, ago, or_dash, paint, printable};
use super::reference::{self, Type};
use super::watch;
use crate::api::path::PathPattern;
use crate::api::task::TaskSpec;
use crate::client::Snapshot;
use crate::client::view::task::{TaskStatus, TaskView, tasks};
use clap::Args;
use jiff::Timestamp;
use std::process::ExitCode;

/// How wide the names of fields are.
const LABEL: usize = 13;
/// How many of the last events are shown.
const EVENTS_MAX: usize = 10;

/// Show everything about one object: where it is and why, its attempts, its events.
#[derive(Debug, Args)]
#[command(override_usage = "reconciler describe [FLAGS] [TYPE] NAME")]
#[command(after_help = "\
Examples:
  reconciler describe fix-login          a task, by its name alone
  reconciler describe worker codegen     any other object, by its type and name")]
pub(super) struct Describe {
    /// What to describe: NAME, TYPE NAME or TYPE/NAME.
    #[arg(required = true, num_args = 1..=2, value_name = "[TYPE] NAME")]
    what: Vec<String>,
}

impl Describe {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        Context::block_on(async {
            let snapshot = context.client().await?.snapshot().await;
            watch::say_notices(&snapshot, context);
            let (kind, name) = which(&self.what, &snapshot)?;
            let listing = list(kind, &snapshot, Columns::All)?;
            let item = listing.items.iter().find(|item| item.name == name).ok_or_else(|| {
                let known: Vec<&str> = listing.items.iter().map(|one| one.name.as_str()).collect();
                reference::unknown(kind, &name, &known, &snapshot)
            })?;
            let text = match (context.output, kind) {
                (Output::Json, _) => print::json(&item.json)?,
                (Output::Name, _) => format!("{}/{name}\n", kind.word()),
                (Output::Table | Output::Wide, Type::Task) => {
                    let all = tasks(&snapshot);
                    let task = all.iter().find(|task| task.metadata.name == name);
                    task.map(|task| draw_task(task, &snapshot, context.look)).unwrap_or_default()
                }
                (Output::Table | Output::Wide, _) => {
                    let table = Table { header: listing.header.clone(), rows: item.rows.clone() };
                    let object = format!("{}/{name}", kind.word());
                    table.draw(context.look, Long::Wrap, 0)
                        + &draw_spec(item.json.get("spec"))
                        + &draw_events(&object, &snapshot, context.look)
                }
            };
            print::out(&text)?;
            Ok(Code::Success.into())
        })
    }
}

/// Returns what is meant: a name alone is that of a task, else of a worker, else of an agent.
fn which(words: &[String], snapshot: &Snapshot) -> Result<(Type, String), Failure> {
    if let [name] = words
        && !name.contains('/')
    {
        for kind in [Type::Task, Type::Worker, Type::Agent] {
            let listing = list(kind, snapshot, Columns::Few)?;
            if listing.items.iter().any(|item| item.name == *name) {
                return Ok((kind, name.clone()));
            }
        }
        if name == Type::Policy.word() {
            return Ok((Type::Policy, name.clone()));
        }
        return Ok((Type::Task, name.clone()));
    }
    let (kind, names) = reference::parse(words)?;
    match names.as_slice() {
        [name] => Ok((kind, name.clone())),
        _ => {
            Err(Failure::usage("which one?")
                .hint("for example: reconciler describe task fix-login"))
        }
    }
}

/// Returns one line: the name of a field, and its value; nothing for an empty value.
fn field(label: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    format!("{:<LABEL$} {}\n", format!("{label}:"), printable(value))
}

/// Draws all that is known of a task.
pub(super) fn draw_task(task: &TaskView, snapshot: &Snapshot, look: Look) -> String {
    let (name, status, now) = (&task.metadata.name, &task.status, snapshot.now());
    let mut text = field("Name", name);
    if let Some(spec) = &task.spec {
        text += &field("Title", &spec.title);
    }
    text += &field("Source", &format!("state/tasks/{name}.json at {}", snapshot.source()));
    text += &field("Labels", &labels(task));
    let since = status.since.map(|since| format!(" since {}", ago(Some(since), now)));
    let line = format!("{} ({}){}", status.reason, status.state, since.unwrap_or_default());
    text += &paint(field("Status", &line).trim_end(), tone(status), look);
    text += "\n";
    text += &field("Message", &status.message);
    for problem in &status.problems {
        text += &field("Problem", problem);
    }
    if status.needs_person {
        text += &field("Next", &status.next_command(name));
    }
    if let Some(at) = status.next_at.filter(|at| *at > now) {
        let wait = print::span(at.duration_since(now).as_secs());
        text += &field("Next look", &format!("in {wait}"));
    }
    if let Some(spec) = &task.spec {
        text += &draw_wishes(spec);
    }
    text += &draw_places(task, snapshot);
    text += &section("Conditions", &conditions(task, now), look);
    text += &section("Attempts", &attempt_rows(&status.attempts, now), look);
    text + &draw_events(&format!("task/{name}"), snapshot, look)
}

fn labels(task: &TaskView) -> String {
    let labels = task.metadata.labels.iter().map(|(key, value)| format!("{key}={value}"));
    labels.collect::<Vec<_>>().join(", ")
}

/// Draws what the file of a task asks for.
fn draw_wishes(spec: &TaskSpec) -> String {
    let list = |words: Vec<String>| words.join(", ");
    let limit = match spec.timeout_seconds {
        0 => "no time limit".to_owned(),
        seconds => format!("at most {} each", print::span(seconds.into())),
    };
    let runs = spec.command.clone().or_else(|| spec.prompt.clone());
    let runs = runs.unwrap_or_else(|| spec.argv.join(" "));
    [
        field("Runs", &shortened(&runs)),
        field("Verified by", &shortened(spec.verify.as_deref().unwrap_or_default())),
        field("Priority", &format!("{} of 5, class {}", spec.priority, spec.class)),
        field("Tries", &format!("{}, {limit}", spec.retries.saturating_add(1))),
        field("Depends on", &list(spec.dependencies.iter().map(ToString::to_string).collect())),
        field("Files", &list(spec.files.iter().map(ToString::to_string).collect())),
        field("Skills", &list(spec.required_skills.iter().map(ToString::to_string).collect())),
    ]
    .concat()
}

/// Returns the first line of a text that may be long; `-o json` has all of it.
fn shortened(text: &str) -> String {
    let mut lines = text.trim().lines();
    let first = lines.next().unwrap_or_default();
    match lines.count() {
        0 => first.to_owned(),
        1 => format!("{first} (and one more line)"),
        more => format!("{first} (and {more} more lines)"),
    }
}

/// Draws where the work of a task is.
fn draw_places(task: &TaskView, snapshot: &Snapshot) -> String {
    let (name, status, now) = (&task.metadata.name, &task.status, snapshot.now());
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let session = match &status.session {
        Some(_) => format!("reconciler attach {name}"),
        None => String::new(),
    };
    let lock = status.claim.as_ref().map(|claim| {
        let paths: Vec<&str> = claim.locked_files.iter().map(PathPattern::as_str).collect();
        let left = claim.expires_at.duration_since(now).as_secs();
        let end = match left {
            1.. => format!("lapses in {} unless renewed", print::span(left)),
            _ => format!("lapsed {} ago", print::span(-left)),
        };
        let paths = if paths.is_empty() { "no files".to_owned() } else { paths.join(", ") };
        format!("{paths}, held by {}, {end}", claim.seat)
    });
    [
        field("Worker", &text(&status.worker)),
        field("Progress", &progress(status, now)),
        field("Branch", &text(&status.branch)),
        field("Worktree", &text(&status.worktree)),
        field("Session", &session),
        field("Lock", &lock.unwrap_or_default()),
    ]
    .concat()
}

/// Says how far a task is and how long it will take.
fn progress(status: &TaskStatus, now: Timestamp) -> String {
    let said = status.progress.as_ref().map(|said| {
        let ago = ago(Some(said.last_updated), now);
        format!("{said}  {}  {ago} ago", said.current_step)
    });
    let eta = status.eta.map(|eta| {
        format!("{eta} (median {} of {})", print::span(eta.median_seconds), eta.samples)
    });
    said.into_iter().chain(eta).collect::<Vec<_>>().join("; ")
}

fn conditions(task: &TaskView, now: Timestamp) -> Table {
    let row = |one: &crate::api::condition::Condition| Row {
        tone: Tone::Plain,
        cells: vec![
            one.kind.to_string(),
            one.status.to_string(),
            ago(one.since, now),
            or_dash(one.reason.clone()),
            one.message.clone(),
        ],
    };
    let header = vec!["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"];
    Table { header, rows: task.status.conditions.iter().map(row).collect() }
}

fn draw_events(object: &str, snapshot: &Snapshot, look: Look) -> String {
    let events = snapshot.events_of(Some(object));
    let last = events.get(events.len().saturating_sub(EVENTS_MAX)..).unwrap_or_default();
    let rows = last.iter().map(|event| {
        let mut row = event_row(event, snapshot.now());
        // All of them are of this object.
        row.cells.remove(2);
        row
    });
    let header = vec!["LAST", "TYPE", "REASON", "MESSAGE"];
    section("Events", &Table { header, rows: rows.collect() }, look)
}

/// Draws a table under a name; nothing for an empty one.
fn section(name: &str, table: &Table, look: Look) -> String {
    if table.rows.is_empty() {
        return String::new();
    }
    format!("{name}:\n{}", table.draw(look, Long::Wrap, 2))
}

/// Draws a spec as its file has it, with defaults filled in.
fn draw_spec(spec: Option<&serde_json::Value>) -> String {
    let Some(spec) = spec.filter(|spec| spec.is_object()) else { return String::new() };
    let text = serde_json::to_string_pretty(spec).unwrap_or_default();
    let lines = text.lines().map(|line| format!("  {}\n", printable(line)));
    format!("Spec:\n{}", lines.collect::<String>())
}
