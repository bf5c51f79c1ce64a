//! Claims: which paths a task would hold, who holds them, and the records that say so.

use super::admission::Wanted;
use super::{Row, Scene};
use crate::api::attempt::TaskRecord;
use crate::api::claim::{Claim, Heartbeat};
use crate::api::name::{Seat, TaskName, Uid};
use crate::api::path::{PathPattern, PatternIndex};
use crate::api::task::TaskSpec;
use crate::api::worker::WorkerType;
use crate::plan::action::Action;
use crate::plan::observed::ClaimSighting;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// Paths that are held, and by whom, in the order in which they are asked.
#[derive(Default)]
pub(super) struct Held<'a> {
    by: Vec<(&'a TaskName, Vec<&'a PathPattern>)>,
    index: PatternIndex,
    /// What tasks that were served hold or wait for.
    served: BTreeSet<&'a PathPattern>,
}

/// So many heartbeats may be missed after a gap, before a claim that was not renewed in it lapses.
const BEATS_MISSED: i64 = 3;

/// Holds every path.
static EVERYTHING: LazyLock<PathPattern> =
    LazyLock::new(|| PathPattern::parse("**").expect("`**` is a pattern"));

impl<'a> Held<'a> {
    /// Returns what the claims hold, and what attempts do that may live although their claim is gone.
    pub(super) fn by(
        scene: Scene<'a>,
        rows: &[Row<'a>],
        claims: &'a BTreeMap<TaskName, ClaimSighting>,
    ) -> Self {
        let mut held = Self::default();
        for (name, claim) in claims {
            let paths = if let Ok(claim) = claim {
                claim.locked_files.iter().collect()
            } else {
                // It holds what its task asks for, or everything when even that is unknown.
                let entry = scene.desired.tasks.get(name);
                let spec = entry.and_then(|entry| entry.spec.as_ref());
                spec.map_or_else(|| vec![&*EVERYTHING], |spec| wanted(scene, spec))
            };
            held.add(name, paths);
        }
        for Row { facts, .. } in rows {
            let may_live = facts.task.is_some_and(|task| {
                // Whose record is damaged may have an attempt that cannot be seen.
                task.record.is_err() || task.attempts.last().is_some_and(|one| one.state.may_live())
            });
            if facts.claim.is_none() && may_live {
                held.add(facts.name, asked(scene, &facts.wanted));
            }
        }
        held
    }

    /// Adds a task that was served. What one before it asked for as well is held by that one: who
    /// comes later meets it first.
    pub(super) fn serve(&mut self, name: &'a TaskName, mut paths: Vec<&'a PathPattern>) {
        paths.retain(|pattern| self.served.insert(pattern));
        self.add(name, paths);
    }

    fn add(&mut self, name: &'a TaskName, paths: Vec<&'a PathPattern>) {
        for pattern in &paths {
            self.index.insert(self.by.len(), pattern);
        }
        self.by.push((name, paths));
    }

    /// Returns who else holds one of these paths: the task, its pattern and a path in both.
    pub(super) fn conflict(
        &self,
        name: &TaskName,
        paths: &[&PathPattern],
    ) -> Option<(&'a TaskName, &'a PathPattern, String)> {
        let near = self.index.near(paths.iter().copied());
        let mut near = near.filter_map(|at| self.by.get(at));
        near.by_ref().filter(|(holder, _)| *holder != name).find_map(|(holder, held)| {
            let meets = |one: &PathPattern| {
                held.iter().find_map(|pattern| Some((*holder, *pattern, one.overlap(pattern)?)))
            };
            paths.iter().find_map(|one| meets(one))
        })
    }
}

/// Returns the paths of a task by what is wanted of it; everything, when that is not known.
fn asked<'a>(scene: Scene<'a>, want: &Wanted<'a>) -> Vec<&'a PathPattern> {
    match want {
        Wanted::Run(spec) | Wanted::Suspended(spec) => wanted(scene, spec),
        Wanted::Gone | Wanted::Unclear(_) | Wanted::Invalid => vec![&*EVERYTHING],
    }
}

/// Returns the paths a task would hold: its own, and every shared pattern they touch.
pub(super) fn wanted<'a>(scene: Scene<'a>, spec: &'a TaskSpec) -> Vec<&'a PathPattern> {
    let mut paths: Vec<&PathPattern> = spec.files.iter().collect();
    let near = scene.index.shared_near(&spec.files);
    for shared in near.filter_map(|at| scene.policy.shared_files.get(at)) {
        let touched = spec.files.iter().any(|file| file.overlap(shared).is_some());
        if touched && !paths.contains(&shared) {
            paths.push(shared);
        }
    }
    paths
}

/// Returns the claim of a task for a seat, after the one that is there and all before it.
pub(super) fn take(
    scene: Scene<'_>,
    (record, seat): (&TaskRecord, &Seat),
    paths: Vec<PathPattern>,
    before: Option<&Claim>,
) -> Claim {
    let now = scene.observed.now;
    let last = scene.observed.generations.get(&record.task).copied().unwrap_or(0);
    let before = before.map_or(0, |claim| claim.generation);
    Claim {
        task: record.task.clone(),
        uid: record.uid.clone(),
        seat: seat.clone(),
        worker_type: WorkerType::AiAgent,
        claimed_at: now,
        locked_files: paths,
        branch_name: record.branch.clone(),
        expires_at: now.saturating_add(lease(scene)).unwrap_or(now),
        heartbeat: heartbeat(scene),
        generation: last.max(before).saturating_add(1),
        nonce: Uid::derive(scene.observed.nonce, &format!("claim of {}", record.task)),
        node: scene.observed.node.clone(),
        attempt: None,
        process: None,
        reason: None,
        completed_at: None,
    }
}

/// Returns the renewal of a claim, when a third of its time is over; else when that will be. One
/// that lapsed is not renewed: it is taken anew when its task goes on.
pub(super) fn renew(scene: Scene<'_>, claim: &Claim) -> Result<Action, Option<Timestamp>> {
    let left = time_left(scene, claim);
    let wait = left.saturating_sub(claim.lease() * 2 / 3);
    if !left.is_positive() {
        return Err(None);
    }
    if wait.is_positive() {
        return Err(after(scene, wait));
    }
    Ok(Action::Renew { claim: claim.renewed(heartbeat(scene), lease(scene)) })
}

/// Returns for how much longer a claim holds. Who could not renew it, because the machine was
/// suspended or the loop did not look, is given the time to.
pub(super) fn time_left(scene: Scene<'_>, claim: &Claim) -> SignedDuration {
    let observed = scene.observed;
    let awake = observed.boot.boot_millis.saturating_sub(observed.awake_since);
    let awake = SignedDuration::from_millis(awake.try_into().unwrap_or(i64::MAX));
    let beats = i64::from(scene.policy.intervals.heartbeat_seconds) * BEATS_MISSED;
    let grace = SignedDuration::from_secs(beats).saturating_sub(awake);
    claim.time_left(observed.now, &observed.boot).max(grace)
}

/// Returns the wall time after a while.
pub(super) fn after(scene: Scene<'_>, wait: SignedDuration) -> Option<Timestamp> {
    scene.observed.now.saturating_add(wait).ok()
}

fn heartbeat(scene: Scene<'_>) -> Heartbeat {
    Heartbeat { at: scene.observed.now, boot: scene.observed.boot.clone() }
}

/// Returns how long a claim holds unless renewed.
fn lease(scene: Scene<'_>) -> SignedDuration {
    SignedDuration::from_secs(scene.policy.locks.expiry_seconds.into())
}
