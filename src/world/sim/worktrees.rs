//! Effects on worktrees, branches, rescue refs and the trash of the simulated world, with the
//! preconditions and the half-way states of the real ones.

use super::perform::{Answer, died};
use super::{SimWorktree, State, Work, failed, refused};
use crate::api::name::{BranchName, CommitId, Owner};
use crate::plan::observed::WorktreeState;
use crate::world::Outcome;
use std::collections::BTreeSet;
use std::path::Path;

/// How many names are tried for one rescue.
const NAMES_MAX: u32 = 100;

impl State {
    pub(super) fn create_branch(&mut self, branch: &BranchName, at: &CommitId) -> Outcome {
        if let Some(work) = self.branches.get(branch) {
            if work.is_empty() && self.bases.get(branch) == Some(at) {
                return Outcome::AlreadySo;
            }
            return refused("the branch is elsewhere");
        }
        self.branches.insert(branch.clone(), BTreeSet::new());
        self.bases.insert(branch.clone(), at.clone());
        Outcome::Done
    }

    pub(super) fn is_checked_out(&self, branch: &BranchName) -> bool {
        self.worktrees.values().any(|one| one.head.as_ref() == Some(branch))
    }

    pub(super) fn drop_branch(&mut self, branch: &BranchName, contained_in: &CommitId) -> Outcome {
        // Commits of its own keep it.
        let empty = self.branches.get(branch).is_some_and(BTreeSet::is_empty);
        let contained = empty || self.tip(branch).as_ref() == Some(contained_in);
        if !contained || self.is_checked_out(branch) {
            return Outcome::AlreadySo;
        }
        self.branches.remove(branch);
        Outcome::Done
    }

    pub(super) fn add_worktree(
        &mut self,
        owner: &Owner,
        path: &Path,
        branch: &BranchName,
    ) -> Answer {
        if self.worktrees.contains_key(path) {
            return failed("something is at this place");
        }
        if !self.branches.contains_key(branch) || self.is_checked_out(branch) {
            return failed("the branch is gone, or checked out elsewhere");
        }
        let torn = self.tears();
        // The mark is not the first thing that git writes.
        let marked = !torn || !self.rng.one_in(3);
        let made = SimWorktree {
            owner: marked.then(|| owner.clone()),
            head: (!torn).then(|| branch.clone()),
            unsaved: BTreeSet::new(),
            loose: BTreeSet::new(),
            state: if torn { WorktreeState::HalfMade } else { WorktreeState::Ready },
            generation: None,
        };
        self.worktrees.insert(path.to_owned(), made);
        if torn { died() } else { Ok(Outcome::Done) }
    }

    pub(super) fn repair(&mut self, owner: &Owner, path: &Path, trash: &str) -> Answer {
        let Some(one) = self.worktrees.get(path) else { return Ok(Outcome::Done) };
        if one.state == WorktreeState::Ready {
            return failed("the worktree is whole");
        }
        if one.owner.as_ref().is_some_and(|holder| holder != owner) {
            return failed("the worktree is another's");
        }
        let (state, kept) = (one.state, one.unsaved.clone());
        if !one.loose.is_empty() {
            // Commits that only its HEAD holds are saved first.
            let loose = one.loose.clone();
            let mut names = rescue_names(owner, 0);
            let Some(name) = names.find(|name| !self.rescues.contains_key(name)) else {
                return failed("every name is taken");
            };
            self.rescues.insert(name, loose);
        }
        if state == WorktreeState::HalfMade {
            self.put_in_trash(trash, kept);
            if self.tears() {
                self.worktrees.entry(path.to_owned()).and_modify(SimWorktree::vanish);
                return died();
            }
        }
        self.worktrees.remove(path);
        Ok(Outcome::Done)
    }

    /// Keeps what was retired under its name, or under the next one if that is taken.
    fn put_in_trash(&mut self, name: &str, kept: BTreeSet<Work>) {
        let mut free = name.to_owned();
        while self.trash.contains_key(&free) {
            free.push_str("-2");
        }
        self.trash.insert(free, (self.now, kept));
    }

    /// Returns the worktree at a place if it is whole and bears this mark.
    fn whole(&self, owner: &Owner, path: &Path) -> Option<&SimWorktree> {
        let one = self.worktrees.get(path)?;
        (one.owner.as_ref() == Some(owner) && one.state == WorktreeState::Ready).then_some(one)
    }

    pub(super) fn rescue(&mut self, owner: &Owner, path: &Path, attempt: u32) -> Answer {
        let Some(one) = self.whole(owner, path) else {
            return failed("it is no worktree of this mark");
        };
        let work = one.in_no_branch();
        if work.is_empty() {
            return Ok(Outcome::AlreadySo);
        }
        for name in rescue_names(owner, attempt) {
            match self.rescues.get(&name) {
                Some(held) if *held == work => return Ok(Outcome::AlreadySo),
                Some(_) => {}
                None => {
                    self.rescues.insert(name, work);
                    return Ok(Outcome::Done);
                }
            }
        }
        failed("every name is taken")
    }

    pub(super) fn retire(
        &mut self,
        owner: &Owner,
        path: &Path,
        (attempt, trash): (u32, &str),
    ) -> Answer {
        let Some(one) = self.whole(owner, path) else {
            return failed("it is no worktree of this mark");
        };
        if self.attempts_of(owner).any(|one| !one.agents.is_empty()) {
            let mut sessions = self.sessions.values().filter_map(|one| one.owner.as_ref());
            if sessions.any(|one| one.task == owner.task) {
                return Ok(refused("a session of it is there"));
            }
            self.end_all(&owner.task);
            return Ok(refused("processes of an earlier attempt lived, and are ended"));
        }
        let work = one.in_no_branch();
        let mut names = rescue_names(owner, attempt);
        if !work.is_empty() && !names.any(|name| self.rescues.get(&name) == Some(&work)) {
            return failed("there is unsaved work");
        }
        if self.tears() {
            // HEAD was let go of, and the folder moved or not.
            let moved = self.rng.one_in(2);
            let worktree = self.worktrees.entry(path.to_owned());
            worktree.and_modify(if moved { SimWorktree::vanish } else { SimWorktree::detach });
            if moved {
                self.put_in_trash(trash, work);
            }
            return died();
        }
        // Files that git ignores keep it in the trash.
        if !work.is_empty() || self.rng.one_in(2) {
            self.put_in_trash(trash, work);
        }
        self.worktrees.remove(path);
        Ok(Outcome::Done)
    }
}

impl SimWorktree {
    /// HEAD lets go of its branch.
    fn detach(&mut self) {
        self.head = None;
    }

    /// Its folder is elsewhere, with all that is in it.
    fn vanish(&mut self) {
        self.detach();
        self.unsaved.clear();
        self.loose.clear();
        self.state = WorktreeState::Missing;
    }

    fn in_no_branch(&self) -> BTreeSet<Work> {
        self.unsaved.union(&self.loose).copied().collect()
    }
}

fn rescue_names(owner: &Owner, attempt: u32) -> impl Iterator<Item = String> {
    let first = format!("{}/{attempt}", owner.task);
    (1..=NAMES_MAX).map(move |n| if n == 1 { first.clone() } else { format!("{first}-{n}") })
}
