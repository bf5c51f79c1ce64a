//! Listing: each type of object as JSON and as rows of a table. What a column says is decided by the
//! views; this is only how it is laid out.

use super::exit::Failure;
use super::print::{Row, Table, Tone, ago, or_dash, span};
use super::reference::Type;
use crate::api::attempt::ExitReason;
use crate::api::event::{Event, EventKind};
use crate::client::Snapshot;
use crate::client::view::agent::{AgentView, Trust, agents};
use crate::client::view::attempt::{AttemptView, Phase, attempts};
use crate::client::view::lock::{LockView, locks};
use crate::client::view::policy::{PolicyView, policy};
use crate::client::view::task::{TaskStatus, TaskView, tasks};
use crate::client::view::worker::{Activity, SeatView, WorkerView, workers};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// How much a table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    Few,
    All,
}

/// The objects of one type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Listing {
    /// The names of the columns.
    pub(super) header: Vec<&'static str>,
    /// The objects, in order.
    pub(super) items: Vec<Item>,
}

/// One object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    /// What people call it.
    pub(super) name: String,
    /// Under which other names it is found: a task's for its attempts, seats for their worker.
    pub(super) also: Vec<String>,
    /// Its labels.
    pub(super) labels: BTreeMap<String, String>,
    /// Its status, for tasks.
    pub(super) status: Option<TaskStatus>,
    /// All of it.
    pub(super) json: Value,
    /// Its rows in a table.
    pub(super) rows: Vec<Row>,
}

impl Listing {
    /// Returns the table of the objects.
    pub(super) fn table(&self) -> Table {
        let rows = self.items.iter().flat_map(|item| item.rows.clone()).collect();
        Table { header: self.header.clone(), rows }
    }
}

/// Returns every object of a type.
pub(super) fn list(kind: Type, snapshot: &Snapshot, columns: Columns) -> Result<Listing, Failure> {
    let now = snapshot.now();
    let items: Result<Vec<Item>, Failure> = match kind {
        Type::Task => tasks(snapshot).iter().map(|task| task_item(task, now, columns)).collect(),
        Type::Worker => workers(snapshot).iter().map(|one| worker_item(one, columns)).collect(),
        Type::Agent => agents(snapshot).iter().map(agent_item).collect(),
        Type::Policy => policy(snapshot).iter().map(policy_item).collect(),
        Type::Event => {
            snapshot.events_of(None).into_iter().map(|event| event_item(event, now)).collect()
        }
        Type::Attempt => attempts(snapshot).iter().map(|one| attempt_item(one, now)).collect(),
        Type::Lock => locks(snapshot).iter().map(|one| lock_item(one, now, columns)).collect(),
    };
    Ok(Listing { header: header(kind, columns), items: items? })
}

fn header(kind: Type, columns: Columns) -> Vec<&'static str> {
    match (kind, columns) {
        (Type::Task, Columns::Few) => vec!["NAME", "STATUS", "WORKER", "SINCE", "MESSAGE"],
        (Type::Task, Columns::All) => vec![
            "NAME", "STATUS", "STATE", "WORKER", "ATTEMPT", "PROGRESS", "ETA", "SINCE", "AGE",
            "BRANCH", "MESSAGE",
        ],
        (Type::Worker, Columns::Few) => vec!["NAME", "STATE", "AGENT", "TASK", "MESSAGE"],
        (Type::Worker, Columns::All) => {
            vec!["NAME", "STATE", "AGENT", "CLASS", "SKILLS", "SESSION", "TASK", "MESSAGE"]
        }
        (Type::Agent, _) => vec!["NAME", "TRUST", "SOURCE", "WORKERS", "COMMAND"],
        (Type::Policy, _) => vec!["FIELD", "VALUE"],
        (Type::Event, _) => vec!["LAST", "TYPE", "OBJECT", "REASON", "MESSAGE"],
        (Type::Lock, Columns::Few) => vec!["TASK", "WORKER", "SINCE", "LAPSES", "PATHS"],
        (Type::Lock, Columns::All) => {
            vec!["TASK", "WORKER", "NODE", "GENERATION", "SINCE", "RENEWED", "LAPSES", "PATHS"]
        }
        (Type::Attempt, _) => {
            vec!["TASK", "ATTEMPT", "STATE", "WORKER", "STARTED", "TOOK", "RESULT"]
        }
    }
}

fn item(name: &str, json: &impl Serialize, rows: Vec<Row>) -> Result<Item, Failure> {
    Ok(Item {
        name: name.to_owned(),
        also: Vec::new(),
        labels: BTreeMap::new(),
        status: None,
        json: serde_json::to_value(json)?,
        rows,
    })
}

/// Returns how a task's row is to be taken.
pub(super) fn tone(status: &TaskStatus) -> Tone {
    if status.needs_person {
        Tone::Alarm
    } else if status.is_settled() {
        Tone::Faint
    } else if status.is_waiting() {
        Tone::Waiting
    } else {
        Tone::Plain
    }
}

fn task_item(task: &TaskView, now: Timestamp, columns: Columns) -> Result<Item, Failure> {
    let (name, status) = (&task.metadata.name, &task.status);
    let message = match status.problems.first() {
        Some(problem) => format!("the committed file is not in effect: {problem}"),
        None => status.message.clone(),
    };
    let worker = or_dash(status.worker.clone().unwrap_or_default());
    let since = ago(status.since, now);
    let cells = match columns {
        Columns::Few => vec![name.clone(), status.reason.to_string(), worker, since, message],
        Columns::All => vec![
            name.clone(),
            status.reason.to_string(),
            status.state.to_string(),
            worker,
            status.attempt.map_or_else(|| "-".to_owned(), |number| number.to_string()),
            status.progress.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
            // Unknown for what runs, and nothing for what does not.
            match (&status.eta, status.runs()) {
                (Some(eta), _) => eta.to_string(),
                (None, true) => "?".to_owned(),
                (None, false) => "-".to_owned(),
            },
            since,
            ago(task.metadata.creation_timestamp, now),
            or_dash(status.branch.clone().unwrap_or_default()),
            message,
        ],
    };
    let row = Row { tone: tone(status), cells };
    let item = item(name, task, vec![row])?;
    Ok(Item { labels: task.metadata.labels.clone(), status: Some(status.clone()), ..item })
}

fn worker_item(worker: &WorkerView, columns: Columns) -> Result<Item, Failure> {
    let seats = &worker.status.seats;
    let mut rows: Vec<Row> = seats.iter().map(|seat| seat_row(worker, seat, columns)).collect();
    if rows.is_empty() {
        // A worker of no replicas is still an object, and an object is a line.
        let none = SeatView {
            name: worker.metadata.name.clone(),
            activity: Activity::Idle,
            tasks: vec![],
            session: None,
        };
        let mut row = seat_row(worker, &none, columns);
        if let Some(state) = row.cells.get_mut(1) {
            "NoReplicas".clone_into(state);
        }
        rows.push(row);
    }
    let item = item(&worker.metadata.name, worker, rows)?;
    let also = seats.iter().map(|seat| seat.name.clone()).collect();
    Ok(Item { also, labels: worker.metadata.labels.clone(), ..item })
}

fn seat_row(worker: &WorkerView, seat: &SeatView, columns: Columns) -> Row {
    let spec = worker.spec.as_ref();
    let message = worker.status.message.clone();
    let tone = match seat.activity {
        Activity::Paused | Activity::Cordoned => Tone::Waiting,
        _ if !message.is_empty() => Tone::Alarm,
        Activity::Working => Tone::Plain,
        Activity::Leaving | Activity::Unknown => Tone::Waiting,
        Activity::Idle | Activity::Suspended => Tone::Faint,
    };
    let mut cells = vec![seat.name.clone(), seat.activity.to_string(), agent_of(worker)];
    if columns == Columns::All {
        cells.push(spec.map_or_else(|| "-".to_owned(), |spec| spec.class.to_string()));
        let skills = spec.into_iter().flat_map(|spec| &spec.skills).map(ToString::to_string);
        cells.push(or_dash(skills.collect::<Vec<_>>().join(",")));
        cells.push(or_dash(seat.session.clone().unwrap_or_default()));
    }
    cells.extend([or_dash(seat.tasks.join(",")), message]);
    Row { tone, cells }
}

/// Returns the agent of a worker, as a table names it.
pub(super) fn agent_of(worker: &WorkerView) -> String {
    let Some(spec) = &worker.spec else { return "-".to_owned() };
    spec.agent.as_ref().map_or_else(|| "human".to_owned(), ToString::to_string)
}

fn agent_item(agent: &AgentView) -> Result<Item, Failure> {
    let (name, status) = (&agent.metadata.name, &agent.status);
    let used = !status.workers.is_empty();
    let argv = agent.spec.as_ref().map(|spec| spec.argv.join(" ")).unwrap_or_default();
    let row = Row {
        tone: match status.trust {
            _ if !status.problems.is_empty() => Tone::Alarm,
            Trust::NotApproved if used => Tone::Alarm,
            Trust::NotApproved => Tone::Faint,
            Trust::Approved => Tone::Plain,
            Trust::Unknown => Tone::Waiting,
        },
        cells: vec![
            name.clone(),
            status.trust.to_string(),
            if status.built_in {
                "built-in".to_owned()
            } else {
                format!("state/agents/{name}.json")
            },
            or_dash(status.workers.join(",")),
            argv,
        ],
    };
    Ok(Item { labels: agent.metadata.labels.clone(), ..item(name, agent, vec![row])? })
}

fn policy_item(policy: &PolicyView) -> Result<Item, Failure> {
    let mut rows = Vec::new();
    flatten("", &serde_json::to_value(&policy.spec)?, &mut rows);
    let item = item(&policy.metadata.name, policy, rows)?;
    Ok(Item { labels: policy.metadata.labels.clone(), ..item })
}

/// Adds a row for every field, named by its way from the root.
fn flatten(path: &str, value: &Value, rows: &mut Vec<Row>) {
    if let Value::Object(fields) = value {
        for (name, value) in fields {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            flatten(&path, value, rows);
        }
        return;
    }
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(list) => {
            let words = list.iter().map(|one| one.as_str().unwrap_or_default());
            words.collect::<Vec<_>>().join(" ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    };
    rows.push(Row { tone: Tone::Plain, cells: vec![path.to_owned(), or_dash(text)] });
}

fn event_item(event: &Event, now: Timestamp) -> Result<Item, Failure> {
    let also = event.object.split_once('/').map(|(_, name)| name.to_owned());
    let item = item(&event.object, event, vec![event_row(event, now)])?;
    Ok(Item { also: also.into_iter().collect(), ..item })
}

/// Returns an event as a row.
pub(super) fn event_row(event: &Event, now: Timestamp) -> Row {
    let (kind, tone) = match event.kind {
        EventKind::Normal => ("Normal", Tone::Plain),
        EventKind::Warning => ("Warning", Tone::Waiting),
    };
    let cells = vec![
        ago(Some(event.time), now),
        kind.to_owned(),
        event.object.clone(),
        event.reason.clone(),
        event.message.clone(),
    ];
    Row { tone, cells }
}

fn attempt_item(attempt: &AttemptView, now: Timestamp) -> Result<Item, Failure> {
    let name = format!("{}#{}", attempt.task, attempt.number);
    let mut cells = attempt_cells(attempt, now);
    cells.insert(0, attempt.task.clone());
    let item = item(&name, attempt, vec![Row { tone: attempt_tone(attempt), cells }])?;
    Ok(Item { also: vec![attempt.task.clone()], ..item })
}

/// Lays a lock out. One that cannot be understood is held, and a person has to look.
fn lock_item(lock: &LockView, now: Timestamp, columns: Columns) -> Result<Item, Failure> {
    let all = columns == Columns::All;
    let row = match (&lock.holder, &lock.damage) {
        (Some(holder), _) => {
            let left = holder.expires_at.duration_since(now).as_secs();
            let lapses = if left > 0 { span(left) } else { "overdue".to_owned() };
            let mut cells = vec![lock.task.clone(), holder.worker.clone()];
            if all {
                cells.extend([holder.node.clone(), holder.generation.to_string()]);
            }
            cells.push(ago(Some(holder.claimed_at), now));
            if all {
                cells.push(ago(Some(holder.renewed_at), now));
            }
            cells.extend([lapses, or_dash(holder.paths.join(" "))]);
            Row { tone: if left > 0 { Tone::Plain } else { Tone::Waiting }, cells }
        }
        (None, damage) => {
            let mut cells = vec![lock.task.clone()];
            cells.extend(std::iter::repeat_n("?".to_owned(), if all { 6 } else { 3 }));
            cells.push(damage.clone().unwrap_or_default());
            Row { tone: Tone::Alarm, cells }
        }
    };
    item(&lock.task, lock, vec![row])
}

fn attempt_tone(attempt: &AttemptView) -> Tone {
    let failed = attempt.result.as_ref().is_some_and(ExitReason::is_failure);
    match attempt.phase {
        Phase::Unknown | Phase::Lost => Tone::Waiting,
        Phase::Ended | Phase::Ending if failed => Tone::Waiting,
        Phase::Ended => Tone::Faint,
        Phase::Prepared | Phase::Running | Phase::Stopping | Phase::Ending => Tone::Plain,
    }
}

/// Returns the rows of a task's attempts, without the task.
pub(super) fn attempt_rows(attempts: &[AttemptView], now: Timestamp) -> Table {
    let row = |one: &AttemptView| Row { tone: attempt_tone(one), cells: attempt_cells(one, now) };
    let header = vec!["ATTEMPT", "STATE", "WORKER", "STARTED", "TOOK", "RESULT"];
    Table { header, rows: attempts.iter().map(row).collect() }
}

fn attempt_cells(attempt: &AttemptView, now: Timestamp) -> Vec<String> {
    let end = attempt.ended_at.unwrap_or(now);
    let took = attempt.started_at.map(|start| span(end.duration_since(start).as_secs()));
    let verifies = attempt.verifies.as_ref().and_then(|commit| commit.get(..7));
    let words =
        [verifies.map(|commit| format!("verifies {commit}")), Some(attempt.message.clone())];
    let words: Vec<String> = words.into_iter().flatten().filter(|one| !one.is_empty()).collect();
    vec![
        attempt.number.to_string(),
        attempt.phase.to_string(),
        or_dash(attempt.worker.clone().unwrap_or_default()),
        ago(attempt.started_at, now),
        or_dash(took.unwrap_or_default()),
        words.join(": "),
    ]
}
