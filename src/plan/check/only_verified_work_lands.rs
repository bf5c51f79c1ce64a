//! No plan moves the target branch but along a chain of recorded candidates from its seen tip on: each of
//! work that is done, in its order, verified, and held back by nobody. Nothing is built of other work,
//! verified where a verification may live, or refused for what stands before it.

use super::Case;
use crate::api::attempt::{Attempt, AttemptId, ExitReason};
use crate::api::claim::Claim;
use crate::api::hold::Target;
use crate::api::landing::{Landing, Obstacle};
use crate::api::name::{BranchName, CommitId, TaskName};
use crate::api::policy::Method;
use crate::api::task::{Class, TaskSpec};
use crate::plan::action::Action;
use crate::plan::desired::run_hash;
use crate::plan::observed::{AttemptSighting, AttemptState, Sighting};
use jiff::Timestamp;
use std::path::Path;

pub(super) fn broken(case: Case<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for (at, action) in case.plan.actions.iter().enumerate() {
        let why = if let Action::Land { target, commit, landed, .. } = action {
            lands(case, target, (commit, landed)).err()
        } else if let Action::BuildCandidates { target, works, .. } = action {
            let is_done = works
                .iter()
                .all(|one| done(case, &one.attempt).is_some_and(|work| work.tip == Some(&one.tip)));
            (!is_done || !is_tip(case, target)).then_some("it is not done, or not so any more")
        } else if let Action::Refuse { attempt, why: Obstacle::Verify { .. } } = action {
            refuses(case, attempt).err()
        } else if let Action::CheckOut { place, .. } = action {
            let earlier = case.plan.actions.get(..at).unwrap_or_default();
            (is_used(case, place) || earlier.iter().any(|one| checks_out(one, place)))
                .then_some("a verification may live there")
        } else {
            None
        };
        found.extend(why.map(|why| format!("`{action}`, but {why}")));
    }
    found
}

/// Work that is done.
struct Done<'a> {
    spec: &'a TaskSpec,
    ended_at: Timestamp,
    attempts: &'a [AttemptSighting],
    /// The tip of its branch.
    tip: Option<&'a CommitId>,
    landing: Option<&'a Landing>,
}

/// Returns the work of an attempt, if it is the last that counts of a task that is wanted, and it
/// succeeded and was not refused.
fn done<'a>(case: Case<'a>, id: &AttemptId) -> Option<Done<'a>> {
    let spec = case.desired.tasks.get(&id.owner.task)?.spec.as_ref()?;
    let task = case.observed.tasks.known()?.get(&id.owner.task)?;
    let record = task.record.as_ref().ok().filter(|record| record.uid == id.owner.uid)?;
    let retrial = task.retrial.as_ref().and_then(|one| one.as_ref().ok());
    let after = retrial.filter(|one| one.uid == record.uid).map_or(0, |one| one.after);
    let hash = run_hash(spec);
    let counts = |one: &&AttemptSighting| {
        let works = |it: &Attempt| it.verifies.is_none() && it.run_hash == hash;
        one.number > after && one.attempt.as_ref().is_ok_and(works)
    };
    let last = task.attempts.iter().rfind(counts).filter(|one| one.number == id.number)?;
    let AttemptState::Ended(exit) = &last.state else { return None };
    let landing = task.landing.as_ref().and_then(|one| one.as_ref().ok());
    let landing = landing.filter(|one| one.uid == record.uid);
    let is_refused = landing.is_some_and(|one| one.refused.contains_key(&id.number));
    if exit.reason != ExitReason::Succeeded
        || is_refused
        || spec.suspend
        || spec.class != Class::Execution
    {
        return None;
    }
    let branches = case.observed.branches.known();
    Some(Done {
        spec,
        ended_at: exit.ended_at,
        attempts: &task.attempts,
        tip: record.branch.as_ref().and_then(|branch| branches?.get(branch)),
        landing: landing.filter(|one| one.attempt == id.number),
    })
}

/// Returns whether this is the branch that work lands on, and its tip.
fn is_tip(case: Case<'_>, (branch, tip): &(BranchName, CommitId)) -> bool {
    let merge = &case.desired.policy().merge;
    let is_it = match &merge.target {
        Some(target) => target == branch,
        None => case.desired.state_ref == branch.to_ref(),
    };
    let seen = case.observed.branches.known().and_then(|all| all.get(branch));
    merge.method != Method::None && is_it && seen == Some(tip)
}

fn lands(
    case: Case<'_>,
    target: &(BranchName, CommitId),
    (commit, landed): (&CommitId, &[(AttemptId, u64)]),
) -> Result<(), &'static str> {
    if !is_tip(case, target) {
        return Err("the target is not there");
    }
    let (mut at, mut before) = (&target.1, None);
    let mut unverified: Vec<Option<&str>> = Vec::new();
    for (id, generation) in landed {
        let name = &id.owner.task;
        let work = done(case, id).ok_or("not all of it is done")?;
        let landing = work.landing.ok_or("not all of it was put onto the target")?;
        if landing.target != target.0 || landing.onto != *at || Some(&landing.tip) != work.tip {
            return Err("not all of it is put onto the tip, one onto the other");
        }
        at = landing.candidate().ok_or("not all of it has a candidate")?;
        let order = Some((work.spec.priority, work.ended_at, name));
        if before >= order {
            return Err("it is not in order");
        }
        before = order;
        if !is_claimed(case, id, *generation) {
            return Err("not all of it is under its claim");
        }
        if is_held(case, name) {
            return Err("a person holds it back, or nobody knows");
        }
        unverified
            .extend([case.desired.policy().merge.verify.as_deref(), work.spec.verify.as_deref()]);
        unverified.retain(|command| {
            command.is_some_and(|command| !work.attempts.iter().any(|one| proves(one, at, command)))
        });
    }
    if at != commit {
        return Err("it is not the last candidate");
    }
    if unverified.is_empty() { Ok(()) } else { Err("not all of it is verified") }
}

/// Returns whether an attempt ran this command on a candidate, and well.
fn proves(one: &AttemptSighting, candidate: &CommitId, command: &str) -> bool {
    let ended_well =
        matches!(&one.state, AttemptState::Ended(exit) if exit.reason == ExitReason::Succeeded);
    let ran = |it: &Attempt| {
        let argv = &it.program.argv;
        it.verifies.as_ref() == Some(candidate) && argv.iter().any(|word| word.contains(command))
    };
    ended_well && one.attempt.as_ref().is_ok_and(ran)
}

fn is_claimed(case: Case<'_>, id: &AttemptId, generation: u64) -> bool {
    let claim = case.observed.claims.known().and_then(|all| all.get(&id.owner.task));
    let is_its = |claim: &Claim| claim.uid == id.owner.uid && claim.generation == generation;
    claim.is_some_and(|claim| claim.as_ref().is_ok_and(is_its))
}

fn is_held(case: Case<'_>, task: &TaskName) -> bool {
    let Sighting::Known(holds) = &case.observed.holds else { return true };
    let targets = [Target::All, Target::Task(task.clone()), Target::Merges];
    let now = case.observed.now;
    targets
        .iter()
        .filter_map(|target| holds.on(target))
        .any(|hold| hold.as_ref().map_or(true, |hold| hold.until.is_none_or(|until| now < until)))
}

/// A verification refutes only what it tried alone.
fn refuses(case: Case<'_>, id: &AttemptId) -> Result<(), &'static str> {
    let landing = done(case, id).and_then(|work| work.landing).ok_or("it is not done")?;
    if is_tip(case, &(landing.target.clone(), landing.onto.clone())) {
        Ok(())
    } else {
        Err("what stands before it may be guilty")
    }
}

fn checks_out(action: &Action, place: &Path) -> bool {
    matches!(action, Action::CheckOut { place: other, .. } if other == place)
}

/// Returns whether a verification may live in a place, or begin there.
fn is_used(case: Case<'_>, place: &Path) -> bool {
    let mut tasks = case.observed.tasks.known().into_iter().flat_map(|tasks| tasks.values());
    tasks.any(|task| {
        task.attempts.iter().any(|one| {
            let is_there = one.attempt.as_ref().is_ok_and(|attempt| attempt.directory == place);
            is_there && !matches!(one.state, AttemptState::Ended(_))
        })
    })
}
