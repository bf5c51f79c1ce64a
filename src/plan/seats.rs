//! The seats of program workers: which of them fit a task, and which is the least busy. A seat that
//! is taken stays so for the rest of a plan.

use super::{Scene, hold};
use crate::agents;
use crate::api::name::{AgentName, Seat, Skill, WorkerName};
use crate::api::task::{Class, TaskSpec};
use crate::api::worker::{WorkerSpec, WorkerType};
use crate::plan::report::Reason;
use std::collections::{BTreeMap, BTreeSet};

/// The seats, and how many attempts each one runs.
pub(super) struct Seats<'a> {
    workers: Vec<(&'a WorkerName, &'a WorkerSpec)>,
    loads: BTreeMap<Seat, u32>,
    /// The seats that can take one more, the least busy first: load, worker and replica.
    free: BTreeSet<(u32, usize, u32)>,
    /// How many attempts run, on seats that are no more as well.
    pub(super) running: u32,
    groups: BTreeMap<Group<'a>, Fitting>,
}

/// What tells tasks apart for workers: tasks of one group fit the same ones.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    class: Class,
    assigned_to: Option<&'a WorkerName>,
    skills: &'a [Skill],
    has: [bool; 3],
}

/// The workers that fit a group.
struct Fitting {
    /// Whether each one does, in the order of the workers.
    fits: Vec<bool>,
    /// Why a task of the group waits, if no seat is free.
    refusal: (Reason, String),
    /// Whether no seat was free when one was asked for: none comes free within a plan.
    is_full: bool,
}

impl<'a> Seats<'a> {
    /// Returns the seats of a scene of which these are taken.
    pub(super) fn new(scene: Scene<'a>, taken: impl Iterator<Item = Seat>) -> Self {
        let workers = scene.desired.workers.iter();
        let workers: Vec<_> = workers
            .filter_map(|(name, entry)| Some((name, entry.spec.as_ref()?)))
            .filter(|(_, spec)| spec.kind == WorkerType::AiAgent && !spec.suspend)
            .collect();
        let (mut loads, mut running) = (BTreeMap::new(), 0_u32);
        for seat in taken {
            running = running.saturating_add(1);
            *loads.entry(seat).or_default() += 1;
        }
        let mut free = BTreeSet::new();
        for (at, (name, spec)) in workers.iter().enumerate() {
            let load = |replica| {
                let seat = Seat { worker: (*name).clone(), replica };
                loads.get(&seat).copied().unwrap_or(0)
            };
            let seats = (1..=spec.replicas).map(|replica| (load(replica), at, replica));
            free.extend(seats.filter(|(load, _, _)| *load < spec.max_concurrent_tasks));
        }
        Self { workers, loads, free, running, groups: BTreeMap::new() }
    }

    /// Takes the least busy seat that fits, the preferred one if it is free.
    ///
    /// # Errors
    /// Why the task waits.
    pub(super) fn take(
        &mut self,
        scene: Scene<'a>,
        spec: &'a TaskSpec,
        preferred: Option<&Seat>,
    ) -> Result<Seat, (Reason, String)> {
        let group = Group {
            class: spec.class,
            assigned_to: spec.assigned_to.as_ref(),
            skills: &spec.required_skills,
            has: [spec.command.is_some(), spec.prompt.is_some(), !spec.argv.is_empty()],
        };
        let workers = &self.workers;
        let fitting = self.groups.entry(group).or_insert_with(|| fitting(scene, spec, workers));
        let fits = |at: usize| fitting.fits.get(at).copied().unwrap_or(false);
        let wished = preferred.and_then(|seat| {
            let at = workers.binary_search_by(|(name, _)| (*name).cmp(&seat.worker)).ok()?;
            let load = self.loads.get(seat).copied().unwrap_or(0);
            let place = (load, at, seat.replica);
            (fits(at) && self.free.contains(&place)).then_some(place)
        });
        let least = || self.free.iter().copied().find(|(_, at, _)| fits(*at));
        let found = wished.or_else(|| if fitting.is_full { None } else { least() });
        let Some(place) = found else {
            fitting.is_full = true;
            return Err(fitting.refusal.clone());
        };
        Ok(self.occupy(place))
    }

    fn occupy(&mut self, place: (u32, usize, u32)) -> Seat {
        let (load, at, replica) = place;
        let (name, spec) = self.workers.get(at).expect("a free seat is one of a worker");
        let seat = Seat { worker: (*name).clone(), replica };
        self.free.remove(&place);
        if load + 1 < spec.max_concurrent_tasks {
            self.free.insert((load + 1, at, replica));
        }
        self.running = self.running.saturating_add(1);
        *self.loads.entry(seat.clone()).or_default() += 1;
        seat
    }
}

/// Finds the workers that fit the group of a task.
fn fitting(scene: Scene<'_>, spec: &TaskSpec, workers: &[(&WorkerName, &WorkerSpec)]) -> Fitting {
    let (mut refused, mut busy) = (None, None);
    let mut fits = Vec::with_capacity(workers.len());
    for (name, worker) in workers {
        let fit = fit(scene, spec, (name, worker));
        fits.push(matches!(fit, Fit::Yes));
        match fit {
            Fit::Yes => busy = Some((Reason::WorkersBusy, *name)),
            Fit::Refused(reason, message) => refused = refused.or(Some((reason, message))),
            Fit::No => {}
        }
    }
    let busy = busy.map(|(reason, name)| (reason, format!("every seat of {name} is taken")));
    let refusal = busy.or(refused).unwrap_or_else(|| (Reason::NoWorker, nobody(spec)));
    Fitting { fits, refusal, is_full: false }
}

enum Fit {
    Yes,
    No,
    Refused(Reason, String),
}

/// Returns whether a worker could take a task.
fn fit(scene: Scene<'_>, spec: &TaskSpec, (name, worker): (&WorkerName, &WorkerSpec)) -> Fit {
    let assigned = spec.assigned_to.as_ref().is_none_or(|one| one == name);
    let skilled = spec.required_skills.iter().all(|skill| worker.skills.contains(skill));
    if worker.class != spec.class || !assigned || !skilled || worker.replicas == 0 {
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
    if !scene.index.is_trusted(agent_name) {
        return Fit::Refused(Reason::NotTrusted, not_trusted(agent_name));
    }
    if let Some(held) = hold::of_worker(scene, name) {
        return Fit::Refused(Reason::WorkersHeld, held.message);
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
