//! The merge queue: done work, one after the other by priority and completion, each candidate built
//! onto the one before it. What is verified lands; what fails alone is refused. It remembers nothing:
//! the records of candidates and of their verifications say how far the queue is.

use super::admission::{Facts, Wanted};
use super::backoff::{self, Verdict};
use super::revive::Next;
use super::{Row, Scene, hold, spawn};
use crate::api::attempt::{
    Attempt, AttemptId, Beginning, Dialogue, Exit, ExitReason, Program, TaskRecord,
};
use crate::api::claim::Claim;
use crate::api::landing::{Landing, Obstacle, Stage};
use crate::api::name::{BranchName, CommitId, TaskName};
use crate::api::policy::{Merge, Method};
use crate::api::task::{Class, TaskSpec, TaskState};
use crate::api::worker::SessionOf;
use crate::plan::action::{Action, Candidate};
use crate::plan::desired::{Desired, run_hash};
use crate::plan::observed::{AttemptSighting, AttemptState, TaskSighting};
use crate::plan::report::Reason;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;

/// How much of a verification's time is left to its processes when it is stopped, in seconds.
const STOP_GRACE_SECONDS: u32 = 10;

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
            Some(format!("done; merged into {} as {}", landing.target, commit.short()))
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

/// Serves the merge queue, and returns it.
pub(super) fn decide<'a>(scene: Scene<'a>, rows: &mut [Row<'a>]) -> Vec<TaskName> {
    let Some(target) = target(scene.desired) else { return Vec::new() };
    let mut members: Vec<Member<'a>> = rows
        .iter()
        .enumerate()
        .filter_map(|(at, row)| member(scene, at, &row.facts, &row.settled.next))
        .collect();
    if members.is_empty() {
        return Vec::new();
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
        return queued;
    };
    members.retain(|member| ready(scene, rows, member));
    let merge = &scene.policy.merge;
    Queue { scene, merge, target: (target, tip.clone()) }.serve(rows, &members);
    queued
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

struct Queue<'a> {
    scene: Scene<'a>,
    merge: &'a Merge,
    /// The branch, and its tip.
    target: (BranchName, CommitId),
}

/// What is known of the verification of a candidate.
enum Verified {
    No,
    Yes,
    /// An attempt is at it.
    Running,
    /// It is tried again then.
    Later(Timestamp),
    Failed {
        attempt: u32,
        how: String,
    },
}

impl<'a> Queue<'a> {
    fn serve(&self, rows: &mut [Row<'a>], members: &[Member<'a>]) {
        let (chain, stale) = self.chain(members);
        for (ahead, member) in members.iter().enumerate() {
            tell(rows, member, Reason::Landing, self.place(member, ahead));
        }
        if let Some(build) = self.build(&chain, &stale)
            && let Some(Row { settled, .. }) =
                stale.first().and_then(|first| rows.get_mut(first.at))
        {
            settled.actions.push(build);
        }
        let seen: Vec<Verified> = chain.iter().map(|one| self.verified(one)).collect();
        let whole = seen.iter().rposition(|one| matches!(one, Verified::Yes));
        let unverified = chain.iter().take_while(|one| !self.needs_verification(one)).count();
        let lands = whole.map_or(0, |last| last + 1).max(unverified);
        if lands > 0 {
            self.land(rows, chain.get(..lands).unwrap_or_default());
            return;
        }
        let failed = seen.iter().position(|one| matches!(one, Verified::Failed { .. }));
        if let (Some(Verified::Failed { attempt, how }), Some(first)) =
            (seen.first(), chain.first())
        {
            let attempt = AttemptId { number: *attempt, ..first.id() };
            let why = Obstacle::Verify { attempt, how: how.clone() };
            push(rows, first, Action::Refuse { attempt: first.id(), why });
            return;
        }
        self.verify(rows, &chain, &seen, failed);
    }

    /// Returns the members whose candidates stand one on the other from the tip of the target on, and
    /// those that are to be built next.
    fn chain<'m>(&self, members: &'m [Member<'a>]) -> (Vec<&'m Member<'a>>, Vec<&'m Member<'a>>) {
        let window = usize::try_from(self.merge.batch.max(1) * self.merge.parallel.max(1));
        let window = window.unwrap_or(1);
        let (mut chain, mut stale) = (Vec::new(), Vec::new());
        let mut at = &self.target.1;
        for member in members {
            if chain.len() + stale.len() == window {
                break;
            }
            let current = member.landing.filter(|one| {
                one.target == self.target.0 && one.tip == *member.tip && one.onto == *at
            });
            match current.map(|one| &one.stage) {
                Some(Stage::Candidate { commit }) if stale.is_empty() => {
                    at = commit;
                    chain.push(member);
                }
                // It waits for what is ahead of it.
                Some(Stage::Waiting { .. }) if stale.is_empty() && *at != self.target.1 => {}
                _ => stale.push(member),
            }
        }
        (chain, stale)
    }

    fn build(&self, chain: &[&Member<'a>], stale: &[&Member<'a>]) -> Option<Action> {
        stale.first()?;
        let before = chain.last().and_then(|one| one.candidate());
        let work = |one: &&Member<'a>| Candidate {
            attempt: one.id(),
            branch: one.branch.clone(),
            tip: one.tip.clone(),
            title: one.title(),
        };
        Some(Action::BuildCandidates {
            target: self.target.clone(),
            onto: before.unwrap_or(&self.target.1).clone(),
            method: self.merge.method,
            works: stale.iter().map(work).collect(),
        })
    }

    fn needs_verification(&self, member: &Member<'a>) -> bool {
        self.merge.verify.is_some() || member.spec.verify.is_some()
    }

    /// Returns what is known of the verification of a member's candidate.
    fn verified(&self, member: &Member<'a>) -> Verified {
        let Some(commit) = member.candidate() else { return Verified::No };
        let of_it = |one: &&AttemptSighting| {
            one.attempt.as_ref().is_ok_and(|attempt| {
                attempt.verifies.as_ref() == Some(commit) && self.runs_policy(&attempt.program)
            })
        };
        let all: Vec<_> = member.task.attempts.iter().filter(of_it).collect();
        let ends: Vec<&Exit> = all
            .iter()
            .filter_map(|one| match &one.state {
                AttemptState::Ended(exit) => Some(exit),
                AttemptState::Prepared
                | AttemptState::Running { .. }
                | AttemptState::Ending { .. }
                | AttemptState::Lost { .. }
                | AttemptState::Unknown(_)
                | AttemptState::Damaged(_) => None,
            })
            .collect();
        let last = all.last().map_or(0, |one| one.number);
        if ends.len() < all.len() {
            return Verified::Running;
        }
        let policy = self.scene.policy;
        let pace = (policy.retry, policy.restart);
        match backoff::judge(&ends, 0, pace, (&member.record.uid, self.scene.observed.now)) {
            Verdict::Due => Verified::No,
            Verdict::Succeeded => Verified::Yes,
            Verdict::Wait { until, .. } => Verified::Later(until),
            Verdict::UsedUp { .. } => {
                let how = ends.last().map(ToString::to_string).unwrap_or_default();
                Verified::Failed { attempt: last, how }
            }
        }
    }

    /// Returns whether a verification runs what the policy asks for now. What its tasks ask for cannot
    /// have changed: then their attempts would not count.
    fn runs_policy(&self, program: &Program) -> bool {
        self.merge.verify.as_ref().is_none_or(|command| {
            program.argv.last().is_some_and(|script| script.starts_with(&grouped(command)))
        })
    }

    /// Starts the verifications that are due: of the whole batch, or of half of one that failed; and
    /// of those behind it, as far as places are free.
    fn verify(
        &self,
        rows: &mut [Row<'a>],
        chain: &[&Member<'a>],
        seen: &[Verified],
        failed: Option<usize>,
    ) {
        let batch = usize::try_from(self.merge.batch.max(1)).unwrap_or(1);
        // Whatever holds the failed one fails as well.
        let end = failed.unwrap_or(chain.len());
        let first = match failed {
            Some(failed) => failed.div_ceil(2).saturating_sub(1),
            None => batch.min(end).saturating_sub(1),
        };
        let mut places = self.places(rows);
        for at in (first..end).step_by(batch) {
            let (Some(member), Some(verified)) = (chain.get(at), seen.get(at)) else { break };
            match verified {
                Verified::No => {}
                Verified::Later(until) => {
                    wake(rows, member, *until);
                    continue;
                }
                Verified::Yes | Verified::Running | Verified::Failed { .. } => continue,
            }
            // One that is stopping lets another begin later.
            let is_free = rows.get(member.at).is_some_and(|row| {
                matches!(row.settled.next, Next::Land) && row.settled.actions.is_empty()
            });
            let Some(place) = places.pop_first().filter(|_| is_free) else { break };
            if let Some((why, again)) = hold::no_room(self.scene) {
                tell(rows, member, Reason::MachineBusy, why);
                wake(rows, member, again);
                break;
            }
            self.start(rows, member, (place, chain.get(..=at).unwrap_or_default()));
        }
    }

    /// Returns the places in which no verification may run.
    fn places(&self, rows: &[Row<'a>]) -> BTreeSet<u32> {
        let places = &self.scene.observed.places;
        let last = |row: &Row<'a>| {
            let last = row.facts.task?.attempts.last()?;
            let attempt = last.attempt.as_ref().ok()?;
            let lives = !matches!(last.state, AttemptState::Ended(_));
            (attempt.verifies.is_some() && lives).then(|| attempt.directory.clone())
        };
        let used: BTreeSet<_> = rows.iter().filter_map(last).collect();
        let all = 1..=self.merge.parallel.max(1);
        all.filter(|number| !used.contains(&places.verification(*number))).collect()
    }

    fn start(
        &self,
        rows: &mut [Row<'a>],
        member: &Member<'a>,
        (place, covered): (u32, &[&Member<'a>]),
    ) {
        let (scene, Some(commit)) = (self.scene, member.candidate()) else { return };
        let Some(Row { facts, settled, .. }) = rows.get_mut(member.at) else { return };
        let Some(Ok(claim)) = facts.claim else { return };
        let number = member.task.attempts.last().map_or(1, |last| last.number.saturating_add(1));
        let id = AttemptId { owner: member.record.owner(), number };
        let place = scene.observed.places.verification(place);
        let attempt = Attempt {
            id: id.clone(),
            seat: claim.seat.clone(),
            class: Class::Execution,
            run_hash: run_hash(member.spec),
            prepared_at: scene.observed.now,
            directory: place.clone(),
            program: self.program(&id, member, (&place, covered)),
            heartbeat_seconds: scene.policy.intervals.heartbeat_seconds,
            lease_seconds: scene.policy.locks.expiry_seconds,
            beginning: Beginning::default(),
            verifies: Some(commit.clone()),
            session: SessionOf::Task,
        };
        let check_out = Action::CheckOut {
            owner: id.owner.clone(),
            place: place.clone(),
            commit: commit.clone(),
        };
        let new_session = Action::NewSession { attempt: id, directory: place };
        settled.actions.extend([check_out, Action::PrepareAttempt(attempt), new_session]);
        settled.report.message = format!("attempt {number} verifies it on {}", self.target.0);
    }

    /// Returns what verifies a candidate: the command of the policy, and those of all tasks in it.
    fn program(
        &self,
        id: &AttemptId,
        member: &Member<'a>,
        (place, covered): (&Path, &[&Member<'a>]),
    ) -> Program {
        let own = covered.iter().filter_map(|one| one.spec.verify.as_ref());
        let commands = self.merge.verify.iter().chain(own);
        let script: Vec<String> = commands.map(|one| grouped(one)).collect();
        let mut env = spawn::marks(self.scene, member.record, (id, place));
        let about = [("RECONCILER_TARGET", self.target.0.as_str())];
        env.extend(about.map(|(name, value)| (name.to_owned(), value.to_owned())));
        Program {
            argv: vec!["/bin/sh".to_owned(), "-c".to_owned(), script.join(" && ")],
            env,
            timeout_seconds: self.merge.timeout_seconds,
            stop_grace_seconds: STOP_GRACE_SECONDS,
            dialogue: Dialogue::default(),
            ..Program::default()
        }
    }

    fn land(&self, rows: &mut [Row<'a>], landed: &[&Member<'a>]) {
        let Some(last) = landed.last() else { return };
        let Some(commit) = last.candidate().cloned() else { return };
        let generation = |rows: &[Row<'a>], one: &Member<'a>| {
            let claim = rows.get(one.at)?.facts.claim?.as_ref().ok()?;
            Some((one.id(), claim.generation))
        };
        let landed: Option<Vec<_>> = landed.iter().map(|one| generation(rows, one)).collect();
        let Some(landed) = landed else { return };
        push(rows, last, Action::Land { target: self.target.clone(), commit, landed });
    }

    fn place(&self, member: &Member<'a>, ahead: usize) -> String {
        let target = &self.target.0;
        match (member.landing.map(|one| &one.stage), ahead) {
            (Some(Stage::Waiting { paths }), 1..) => {
                let paths = paths.join(", ");
                format!("done; it meets what is merged before it in {paths}, and waits for that")
            }
            (_, 0) => format!("done; it is merged into {target} next"),
            (_, ahead) => format!("done; it waits to be merged into {target}, {ahead} before it"),
        }
    }
}

fn grouped(command: &str) -> String {
    format!("(\n{command}\n)")
}

fn push(rows: &mut [Row<'_>], member: &Member<'_>, action: Action) {
    if let Some(row) = rows.get_mut(member.at) {
        row.settled.actions.push(action);
    }
}

fn wake(rows: &mut [Row<'_>], member: &Member<'_>, at: Timestamp) {
    if let Some(row) = rows.get_mut(member.at) {
        let report = &mut row.settled.report;
        report.wake_at = [report.wake_at, Some(at)].into_iter().flatten().min();
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

    fn candidate(&self) -> Option<&CommitId> {
        self.landing.and_then(Landing::candidate)
    }

    fn title(&self) -> String {
        let title = &self.spec.title;
        if title.is_empty() { self.record.task.to_string() } else { title.clone() }
    }
}
