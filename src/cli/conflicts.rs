//! `reconciler conflicts`: what does not land because somebody else changed the same lines, and what
//! can be done. It resolves nothing.

use super::context::{Context, Look, Output};
use super::exit::Code;
use super::print::{self, Tone, ago, paint, printable, printable_line};
use super::say::Done;
use super::{forecast, reference};
use crate::api::name::TaskName;
use crate::client::{Clash, ClashState, Conflicts as Found, NamedCommit, Place, Snapshot, Way};
use clap::Args;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// How many files of a conflict are named.
const PATHS_MAX: usize = 6;

/// Show what collides: work that cannot land, work that would not, and branches that meet.
///
/// Of one task, the lines as well. What is not committed in a worktree is not looked at.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler conflicts              all that collides, with whom, and what can be done
  reconciler conflicts fix-login    of one task, with the lines")]
pub(super) struct Conflicts {
    /// Only of this task.
    task: Option<TaskName>,
}

impl Conflicts {
    /// Runs the verb.
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let snapshot = client.snapshot().await;
        if let Some(task) = &self.task {
            let tasks = snapshot.observed.tasks.known();
            let known: Vec<&str> =
                tasks.into_iter().flat_map(|all| all.keys()).map(TaskName::as_str).collect();
            if !known.contains(&task.as_str()) {
                let (kind, name) = (reference::Type::Task, task.as_str());
                return Err(reference::unknown(kind, name, &known, &snapshot));
            }
        }
        let found = client.conflicts(&snapshot, self.task.as_ref()).await?;
        match context.output {
            Output::Json => print::out(&print::json(&as_json(&found)?)?)?,
            Output::Name => print::out(&names(&found))?,
            Output::Table | Output::Wide => {
                print::out(&draw(&found, snapshot.now(), context.look))?;
                tell(&found, (self.task.as_ref(), &snapshot), context);
            }
        }
        Ok(Code::Success.into())
    }
}

fn as_json(found: &Found) -> Result<serde_json::Value, serde_json::Error> {
    let mut value = serde_json::to_value(found)?;
    if let Some(object) = value.as_object_mut() {
        object.insert("apiVersion".to_owned(), crate::api::API_VERSION.into());
        object.insert("kind".to_owned(), "Conflicts".into());
    }
    Ok(value)
}

/// Names every task that collides.
fn names(found: &Found) -> String {
    let landings = found.landings.iter().map(|one| &one.task);
    let branches = found.branches.conflicts.iter().flat_map(|one| &one.tasks);
    let tasks: BTreeSet<_> = landings.chain(branches).collect();
    let names: Vec<String> = tasks.into_iter().map(|task| format!("task/{task}\n")).collect();
    names.concat()
}

fn draw(found: &Found, now: Timestamp, look: Look) -> String {
    let target = found.target.as_ref().map_or("nothing", |target| target.as_str());
    let mut parts = Vec::new();
    for (state, title, tone) in [
        (ClashState::Refused, "CANNOT LAND".to_owned(), Tone::Alarm),
        (ClashState::Resolved, "COULD NOT LAND, AND WOULD NOW".to_owned(), Tone::Alarm),
        (ClashState::Waiting, "WAITS FOR WHAT IS MERGED BEFORE IT".to_owned(), Tone::Waiting),
        (ClashState::Blocked, "CANNOT LAND FOR ANOTHER REASON".to_owned(), Tone::Alarm),
        (ClashState::Ahead, format!("NOT DONE, AND IN CONFLICT WITH {target}"), Tone::Waiting),
    ] {
        let clashes = found.landings.iter().filter(|one| one.state == state);
        let lines: Vec<String> = clashes.flat_map(|one| clash(one, target, now)).collect();
        if !lines.is_empty() {
            parts.push(format!("{}\n{}\n", paint(&title, tone, look), lines.join("\n")));
        }
    }
    if !found.branches.conflicts.is_empty() {
        let title = paint("BRANCHES IN CONFLICT WITH EACH OTHER", Tone::Waiting, look);
        let rows = forecast::draw_conflicts(&found.branches.conflicts, target, look);
        parts.push(format!("{title}\n{rows}"));
    }
    if parts.is_empty() {
        parts.push("nothing collides\n".to_owned());
    }
    parts.join("\n")
}

/// Draws the work of one task: what it meets, whose that is, the lines, and what can be done.
fn clash(one: &Clash, target: &str, now: Timestamp) -> Vec<String> {
    let mut files: Vec<String> =
        one.paths.iter().take(PATHS_MAX).map(|path| printable(path)).collect();
    if let Some(more) = one.paths.len().checked_sub(PATHS_MAX).filter(|more| *more > 0) {
        files.push(format!("{more} more"));
    }
    let branch = format!("{}@{}", one.branch, one.tip.short());
    let meets = if files.is_empty() && one.state == ClashState::Resolved {
        branch
    } else if files.is_empty() {
        printable(&one.message)
    } else {
        let own = one.own_commit.as_ref().filter(|own| **own != one.tip);
        let own = own.map(|own| format!(", by its commit {}", own.short())).unwrap_or_default();
        let with = if one.state == ClashState::Waiting { "what is before it" } else { target };
        format!("{branch} meets {with} in {}{own}", files.join(", "))
    };
    let mut lines = vec![format!("  {}  {meets}", one.task)];
    lines.extend(one.with.iter().map(|commit| format!("    {}", of_commit(commit, now))));
    lines.extend(one.places.iter().flat_map(of_place));
    if !files.is_empty() && one.state != ClashState::Ahead {
        lines.push(format!("    now: {}", printable(&one.message)));
    }
    lines.extend(one.ways.iter().flat_map(of_way));
    lines
}

/// Draws a commit in a line.
pub(super) fn of_commit(commit: &NamedCommit, now: Timestamp) -> String {
    let NamedCommit { id, author, at, subject, task } = commit;
    let task = task.as_ref().map(|task| format!(", task/{}", printable(task))).unwrap_or_default();
    let (author, subject) = (printable(author), printable(subject));
    format!("{}  {subject}  ({author}, {} ago{task})", id.short(), ago(Some(*at), now))
}

fn of_place(place: &Place) -> Vec<String> {
    let head = format!("    {}, line {}:", printable(&place.path), place.line);
    let text = place.text.iter().map(|line| format!("      {}", printable_line(line)));
    std::iter::once(head).chain(text).collect()
}

fn of_way(way: &Way) -> Vec<String> {
    match way.commands.as_slice() {
        [] => vec![format!("    => {}", way.what)],
        [only] => vec![format!("    => {}: {only}", way.what)],
        all => {
            let commands = all.iter().map(|command| format!("         {command}"));
            std::iter::once(format!("    => {}:", way.what)).chain(commands).collect()
        }
    }
}

/// Tells what was looked at, and what was not.
fn tell(found: &Found, (task, snapshot): (Option<&TaskName>, &Snapshot), context: &Context) {
    match (&found.target, &found.tip) {
        (Some(target), Some(tip)) => context.note(&format!(
            "tried on {target}@{} and between live branches ({}); what is not committed was not \
             looked at",
            tip.short(),
            found.branches.count,
        )),
        (None, _) | (_, None) => context.note("nothing lands by itself: see reconciler merge"),
    }
    let is_listed = |task: &&TaskName| found.landings.iter().any(|one| one.task == **task);
    if let Some(task) = task.filter(|task| !is_listed(task)) {
        let report = snapshot.plan.report.tasks.get(task);
        let message = report.map_or("", |report| report.message.as_str());
        context.note(&format!("task/{task}: {message}"));
    }
    match found.landings.first() {
        Some(first) if task.is_none() => {
            context.note(&format!("the lines of one: reconciler conflicts {}", first.task));
        }
        Some(_) | None => {}
    }
    for why in &found.unclear {
        context.note(&format!("not told: {why}"));
    }
}
