//! The cards of all tasks, from one look.

use crate::api::board::{Card, FieldKey, Mapped};
use crate::api::policy::Github as Policy;
use crate::board::{Facts, card};
use crate::client::Snapshot;
use std::collections::BTreeMap;

/// Returns the cards of the tasks that are registered.
pub(super) fn cards(
    snapshot: &Snapshot,
    policy: &Policy,
    fields: &BTreeMap<FieldKey, Mapped>,
) -> Vec<Card> {
    let Some(desired) = snapshot.desired.known() else { return Vec::new() };
    let one = |(name, entry): (&crate::api::name::TaskName, &crate::plan::desired::Entry<_>)| {
        let spec: &crate::api::task::TaskSpec = entry.spec.as_ref()?;
        let report = snapshot.plan.report.tasks.get(name)?;
        let task = snapshot.observed.tasks.known()?.get(name)?;
        // What a plan would register has no identity yet.
        let record = task.record.as_ref().ok()?;
        let claim = snapshot.observed.claims.known()?.get(name);
        let claim = claim.and_then(|claim| claim.as_ref().ok());
        let is_person = claim.is_some_and(crate::api::claim::Claim::is_by_person);
        let said = task.attempts.last().map(|last| &last.said);
        let percent = said.and_then(|said| said.progress.as_ref()?.percent());
        let title = if spec.title.is_empty() { name.to_string() } else { spec.title.clone() };
        let facts = Facts {
            task: name.clone(),
            uid: record.uid.clone(),
            place: place(policy, &desired.state_ref, name),
            title,
            issue: spec.issue_number.filter(|_| policy.repository.is_some()),
            state: report.state,
            worker: report.seat.as_ref().map(|seat| (seat.to_string(), is_person)),
            priority: spec.priority,
            estimate: spec.estimated_duration_minutes,
            files: spec.files.iter().map(ToString::to_string).collect(),
            is_locked: claim.is_some(),
            worktree: worktree(snapshot, name),
            progress: percent,
        };
        Some(card(&facts, fields))
    };
    desired.tasks.iter().filter_map(one).collect()
}

/// Returns by what other clones know a task, where the policy says which repository this is.
fn place(policy: &Policy, state_ref: &str, task: &crate::api::name::TaskName) -> Option<String> {
    let place = format!("{} {state_ref} {task}", policy.repository.as_ref()?);
    // A name of a ref could end the comment that it stands in.
    (!place.contains("-->")).then_some(place)
}

/// Returns where the worktree of a task is, from the root of the repository.
fn worktree(snapshot: &Snapshot, task: &crate::api::name::TaskName) -> Option<String> {
    let all = snapshot.observed.worktrees.known()?;
    let is_its = |one: &&crate::plan::observed::Worktree| {
        one.owner.as_ref().is_some_and(|owner| owner.task == *task)
    };
    let path = &all.iter().find(is_its)?.path;
    let root = &snapshot.observed.places.root;
    Some(path.strip_prefix(root).unwrap_or(path).display().to_string())
}
