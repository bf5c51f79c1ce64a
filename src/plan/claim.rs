//! Claims: which paths a task would hold, who holds them, and the records that say so.

use super::Scene;
use super::admission::Wanted;
use crate::api::attempt::TaskRecord;
use crate::api::claim::Claim;
use crate::api::name::{Seat, TaskName};
use crate::api::path::{PathPattern, PatternIndex, first_overlap};
use crate::api::task::TaskSpec;
use crate::api::worker::WorkerType;
use crate::plan::action::Action;
use crate::plan::observed::ClaimSighting;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// Paths that are held, and by whom, in the order in which they are asked.
#[derive(Default)]
pub(super) struct Held<'a> {
    by: Vec<(&'a TaskName, Vec<PathPattern>)>,
    index: PatternIndex,
}

impl<'a> Held<'a> {
    /// Returns what the claims hold. A claim that cannot be read holds what its task asks for, or
    /// everything when even that is unknown.
    pub(super) fn by(scene: Scene<'_>, claims: &'a BTreeMap<TaskName, ClaimSighting>) -> Self {
        let everything = || vec![PathPattern::parse("**").expect("`**` is a pattern")];
        let paths = |name: &TaskName, claim: &ClaimSighting| match claim {
            Ok(claim) => claim.locked_files.clone(),
            Err(_) => scene
                .desired
                .tasks
                .get(name)
                .and_then(|entry| entry.spec.as_ref())
                .map_or_else(everything, |spec| wanted(scene, spec)),
        };
        let mut held = Self::default();
        for (name, claim) in claims {
            held.add(name, paths(name, claim));
        }
        held
    }

    /// Adds a task whose attempt may live although its claim is gone: it holds what it asks for.
    pub(super) fn add_unclaimed(
        &mut self,
        scene: Scene<'_>,
        (name, want): (&'a TaskName, &Wanted<'_>),
        claims: &BTreeMap<TaskName, ClaimSighting>,
    ) {
        let task = scene.observed.tasks.known().and_then(|tasks| tasks.get(name));
        let live =
            task.and_then(|task| task.attempts.last()).is_some_and(|one| one.state.may_live());
        if !live || claims.contains_key(name) {
            return;
        }
        let paths = match want {
            Wanted::Run(spec) | Wanted::Suspended(spec) => wanted(scene, spec),
            Wanted::Gone | Wanted::Unclear(_) | Wanted::Invalid => {
                vec![PathPattern::parse("**").expect("`**` is a pattern")]
            }
        };
        self.add(name, paths);
    }

    /// Adds a holder.
    pub(super) fn add(&mut self, name: &'a TaskName, paths: Vec<PathPattern>) {
        for pattern in &paths {
            self.index.insert(self.by.len(), pattern);
        }
        self.by.push((name, paths));
    }

    /// Returns who else holds one of these paths: the task, its pattern and a path in both.
    pub(super) fn conflict(
        &self,
        name: &TaskName,
        paths: &[PathPattern],
    ) -> Option<(&'a TaskName, String, String)> {
        let near = self.index.near(paths).into_iter().filter_map(|at| self.by.get(at));
        near.filter(|(holder, _)| *holder != name).find_map(|(holder, held)| {
            let (_, pattern, path) = first_overlap(paths, held)?;
            Some((*holder, pattern.to_string(), path))
        })
    }
}

/// Returns the paths a task would hold: its own, and every shared pattern they touch.
pub(super) fn wanted(scene: Scene<'_>, spec: &TaskSpec) -> Vec<PathPattern> {
    let mut paths = spec.files.clone();
    for shared in &scene.policy.shared_files {
        let touched = spec.files.iter().any(|file| file.overlap(shared).is_some());
        if touched && !paths.contains(shared) {
            paths.push(shared.clone());
        }
    }
    paths
}

/// Returns the claim of a task for a seat, after the one that is there.
pub(super) fn take(
    scene: Scene<'_>,
    (record, seat): (&TaskRecord, &Seat),
    paths: Vec<PathPattern>,
    before: Option<&Claim>,
) -> Claim {
    let now = scene.observed.now;
    Claim {
        task: record.task.clone(),
        uid: record.uid.clone(),
        seat: seat.clone(),
        worker_type: WorkerType::AiAgent,
        claimed_at: now,
        locked_files: paths,
        branch_name: record.branch.clone(),
        expires_at: expiry(scene, now),
        renewed_at: now,
        generation: before.map_or(0, |claim| claim.generation).saturating_add(1),
    }
}

/// Returns the renewal of a claim, when a third of its time is over; else when that will be.
pub(super) fn renew(scene: Scene<'_>, claim: &Claim) -> Result<Action, Timestamp> {
    let now = scene.observed.now;
    let third = SignedDuration::from_secs(i64::from(scene.policy.locks.expiry_seconds) / 3);
    let due = claim.renewed_at.saturating_add(third).unwrap_or(now);
    if now < due && claim.renewed_at <= now {
        return Err(due);
    }
    let claim = Claim { renewed_at: now, expires_at: expiry(scene, now), ..claim.clone() };
    Ok(Action::Renew { claim })
}

fn expiry(scene: Scene<'_>, now: Timestamp) -> Timestamp {
    let length = SignedDuration::from_secs(scene.policy.locks.expiry_seconds.into());
    now.saturating_add(length).unwrap_or(now)
}
