//! What is wanted of each task: that it runs, rests, goes, or is left alone.

use super::Scene;
use crate::api::name::TaskName;
use crate::api::task::TaskSpec;
use crate::plan::observed::TaskSighting;
use std::collections::{BTreeMap, BTreeSet};

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

/// Returns what is wanted of every task that has a file or a record.
pub(super) fn decide<'a>(
    scene: Scene<'a>,
    tasks: &'a BTreeMap<TaskName, TaskSighting>,
) -> BTreeMap<&'a TaskName, Wanted<'a>> {
    let desired = &scene.desired.tasks;
    let names: BTreeSet<&TaskName> = desired.keys().chain(tasks.keys()).collect();
    let wanted_of = |name: &'a TaskName| {
        let Some(entry) = desired.get(name) else {
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
    };
    names.into_iter().map(|name| (name, wanted_of(name))).collect()
}
