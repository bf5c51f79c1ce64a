//! The merge queue: each candidate is built onto the one before it. What is verified lands; what fails
//! alone is refused, and a batch that fails is halved until one does.

use super::{Member, tell, wake};
use crate::api::attempt::{Attempt, AttemptId, Beginning, Exit, Program};
use crate::api::landing::{Obstacle, Stage};
use crate::api::name::{BranchName, CommitId};
use crate::api::policy::Merge;
use crate::api::task::Class;
use crate::api::worker::SessionOf;
use crate::plan::action::Action;
use crate::plan::backoff::{self, Verdict};
use crate::plan::desired::run_hash;
use crate::plan::observed::{AttemptSighting, AttemptState};
use crate::plan::report::Reason;
use crate::plan::revive::Next;
use crate::plan::{Row, Scene, hold, spawn};
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;

/// How much of a verification's time is left to its processes when it is stopped, in seconds.
const STOP_GRACE_SECONDS: u32 = 10;

/// The queue, as it is served by one plan.
pub(super) struct Queue<'a> {
    pub(super) scene: Scene<'a>,
    pub(super) merge: &'a Merge,
    /// The branch, and its tip.
    pub(super) target: (BranchName, CommitId),
}

/// What is known of the verification of a candidate.
pub(super) enum Verified {
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
    /// Does the next step of everything in the queue.
    pub(super) fn serve(&self, rows: &mut [Row<'a>], members: &[Member<'a>]) {
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
            push(rows, first, failed_alone(first, (*attempt, how)));
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
        Some(self.put_onto(before.unwrap_or(&self.target.1), stale))
    }

    pub(super) fn put_onto(&self, onto: &CommitId, works: &[&Member<'a>]) -> Action {
        Action::BuildCandidates {
            target: self.target.clone(),
            remote: self.merge.remote.clone(),
            onto: onto.clone(),
            method: self.merge.method,
            works: works.iter().map(|one| one.work()).collect(),
        }
    }

    pub(super) fn needs_verification(&self, member: &Member<'a>) -> bool {
        self.merge.verify.is_some() || member.spec.verify.is_some()
    }

    /// Returns what is known of the verification of a member's candidate.
    pub(super) fn verified(&self, member: &Member<'a>) -> Verified {
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
    pub(super) fn verify(
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
        let (target, remote) = (self.target.clone(), self.merge.remote.clone());
        push(rows, last, Action::Land { target, remote, commit, landed });
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

/// Returns what becomes of work that fails its verification.
pub(super) fn failed_alone(member: &Member<'_>, (attempt, how): (u32, &str)) -> Action {
    let attempt = AttemptId { number: attempt, ..member.id() };
    let why = Obstacle::Verify { attempt, how: how.to_owned() };
    Action::Refuse { attempt: member.id(), why }
}

/// Returns a command as a subshell: what it says of the shell it is in, a comment at its end too, ends
/// with it. By these words it is known whether a verification ran it.
fn grouped(command: &str) -> String {
    format!("(\n{command}\n)")
}

pub(super) fn push(rows: &mut [Row<'_>], member: &Member<'_>, action: Action) {
    if let Some(row) = rows.get_mut(member.at) {
        row.settled.actions.push(action);
    }
}
