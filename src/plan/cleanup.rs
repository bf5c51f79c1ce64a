//! What is over: finished and deleted tasks, and things that belong to nobody any more. Work is
//! saved before anything goes, and what has no mark of ours is never touched.

use super::admission::Facts;
use super::revive::{Next, Settled};
use super::spawn::trash_name;
use super::{Row, Scene, claim, landing, person};
use crate::api::attempt::{AttemptId, TaskRecord};
use crate::api::name::{CommitId, Owner, Seat, TaskName};
use crate::api::policy::By;
use crate::api::worker::SessionOf;
use crate::plan::action::Action;
use crate::plan::observed::{AttemptState, ClaimSighting, Sighting, TaskSighting, WorktreeState};
use crate::plan::report::Reason;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Plans the end of every task that is at its end, and the renewal of the claims of the others.
pub(super) fn decide(scene: Scene<'_>, rows: &mut [Row<'_>]) {
    for Row { facts, settled, renew_at, .. } in rows {
        let Some(Ok(record)) = facts.task.map(|task| task.record.as_ref()) else { continue };
        match settled.next {
            Next::Wait | Next::Start { .. } | Next::Land => {
                *renew_at = keep_claim(scene, settled, record, facts);
            }
            Next::Person(_) => {}
            Next::Rest => settled.actions.extend(release(record, facts.claim)),
            Next::Done(landed) => {
                retire(scene, settled, record);
                settled.actions.extend(drop_landed(scene, landed, record));
                settled.actions.extend(release(record, facts.claim));
            }
            Next::Leave => leave(scene, settled, record, facts),
        }
        person::note_generation(facts, settled);
    }
}

/// Renews the claim of a task that keeps it and has no shim that does. Returns when that is due.
fn keep_claim(
    scene: Scene<'_>,
    step: &mut Settled<'_>,
    record: &TaskRecord,
    facts: &Facts<'_>,
) -> Option<Timestamp> {
    let claim = facts.claim?.as_ref().ok()?;
    let last = facts.task.and_then(|task| task.attempts.last());
    let by_shim = last.is_some_and(|one| matches!(one.state, AttemptState::Running { .. }));
    let replaced = step.actions.iter().any(|action| matches!(action, Action::Claim(_)));
    if claim.uid != record.uid || claim.is_by_person() || by_shim || replaced {
        return None;
    }
    match claim::renew(scene, claim) {
        Ok(renew) => {
            step.actions.push(renew);
            None
        }
        Err(due) => due,
    }
}

/// Drops the branch of work that landed, if nothing was committed there since.
fn drop_landed(scene: Scene<'_>, landed: Option<&CommitId>, record: &TaskRecord) -> Option<Action> {
    let contained_in = landed?.clone();
    let (branch, owner) = (record.branch.clone()?, record.owner());
    let tip = scene.observed.branches.known()?.get(&branch)?;
    (*tip == contained_in).then_some(Action::DropBranch { owner, branch, contained_in })
}

fn release(record: &TaskRecord, claim: Option<&ClaimSighting>) -> Option<Action> {
    let claim = claim?.as_ref().ok().filter(|claim| claim.uid == record.uid)?;
    Some(Action::Release { owner: record.owner(), generation: claim.generation })
}

/// Saves what is in the task's worktree, then moves it to the trash.
fn retire(scene: Scene<'_>, step: &mut Settled<'_>, record: &TaskRecord) {
    let Sighting::Known(_) = scene.observed.worktrees else {
        hold(step, "worktrees cannot be seen");
        return;
    };
    let attempt = step.report.attempt.unwrap_or(0);
    let owner = record.owner();
    let marked = scene.index.at(&record.task).worktrees.iter();
    for worktree in marked.filter(|one| one.owner.as_ref() == Some(&owner)) {
        let path = worktree.path.clone();
        let trash = trash_name(scene, &owner);
        step.actions.extend(match worktree.state {
            WorktreeState::Ready => vec![
                Action::Rescue { owner: owner.clone(), path: path.clone(), attempt },
                Action::Retire { owner: owner.clone(), path, attempt, trash },
            ],
            WorktreeState::HalfMade | WorktreeState::Missing => {
                let owner = owner.clone();
                vec![Action::RepairWorktree { owner, path, trash }]
            }
        });
    }
}

/// Plans the way out of a deleted task: worktree, branch, claim, record.
fn leave(scene: Scene<'_>, step: &mut Settled<'_>, record: &TaskRecord, facts: &Facts<'_>) {
    if scene.observed.worktrees.known().is_none() || scene.observed.branches.known().is_none() {
        hold(step, "worktrees or branches cannot be seen");
        return;
    }
    retire(scene, step, record);
    let owner = record.owner();
    if let (Some(branch), Some(branches)) = (&record.branch, scene.observed.branches.known())
        && branches.contains_key(branch)
    {
        let contained_in = scene.desired.revision.clone();
        let drop =
            Action::DropBranch { owner: owner.clone(), branch: branch.clone(), contained_in };
        step.actions.push(drop);
    }
    step.actions.extend(release(record, facts.claim));
    // Nobody else would know of it.
    let ordered = landing::withdraw::standing(facts);
    if let Some(one) = ordered.filter(|_| scene.policy.merge.by == By::PullRequest) {
        step.report.message =
            format!("first, GitHub is to merge pull request #{} by itself no more", one.number);
        return;
    }
    step.actions.push(Action::Forget(owner));
}

fn hold(step: &mut Settled<'_>, why: &str) {
    (step.report.reason, step.report.message) = (Reason::Unknown, why.to_owned());
}

/// Plans what becomes of things that belong to no task any more, and says what it leaves alone.
pub(super) fn leftovers(
    scene: Scene<'_>,
    tasks: &BTreeMap<TaskName, TaskSighting>,
    claims: &BTreeMap<TaskName, ClaimSighting>,
    rows: &[Row<'_>],
) -> (Vec<Action>, Vec<String>) {
    let (mut actions, mut notices) = (Vec::new(), Vec::new());
    // A start clears its place by itself.
    let is_cleared = |place: &Path| {
        let mut planned = rows.iter().flat_map(|row| &row.settled.actions);
        planned.any(|action| {
            matches!(action, Action::Retire { path, .. } | Action::RepairWorktree { path, .. } if path == place)
        })
    };
    let known = |owner: &Owner| {
        let record = tasks.get(&owner.task).map(|task| task.record.as_ref());
        match record {
            // A damaged record may be the owner's: it is not known to belong to nobody.
            Some(Err(_)) => true,
            Some(Ok(record)) => record.uid == owner.uid,
            // What is left of a wanted task without a record is adopted when the task is registered.
            None => {
                super::holds_deletes(scene)
                    || is_with_person(claims, owner)
                    || scene.desired.tasks.contains_key(&owner.task)
            }
        }
    };
    for session in scene.observed.sessions.known().into_iter().flatten() {
        if let Some(seat) = session.waits_for() {
            if !scene.desired.keeps_session(seat) && !super::holds_deletes(scene) {
                let (session, seat) = (session.id.clone(), seat.clone());
                actions.push(Action::EndSession { session, seat });
            }
            continue;
        }
        if let Some(owner) = session.owner.as_ref().filter(|owner| !known(owner)) {
            let session = session.id.clone();
            actions.push(Action::KillSession { session, owner: owner.clone() });
        }
    }
    for worktree in scene.observed.worktrees.known().into_iter().flatten() {
        let Some(owner) = worktree.owner.as_ref().filter(|owner| !known(owner)) else { continue };
        if !scene.observed.places.is_ours(&worktree.path) || is_cleared(&worktree.path) {
            continue;
        }
        let (owner, path) = (owner.clone(), worktree.path.clone());
        let trash = trash_name(scene, &owner);
        if worktree.state == WorktreeState::Ready {
            actions.push(Action::Rescue { owner: owner.clone(), path: path.clone(), attempt: 0 });
            actions.push(Action::Retire { owner, path, attempt: 0, trash });
        } else {
            actions.push(Action::RepairWorktree { owner, path, trash });
        }
    }
    for (name, claim) in claims {
        match claim {
            // A person may hold paths without a task.
            Ok(claim) if claim.is_by_person() => {
                if !tasks.contains_key(name) && !scene.desired.tasks.contains_key(name) {
                    actions.extend(person::expiry(scene, claim, None));
                }
            }
            Ok(claim) if !known(&claim.owner()) => actions.push(Action::Release {
                owner: claim.owner(),
                generation: claim.generation,
            }),
            Ok(_) => {}
            Err(damage) => notices.push(format!(
                "the lock of {name} is damaged, so it counts as held: {damage}; delete the file if its task is not running"
            )),
        }
    }
    actions.extend(outlived(scene, tasks));
    notices.extend(strangers(scene));
    (actions, notices)
}

/// Says which seats cannot keep a session because somebody else's has its name.
fn strangers(scene: Scene<'_>) -> impl Iterator<Item = String> {
    let workers = scene.desired.workers.iter();
    let workers = workers.filter_map(|(name, entry)| Some((name, entry.spec.as_ref()?)));
    let keeping = workers.filter(|(_, worker)| worker.session == SessionOf::Worker);
    let seats = keeping.flat_map(|(name, worker)| {
        (1..=worker.replicas).map(|replica| Seat { worker: name.clone(), replica })
    });
    seats.filter(move |seat| scene.index.stranger(seat).is_some()).map(|seat| {
        let session = seat.session();
        format!("tmux session {session} is not ours, so {seat} gets no task: rename it or end it")
    })
}

/// Returns whether a person holds what bears this mark.
fn is_with_person(claims: &BTreeMap<TaskName, ClaimSighting>, owner: &Owner) -> bool {
    let claim = claims.get(&owner.task).and_then(|claim| claim.as_ref().ok());
    claim.is_some_and(|claim| claim.is_by_person() && claim.owner() == *owner)
}

/// Plans the end of what was kept long enough.
fn outlived(scene: Scene<'_>, tasks: &BTreeMap<TaskName, TaskSighting>) -> Vec<Action> {
    let Some(leftovers) = scene.observed.leftovers.known() else { return Vec::new() };
    let retention = scene.policy.retention;
    let is_over = |since: &Timestamp, seconds: u32| {
        scene.observed.now.duration_since(*since) >= SignedDuration::from_secs(seconds.into())
    };
    let mut actions = Vec::new();
    for (trash, since) in &leftovers.trash {
        if is_over(since, retention.trash_seconds) {
            actions.push(Action::EmptyTrash { trash: trash.clone() });
        }
    }
    let old = leftovers.attempts.iter().filter(|(_, at)| is_over(at, retention.attempts_seconds));
    let old: Vec<&String> = old.map(|(folder, _)| folder).collect();
    if old.is_empty() || tasks.values().any(|task| task.record.is_err()) {
        return actions;
    }
    // One that lost its record is found again by its session or its worktree, with all its attempts.
    let (Some(sessions), Some(worktrees)) =
        (scene.observed.sessions.known(), scene.observed.worktrees.known())
    else {
        return actions;
    };
    let records = tasks.values().filter_map(|task| task.record.as_ref().ok());
    let sessions = sessions.iter().filter(|one| one.waits_for().is_none());
    let sessions = sessions.filter_map(|one| one.owner.clone());
    let worktrees = worktrees.iter().filter_map(|one| one.owner.clone());
    let in_use = records.map(TaskRecord::owner).chain(sessions).chain(worktrees);
    let in_use: BTreeSet<String> = in_use.map(|owner| AttemptId::folder(&owner)).collect();
    let unused = old.into_iter().filter(|folder| !in_use.contains(*folder));
    actions.extend(unused.map(|folder| Action::SweepAttempts { folder: folder.clone() }));
    actions
}
