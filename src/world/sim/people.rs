//! What people do while time passes: to worktrees, branches and our files, and to what is wanted.
//! Work that they themselves throw away is not ours to keep.

use super::sessions::unmarked;
use super::{Fault, Part, SimWorktree, State, places};
use crate::api::name::{BranchName, Owner, TaskName, Uid};
use crate::plan::observed::{Session, WorktreeState};
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;

impl State {
    pub(super) fn people(&mut self) {
        if self.strikes(Fault::PersonEdits) {
            self.edit();
        }
        if self.strikes(Fault::PersonSwitches) {
            self.switch();
        }
        if self.strikes(Fault::FolderRemoved) {
            self.remove_folder();
        }
        if self.strikes(Fault::BranchMoved) {
            self.move_branch();
        }
        if self.strikes(Fault::Strangers) {
            self.settle_in();
        }
        if self.strikes(Fault::Recommitted) {
            self.recommit();
        }
        if self.strikes(Fault::ClaimRemoved) {
            let names: Vec<_> = self.claims.keys().cloned().collect();
            if let Some(name) = self.rng.pick(&names) {
                self.claims.remove(name);
            }
        }
        if self.strikes(Fault::RecordRemoved) {
            let names: Vec<_> = self.records.keys().cloned().collect();
            if let Some(name) = self.rng.pick(&names) {
                self.records.remove(name);
            }
        }
        if self.strikes(Fault::Damaged) {
            self.damage();
        }
    }

    /// Writes something in a worktree, and may commit it.
    fn edit(&mut self) {
        let owners = self.worktrees.values().filter_map(|one| one.owner.clone());
        let owners: Vec<Owner> = owners.collect();
        let Some(owner) = self.rng.pick(&owners).cloned() else { return };
        self.change(&owner);
        if self.rng.one_in(2) {
            self.commit_changes(&owner);
        }
    }

    fn some_worktree(&mut self) -> Option<PathBuf> {
        let whole = self.worktrees.iter().filter(|(_, one)| one.state == WorktreeState::Ready);
        let paths: Vec<PathBuf> = whole.map(|(path, _)| path.clone()).collect();
        self.rng.pick(&paths).cloned()
    }

    /// Detaches HEAD, or checks out a branch that no worktree has.
    fn switch(&mut self) {
        let free = self.branches.keys().filter(|branch| !self.is_checked_out(branch));
        let free: Vec<BranchName> = free.cloned().collect();
        let branch = self.rng.pick(&free).cloned();
        let Some(path) = self.some_worktree() else { return };
        let detach = self.rng.one_in(2);
        let Some(one) = self.worktrees.get_mut(&path).filter(|one| one.loose.is_empty()) else {
            return;
        };
        one.head = branch.filter(|_| !detach);
    }

    fn remove_folder(&mut self) {
        let Some(path) = self.some_worktree() else { return };
        // One that is detached stays for a person to look at.
        if let Some(one) = self.worktrees.get_mut(&path).filter(|one| one.head.is_some()) {
            one.state = WorktreeState::Missing;
            for work in std::mem::take(&mut one.unsaved) {
                self.produced.remove(&work);
            }
        }
    }

    /// Deletes a branch that no worktree has, or renames one.
    fn move_branch(&mut self) {
        let names: Vec<BranchName> = self.branches.keys().cloned().collect();
        let Some(branch) = self.rng.pick(&names).cloned() else { return };
        let number = self.fresh();
        let deletes = self.rng.one_in(2) && !self.is_checked_out(&branch);
        let commits = self.branches.remove(&branch).unwrap_or_default();
        if deletes {
            for work in commits {
                self.produced.remove(&work);
            }
            return;
        }
        let name = BranchName::try_from(format!("moved/{number}")).expect("a branch name");
        for one in self.worktrees.values_mut().filter(|one| one.head.as_ref() == Some(&branch)) {
            one.head = Some(name.clone());
        }
        self.branches.insert(name, commits);
    }

    /// Makes a session or a worktree by a name of ours, without a mark of ours, or with that of an
    /// earlier task of the name.
    fn settle_in(&mut self) {
        let names: Vec<TaskName> = self.desired.tasks.keys().cloned().collect();
        let Some(name) = self.rng.pick(&names).cloned() else { return };
        let number = self.fresh();
        if self.rng.one_in(2) {
            let uid = Uid::derive(number.into(), name.as_str());
            let owner = self.rng.one_in(2).then(|| Owner { task: name.clone(), uid });
            let of_seat = owner.is_none() && number.is_multiple_of(4);
            let called = if of_seat { "worker/codegen-1".to_owned() } else { name.to_string() };
            if self.sessions.values().all(|one| one.name != called) {
                let id = format!("${number}");
                self.sessions.insert(number, Session { owner, ..unmarked(id, called) });
            }
            return;
        }
        let free = self.branches.keys().find(|branch| !self.is_checked_out(branch)).cloned();
        let uid = Uid::derive(number.into(), name.as_str());
        let (path, owner) = if self.rng.one_in(2) {
            let left = self.rng.one_in(2);
            (places().worktree(&name), left.then(|| Owner { task: name.clone(), uid }))
        } else {
            (PathBuf::from(format!("/elsewhere/{number}")), None)
        };
        let unsaved = BTreeSet::from([number]);
        let state = WorktreeState::Ready;
        let made = SimWorktree {
            owner,
            head: free,
            unsaved,
            loose: BTreeSet::new(),
            state,
            generation: None,
        };
        if let Entry::Vacant(place) = self.worktrees.entry(path) {
            place.insert(made);
            self.produced.insert(number);
        }
    }

    /// Puts back what was wanted before `state/` was emptied.
    pub(super) fn fill_again(&mut self) {
        if let Some(before) = self.emptied.take() {
            let mut desired = (*before).clone();
            desired.revision = self.commit_id();
            self.desired = Arc::new(desired);
        }
    }

    fn recommit(&mut self) {
        if self.emptied.is_some() {
            self.fill_again();
            return;
        }
        let mut desired = (*self.desired).clone();
        let names: Vec<TaskName> = desired.tasks.keys().cloned().collect();
        let name = self.rng.pick(&names).cloned();
        let what = self.rng.below(4);
        if what == 0 {
            desired.tasks.append(&mut self.withdrawn);
        } else if what == 3 {
            self.emptied = Some(Arc::clone(&self.desired));
            desired.tasks.clear();
            desired.workers.clear();
        } else if let Some(name) = name
            && let Some(mut task) = desired.tasks.remove(&name)
        {
            if let Some(spec) = task.spec.as_mut().filter(|spec| spec.command.is_some()) {
                spec.command = Some(format!("make anew-{}", self.counter % 3));
            }
            if what == 1 {
                self.withdrawn.insert(name, task);
            } else {
                desired.tasks.insert(name, task);
            }
        }
        desired.revision = self.commit_id();
        self.desired = Arc::new(desired);
    }

    /// Half of a file is all that is left of it.
    fn damage(&mut self) {
        let what = self.rng.below(3);
        let names: Vec<TaskName> = self.records.keys().cloned().collect();
        let Some(name) = self.rng.pick(&names).cloned() else { return };
        if what == 0 {
            if let Some(record) = self.records.get_mut(&name) {
                record.damaged = true;
            }
        } else if what == 1 {
            if let Some(claim) = self.claims.get_mut(&name) {
                claim.damaged = true;
            }
        } else {
            let part = if self.rng.one_in(2) { Part::Record } else { Part::Flag };
            let owner = self.records.get(&name).map(|one| one.content.owner());
            let attempts = owner.and_then(|owner| self.attempts.get_mut(&owner));
            if let Some(last) = attempts.and_then(|one| one.all.values_mut().last()) {
                last.damage = Some(part);
            }
        }
    }
}
