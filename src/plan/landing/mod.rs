//! Landing: what becomes of done work. Who is in the merge queue and in which order, and what those are
//! told that are not served; `queue` serves the others. It remembers nothing: the records of candidates
//! and of their verifications say how far each is.

mod propose;
mod queue;
pub(super) mod withdraw;

use super::admission::{Facts, Wanted};
use super::revive::Next;
use super::{Row, Scene, hold, issue, spawn};
use crate::api::attempt::{AttemptId, Exit, ExitReason, TaskRecord};
use crate::api::claim::Claim;
use crate::api::landing::{Landing, Stage};
use crate::api::name::{BranchName, CommitId, TaskName};
use crate::api::policy::{By, Method};
use crate::api::pull::Rollup;
use crate::api::task::{Class, TaskSpec, TaskState};
use crate::plan::action::{Candidate, Withdrawal};
use crate::plan::desired::{Desired, run_hash};
use crate::plan::observed::{AttemptState, TaskSighting};
use crate::plan::report::Reason;
use jiff::{SignedDuration, Timestamp};
use queue::Queue;

/// How soon it is looked again whether a claim is renewed.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Done work that is not landed.
struct Member<'a> {
    /// Its row.
    at: usize,
    spec: &'a TaskSpec,
    record: &'a TaskRecord,
    task: &'a TaskSighting,
    /// The attempt that did it.
    attempt: u32,
    done_at: Timestamp,
    branch: &'a BranchName,
    tip: &'a CommitId,
    landing: Option<&'a Landing>,
}

/// Returns the branch that work lands on; `None` when nothing lands by itself, or state is read from
/// no branch.
#[must_use]
pub fn target(desired: &Desired) -> Option<BranchName> {
    let merge = &desired.policy().merge;
    if merge.method == Method::None {
        return None;
    }
    let of_state = || {
        let name = desired.state_ref.strip_prefix("refs/heads/")?;
        BranchName::try_from(name.to_owned()).ok()
    };
    merge.target.clone().or_else(of_state)
}

/// Returns what is recorded of the landing of an attempt.
fn landing(task: &TaskSighting, attempt: u32) -> Option<&Landing> {
    let record = task.record.as_ref().ok()?;
    let landing = task.landing.as_ref()?.as_ref().ok()?;
    (landing.uid == record.uid && landing.attempt == attempt).then_some(landing)
}

/// Returns how an attempt ended for its task: one whose work could not land has failed.
pub(super) fn end_of(task: &TaskSighting, number: u32, exit: &Exit) -> Option<Exit> {
    let record = task.record.as_ref().ok()?;
    let landing = task.landing.as_ref()?.as_ref().ok().filter(|one| one.uid == record.uid)?;
    let message = landing.refused.get(&number).filter(|_| exit.reason == ExitReason::Succeeded)?;
    let reason = ExitReason::NotLanded { message: message.clone() };
    Some(Exit { reason, ..exit.clone() })
}

/// What becomes of an attempt that succeeded.
pub(super) enum Done<'a> {
    /// It has landed, or there is nothing to land; and what is recorded of that.
    Over(Option<&'a Landing>),
    /// It is to land.
    Lands,
    /// It cannot be told.
    Unclear(&'a str),
}

/// Returns what becomes of the last attempt of a task that counts, which succeeded.
pub(super) fn done<'a>(
    scene: Scene<'a>,
    (spec, record): (&TaskSpec, &TaskRecord),
    (task, attempt): (&'a TaskSighting, u32),
) -> Done<'a> {
    let (Class::Execution, Some(branch), Some(_)) =
        (spec.class, &record.branch, target(scene.desired))
    else {
        return Done::Over(None);
    };
    if let Some(Err(damage)) = &task.landing {
        return Done::Unclear(damage);
    }
    let landing = landing(task, attempt);
    if landing.is_some_and(|one| matches!(one.stage, Stage::Nothing | Stage::Landed { .. })) {
        return Done::Over(landing);
    }
    let Some(branches) = scene.observed.branches.known() else {
        return Done::Unclear("branches cannot be seen");
    };
    if branches.contains_key(branch) { Done::Lands } else { Done::Over(None) }
}

/// Says what became of work that is done.
pub(super) fn told(landing: &Landing) -> Option<String> {
    match &landing.stage {
        Stage::Landed { commit } => {
            let number = landing.pull.as_ref().and_then(|pull| pull.number);
            let by = number.map(|number| format!(" by pull request #{number}")).unwrap_or_default();
            let checks = landing.pull.as_ref().and_then(|pull| pull.seen.as_ref()?.checks.as_ref());
            let though = checks.filter(|checks| checks.rollup == Rollup::Failed);
            let though = though.map(|checks| {
                format!(", though checks that are not required failed{}", checks.failed_ones())
            });
            let (short, though) = (commit.short(), though.unwrap_or_default());
            Some(format!("done; merged into {} as {short}{by}{though}", landing.target))
        }
        Stage::Nothing => Some(format!("done; {} has all of it", landing.target)),
        Stage::Candidate { .. } | Stage::Waiting { .. } | Stage::Refused => None,
    }
}

/// Returns the last attempt that counts, did what is committed now, and ended; it is no verification.
fn work_of<'a>(task: &'a TaskSighting, spec: &TaskSpec) -> Option<(u32, &'a Exit)> {
    let record = task.record.as_ref().ok()?;
    let retrial = task.retrial.as_ref().and_then(|one| one.as_ref().ok());
    let retrial = retrial.filter(|one| one.uid == record.uid);
    let after = retrial.map_or(0, |one| one.after);
    let hash = run_hash(spec);
    task.attempts.iter().rev().filter(|one| one.number > after).find_map(|one| {
        let attempt = one.attempt.as_ref().ok()?;
        let is_it = attempt.verifies.is_none() && attempt.run_hash == hash;
        match &one.state {
            AttemptState::Ended(exit) if is_it => Some((one.number, exit)),
            AttemptState::Ended(_)
            | AttemptState::Prepared
            | AttemptState::Running { .. }
            | AttemptState::Ending { .. }
            | AttemptState::Lost { .. }
            | AttemptState::Unknown(_)
            | AttemptState::Damaged(_) => None,
        }
    })
}

fn landing_of<'a>(task: &'a TaskSighting, spec: &TaskSpec) -> Option<&'a Landing> {
    landing(task, work_of(task, spec)?.0)
}

/// What is on its way to the target.
#[derive(Default)]
pub(super) struct Landings {
    /// The merge queue.
    pub(super) queue: Vec<TaskName>,
    /// What is to land by pull request now.
    pub(super) proposes: Vec<Candidate>,
    /// What GitHub is to merge by itself no more.
    pub(super) withdraws: Vec<Withdrawal>,
}

/// Serves the merge queue, and returns what is on its way.
pub(super) fn decide<'a>(scene: Scene<'a>, rows: &mut [Row<'a>]) -> Landings {
    let (queue, proposes) = serve(scene, rows);
    let withdraws = withdraw::decide(scene, rows, &proposes);
    Landings { queue, proposes, withdraws }
}

fn serve<'a>(scene: Scene<'a>, rows: &mut [Row<'a>]) -> (Vec<TaskName>, Vec<Candidate>) {
    let Some(target) = target(scene.desired) else { return Default::default() };
    let mut members: Vec<Member<'a>> = rows
        .iter()
        .enumerate()
        .filter_map(|(at, row)| member(scene, at, &row.facts, &row.settled.next))
        .collect();
    if members.is_empty() {
        return Default::default();
    }
    members.sort_by(|one, other| {
        let key = |member: &Member<'a>| (member.spec.priority, member.done_at);
        key(one).cmp(&key(other)).then_with(|| one.record.task.cmp(&other.record.task))
    });
    let queued = members.iter().map(|member| member.record.task.clone()).collect();
    let Some(tip) = scene.observed.branches.known().and_then(|all| all.get(&target)) else {
        for member in &members {
            let message = format!("there is no branch {target} to merge into");
            tell(rows, member, Reason::OnHold, message);
        }
        return (queued, Vec::new());
    };
    members.retain(|member| ready(scene, rows, member));
    let merge = &scene.policy.merge;
    let queue = Queue { scene, merge, target: (target, tip.clone()) };
    match merge.by {
        By::Push => {
            queue.serve(rows, &members);
            (queued, Vec::new())
        }
        By::PullRequest => (queued, queue.propose(rows, &members)),
    }
}

/// Returns the work of a task, if it is done and not landed.
fn member<'a>(
    scene: Scene<'a>,
    at: usize,
    facts: &Facts<'a>,
    next: &Next<'_>,
) -> Option<Member<'a>> {
    let Wanted::Run(spec) = facts.wanted else { return None };
    let task = facts.task?;
    let record = task.record.as_ref().ok()?;
    let branch = record.branch.as_ref().filter(|_| spec.class == Class::Execution)?;
    let last = task.attempts.last()?;
    // Its row waits while a verification runs.
    let verifies = last.attempt.as_ref().ok()?.verifies.is_some();
    let waits = verifies && matches!(next, Next::Wait);
    if !waits && !matches!(next, Next::Land) {
        return None;
    }
    let (attempt, exit) = work_of(task, spec)?;
    if exit.reason != ExitReason::Succeeded {
        return None;
    }
    let landing = landing(task, attempt);
    match landing.map(|one| &one.stage) {
        None | Some(Stage::Candidate { .. } | Stage::Waiting { .. }) => {}
        Some(Stage::Nothing | Stage::Refused | Stage::Landed { .. }) => return None,
    }
    let tip = scene.observed.branches.known()?.get(branch)?;
    let done_at = exit.ended_at;
    Some(Member { at, spec, record, task, attempt, done_at, branch, tip, landing })
}

/// Says where a member is, unless an attempt of it says that already.
fn tell(rows: &mut [Row<'_>], member: &Member<'_>, reason: Reason, message: String) {
    let Some(Row { settled, .. }) = rows.get_mut(member.at) else { return };
    if matches!(settled.next, Next::Land) {
        settled.report.state = TaskState::InProgress;
        (settled.report.reason, settled.report.message) = (reason, message);
    }
}

fn wake(rows: &mut [Row<'_>], member: &Member<'_>, at: Timestamp) {
    if let Some(row) = rows.get_mut(member.at) {
        let report = &mut row.settled.report;
        report.wake_at = [report.wake_at, Some(at)].into_iter().flatten().min();
    }
}

/// Returns whether a member is to be served: nobody holds it back, no effect of it failed just now,
/// its verification can begin, and its files are its own.
fn ready(scene: Scene<'_>, rows: &mut [Row<'_>], member: &Member<'_>) -> bool {
    let Some(Row { facts, .. }) = rows.get(member.at) else { return false };
    if let Some(failing) = &facts.failing {
        let (message, until) = (failing.message(), failing.until);
        tell(rows, member, Reason::EffectFailed, message);
        wake(rows, member, until);
        return false;
    }
    match hold::holds_back(scene, facts.name) {
        Ok(None) => {}
        Ok(Some(held)) => {
            tell(rows, member, Reason::Paused, held.message);
            if let Some(until) = held.until {
                wake(rows, member, until);
            }
            return false;
        }
        Err(why) => {
            tell(rows, member, Reason::Unknown, why);
            return false;
        }
    }
    if let Some((reason, why)) = issue::fences(scene, facts.name, member.spec) {
        tell(rows, member, reason, why);
        // Its claim is renewed beside the loop, which nothing tells.
        wake(rows, member, scene.observed.now.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX));
        return false;
    }
    let is_verified = scene.policy.merge.verify.is_some() || member.spec.verify.is_some();
    let taken = spawn::session_taken(scene.index.at(facts.name), facts.name);
    if let Some(why) = taken.filter(|_| is_verified) {
        tell(rows, member, Reason::PlaceTaken, why);
        return false;
    }
    match facts.claim {
        Some(Ok(claim)) if claim.uid == member.record.uid => true,
        Some(Err(damage)) => {
            let message = format!("its lock is damaged, so it is held: {damage}");
            tell(rows, member, Reason::Damaged, message);
            false
        }
        // The schedule says what it waits for, or takes the claim anew with this plan.
        Some(Ok(_)) | None => false,
    }
}

/// Returns whether a verification that runs is of what would not land any more.
pub(super) fn is_outdated(task: &TaskSighting, spec: &TaskSpec, commit: &CommitId) -> bool {
    landing_of(task, spec).and_then(Landing::candidate) != Some(commit)
}

/// Returns what a task changes of what is wanted without having asked for it by name, a sentence for
/// each path: what agents want done is proposed, and decided by people.
#[must_use]
pub fn strays(paths: &[String], claim: &Claim) -> Vec<String> {
    let is_asked = |path: &String| {
        let mut files = claim.locked_files.iter();
        files.any(|one| one.to_string().starts_with("state/") && one.covers(path))
    };
    let strays = paths.iter().filter(|path| path.starts_with("state/") && !is_asked(path));
    strays
        .map(|path| format!("{path} says what is wanted, and the task's `files` do not name it"))
        .collect()
}

/// Returns whether a claim is one under which work may land.
#[must_use]
pub fn may_land(claim: &Claim, id: &AttemptId, generation: u64) -> bool {
    claim.uid == id.owner.uid && claim.generation == generation
}

impl Member<'_> {
    fn id(&self) -> AttemptId {
        AttemptId { owner: self.record.owner(), number: self.attempt }
    }

    fn work(&self) -> Candidate {
        Candidate {
            attempt: self.id(),
            branch: self.branch.clone(),
            tip: self.tip.clone(),
            title: self.title(),
        }
    }

    fn candidate(&self) -> Option<&CommitId> {
        self.landing.and_then(Landing::candidate)
    }

    fn title(&self) -> String {
        let title = &self.spec.title;
        if title.is_empty() { self.record.task.to_string() } else { title.clone() }
    }
}
