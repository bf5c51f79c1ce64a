//! The same wishes of people without any fault: both histories must end alike, and the one with
//! faults may have made only so much more as they explain.

use crate::history::{History, block_on};
use reconciler::api::name::TaskName;
use reconciler::plan::observed::{AttemptSighting, AttemptState};
use reconciler::plan::report::Reason;
use reconciler::world::sim::{Fault, Faults, Rng, Tape};
use std::collections::{BTreeMap, BTreeSet};

/// What must be alike in the end. Work differs, and with it the branches that hold it; so do
/// attempts, the trash and notes of failures, which tell what happened.
const ALIKE: [&str; 4] = ["records", "claims", "sessions", "worktrees"];

/// Effects that make or remove something that outlives them.
const COUNTED: [&str; 9] = [
    "Registered",
    "Claimed",
    "BranchCreated",
    "WorktreeAdded",
    "AttemptPrepared",
    "SessionStarted",
    "Released",
    "WorktreeRetired",
    "Forgotten",
];

/// Returns how a history that was played ended otherwise than without faults.
pub(crate) fn compare(history: &History) -> Result<(), String> {
    let rng = Rng::replay(Tape::default());
    let mut twin = History::of(rng, Faults::none(), history.first.clone());
    block_on(twin.follow(history)).map_err(|what| format!("without faults, {what}"))?;
    alike(history, &twin)?;
    bounded(history, &twin)
}

/// Returns what ended otherwise in the other history.
pub(crate) fn alike(history: &History, twin: &History) -> Result<(), String> {
    let excused = &excused(history) | &excused(twin);
    let struck = history.struck();
    // What a person removed under a running agent comes back with its next attempt.
    let removed = [
        (Fault::FolderRemoved, "worktrees"),
        (Fault::ClaimRemoved, "claims"),
        // A damaged claim is removed by hand when all is healed.
        (Fault::Damaged, "claims"),
    ];
    let removed = removed.iter().filter(|(fault, _)| struck.contains(fault));
    let removed: Vec<&str> = removed.map(|(_, kind)| *kind).collect();
    let (ours, theirs) = (ends(history, &removed), ends(twin, &removed));
    for name in ours.keys().chain(theirs.keys()).filter(|name| !excused.contains(*name)) {
        let (end, other) = (ours.get(name), theirs.get(name));
        if end != other {
            return Err(format!("the end of a task: {name}: {end:?}, without faults {other:?}"));
        }
    }
    Ok(())
}

/// Where a task ended, and what there is of it.
type Ends = (String, Vec<&'static str>);

/// Returns the state of each task, and what there is of it, but what a running one may lack.
fn ends(history: &History, may_lack: &[&str]) -> BTreeMap<TaskName, Ends> {
    let census = history.world.census();
    let Some(last) = &history.last else { return BTreeMap::new() };
    let of = |name: &TaskName, reason: Reason| {
        let told = |kind: &&str| reason != Reason::Running || !may_lack.contains(kind);
        let there = |kind: &&str| census[kind].iter().any(|one| one == name.as_str());
        ALIKE.into_iter().filter(told).filter(there).collect::<Vec<_>>()
    };
    let tasks = last.plan.report.tasks.iter();
    tasks
        .map(|(name, one)| (name.clone(), (one.reason.to_string(), of(name, one.reason))))
        .collect()
}

/// Returns the tasks that may end otherwise: their own program failed, was killed, or could not land, or a person
/// completed them, stopped them in the middle, closed a cycle of dependencies around them, or has something of
/// their own in their place; they wait at the end for what one holds that runs on without an end,
/// where it depends on the history who came first; and those that depend on such a task, or on one
/// that is gone and may have been done before.
fn excused(history: &History) -> BTreeSet<TaskName> {
    let Some(last) = &history.last else { return BTreeSet::new() };
    let failed = |name: &TaskName| {
        let tasks = last.look.observed.tasks.known();
        let attempts = tasks.and_then(|tasks| tasks.get(name)).map(|one| &one.attempts);
        let by_person = |one: &AttemptSighting| {
            one.attempt.as_ref().is_ok_and(|one| one.program.argv.is_empty())
        };
        let landing = tasks.and_then(|tasks| tasks.get(name)?.landing.as_ref()?.as_ref().ok());
        landing.is_some_and(|one| !one.refused.is_empty())
            || attempts.into_iter().flatten().any(|one| {
                matches!(&one.state, AttemptState::Ended(exit) if exit.reason.is_failure())
                    || by_person(one)
            })
    };
    let desired = last.look.desired.known();
    let specs: BTreeMap<_, _> = desired
        .into_iter()
        .flat_map(|desired| &desired.tasks)
        .filter_map(|(name, entry)| Some((name, entry.spec.as_ref()?)))
        .collect();
    let waits = |name: &TaskName| {
        let reason = last.plan.report.tasks.get(name).map(|one| one.reason);
        matches!(
            reason,
            Some(
                Reason::DependencyCycle
                    | Reason::PlaceTaken
                    | Reason::FilesHeld
                    | Reason::WorkersBusy
                    | Reason::LimitReached
            )
        )
    };
    let mut found: BTreeSet<TaskName> = specs
        .iter()
        .filter(|(name, spec)| failed(name) || spec.suspend || waits(name))
        .map(|(name, _)| (*name).clone())
        .collect();
    found.extend(history.world.poisoned());
    for _ in 0..specs.len() {
        // One that runs on without an end may have been done before it was changed to be so.
        let serves = |name: &TaskName| {
            specs.get(name).is_some_and(|spec| spec.command.as_deref() == Some("serve"))
        };
        let other = |name| found.contains(name) || serves(name) || !specs.contains_key(name);
        let waits = specs.iter().filter(|(_, spec)| spec.dependencies.iter().any(other));
        let waits: Vec<TaskName> = waits.map(|(name, _)| (*name).clone()).collect();
        found.extend(waits);
    }
    found
}

/// Each fault, commit, failure of a program and late start explains that every task is begun once more.
fn bounded(history: &History, twin: &History) -> Result<(), String> {
    let commits = history.commits.iter().flatten().count();
    let more = history.struck().len() + commits + history.world.mishaps();
    // A task that cannot start takes its claim and lets go of it for as long as it is looked at.
    let comes_and_goes =
        |kind: &&str| history.world.poisoned().is_some() && ["Claimed", "Released"].contains(kind);
    for kind in COUNTED.into_iter().filter(|kind| !comes_and_goes(kind)) {
        let count = |one: &History| one.done.get(kind).copied().unwrap_or(0);
        let most = count(twin) + more;
        if count(history) > most {
            let (ours, theirs) = (count(history), count(twin));
            return Err(format!(
                "more {kind} than explained: {ours}, without faults {theirs}, {more} faults and commits"
            ));
        }
    }
    Ok(())
}
