//! What is held back on this machine: by people, who pause, cordon and drain, and by the machine
//! itself, when it has no room. Nothing that runs is stopped by it, but what is drained when its time
//! is over.

use super::revive::Next;
use super::{Row, Scene};
use crate::api::hold::{Hold, HoldKind, HoldSighting, Holds, Target};
use crate::api::name::{TaskName, WorkerName};
use crate::api::policy::Limits;
use crate::api::task::TaskState;
use crate::plan::observed::{Machine, Sighting};
use crate::plan::report::{Held, Reason};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Display;

/// How soon to look again whether a busy machine has room: nothing tells when it has.
const ROOM: SignedDuration = SignedDuration::from_secs(5);

/// Holds back the tasks that a person paused, and all of them when nobody can tell which.
pub(super) fn decide(scene: Scene<'_>, rows: &mut [Row<'_>]) {
    let holds = match &scene.observed.holds {
        Sighting::Known(holds) if *holds == Holds::default() => return,
        Sighting::Known(holds) => Ok(holds),
        Sighting::Unknown(why) => Err(why),
    };
    for Row { facts, settled, .. } in rows {
        let starts = matches!(settled.next, Next::Start { .. });
        let waits = matches!(settled.next, Next::Wait) && settled.report.reason.waits_for_time();
        if !starts && !waits {
            continue;
        }
        let report = &mut settled.report;
        match holds {
            Ok(holds) => {
                let Some(held) = of_task(holds, facts.name, scene.observed.now) else { continue };
                report.state = TaskState::Pending;
                (report.reason, report.message) = (Reason::Paused, held.message);
                report.wake_at = [report.wake_at, held.until].into_iter().flatten().min();
                // Others may have its files.
                settled.next = Next::Rest;
            }
            Err(why) if starts => {
                report.reason = Reason::Unknown;
                report.message = format!("whether it is paused cannot be seen: {why}");
                settled.next = Next::Wait;
            }
            Err(_) => {}
        }
    }
}

/// Returns what keeps the work of a task from landing for now, if a person holds it back.
///
/// # Errors
/// A sentence, when nobody can tell.
pub(super) fn holds_back(scene: Scene<'_>, task: &TaskName) -> Result<Option<Held>, String> {
    let holds = match &scene.observed.holds {
        Sighting::Known(holds) => holds,
        Sighting::Unknown(why) => return Err(format!("what is held cannot be seen: {why}")),
    };
    let now = scene.observed.now;
    let queue = || Some(of(&Target::Merges, holds.merges.as_ref()?, now)?.0);
    Ok(of_task(holds, task, now).or_else(queue))
}

/// Returns what keeps a task from starting, whatever worker is free.
fn of_task(holds: &Holds, task: &TaskName, now: Timestamp) -> Option<Held> {
    let all = || Some(of(&Target::All, holds.all.as_ref()?, now)?.0);
    let this = |hold| Some(of(&"it", hold, now)?.0);
    all().or_else(|| this(holds.tasks.get(task)?))
}

/// Returns a hold, if it holds, with what is to be said of it.
fn of<'a>(
    what: &dyn Display,
    hold: &'a HoldSighting,
    now: Timestamp,
) -> Option<(Held, Option<&'a Hold>)> {
    match hold {
        Ok(hold) if !hold.holds_at(now) => None,
        Ok(hold) => {
            let message = format!("{what} is {hold}");
            Some((Held { kind: hold.kind, message, until: hold.until }, Some(hold)))
        }
        Err(damage) => {
            let message = format!("{what} is held, and its record is damaged: {damage}");
            Some((Held { kind: HoldKind::Pause, message, until: None }, None))
        }
    }
}

/// Returns what keeps a worker from taking a task, if anything does.
pub(super) fn of_worker(scene: Scene<'_>, worker: &WorkerName) -> Option<Held> {
    let hold = scene.observed.holds.known()?.workers.get(worker)?;
    Some(of(&format_args!("worker {worker}"), hold, scene.observed.now)?.0)
}

/// Returns every worker that takes no task because of a person.
pub(super) fn workers(scene: Scene<'_>) -> BTreeMap<WorkerName, Held> {
    let held = scene.observed.holds.known().into_iter().flat_map(|holds| holds.workers.keys());
    held.filter_map(|name| Some((name.clone(), of_worker(scene, name)?))).collect()
}

/// Returns whether what runs on a worker is to stop now, because it is drained.
pub(super) fn is_drained(scene: Scene<'_>, worker: &WorkerName) -> bool {
    let hold = scene.observed.holds.known().and_then(|holds| holds.workers.get(worker));
    let now = scene.observed.now;
    matches!(hold, Some(Ok(hold)) if hold.holds_at(now)
        && matches!(hold.kind, HoldKind::Drain { stop_at } if stop_at <= now))
}

/// Says of an attempt that runs that a person holds something back from it.
pub(super) fn beside(scene: Scene<'_>, task: &TaskName, worker: &WorkerName) -> Option<String> {
    let holds = scene.observed.holds.known()?;
    let of_worker = || {
        let held = of_worker(scene, worker)?;
        (!matches!(held.kind, HoldKind::Cordon)).then_some(held)
    };
    let held = of_task(holds, task, scene.observed.now).or_else(of_worker)?;
    Some(held.message)
}

/// Returns when something that is held back changes by itself.
pub(super) fn wake_at(scene: Scene<'_>) -> Option<Timestamp> {
    let now = scene.observed.now;
    let holds = scene.observed.holds.known().into_iter().flat_map(Holds::iter);
    let times = |hold: &Hold| {
        let stop_at = match hold.kind {
            HoldKind::Drain { stop_at } => Some(stop_at),
            HoldKind::Pause | HoldKind::Cordon => None,
        };
        [hold.until, stop_at]
    };
    let times = holds.filter_map(|(_, hold)| hold.as_ref().ok()).flat_map(times).flatten();
    times.filter(|time| *time > now).min()
}

/// Says what is held back and concerns no single task.
pub(super) fn notices(scene: Scene<'_>) -> Vec<String> {
    let now = scene.observed.now;
    let holds = match &scene.observed.holds {
        Sighting::Known(holds) => holds,
        Sighting::Unknown(why) => {
            return vec![format!("what is paused cannot be seen, so nothing starts: {why}")];
        }
    };
    let lifts = |held: &Held| match held.kind {
        HoldKind::Pause => "unpause",
        HoldKind::Cordon | HoldKind::Drain { .. } => "uncordon",
    };
    let all = holds.all.as_ref().and_then(|hold| of(&Target::All, hold, now));
    let all = all.map(|(held, _)| format!("{}; `reconciler unpause all`", held.message));
    let worker = |(name, held): (WorkerName, Held)| {
        format!("{}; `reconciler {} {name}`", held.message, lifts(&held))
    };
    all.into_iter().chain(workers(scene).into_iter().map(worker)).collect()
}

/// Returns why nothing new may start on this machine, and when to look again.
pub(super) fn no_room(scene: Scene<'_>) -> Option<(String, Timestamp)> {
    let Limits {
        max_load_percent,
        min_free_memory_megabytes,
        min_free_disk_megabytes,
        max_concurrent_tasks: _,
        max_executions: _,
        max_decisions: _,
    } = scene.policy.limits;
    let Machine { load_percent, free_memory_megabytes, free_disk_megabytes } =
        &scene.observed.machine;
    let load = || {
        let is = seen(max_load_percent, load_percent, "load")?;
        let over = is.map(|is| (is > max_load_percent).then_some(is)).transpose()?;
        Some(over.map(|is| format!("its load is {is} %, and {max_load_percent} % is allowed")))
    };
    let memory = || too_little(min_free_memory_megabytes, free_memory_megabytes, "free memory");
    let disk = || too_little(min_free_disk_megabytes, free_disk_megabytes, "free disk");
    let why = load().or_else(memory).or_else(disk)?;
    let why = why.unwrap_or_else(|unseen| unseen);
    let again = scene.observed.now.saturating_add(ROOM).unwrap_or(scene.observed.now);
    Some((format!("this machine has no room: {why}"), again))
}

/// Returns a figure that a limit is about; nothing when the limit is off.
fn seen<T: Copy>(limit: u32, figure: &Sighting<T>, what: &str) -> Option<Result<T, String>> {
    (limit > 0).then(|| match figure {
        Sighting::Known(figure) => Ok(*figure),
        Sighting::Unknown(why) => Err(format!("its {what} cannot be seen: {why}")),
    })
}

fn too_little(least: u32, figure: &Sighting<u64>, what: &str) -> Option<Result<String, String>> {
    let is = seen(least, figure, what)?;
    let under = is.map(|is| (is < u64::from(least)).then_some(is)).transpose()?;
    Some(under.map(|is| format!("its {what} is {is} MB, and {least} MB is the least")))
}
