//! What is wanted of each task: that it runs, rests, goes, or is left alone; and beside it what there
//! is of it.

use super::index::{Found, Walk};
use super::{Failing, Scene};
use crate::api::name::TaskName;
use crate::api::task::TaskSpec;
use crate::plan::desired::Entry;
use crate::plan::observed::{ClaimSighting, TaskSighting};
use std::collections::BTreeMap;

/// What is wanted of one task.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted<'a> {
    /// It is to be done.
    Run(&'a TaskSpec),
    /// It is to rest.
    Suspended(&'a TaskSpec),
    /// It is to leave no trace but its work.
    Gone,
    /// Nothing is to be touched: what is wanted cannot be told.
    Unclear(&'a str),
    /// It was never accepted.
    Invalid,
}

/// One task that has a file or a record: what is wanted, and what there is.
pub(super) struct Facts<'a> {
    pub(super) name: &'a TaskName,
    pub(super) wanted: Wanted<'a>,
    /// Why its committed file is not in effect.
    pub(super) problems: &'a [String],
    /// Its record and its attempts, once registered.
    pub(super) task: Option<&'a TaskSighting>,
    pub(super) claim: Option<&'a ClaimSighting>,
    pub(super) found: &'a Found<'a>,
    /// The effect that failed, if it is not tried again yet.
    pub(super) failing: Option<Failing<'a>>,
}

impl Facts<'_> {
    /// Returns whether the task has a file.
    pub(super) fn is_wanted(&self) -> bool {
        match self.wanted {
            Wanted::Run(_) | Wanted::Suspended(_) | Wanted::Invalid => true,
            Wanted::Gone | Wanted::Unclear(_) => false,
        }
    }
}

/// Returns every task that has a file or a record, by name.
pub(super) fn decide<'a>(
    scene: Scene<'a>,
    tasks: &'a BTreeMap<TaskName, TaskSighting>,
    claims: &'a BTreeMap<TaskName, ClaimSighting>,
) -> Vec<Facts<'a>> {
    let desired = &scene.desired.tasks;
    let mut names: Vec<&TaskName> = desired.keys().chain(tasks.keys()).collect();
    names.sort();
    names.dedup();
    let mut entries = Walk::over(desired);
    let (mut tasks, mut claims) = (Walk::over(tasks), Walk::over(claims));
    let mut found = scene.index.walk();
    let facts = |name| {
        let entry = entries.at(name);
        let task = tasks.at(name);
        Facts {
            name,
            wanted: wanted(scene, entry),
            problems: entry.map_or(&[], |entry| &entry.problems),
            task,
            claim: claims.at(name),
            found: found.of(name),
            failing: task.and_then(|task| Failing::of(scene, name, task)),
        }
    };
    names.into_iter().map(facts).collect()
}

fn wanted<'a>(scene: Scene<'_>, entry: Option<&'a Entry<TaskSpec>>) -> Wanted<'a> {
    let Some(entry) = entry else {
        return if super::holds_deletes(scene) {
            Wanted::Unclear("state/ is empty, which may not be meant")
        } else {
            Wanted::Gone
        };
    };
    match &entry.spec {
        Some(spec) if spec.suspend => Wanted::Suspended(spec),
        Some(spec) => Wanted::Run(spec),
        None => Wanted::Invalid,
    }
}
