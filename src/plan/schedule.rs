//! The queue: which of the tasks that could start do so now, and on which seat. Dependencies first,
//! then priority, then age; a task that waits for files keeps later ones from taking them.

use super::admission::Wanted;
use super::claim::{self, Held};
use super::order;
use super::revive::{Next, Settled};
use super::{Failing, Scene, spawn};
use crate::agents;
use crate::api::attempt::TaskRecord;
use crate::api::name::{AgentName, Seat, TaskName, WorkerName};
use crate::api::path::PathPattern;
use crate::api::task::{TaskSpec, TaskState};
use crate::api::worker::{WorkerSpec, WorkerType};
use crate::plan::observed::{AttemptSighting, AttemptState, ClaimSighting};
use crate::plan::report::{Reason, TaskReport};
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
    let mut queue = Queue { scene, held, seats: Seats::seen(scene, &placed) };
    for name in in_order(&placed) {
        let Some(one) = placed.get_mut(name) else { continue };
        let Next::Start { spec, record, .. } = &one.settled.next else { continue };
        // Until it is tried again, it takes nobody's seat.
        let failing = Failing::of(scene, name);
        let blocked = super::wrong_ref(scene)
            .map(|why| (Reason::OnHold, why))
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
                let wake_at = report.wake_at.or(failing.map(|one| one.until));
                *report = TaskReport { state, reason, message, wake_at, ..report.clone() };
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
        spec: &TaskSpec,
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

/// The seats of program workers, and how many attempts each one runs.
struct Seats<'a> {
    workers: Vec<Worker<'a>>,
    taken: BTreeMap<Seat, u32>,
    running: u32,
}

impl<'a> Seats<'a> {
    fn seen(scene: Scene<'a>, placed: &BTreeMap<&TaskName, Placed<'_>>) -> Self {
        let workers = scene
            .desired
            .workers
            .iter()
            .filter_map(|(name, entry)| Some((name, entry.spec.as_ref()?)))
            .filter(|(_, spec)| spec.kind == WorkerType::AiAgent)
            .map(|(name, spec)| Worker::seen(scene, name, spec))
            .collect();
        let mut seats = Self { workers, taken: BTreeMap::new(), running: 0 };
        let tasks = scene.observed.tasks.known();
        for (name, one) in placed {
            // What closes its last attempt may be held back, if that failed.
            let stays =
                matches!(one.settled.next, Next::Wait) || Failing::of(scene, name).is_some();
            if !stays {
                continue;
            }
            let last = tasks.and_then(|tasks| tasks.get(*name)?.attempts.last());
            // One that is starting has its seat as much as one that runs.
            if let Some(AttemptSighting { attempt: Ok(attempt), state, .. }) = last
                && !matches!(state, AttemptState::Ended(_))
            {
                seats.occupy(attempt.seat.clone());
            }
        }
        seats
    }

    fn occupy(&mut self, seat: Seat) {
        self.running = self.running.saturating_add(1);
        *self.taken.entry(seat).or_default() += 1;
    }

    fn load(&self, seat: &Seat) -> u32 {
        self.taken.get(seat).copied().unwrap_or(0)
    }

    /// Takes the least busy seat that fits, the preferred one if it is free.
    fn take(
        &mut self,
        scene: Scene<'_>,
        spec: &TaskSpec,
        preferred: Option<&Seat>,
    ) -> Result<Seat, (Reason, String)> {
        let mut refusal = None;
        let mut best: Option<(bool, u32, Seat)> = None;
        for worker in &self.workers {
            match fit(scene, spec, worker) {
                Fit::No => continue,
                Fit::Refused(reason, message) => {
                    refusal = refusal.or(Some((reason, message)));
                    continue;
                }
                Fit::Yes => {}
            }
            refusal =
                Some((Reason::WorkersBusy, format!("every seat of {} is taken", worker.name)));
            let seats = (1..=worker.spec.replicas)
                .map(|replica| Seat { worker: worker.name.clone(), replica })
                .map(|seat| (Some(&seat) != preferred, self.load(&seat), seat))
                .filter(|(_, load, _)| *load < worker.spec.max_concurrent_tasks);
            best = best.into_iter().chain(seats).min();
        }
        let Some((_, _, seat)) = best else {
            return Err(refusal.unwrap_or_else(|| (Reason::NoWorker, nobody(spec))));
        };
        self.occupy(seat.clone());
        Ok(seat)
    }
}

/// A program worker, and whether the user approved what it runs.
struct Worker<'a> {
    name: &'a WorkerName,
    spec: &'a WorkerSpec,
    trust: Trust,
}

/// Whether the user approved an agent: a digest each, so it is found once for a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    Given,
    Missing,
}

impl<'a> Worker<'a> {
    fn seen(scene: Scene<'a>, name: &'a WorkerName, spec: &'a WorkerSpec) -> Self {
        let trusted = spec.agent.as_ref().is_some_and(|agent| spawn::is_trusted(scene, agent));
        Self { name, spec, trust: if trusted { Trust::Given } else { Trust::Missing } }
    }
}

enum Fit {
    Yes,
    No,
    Refused(Reason, String),
}

/// Returns whether a worker could take a task.
fn fit(scene: Scene<'_>, spec: &TaskSpec, worker: &Worker<'_>) -> Fit {
    let Worker { name, spec: worker, trust } = worker;
    let assigned = spec.assigned_to.as_ref().is_none_or(|one| one == *name);
    let skilled = spec.required_skills.iter().all(|skill| worker.skills.contains(skill));
    if worker.class != spec.class || !assigned || !skilled || worker.suspend || worker.replicas == 0
    {
        return Fit::No;
    }
    let Some(agent_name) = &worker.agent else { return Fit::No };
    let Some(agent) = scene.desired.agent(agent_name) else {
        let message =
            format!("worker {name} runs agent {agent_name}, which is not in state/agents");
        return Fit::Refused(Reason::NoWorker, message);
    };
    if let Some(field) = agents::lacks(agent, spec) {
        let message = format!("agent {agent_name} of worker {name} needs spec.{field}");
        return Fit::Refused(Reason::NoWorker, message);
    }
    if *trust == Trust::Missing {
        return Fit::Refused(Reason::NotTrusted, not_trusted(agent_name));
    }
    Fit::Yes
}

fn not_trusted(agent: &AgentName) -> String {
    format!("agent {agent} is not approved on this machine: `reconciler trust`")
}

fn nobody(spec: &TaskSpec) -> String {
    let mut wanted = vec![format!("class {}", spec.class)];
    wanted.extend(spec.required_skills.iter().map(|skill| format!("skill {skill}")));
    wanted.extend(spec.assigned_to.iter().map(|worker| format!("called {worker}")));
    format!("no worker fits: {}", wanted.join(", "))
}
