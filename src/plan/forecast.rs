//! Forecast: which tasks that are still to start would meet files that others hold, or that a task
//! before them is to take. It only tells: the queue decides anew each time and never goes by it.

use super::Scene;
use super::claim::{self, Held};
use super::desired::Desired;
use super::index::Index;
use super::observed::{Observed, Sighting};
use super::report::Report;
use crate::api::name::TaskName;
use crate::api::task::{TaskSpec, TaskState};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// A task that is still to start and another that can change a path that it can change too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Collision {
    /// The task that is still to start.
    pub task: TaskName,
    /// The pattern of it.
    pub pattern: String,
    /// The other.
    pub with: TaskName,
    /// Where the other is.
    pub other: Other,
    /// The pattern of the other.
    pub other_pattern: String,
    /// A path that both can change.
    pub path: String,
}

/// Where the other of two tasks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Other {
    /// It holds its files.
    Holds,
    /// It is to start, and comes first.
    ComesFirst,
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Holds => "holds",
            Self::ComesFirst => "comes first",
        })
    }
}

/// Returns for every task that is still to start the first holder and the first task before it whose
/// files it meets, in the order of the queue. Tasks of which one waits for the other never meet.
pub fn forecast(
    desired: &Desired,
    observed: &Observed,
    report: &Report,
) -> Sighting<Vec<Collision>> {
    let claims = match &observed.claims {
        Sighting::Known(claims) => claims,
        Sighting::Unknown(why) => return Sighting::Unknown(why.clone()),
    };
    let policy = desired.policy();
    let index = Index::of(desired, observed, policy);
    let scene = Scene { desired, observed, policy, index: &index };
    let holders = Held::by(scene, &[], claims);
    let mut queue = Held::default();
    let mut found = Vec::new();
    for (name, spec) in pending(scene, report) {
        let paths = claim::wanted(scene, spec);
        for (other, held) in [(Other::Holds, &holders), (Other::ComesFirst, &queue)] {
            let Some((with, pattern, path)) = held.conflict(name, &paths) else { continue };
            let own = paths.iter().find(|own| own.covers(&path));
            if let Some(own) = own.filter(|_| !waits(desired, name, with)) {
                found.push(Collision {
                    task: name.clone(),
                    pattern: own.to_string(),
                    with: with.clone(),
                    other,
                    other_pattern: pattern.to_string(),
                    path,
                });
            }
        }
        queue.serve(name, paths);
    }
    Sighting::Known(found)
}

/// Returns the tasks that are still to start, in the order of the queue.
fn pending<'a>(scene: Scene<'a>, report: &Report) -> Vec<(&'a TaskName, &'a TaskSpec)> {
    let age = |name: &TaskName| {
        let records = scene.observed.tasks.known();
        let record = records.and_then(|tasks| tasks.get(name)?.record.as_ref().ok());
        record.map_or(Timestamp::MAX, |record| record.created_at)
    };
    let is_pending =
        |name: &TaskName| report.tasks.get(name).is_some_and(|one| one.state == TaskState::Pending);
    let entries = scene.desired.tasks.iter();
    let specs = entries.filter_map(|(name, entry)| Some((name, entry.spec.as_ref()?)));
    let specs = specs.filter(|(name, spec)| !spec.suspend && is_pending(name));
    let mut tasks: Vec<_> = specs.collect();
    tasks.sort_by_cached_key(|(name, spec)| (spec.priority, age(name), *name));
    tasks
}

/// Returns whether one of two tasks waits for the other, if only through others.
fn waits(desired: &Desired, one: &TaskName, other: &TaskName) -> bool {
    is_needed(desired, one, other) || is_needed(desired, other, one)
}

/// Returns whether a task needs another, if only through others.
fn is_needed(desired: &Desired, task: &TaskName, other: &TaskName) -> bool {
    let needs = |name: &TaskName| {
        let spec = desired.tasks.get(name).and_then(|entry| entry.spec.as_ref());
        spec.map_or(&[][..], |spec| &spec.dependencies)
    };
    let (mut left, mut seen) = (vec![task], BTreeSet::new());
    while let Some(name) = left.pop() {
        left.extend(needs(name).iter().filter(|on| seen.insert(*on)));
    }
    seen.contains(other)
}
