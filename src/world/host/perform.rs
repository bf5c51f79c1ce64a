//! Actions -> drivers. Each looks once more at what it presupposes, and refuses when that is no
//! longer true.

use super::HostWorld;
use super::landing::Destination;
use super::ownership::has_lapsed;
use crate::api::attempt::{
    Attempt, AttemptId, Exit, ProcessId, StopReason, StopRequest, TaskRecord,
};
use crate::api::claim::Claim;
use crate::api::hold::{HoldKind, Target};
use crate::api::name::{BranchName, CommitId, Owner, TaskName};
use crate::disk::{self, Published};
use crate::git::{Moved, Retired, Taken};
use crate::plan::action::Action;
use crate::process::identity;
use crate::process::signal::{self, Ask};
use crate::records::{self, Records};
use crate::world::{ActionError, Outcome};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) type Answer = Result<Outcome, ActionError>;

impl HostWorld {
    pub(super) async fn do_it(&self, action: &Action) -> Answer {
        match action {
            Action::Register(record) => self.register(record).await,
            Action::Claim(claim) => self.claim(claim).await,
            Action::Renew { claim } => self.renew(claim).await,
            Action::Release { owner, generation } => self.release(owner, *generation).await,
            Action::Expire { owner, generation, path } => {
                self.expire(owner, *generation, path.as_deref()).await
            }
            Action::Complete { attempt, exit } => self.complete(attempt, exit).await,
            Action::NoteGeneration { owner, path, generation } => {
                self.note_generation(owner, path, *generation).await
            }
            Action::CreateBranch { branch, at, .. } => self.create_branch(branch, at).await,
            Action::AddWorktree { owner, path, branch } => {
                self.add_worktree(owner, path, branch).await
            }
            Action::RepairWorktree { owner, path, trash } => {
                self.repository.save_head(path, owner, &rescue_ref(owner, 0)).await?;
                self.repository.repair(path, owner, &self.places().trash().join(trash)).await?;
                Ok(Outcome::Done)
            }
            Action::PrepareAttempt(attempt) => {
                let attempt = attempt.clone();
                let prepare = move |records: &Records| records.prepare(&attempt);
                published(self.write_record(prepare).await?, "an attempt")
            }
            Action::NewSession { attempt, directory } => self.new_session(attempt, directory).await,
            Action::AskToStop { attempt, shim, why, at } => {
                self.ask_to_stop(attempt, shim.as_ref(), (*why, *at))
            }
            Action::KillProcesses { processes, .. } => kill(processes),
            Action::CloseAttempt { attempt, exit } => self.close(attempt, exit),
            Action::KillSession { session, owner } => self.kill_session(session, owner).await,
            Action::EndSession { session, seat } => self.end_session(session, seat).await,
            Action::Rescue { owner, path, attempt } => self.rescue(owner, path, *attempt).await,
            Action::Retire { owner, path, attempt, trash } => {
                self.retire(owner, path, (*attempt, trash)).await
            }
            Action::BuildCandidates { target, remote, onto, method, works } => {
                let target = Destination::of(target, remote.as_ref());
                self.build_candidates(target, onto, (*method, works)).await
            }
            Action::CheckOut { place, commit, .. } => self.check_out(place, commit).await,
            Action::Refuse { attempt, why } => self.refuse(attempt, why).await,
            Action::Land { target, remote, commit, landed } => {
                self.land(Destination::of(target, remote.as_ref()), commit, landed).await
            }
            Action::DropBranch { branch, contained_in, .. } => {
                self.drop_branch(branch, contained_in).await
            }
            Action::Forget(owner) => {
                self.forget_candidate(&owner.task).await?;
                let forgot = self.records.forget(owner)?;
                Ok(if forgot { Outcome::Done } else { Outcome::AlreadySo })
            }
            Action::NoteFailure { task, failure } => {
                self.records.record_failure(task, failure)?;
                Ok(Outcome::Done)
            }
            Action::ClearFailure(task) => {
                self.records.clear_failure(task)?;
                Ok(Outcome::Done)
            }
            Action::EmptyTrash { trash } => self.empty_trash(trash).await,
            Action::SweepAttempts { folder } => self.sweep(folder),
        }
    }

    /// Writes a record on a thread of its own: each waits for the disk, and many are made durable
    /// together as quickly as one.
    async fn write_record(
        &self,
        write: impl FnOnce(&Records) -> Result<Published, records::Error> + Send + 'static,
    ) -> Result<Published, ActionError> {
        let records = Arc::clone(&self.records);
        let written = tokio::task::spawn_blocking(move || write(&records)).await;
        Ok(written.map_err(|error| ActionError(format!("cannot write a record: {error}")))??)
    }

    async fn register(&self, record: &TaskRecord) -> Answer {
        let new = record.clone();
        let register = move |records: &Records| records.register(&new);
        published(self.write_record(register).await?, "a record")
    }

    fn held(&self, task: &TaskName) -> Result<Option<Claim>, ActionError> {
        self.ownership.claims().get(task).transpose().map_err(ActionError)
    }

    async fn complete(&self, attempt: &Attempt, exit: &Exit) -> Answer {
        let (new, id) = (attempt.clone(), attempt.id.clone());
        let prepare = move |records: &Records| records.prepare(&new);
        if self.write_record(prepare).await? == Published::Existed {
            return refused("there is an attempt of this number by now");
        }
        let exit = exit.clone();
        let close = move |records: &Records| records.close(&id, &exit);
        published(self.write_record(close).await?, "an end of it")
    }

    async fn create_branch(&self, branch: &BranchName, at: &CommitId) -> Answer {
        match self.repository.create(&branch.to_ref(), at).await? {
            Moved::Done => Ok(Outcome::Done),
            Moved::AlreadySo => Ok(Outcome::AlreadySo),
            Moved::Lost { .. } => refused("there is such a branch by now"),
        }
    }

    async fn add_worktree(&self, owner: &Owner, path: &Path, branch: &BranchName) -> Answer {
        disk::make_ignored_folder(&self.places().worktrees())?;
        let place = self.places().spare();
        match self.spare.take(&self.repository, &place, (path, branch, owner)).await? {
            Taken::Yes => {}
            Taken::No => self.repository.add_worktree(path, branch, owner).await?,
        }
        Ok(Outcome::Done)
    }

    fn ask_to_stop(
        &self,
        id: &AttemptId,
        shim: Option<&ProcessId>,
        (why, asked_at): (StopReason, Timestamp),
    ) -> Answer {
        let Some(files) = self.records.attempt(id)? else {
            return refused("there is no such attempt");
        };
        let held = self.held(&id.owner.task)?;
        let stands = match why {
            StopReason::Lapsed => held.as_ref().is_some_and(has_lapsed),
            StopReason::TakenOver => {
                let seat = files.attempt?.seat;
                held.is_some_and(|held| held.seat != seat)
            }
            StopReason::Drained => {
                let target = Target::Worker(files.attempt?.seat.worker);
                let drain = self.records.hold(&target).and_then(Result::ok);
                drain.is_some_and(|one| matches!(one.kind, HoldKind::Drain { .. }))
            }
            StopReason::Suspended
            | StopReason::Deleted
            | StopReason::SpecChanged
            | StopReason::WorkerGone
            | StopReason::HeldElsewhere
            | StopReason::Outdated
            | StopReason::Restarted => true,
        };
        if !stands {
            return refused("its claim or its worker's hold is another by now");
        }
        // Whether it is asked for the first time matters to nobody: the first reason stands.
        match self.records.ask_to_stop(id, &StopRequest { asked_at, why })? {
            Published::New | Published::Existed => {}
        }
        if let Some(shim) = shim {
            signal::send(shim, Ask::Terminate)?;
        }
        Ok(Outcome::Done)
    }

    /// Closes an attempt. A shim writes that it takes the attempt before it looks whether that is
    /// closed; here it is the other way round, so that one of the two sees the other.
    fn close(&self, id: &AttemptId, exit: &Exit) -> Answer {
        let Some(files) = self.records.attempt(id)? else { return refused("there is none") };
        if let Some(shim) = files.shim.transpose()? {
            if identity::is_alive(&shim.process)? {
                return refused("its shim lives");
            }
            if exit.started_at.is_none() && files.exit.is_none() {
                return refused("it was started by now");
            }
        }
        match self.records.close(id, exit)? {
            Published::Existed => {
                // What was planned for this end does not follow from another.
                let there = self.records.attempt(id)?.and_then(|files| files.exit).transpose()?;
                return match there {
                    Some(there) if there.reason == exit.reason => Ok(Outcome::AlreadySo),
                    Some(_) | None => refused("it ended otherwise"),
                };
            }
            Published::New => {}
        }
        let after =
            self.records.attempt(id)?.and_then(|files| files.shim.transpose().ok().flatten());
        match after {
            Some(shim) if identity::is_alive(&shim.process)? => refused("a shim took it meanwhile"),
            Some(_) | None => Ok(Outcome::Done),
        }
    }

    async fn rescue(&self, owner: &Owner, path: &Path, attempt: u32) -> Answer {
        let linked = self.repository.linked()?;
        if !linked.iter().any(|one| one.path == path && one.owner.as_ref() == Some(owner)) {
            return Err(ActionError(format!("{} is no worktree of {owner}", path.display())));
        }
        let reference = rescue_ref(owner, attempt);
        let message = format!("Unsaved work of task {}, attempt {attempt}", owner.task);
        match self.repository.rescue(path, &reference, &message).await? {
            Some(saved) if saved.is_new => Ok(Outcome::Done),
            // What was saved before is no progress: the loop would turn hot on it.
            Some(_) | None => Ok(Outcome::AlreadySo),
        }
    }

    async fn retire(&self, owner: &Owner, path: &Path, (attempt, trash): (u32, &str)) -> Answer {
        if let Some(who) = identity::working_in(path)?.first() {
            if let Some(why) = self.end_predecessor(owner).await? {
                return refused(&why);
            }
            return Err(ActionError(format!("process {} works in {}", who.pid, path.display())));
        }
        let trash = self.places().trash().join(trash);
        let reference = rescue_ref(owner, attempt);
        match self.repository.retire(path, owner, &trash, Some(&reference)).await? {
            Retired::HasMore => {}
            Retired::InBranches => self.discard_later(trash, owner.clone()),
        }
        Ok(Outcome::Done)
    }

    /// Deletes what nobody needs while the loop goes on. What a crash leaves of it stays in the trash
    /// for its time.
    fn discard_later(&self, trash: PathBuf, owner: Owner) {
        let repository = self.repository.clone();
        self.chores().spawn(async move {
            if let Err(error) = repository.discard(&trash, &owner).await {
                tracing::warn!(%error, "a retired worktree stays in the trash for its time");
            }
        });
    }

    async fn drop_branch(&self, branch: &BranchName, contained_in: &CommitId) -> Answer {
        let Some(tip) = self.repository.reader().resolve(&branch.to_ref()).await? else {
            return Ok(Outcome::AlreadySo);
        };
        let own_commits = !self.repository.is_ancestor(&tip, contained_in).await?;
        if own_commits || self.repository.checked_out_at(branch).await?.is_some() {
            return Ok(Outcome::AlreadySo);
        }
        match self.repository.delete(&branch.to_ref(), &tip).await? {
            Moved::Done => Ok(Outcome::Done),
            // It moved: it has commits of its own by now.
            Moved::AlreadySo | Moved::Lost { .. } => Ok(Outcome::AlreadySo),
        }
    }

    async fn empty_trash(&self, trash: &str) -> Answer {
        let place = self.places().trash().join(trash);
        let listed = self.real_trash().join(trash);
        let linked = self.repository.linked()?.into_iter().find(|one| one.path == listed);
        let owner = match linked {
            Some(one) => one.owner,
            // A half-made worktree that was put there has no entry: its name tells whose it was.
            None => nameless_owner(trash),
        };
        let Some(owner) = owner else { return refused("it bears no mark of ours") };
        self.repository.discard(&place, &owner).await?;
        Ok(Outcome::Done)
    }

    fn sweep(&self, folder: &str) -> Answer {
        let found = self.records.attempts_folders()?.into_iter().find(|one| one.name() == folder);
        let Some(found) = found else { return Ok(Outcome::AlreadySo) };
        let is_of = |record: &TaskRecord| AttemptId::folder(&record.owner()) == folder;
        if self.records.tasks()?.values().any(|one| one.as_ref().map_or(true, is_of)) {
            return refused("it is of a task that has a record");
        }
        self.records.sweep(&found)?;
        Ok(Outcome::Done)
    }
}

/// Returns the rescue ref of an attempt.
fn rescue_ref(owner: &Owner, attempt: u32) -> String {
    format!("refs/reconciler/rescue/{}/{attempt}", owner.task)
}

/// Returns an owner of the task that a name in the trash begins with.
fn nameless_owner(trash: &str) -> Option<Owner> {
    let task: TaskName = trash.split('.').next()?.parse().ok()?;
    let uid = crate::api::name::Uid::derive(0, task.as_str());
    Some(Owner { task, uid })
}

pub(super) fn kill(processes: &[ProcessId]) -> Answer {
    for process in processes {
        signal::send(process, Ask::Kill)?;
    }
    Ok(Outcome::Done)
}

fn published(published: Published, what: &str) -> Answer {
    match published {
        Published::New => Ok(Outcome::Done),
        Published::Existed => refused(&format!("there is {what} by now")),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a refusal is an answer of the doer")]
pub(super) fn refused(why: &str) -> Answer {
    Ok(Outcome::Refused(why.to_owned()))
}
