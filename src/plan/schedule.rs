//! The queue: which of the tasks that could start do so now, and on which seat. Dependencies first,
//! then priority, then age; a task that waits for files keeps later ones from taking them.

use super::admission::{Facts, Wanted};
use super::claim::{self, Held};
use super::order;
use super::revive::Next;
use super::seats::Seats;
use super::{Row, Scene, hold, issue, spawn};
use crate::api::attempt::TaskRecord;
use crate::api::name::{Seat, TaskName, Uid};
use crate::api::path::PathPattern;
use crate::api::task::{Class, TaskSpec, TaskState};
use crate::plan::action::Action;
use crate::plan::observed::{AttemptSighting, AttemptState, ClaimSighting, TaskSighting};
use crate::plan::report::Reason;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Serves the queue.
pub(super) fn decide<'a>(
    scene: Scene<'a>,
    rows: &mut [Row<'a>],
    claims: &'a BTreeMap<TaskName, ClaimSighting>,
) {
    let specs = rows.iter().filter_map(|row| match row.facts.wanted {
        Wanted::Run(spec) => Some((row.facts.name, spec)),
        Wanted::Suspended(_) | Wanted::Gone | Wanted::Unclear(_) | Wanted::Invalid => None,
    });
    let waits = Waits { scene, cycles: order::cycles(specs), states: states(rows) };
    let mut queue = Queue {
        scene,
        held: Held::by(scene, rows, claims),
        seats: Seats::new(scene, taken(rows)),
        wrong_ref: super::wrong_ref(scene),
        full: BTreeMap::new(),
        no_room: hold::no_room(scene),
    };
    for row in rows.iter_mut() {
        queue.claim_again(row);
    }
    for at in in_order(rows) {
        let Some(row) = rows.get_mut(at) else { continue };
        let Next::Start { spec, record, .. } = &row.settled.next else { continue };
        let outcome = match queue.blocked(&row.facts, (spec, record), &waits) {
            Some(blocked) => Err(blocked),
            None => queue.serve(&row.facts, spec, &record.uid),
        };
        match outcome {
            Ok(start) => {
                row.settled.report.seat = Some(start.0.clone());
                row.start = Some(start);
            }
            Err((reason, message)) => {
                wait(row, reason, message);
                if let (Reason::MachineBusy, Some((_, again))) = (reason, &queue.no_room) {
                    let report = &mut row.settled.report;
                    report.wake_at = [report.wake_at, Some(*again)].into_iter().flatten().min();
                }
            }
        }
    }
}

/// Lets a task wait.
fn wait(row: &mut Row<'_>, reason: Reason, message: String) {
    // Who waits for a seat or room keeps its files, because these come by themselves; who waits for anything else
    // lets go of them, or two could wait for each other for ever.
    let keeps = matches!(reason, Reason::WorkersBusy | Reason::LimitReached | Reason::MachineBusy);
    let holds = keeps && row.facts.claim.is_some();
    let report = &mut row.settled.report;
    report.state = if holds { TaskState::Claimed } else { TaskState::Pending };
    (report.reason, report.message) = (reason, message);
    report.wake_at = report.wake_at.or(row.facts.failing.as_ref().map(|one| one.until));
    if !keeps {
        row.settled.next = Next::Rest;
    }
}

/// What tasks wait for that is not a worker or a file.
struct Waits<'a> {
    scene: Scene<'a>,
    cycles: BTreeMap<&'a TaskName, String>,
    states: BTreeMap<&'a TaskName, (TaskState, Reason)>,
}

/// Returns where the tasks are that others depend on.
fn states<'a>(rows: &[Row<'a>]) -> BTreeMap<&'a TaskName, (TaskState, Reason)> {
    let on = rows.iter().filter_map(|row| match &row.settled.next {
        Next::Start { spec, .. } => Some(&spec.dependencies),
        Next::Wait | Next::Person(_) | Next::Land | Next::Done(_) | Next::Rest | Next::Leave => {
            None
        }
    });
    let on: BTreeSet<&TaskName> = on.flatten().collect();
    let asked = |row: &&Row<'a>| !on.is_empty() && on.contains(row.facts.name);
    let state =
        |row: &Row<'a>| (row.facts.name, (row.settled.report.state, row.settled.report.reason));
    rows.iter().filter(asked).map(state).collect()
}

/// Returns the tasks that could start, by priority and age.
fn in_order(rows: &[Row<'_>]) -> Vec<usize> {
    let key = |(at, row): (usize, &Row<'_>)| match &row.settled.next {
        Next::Start { spec, record, .. } => Some((spec.priority, record.created_at, at)),
        Next::Wait | Next::Person(_) | Next::Land | Next::Done(_) | Next::Rest | Next::Leave => {
            None
        }
    };
    let mut keys: Vec<_> = rows.iter().enumerate().filter_map(key).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, _, at)| at).collect()
}

struct Queue<'a> {
    scene: Scene<'a>,
    held: Held<'a>,
    seats: Seats<'a>,
    wrong_ref: Option<String>,
    /// Which limit keeps a class from starting, once it is reached: nothing ends within a plan.
    full: BTreeMap<Class, String>,
    /// Why nothing may start on this machine, and when to look again.
    no_room: Option<(String, Timestamp)>,
}

impl<'a> Queue<'a> {
    /// Returns what a task waits for, whatever workers and files are free.
    fn blocked(
        &self,
        facts: &Facts<'_>,
        (spec, record): (&TaskSpec, &TaskRecord),
        waits: &Waits<'_>,
    ) -> Option<(Reason, String)> {
        if let Some(why) = &self.wrong_ref {
            return Some((Reason::OnHold, why.clone()));
        }
        let cycle = || Some((Reason::DependencyCycle, waits.cycles.get(facts.name)?.clone()));
        // Until it is tried again, it takes nobody's seat.
        let failed = || Some((Reason::EffectFailed, facts.failing.as_ref()?.message()));
        issue::keeps_back(self.scene, facts.name, spec)
            .or_else(cycle)
            .or_else(|| order::unmet(spec, |one| waits.states.get(one).copied()))
            .or_else(|| spawn::place_taken(waits.scene, facts.found, (spec, record)))
            .or_else(failed)
    }

    /// Claims the files of an attempt that runs, or of work that is to land, and whose claim is gone,
    /// unless somebody holds them.
    fn claim_again(&mut self, row: &mut Row<'a>) {
        let Row { facts, settled, .. } = row;
        let (Wanted::Run(spec), None) = (&facts.wanted, facts.claim) else { return };
        let Some(TaskSighting { record: Ok(record), attempts, .. }) = facts.task else { return };
        let Some(AttemptSighting { attempt: Ok(attempt), state, .. }) = attempts.last() else {
            return;
        };
        let runs = matches!(state, AttemptState::Running { .. }) && settled.actions.is_empty();
        let lands = matches!(settled.next, Next::Land);
        if !runs && !lands {
            return;
        }
        let paths = claim::wanted(self.scene, spec);
        match self.held.conflict(facts.name, &paths) {
            None => {
                self.held.serve(facts.name, paths.clone());
                let paths = paths.into_iter().cloned().collect();
                let claim = claim::take(self.scene, (record, &attempt.seat), paths, None);
                settled.actions.push(Action::Claim(claim));
            }
            Some((holder, pattern, path)) if lands => {
                settled.report.reason = Reason::FilesHeld;
                settled.report.message =
                    format!("{holder} holds {pattern} (both can change {path})");
            }
            Some(_) => {}
        }
    }

    /// Returns which limit of the policy keeps a class from starting, if one does.
    fn limit_reached(&mut self, class: Class) -> Option<String> {
        if let Some(message) = self.full.get(&class) {
            return Some(message.clone());
        }
        let limits = &self.scene.policy.limits;
        let (all, own) = (self.seats.running(None), self.seats.running(Some(class)));
        let message = match limits.of(class) {
            _ if all >= limits.max_concurrent_tasks => {
                format!("{all} attempts run, as many as maxConcurrentTasks allows")
            }
            Some((name, most)) if own >= most => {
                format!("{own} {class} attempts run, as many as {name} allows")
            }
            Some(_) | None => return None,
        };
        Some(self.full.entry(class).or_insert(message).clone())
    }

    /// Gives a task a seat and its files, or says what it waits for.
    fn serve(
        &mut self,
        facts: &Facts<'a>,
        spec: &'a TaskSpec,
        uid: &Uid,
    ) -> Result<(Seat, Vec<&'a PathPattern>), (Reason, String)> {
        let mine = match facts.claim {
            Some(Err(damage)) => {
                let message = format!("its lock is damaged, so it is held: {damage}");
                return Err((Reason::Damaged, message));
            }
            Some(Ok(claim)) if claim.uid == *uid => Some(claim),
            Some(Ok(_)) | None => None,
        };
        if let Some((why, _)) = &self.no_room {
            return Err((Reason::MachineBusy, why.clone()));
        }
        if let Some(message) = self.limit_reached(spec.class) {
            return Err((Reason::LimitReached, message));
        }
        let paths = claim::wanted(self.scene, spec);
        if let Some((holder, pattern, path)) = self.held.conflict(facts.name, &paths) {
            let message = format!("{holder} holds {pattern} (both can change {path})");
            // Later tasks must not take these files before it, or it would wait for ever.
            self.held.serve(facts.name, paths);
            return Err((Reason::FilesHeld, message));
        }
        let seat = self.seats.take(self.scene, spec, mine.map(|claim| &claim.seat))?;
        self.held.serve(facts.name, paths.clone());
        Ok((seat, paths))
    }
}

/// Returns the seats and classes of the attempts that live or may.
fn taken(rows: &[Row<'_>]) -> impl Iterator<Item = (Seat, Class)> {
    rows.iter().filter_map(|row| {
        let last = row.facts.task?.attempts.last()?;
        // What closes its last attempt may be held back, if that failed.
        let stays = matches!(row.settled.next, Next::Wait) || row.facts.failing.is_some();
        // One that is starting has its seat as much as one that runs.
        let lives = !matches!(last.state, AttemptState::Ended(_));
        let attempt = last.attempt.as_ref().ok().filter(|_| stays && lives)?;
        // A verification takes no seat.
        attempt.verifies.is_none().then(|| (attempt.seat.clone(), attempt.class))
    })
}
