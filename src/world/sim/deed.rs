//! What people, processes and crashes do at a word, not by chance: the contract suite does the same
//! in the real world. It is no fault: it strikes when it is asked for.

use super::{File, SimWorktree, State};
use crate::api::attempt::{AttemptId, ExitReason};
use crate::api::hold::{Hold, Retrial, Target};
use crate::api::name::{BranchName, Owner};
use crate::plan::observed::{Session, WorktreeState};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One deed of somebody who is not the loop.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Something is written in the worktree of this mark, in no commit.
    Write(Owner),
    /// What is written there is committed to what is checked out.
    Commit(Owner),
    /// HEAD of the worktree of this mark lets go of its branch.
    Detach(Owner),
    /// The making of a worktree is cut short.
    Tear {
        /// Its mark.
        owner: Owner,
        /// Where.
        path: PathBuf,
        /// Of which branch.
        branch: BranchName,
    },
    /// The folder of a worktree is removed.
    Lose(PathBuf),
    /// Somebody puts something of their own in a place of ours.
    Occupy(PathBuf),
    /// Somebody opens a session of this name on our server.
    OpenSession(String),
    /// The shim of a session takes its attempt, and starts its program.
    Start(AttemptId),
    /// The program ends well, and its shim after it.
    Finish(AttemptId),
    /// The shim is killed, and its session ends; its program lives on.
    KillShim(AttemptId),
    /// Half of the file of a claim is gone.
    DamageClaim(crate::api::name::TaskName),
    /// A person holds something back.
    HoldBack(Target, Hold),
    /// Half of the file of a hold is gone.
    DamageHold(Target),
    /// A person lifts a hold.
    Lift(Target),
    /// A person lets a task try anew.
    LetTryAnew(crate::api::name::TaskName, Retrial),
}

impl State {
    pub(super) fn perpetrate(&mut self, deed: &Deed) {
        match deed {
            Deed::Write(owner) => self.change(owner),
            Deed::Commit(owner) => self.commit_changes(owner),
            Deed::Detach(owner) => {
                let of = |one: &&mut SimWorktree| one.owner.as_ref() == Some(owner);
                self.worktrees.values_mut().filter(of).for_each(|one| one.head = None);
            }
            Deed::Tear { owner, path, branch } => {
                let head = Some(branch.clone());
                self.stand(path, Some(owner.clone()), (head, WorktreeState::HalfMade));
            }
            Deed::Lose(path) => {
                if let Some(one) = self.worktrees.get_mut(path) {
                    one.unsaved.clear();
                    one.state = WorktreeState::Missing;
                }
            }
            Deed::Occupy(path) => self.stand(path, None, (None, WorktreeState::Ready)),
            Deed::OpenSession(name) => {
                let number = self.fresh();
                let id = format!("${number}");
                let session = Session { id, name: name.clone(), owner: None, attempt: None };
                self.sessions.insert(number, session);
            }
            Deed::Start(id) => self.take(&id.owner, id.number),
            Deed::Finish(id) => {
                self.end(&id.owner, id.number, ExitReason::Succeeded);
                self.close_terminal(id);
            }
            Deed::KillShim(id) => {
                let one = self.attempt(&id.owner, id.number);
                if let Some(shim) = one.and_then(|one| one.shim.as_mut()) {
                    shim.alive = false;
                }
                self.close_terminal(id);
            }
            Deed::HoldBack(target, hold) => self.holds.insert(target.clone(), Ok(hold.clone())),
            Deed::DamageHold(target) => {
                self.holds.insert(target.clone(), Err("half a file".to_owned()));
            }
            Deed::Lift(target) => self.holds.remove(target),
            Deed::LetTryAnew(task, retrial) => {
                self.retrials.insert(task.clone(), retrial.clone());
            }
            Deed::DamageClaim(task) => {
                self.claims.entry(task.clone()).and_modify(|one: &mut File<_>| one.damaged = true);
            }
        }
    }

    fn stand(
        &mut self,
        path: &std::path::Path,
        owner: Option<Owner>,
        (head, state): (Option<BranchName>, WorktreeState),
    ) {
        let (unsaved, loose) = (BTreeSet::new(), BTreeSet::new());
        let made = SimWorktree { owner, head, unsaved, loose, state, generation: None };
        self.worktrees.insert(path.to_owned(), made);
    }

    fn close_terminal(&mut self, id: &AttemptId) {
        self.sessions.retain(|_, one| {
            one.owner.as_ref() != Some(&id.owner) || one.attempt != Some(id.number)
        });
    }
}
