//! The start of an attempt: claim, branch, worktree, record, session, in this order, each only if
//! it is not there yet.

use super::index::Found;
use super::revive::{Next, Settled};
use super::{Row, Scene, beginning, claim, landing};
use crate::agents::{self, Occasion};
use crate::api::attempt::{
    Attempt, AttemptId, Beginning, OWNER_VARIABLE, Program, REPO_VARIABLE, TaskRecord,
};
use crate::api::claim::Claim;
use crate::api::name::{BranchName, Owner, Seat, TaskName, Uid};
use crate::api::path::PathPattern;
use crate::api::placeholder;
use crate::api::task::{Class, TaskSpec, TaskState};
use crate::api::worker::SessionOf;
use crate::plan::action::Action;
use crate::plan::desired::run_hash;
use crate::plan::observed::{Sighting, Worktree, WorktreeState};
use crate::plan::report::{Reason, TaskReport};
use std::collections::BTreeMap;
use std::iter;
use std::path::{Path, PathBuf};

/// The longest description within a branch name, in bytes.
const DESCRIPTION_MAX: usize = 40;

/// Plans the start of every task that has a seat.
pub(super) fn decide<'a>(scene: Scene<'a>, rows: &mut [Row<'a>]) {
    for Row { facts, settled, start, .. } in rows {
        if let Next::Person(spec) = settled.next
            && let Some(Ok(record)) = facts.task.map(|task| task.record.as_ref())
        {
            prepare_place(scene, (spec, record), settled);
        }
        let Some((seat, paths)) = start.take() else { continue };
        let Next::Start { spec, record, number } = &settled.next else { continue };
        let paths = paths.into_iter().cloned().collect();
        let start = Start { scene, spec, record, number: *number, seat, paths };
        let claim = facts.claim.and_then(|claim| claim.as_ref().ok());
        start.plan((&mut settled.actions, &mut settled.report), claim);
    }
}

struct Start<'a, 'b> {
    scene: Scene<'a>,
    spec: &'b TaskSpec,
    record: &'b TaskRecord,
    number: u32,
    seat: Seat,
    paths: Vec<PathPattern>,
}

impl Start<'_, '_> {
    fn plan(&self, step: (&mut Vec<Action>, &mut TaskReport), claim: Option<&Claim>) {
        let (steps, report) = step;
        let claimed = claim.is_some_and(|claim| claim.uid == self.record.uid);
        report.state = if claimed { TaskState::Claimed } else { TaskState::Pending };
        report.attempt = Some(self.number);
        report.reason = Reason::Starting;
        report.message = format!("attempt {} starts on {}", self.number, self.seat);
        let directory = match directory(self.scene, self.spec.class, self.record) {
            Ok((actions, directory)) => {
                steps.extend(self.claim(claim));
                steps.extend(actions);
                directory
            }
            Err((reason, message)) => {
                (report.reason, report.message) = (reason, message);
                return;
            }
        };
        let owner = self.record.owner();
        let id = AttemptId { owner, number: self.number };
        let beginning = beginning::of(self.scene, (self.spec, self.record, &self.seat), &id);
        let who = (self.record, &self.seat);
        let Some(program) = program(self.scene, self.spec, who, (&id, &beginning)) else {
            return;
        };
        steps.push(Action::PrepareAttempt(Attempt {
            id: id.clone(),
            seat: self.seat.clone(),
            session: session_of(self.scene, &self.seat),
            class: self.spec.class,
            run_hash: run_hash(self.spec),
            prepared_at: self.scene.observed.now,
            directory: directory.clone(),
            program,
            heartbeat_seconds: self.scene.policy.intervals.heartbeat_seconds,
            lease_seconds: self.scene.policy.locks.expiry_seconds,
            beginning,
            verifies: None,
        }));
        steps.push(Action::NewSession { attempt: id, directory });
    }

    /// Returns the claim to publish, unless the one that is there says the same.
    fn claim(&self, before: Option<&Claim>) -> Option<Action> {
        let observed = self.scene.observed;
        let same = before.is_some_and(|claim| {
            claim.uid == self.record.uid
                && claim.seat == self.seat
                && claim.locked_files == self.paths
                && claim.time_left(observed.now, &observed.boot).is_positive()
        });
        (!same).then(|| {
            let who = (self.record, &self.seat);
            Action::Claim(claim::take(self.scene, who, self.paths.clone(), before))
        })
    }
}

/// Returns whose session is used on a seat.
pub(super) fn session_of(scene: Scene<'_>, seat: &Seat) -> SessionOf {
    let worker = scene.desired.workers.get(&seat.worker).and_then(|entry| entry.spec.as_ref());
    worker.map_or(SessionOf::Task, |worker| worker.session)
}

/// Returns where a task is worked on, and what makes that place.
fn directory(
    scene: Scene<'_>,
    class: Class,
    record: &TaskRecord,
) -> Result<(Vec<Action>, PathBuf), (Reason, String)> {
    let places = &scene.observed.places;
    let branch = match (class, &record.branch) {
        (Class::Decision, _) => return Ok((Vec::new(), places.root.clone())),
        (Class::Execution, Some(branch)) => branch,
        (Class::Execution, None) => {
            let why = "its record has no branch: delete the task, and add it anew";
            return Err((Reason::OnHold, why.to_owned()));
        }
    };
    let (Sighting::Known(_), Sighting::Known(branches)) =
        (&scene.observed.worktrees, &scene.observed.branches)
    else {
        return Err((Reason::Unknown, "its worktree or its branch cannot be seen".to_owned()));
    };
    let path = places.worktree(&record.task);
    let owner = record.owner();
    let mut actions = Vec::new();
    let found = scene.index.at(&record.task).place;
    if let Some(Worktree { state: WorktreeState::Ready, owner: Some(holder), .. }) = found
        && *holder == owner
    {
        return Ok((actions, path));
    }
    if let Some(worktree) = found {
        let cleared = clear(scene, worktree, &owner);
        actions.extend(cleared.map_err(|why| (Reason::PlaceTaken, why))?);
    }
    if !branches.contains_key(branch) {
        // On the branch that it will land on, also where state is read from another.
        let target = landing::target(scene.desired).and_then(|target| branches.get(&target));
        let at = target.unwrap_or(&scene.desired.revision).clone();
        actions.push(Action::CreateBranch { owner: owner.clone(), branch: branch.clone(), at });
    }
    actions.push(Action::AddWorktree { owner, path: path.clone(), branch: branch.clone() });
    Ok((actions, path))
}

/// Plans the place where a person works who claimed a task, or says what is in its way.
fn prepare_place(
    scene: Scene<'_>,
    (spec, record): (&TaskSpec, &TaskRecord),
    step: &mut Settled<'_>,
) {
    match directory(scene, spec.class, record) {
        Ok((actions, _)) => step.actions.extend(actions),
        Err((reason, message)) => (step.report.reason, step.report.message) = (reason, message),
    }
}

/// Returns what stands in the way of a task and is not ours to remove: a person has to.
pub(super) fn place_taken(
    scene: Scene<'_>,
    found: &Found<'_>,
    (spec, record): (&TaskSpec, &TaskRecord),
) -> Option<(Reason, String)> {
    if let Some(why) = session_taken(found, &record.task) {
        return Some((Reason::PlaceTaken, why));
    }
    if spec.class == Class::Decision {
        return None;
    }
    let why = clear(scene, found.place?, &record.owner()).err()?;
    Some((Reason::PlaceTaken, why))
}

/// Returns what to say when a session that is not ours has the name of a task's.
pub(super) fn session_taken(found: &Found<'_>, task: &TaskName) -> Option<String> {
    let why = || format!("tmux session {task} is not ours: rename it or end it");
    found.stranger.map(|_| why())
}

/// Returns what frees the place of a worktree that is not this task's, or not whole.
fn clear(scene: Scene<'_>, worktree: &Worktree, owner: &Owner) -> Result<Vec<Action>, String> {
    let path = worktree.path.clone();
    match (worktree.state, &worktree.owner) {
        (WorktreeState::HalfMade | WorktreeState::Missing, holder)
            if holder.as_ref().is_none_or(|holder| holder.task == owner.task) =>
        {
            // Under the mark that it bears: the doer takes no other.
            let owner = holder.as_ref().unwrap_or(owner).clone();
            let trash = trash_name(scene, &owner);
            Ok(vec![Action::RepairWorktree { owner, path, trash }])
        }
        (WorktreeState::Ready, Some(other)) if other.task == owner.task => {
            // Made for an earlier task of this name: its work is saved, then it goes.
            let trash = trash_name(scene, other);
            let rescue = Action::Rescue { owner: other.clone(), path: path.clone(), attempt: 0 };
            Ok(vec![rescue, Action::Retire { owner: other.clone(), path, attempt: 0, trash }])
        }
        (_, _) => Err(format!("{} is not ours: move it away", path.display())),
    }
}

/// Returns the name of a worktree in the trash: the task, the uid and the time.
pub(super) fn trash_name(scene: Scene<'_>, owner: &Owner) -> String {
    format!("{}.{}", AttemptId::folder(owner), scene.observed.now.as_second())
}

/// Returns the record of a task seen for the first time. A worktree or a session that carries the
/// task's mark, but has lost its record, gives the new record its uid, and such a worktree its
/// branch; so does a person's claim. `None` when no branch name can be chosen, as when the branches cannot be seen.
pub(super) fn record(
    scene: Scene<'_>,
    (name, spec): (&TaskName, &TaskSpec),
    person: Option<&Claim>,
) -> Option<TaskRecord> {
    let observed = scene.observed;
    observed.worktrees.known()?;
    observed.sessions.known()?;
    let found = scene.index.at(name);
    let worktrees = found.worktrees.iter().find_map(|one| one.owner.as_ref());
    let sessions = found.sessions.iter().find_map(|one| one.owner.as_ref());
    let adopted = worktrees.or(sessions).map(|owner| &owner.uid).or(person.map(|one| &one.uid));
    let fresh = Uid::derive(observed.nonce, name.as_str());
    let uid = adopted.cloned().unwrap_or_else(|| fresh.clone());
    let branch = match spec.class {
        Class::Decision => None,
        Class::Execution => Some(branch(scene, (name, spec), [&uid, &fresh])?),
    };
    Some(TaskRecord { task: name.clone(), uid, created_at: observed.now, branch })
}

/// Returns the branch of a new record: the one that its worktree is on, if it bears a name that such
/// a record gives, else the first of these names that no branch has. An equal name is nothing, and
/// another name is a person's: its branch would go with the task.
fn branch(
    scene: Scene<'_>,
    (name, spec): (&TaskName, &TaskSpec),
    uids: [&Uid; 2],
) -> Option<BranchName> {
    let branches = scene.observed.branches.known()?;
    let format = &scene.policy.branch_format;
    let make = |description: &str| {
        placeholder::branch_name(format, spec.kind, spec.issue_number, name, description).ok()
    };
    let description = slug(&spec.title);
    let marked = uids.map(|uid| {
        let text = format!("{description}-{}", uid.short());
        make(text.trim_start_matches('-'))
    });
    let names: Vec<BranchName> = iter::once(make(&description)).chain(marked).flatten().collect();
    let place = scene.index.at(name).place.filter(|one| {
        one.owner.as_ref().is_some_and(|owner| owner.task == *name && owner.uid == *uids[0])
    });
    let head = place.and_then(|one| one.branch.as_ref());
    let adopted = names.iter().find(|one| head == Some(*one));
    adopted.or_else(|| names.iter().find(|one| !branches.contains_key(*one))).cloned()
}

/// Returns a title as lower-case words joined by `-`.
fn slug(title: &str) -> String {
    let mut text = String::new();
    for word in title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        if text.len() + word.len() >= DESCRIPTION_MAX {
            break;
        }
        if !text.is_empty() {
            text.push('-');
        }
        text.push_str(&word.to_ascii_lowercase());
    }
    text
}

/// Returns the variables by which a program knows, and is known by, the attempt that it works for.
pub(super) fn marks(
    scene: Scene<'_>,
    record: &TaskRecord,
    (id, directory): (&AttemptId, &Path),
) -> BTreeMap<String, String> {
    let places = &scene.observed.places;
    let branch = record.branch.as_ref().map(BranchName::as_str).unwrap_or_default();
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let marks = [
        ("RECONCILER", "1".to_owned()),
        (OWNER_VARIABLE, id.owner.to_string()),
        ("RECONCILER_TASK", record.task.to_string()),
        ("RECONCILER_TASK_UID", record.uid.to_string()),
        ("RECONCILER_ATTEMPT", id.number.to_string()),
        ("RECONCILER_ATTEMPT_FOLDER", text(&places.attempt(id))),
        ("RECONCILER_BRANCH", branch.to_owned()),
        ("RECONCILER_WORKTREE", text(directory)),
        (REPO_VARIABLE, text(&places.root)),
        ("RECONCILER_STATE_REF", scene.desired.state_ref.clone()),
    ];
    marks.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns what an attempt starts; `None` when its worker or agent is not there.
pub(super) fn program(
    scene: Scene<'_>,
    spec: &TaskSpec,
    (record, seat): (&TaskRecord, &Seat),
    (id, beginning): (&AttemptId, &Beginning),
) -> Option<Program> {
    let worker = scene.desired.workers.get(&seat.worker)?.spec.as_ref()?;
    let agent = scene.desired.agent(worker.agent.as_ref()?)?;
    let limits = worker.limits;
    let worker = seat.to_string();
    let branch = record.branch.as_ref().map(BranchName::as_str).unwrap_or_default();
    let places = &scene.observed.places;
    let folder = places.attempt(id).to_string_lossy().into_owned();
    let occasion = Occasion {
        task: record.task.as_str(),
        worker: &worker,
        branch,
        attempt: id.number,
        folder: &folder,
        beginning,
    };
    let (argv, mut dialogue) = agents::fill(agent, spec, occasion);
    let marker = format!("---END-OF-OUTPUT-{}---", id.uuid());
    dialogue.marker = Some(marker.clone());
    let directory = match spec.class {
        Class::Execution => places.worktree(&record.task),
        Class::Decision => places.root.clone(),
    };
    let mut env = agent.env.clone();
    env.extend(marks(scene, record, (id, &directory)));
    let ours = [
        ("RECONCILER_WORKER", worker.clone()),
        ("RECONCILER_CLASS", spec.class.to_string()),
        ("RECONCILER_END_MARKER", marker),
    ];
    env.extend(ours.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let shell = |command: &String| vec!["/bin/sh".to_owned(), "-c".to_owned(), command.clone()];
    Some(Program {
        argv,
        verify: spec.verify.as_ref().map(shell),
        env,
        env_allow: agent.env_allow.clone(),
        secret_env: agent.secret_env.clone(),
        timeout_seconds: spec.timeout_seconds,
        stop_grace_seconds: agent.stop_grace_seconds,
        limits,
        dialogue,
    })
}
