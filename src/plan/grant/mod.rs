//! Grant: what becomes of a wish to hold paths, all of them or none. The one answer for people and
//! for agents who want more while they work; what the loop starts by itself is scheduled.

use super::desired::Desired;
use super::observed::ClaimSighting;
use crate::api::claim::{Claim, Heartbeat};
use crate::api::name::{BranchName, Seat, TaskName, Uid};
use crate::api::path::PathPattern;
use crate::api::policy::PolicySpec;
use crate::api::worker::WorkerType;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Who wants to hold what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The task whose claim it is to be.
    pub task: TaskName,
    /// Its uid.
    pub uid: Uid,
    /// The seat or the person.
    pub seat: Seat,
    /// A program or a person.
    pub worker_type: WorkerType,
    /// All paths that the claim is to hold.
    pub paths: Vec<PathPattern>,
    /// The branch the work goes to.
    pub branch: Option<BranchName>,
}

/// What is known when it is decided.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// Every claim; one that cannot be understood holds what its task asks for, or everything.
    pub claims: &'a BTreeMap<TaskName, ClaimSighting>,
    /// What is wanted, if that is known.
    pub desired: Option<&'a Desired>,
    /// The last generation of the task's claims that was ever used.
    pub last: u64,
    /// Now, by both clocks.
    pub now: &'a Heartbeat,
    /// Random bits.
    pub nonce: u128,
    /// What this machine calls itself.
    pub node: &'a str,
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The claim to publish: of a new generation.
    New(Claim),
    /// The claim that the same holder has of the same paths, for another lease.
    Renewed(Claim),
    /// Nothing, because of these. Never empty.
    Refused(Vec<Conflict>),
}

/// Who stands in the way of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The task that holds it.
    pub task: TaskName,
    /// Its holder; nothing when its lock cannot be understood.
    pub holder: Option<Holder>,
    /// What is wrong with its lock.
    pub damage: Option<String>,
    /// What is in the way.
    pub overlap: Option<Overlap>,
}

/// Who holds something, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The seat or the person.
    pub worker: Seat,
    /// A program or a person.
    pub worker_type: WorkerType,
    /// Since when.
    pub since: Timestamp,
    /// When it lapses unless renewed.
    pub until: Timestamp,
}

impl Conflict {
    /// Returns that somebody holds the task itself.
    pub fn with(claim: &Claim) -> Self {
        let (task, holder) = (claim.task.clone(), Some(holder(claim)));
        Self { task, holder, damage: None, overlap: None }
    }
}

/// Two patterns that meet. A conflict without one is about the task itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The pattern that was asked for.
    pub asked: PathPattern,
    /// The pattern that is held.
    pub held: PathPattern,
    /// A path in both.
    pub path: String,
}

/// Decides what becomes of a wish: all paths, and the shared patterns that they touch, or none.
pub fn grant(asked: &Asked, scene: Scene<'_>) -> Grant {
    let policy = policy(scene.desired);
    let paths = with_shared(&asked.paths, policy);
    let own = scene.claims.get(&asked.task);
    let mut conflicts: Vec<Conflict> =
        own.and_then(|own| of_task(asked, own)).into_iter().collect();
    let others = scene.claims.iter().filter(|(task, _)| **task != asked.task);
    conflicts.extend(others.filter_map(|(task, claim)| conflict(scene, &paths, (task, claim))));
    if !conflicts.is_empty() {
        return Grant::Refused(conflicts);
    }
    let lease = SignedDuration::from_secs(policy.locks.expiry_seconds.into());
    let own = own.and_then(|own| own.as_ref().ok());
    if let Some(own) = own.filter(|own| own.locked_files == paths) {
        return Grant::Renewed(own.renewed(scene.now.clone(), lease));
    }
    let before = own.map_or(0, |own| own.generation).max(scene.last);
    let now = scene.now.at;
    Grant::New(Claim {
        task: asked.task.clone(),
        uid: asked.uid.clone(),
        seat: asked.seat.clone(),
        worker_type: asked.worker_type,
        claimed_at: now,
        locked_files: paths,
        branch_name: asked.branch.clone(),
        expires_at: now.saturating_add(lease).unwrap_or(now),
        heartbeat: scene.now.clone(),
        generation: before.saturating_add(1),
        nonce: Uid::derive(scene.nonce, &format!("claim of {}", asked.task)),
        node: scene.node.to_owned(),
        attempt: own.and_then(|own| own.attempt),
        process: own.and_then(|own| own.process.clone()),
        completed_at: None,
        reason: None,
    })
}

/// Returns the policy in effect; its defaults, when what is wanted is not known.
pub fn policy(desired: Option<&Desired>) -> &PolicySpec {
    static DEFAULT: LazyLock<PolicySpec> = LazyLock::new(PolicySpec::default);
    desired.map_or(&DEFAULT, Desired::policy)
}

/// Returns paths, and every shared pattern that they touch.
pub fn with_shared(paths: &[PathPattern], policy: &PolicySpec) -> Vec<PathPattern> {
    let mut all = Vec::with_capacity(paths.len());
    let touched = |shared: &&PathPattern| paths.iter().any(|one| one.overlap(shared).is_some());
    for path in paths.iter().chain(policy.shared_files.iter().filter(touched)) {
        if !all.contains(path) {
            all.push(path.clone());
        }
    }
    all
}

/// Returns what is in the way when the task itself is somebody else's.
fn of_task(asked: &Asked, own: &ClaimSighting) -> Option<Conflict> {
    match own {
        Ok(own) if own.uid == asked.uid && own.seat == asked.seat => None,
        Ok(own) => Some(Conflict::with(own)),
        Err(why) => Some(damaged(&asked.task, why, None)),
    }
}

fn conflict(
    scene: Scene<'_>,
    paths: &[PathPattern],
    (task, claim): (&TaskName, &ClaimSighting),
) -> Option<Conflict> {
    match claim {
        Ok(claim) => {
            let overlap = Some(overlap(paths, &claim.locked_files)?);
            let holder = Some(holder(claim));
            Some(Conflict { task: task.clone(), holder, damage: None, overlap })
        }
        Err(why) => {
            let may_hold = may_hold(scene.desired, task);
            Some(damaged(task, why, Some(overlap(paths, &may_hold)?)))
        }
    }
}

/// Returns what a task may hold whose lock cannot be understood.
fn may_hold(desired: Option<&Desired>, task: &TaskName) -> Vec<PathPattern> {
    let spec = desired.and_then(|desired| desired.tasks.get(task)?.spec.as_ref());
    spec.map_or_else(
        || vec![PathPattern::parse("**").expect("`**` is a pattern")],
        |spec| with_shared(&spec.files, policy(desired)),
    )
}

fn overlap(ours: &[PathPattern], theirs: &[PathPattern]) -> Option<Overlap> {
    let (asked, held, path) = crate::api::path::first_overlap(ours, theirs)?;
    Some(Overlap { asked: asked.clone(), held: held.clone(), path })
}

fn damaged(task: &TaskName, why: &str, overlap: Option<Overlap>) -> Conflict {
    Conflict { task: task.clone(), holder: None, damage: Some(why.to_owned()), overlap }
}

fn holder(claim: &Claim) -> Holder {
    Holder {
        worker: claim.seat.clone(),
        worker_type: claim.worker_type,
        since: claim.claimed_at,
        until: claim.expires_at,
    }
}

#[cfg(test)]
mod tests;
