//! What is wanted of each task: that it runs, rests, goes, or is left alone; and beside it what there
//! is of it.

use super::index::{Found, Walk};
use super::{Failing, Scene};
use crate::api::name::TaskName;
use crate::api::task::TaskSpec;
use crate::plan::desired::Entry;
use crate::plan::observed::{ClaimSighting, TaskSighting};
use std::cmp::Ordering;
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
    let (mut claims, mut found) = (Walk::over(claims), scene.index.walk());
    let facts = |(name, entry, task): Both<'a, Entry<TaskSpec>, TaskSighting>| Facts {
        name,
        wanted: wanted(scene, entry),
        problems: entry.map_or(&[], |entry| &entry.problems),
        task,
        claim: claims.at(name),
        found: found.of(name),
        failing: task.and_then(|task| Failing::of(scene, name, task)),
    };
    both(&scene.desired.tasks, tasks).map(facts).collect()
}

/// What two maps say of one task, at least one of them something.
type Both<'a, A, B> = (&'a TaskName, Option<&'a A>, Option<&'a B>);

/// Walks two maps together.
fn both<'a, A, B>(
    ours: &'a BTreeMap<TaskName, A>,
    theirs: &'a BTreeMap<TaskName, B>,
) -> impl Iterator<Item = Both<'a, A, B>> {
    let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (ours.peek(), theirs.peek()) {
            (Some((one, _)), Some((other, _))) => one.cmp(other),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        let one = if order.is_le() { ours.next() } else { None };
        let other = if order.is_ge() { theirs.next() } else { None };
        let name = one.map(|(name, _)| name).or(other.map(|(name, _)| name))?;
        Some((name, one.map(|(_, one)| one), other.map(|(_, other)| other)))
    })
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
