//! `reconciler locks forecast`: which tasks will meet on files, and which branches conflict already.

use super::context::{Context, Look, Output};
use super::exit::{Code, Failure};
use super::print::{self, Long, Row, Table, Tone, printable};
use crate::client::{Conflict, Forecast};
use serde_json::json;
use std::collections::BTreeSet;
use std::process::ExitCode;

/// How many files of a conflict are named.
const PATHS_MAX: usize = 3;

/// Runs the verb.
pub(super) async fn run(context: &Context) -> Result<ExitCode, Failure> {
    let client = context.client().await?;
    let snapshot = client.snapshot().await;
    let forecast = client.forecast(&snapshot).await?;
    if let Some(why) = forecast.collisions.why_unknown().or(forecast.branches.why_unknown()) {
        return Err(Failure::new(format!("what is ahead cannot be told: {why}")));
    }
    match context.output {
        Output::Json => print::out(&print::json(&as_json(&forecast))?)?,
        Output::Name => print::out(&names(&forecast))?,
        Output::Table | Output::Wide => {
            let onto = client.state_ref();
            let onto = onto.strip_prefix("refs/heads/").unwrap_or(onto);
            print::out(&draw(&forecast, onto, context.look))?;
            tell(&forecast, context);
        }
    }
    Ok(Code::Success.into())
}

fn as_json(forecast: &Forecast) -> serde_json::Value {
    json!({
        "apiVersion": crate::api::API_VERSION, "kind": "Forecast",
        "collisions": forecast.collisions.known(), "branches": forecast.branches.known(),
    })
}

/// Names every task that something is ahead of.
fn names(forecast: &Forecast) -> String {
    let waiting = forecast.collisions.known().into_iter().flatten().map(|one| &one.task);
    let branches = forecast.branches.known().into_iter();
    let in_conflict = branches.flat_map(|found| found.conflicts.iter().flat_map(|one| &one.tasks));
    let tasks: BTreeSet<_> = waiting.chain(in_conflict).collect();
    let names: Vec<String> = tasks.into_iter().map(|task| format!("task/{task}\n")).collect();
    names.concat()
}

fn draw(forecast: &Forecast, onto: &str, look: Look) -> String {
    let collisions = forecast.collisions.known().into_iter().flatten();
    let cells = collisions.map(|one| {
        let which = one.other.to_string();
        let (pattern, other) = (one.pattern.clone(), one.other_pattern.clone());
        vec![one.task.to_string(), one.with.to_string(), which, pattern, other, one.path.clone()]
    });
    let rows: Vec<Row> = cells.map(|cells| Row { tone: Tone::Plain, cells }).collect();
    let mut text = String::new();
    if !rows.is_empty() {
        let header = vec!["TASK", "MEETS", "WHICH", "ON", "WITH", "BOTH CAN CHANGE"];
        text += &Table { header, rows }.draw(look, Long::Cut, 0);
    }
    let conflicts = forecast.branches.known().map_or(&[][..], |found| &found.conflicts);
    if !conflicts.is_empty() {
        let gap = if text.is_empty() { "" } else { "\n" };
        text = text + gap + &print::paint("BRANCHES IN CONFLICT", Tone::Waiting, look) + "\n";
        text += &draw_conflicts(conflicts, onto, look);
    }
    text
}

/// Draws conflicts: for each the tasks, the files, and what goes on from there.
pub(super) fn draw_conflicts(conflicts: &[Conflict], onto: &str, look: Look) -> String {
    let rows = |one: &Conflict| {
        let [first, second] = &one.tasks;
        let mut files: Vec<String> =
            one.paths.iter().take(PATHS_MAX).map(|path| printable(path)).collect();
        if let Some(more) = one.paths.len().checked_sub(PATHS_MAX).filter(|more| *more > 0) {
            files.push(format!("{more} more"));
        }
        let way_out = format!(
            "=> land one on {onto}, then rebase the other: git -C .worktrees/{second} rebase {onto}"
        );
        let lines =
            [vec![format!("{first}, {second}"), files.join(", ")], vec![String::new(), way_out]];
        lines.map(|cells| Row { tone: Tone::Plain, cells })
    };
    let rows = conflicts.iter().flat_map(rows).collect();
    Table { header: Vec::new(), rows }.draw(look, Long::Wrap, 2)
}

/// Tells what was looked at, and what was not.
fn tell(forecast: &Forecast, context: &Context) {
    let Some(found) = forecast.branches.known() else { return };
    let waiting = forecast.collisions.known().map_or(0, Vec::len);
    context.note(&format!(
        "{waiting} times a task will meet another on files; {} of {} pairs of {} live branches \
         conflict; what is not committed was not looked at",
        found.conflicts.len(),
        found.count * found.count.saturating_sub(1) / 2,
        found.count,
    ));
    for why in &found.unclear {
        context.note(&format!("not told: {why}"));
    }
}
