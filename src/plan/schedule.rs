//! The queue: which of the tasks that could start do so now, and on which seat. Dependencies first,
//! then priority, then age; a task that waits for files keeps later ones from taking them.

use super::admission::Wanted;
use super::claim::{self, Held};
use super::order;
use super::revive::{Next, Settled};
use super::seats::Seats;
use super::{Failing, Scene, spawn};
use crate::api::attempt::TaskRecord;
use crate::api::name::{Seat, TaskName};
use crate::api::path::PathPattern;
use crate::api::task::{TaskSpec, TaskState};
use crate::plan::observed::{AttemptState, ClaimSighting};
use crate::plan::report::Reason;
use std::collections::BTreeMap;

/// A task and what comes next for it, after the queue was served.
pub(super) struct Placed<'a> {
    /// What was settled before.
    pub(super) settled: Settled<'a>,
    /// The seat and the paths it starts with now.
    pub(super) start: Option<(Seat, Vec<PathPattern>)>,
}

/// Serves the queue.
pub(super) fn decide<'a>(
    scene: Scene<'a>,
    wanted: &BTreeMap<&'a TaskName, Wanted<'a>>,
    settled: BTreeMap<&'a TaskName, Settled<'a>>,
    claims: &'a BTreeMap<TaskName, ClaimSighting>,
) -> BTreeMap<&'a TaskName, Placed<'a>> {
    let specs = wanted.iter().filter_map(|(name, want)| match want {
        Wanted::Run(spec) => Some((*name, *spec)),
        Wanted::Suspended(_) | Wanted::Gone | Wanted::Unclear(_) | Wanted::Invalid => None,
    });
    let cycles = order::cycles(specs);
    let states: BTreeMap<&TaskName, (TaskState, Reason)> =
        settled.iter().map(|(name, one)| (*name, (one.report.state, one.report.reason))).collect();
    let mut placed: BTreeMap<&TaskName, Placed<'a>> = settled
        .into_iter()
        .map(|(name, settled)| (name, Placed { settled, start: None }))
        .collect();
    let mut held = Held::by(scene, claims);
    for (name, want) in wanted {
        held.add_unclaimed(scene, (name, want), claims);
    }
    let mut queue = Queue { scene, held, seats: Seats::new(scene, taken(scene, &placed)) };
    let wrong_ref = super::wrong_ref(scene);
    for name in in_order(&placed) {
        let Some(one) = placed.get_mut(name) else { continue };
        let Next::Start { spec, record, .. } = &one.settled.next else { continue };
        // Until it is tried again, it takes nobody's seat.
        let failing = Failing::of(scene, name);
        let blocked = wrong_ref
            .as_ref()
            .map(|why| (Reason::OnHold, why.clone()))
            .or_else(|| cycles.get(name).map(|cycle| (Reason::DependencyCycle, cycle.clone())))
            .or_else(|| order::unmet(spec, |one| states.get(one).copied()))
            .or_else(|| spawn::place_taken(scene, spec, record))
            .or_else(|| Some((Reason::EffectFailed, failing.as_ref()?.message())));
        let claimed = claims.get(name);
        let outcome = match blocked {
            Some(blocked) => Err(blocked),
            None => queue.serve(name, spec, (record, claimed)),
        };
        match outcome {
            Ok(start) => {
                one.settled.report.seat = Some(start.0.clone());
                one.start = Some(start);
            }
            Err((reason, message)) => {
                // Who waits for a seat keeps its files, because a seat comes free; who waits for
                // anything else lets go of them, or two could wait for each other for ever.
                let keeps = matches!(reason, Reason::WorkersBusy | Reason::LimitReached);
                let holds = keeps && claimed.is_some();
                let state = if holds { TaskState::Claimed } else { TaskState::Pending };
                let report = &mut one.settled.report;
                (report.state, report.reason, report.message) = (state, reason, message);
                report.wake_at = report.wake_at.or(failing.map(|one| one.until));
                if !keeps {
                    one.settled.next = Next::Rest;
                }
            }
        }
    }
    placed
}

/// Returns the tasks that could start, by priority and age.
fn in_order<'a>(placed: &BTreeMap<&'a TaskName, Placed<'a>>) -> Vec<&'a TaskName> {
    let key = |name: &'a TaskName, one: &Placed<'a>| match &one.settled.next {
        Next::Start { spec, record, .. } => Some((spec.priority, record.created_at, name)),
        Next::Wait | Next::Done | Next::Rest | Next::Leave => None,
    };
    let mut keys: Vec<_> = placed.iter().filter_map(|(name, one)| key(name, one)).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, _, name)| name).collect()
}

struct Queue<'a> {
    scene: Scene<'a>,
    held: Held<'a>,
    seats: Seats<'a>,
}

impl<'a> Queue<'a> {
    /// Gives a task a seat and its files, or says what it waits for.
    fn serve(
        &mut self,
        name: &'a TaskName,
        spec: &'a TaskSpec,
        (record, claimed): (&TaskRecord, Option<&'a ClaimSighting>),
    ) -> Result<(Seat, Vec<PathPattern>), (Reason, String)> {
        let mine = match claimed {
            Some(Err(damage)) => {
                return Err((
                    Reason::Damaged,
                    format!("its lock is damaged, so it is held: {damage}"),
                ));
            }
            Some(Ok(claim)) if claim.uid == record.uid => Some(claim),
            Some(Ok(_)) | None => None,
        };
        if self.seats.running >= self.scene.policy.limits.max_concurrent_tasks {
            let message =
                format!("{} attempts run, as many as the policy allows", self.seats.running);
            return Err((Reason::LimitReached, message));
        }
        let paths = claim::wanted(self.scene, spec);
        if let Some((holder, pattern, path)) = self.held.conflict(name, &paths) {
            let message = format!("{holder} holds {pattern} (both can change {path})");
            // Later tasks must not take these files before it, or it would wait for ever.
            self.held.add(name, paths);
            return Err((Reason::FilesHeld, message));
        }
        let seat = self.seats.take(self.scene, spec, mine.map(|claim| &claim.seat))?;
        self.held.add(name, paths.clone());
        Ok((seat, paths))
    }
}

/// Returns the seats of the attempts that live or may.
fn taken(scene: Scene<'_>, placed: &BTreeMap<&TaskName, Placed<'_>>) -> impl Iterator<Item = Seat> {
    let tasks = scene.observed.tasks.known();
    placed.iter().filter_map(move |(name, one)| {
        let last = tasks.and_then(|tasks| tasks.get(*name)?.attempts.last())?;
        // What closes its last attempt may be held back, if that failed.
        let stays = matches!(one.settled.next, Next::Wait) || Failing::of(scene, name).is_some();
        // One that is starting has its seat as much as one that runs.
        let lives = !matches!(last.state, AttemptState::Ended(_));
        let attempt = last.attempt.as_ref().ok().filter(|_| stays && lives)?;
        Some(attempt.seat.clone())
    })
}
