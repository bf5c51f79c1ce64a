//! Retiring a worktree: moved to the trash with all it has, and later discarded. It refuses what no
//! ref holds; each step, done again after a crash at any point, completes.

use super::rescue::{self, Unsaved};
use super::worktree::{Entry, is_empty_folder, move_away, place_of, read_line, real};
use super::{Error, Repository};
use crate::api::name::Owner;
use crate::disk;
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// What git writes in a HEAD file where refs are in a reftable: it says nothing of the branch.
const REFTABLE_HEAD: &[u8] = b"ref: refs/heads/.invalid";

/// Of how many commits in the log of a HEAD it is asked whether a branch holds them.
const LOGGED_MAX: usize = 1000;

/// What is in a retired worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retired {
    /// Nothing but what branches hold, for certain: keeping it saves nobody anything.
    InBranches,
    /// Perhaps more, as ignored files and what a rescue ref holds; or it was retired before.
    HasMore,
}

impl Repository {
    /// Moves a worktree to the trash, on the same disk, so that its path and its branch are free.
    /// Everything goes with it: ignored files, index, HEAD and its log. A rebase or bisection in
    /// progress goes too, by another name (`retired-rebase-merge`), because it holds the branch.
    /// The caller makes sure before that no process works in it.
    ///
    /// # Errors
    /// [`Error::Unsaved`] when neither a branch nor the ref `rescue`, or `rescue-2` and so on, holds
    /// its work: call [`Self::rescue`] and then this again. [`Error::NotOurs`] when it is another's.
    pub async fn retire(
        &self,
        path: &Path,
        owner: &Owner,
        trash: &Path,
        rescue: Option<&str>,
    ) -> Result<Retired, Error> {
        if let Some(entry) = self.entry_of(trash)? {
            entry.check_owner(owner)?;
            return Ok(Retired::HasMore);
        }
        let Some(entry) = self.entry_of(path)? else {
            return Err(Error::NotARepository(path.to_owned()));
        };
        entry.check_owner(owner)?;
        let mut retired = Retired::HasMore;
        if disk::is_there(path)? {
            // Only the short look is certain enough to remove at once: to the long one every worktree
            // is clean when `git add` says 0 and adds nothing.
            let untouched = self.untouched(path).await.ok().flatten();
            if untouched.as_ref().is_some_and(|seen| !seen.ignored)
                && self.log_is_held(&entry).await.unwrap_or(false)
            {
                retired = Retired::InBranches;
            }
            let unsaved = match untouched {
                Some(seen) => seen,
                None => self.unsaved_by_reading(path).await?,
            };
            self.check_saved(path, &unsaved, rescue).await?;
            self.detach(path, &unsaved).await?;
            check_detached(&entry, &unsaved)?;
            move_away(path, trash)?;
        }
        free_branch(&entry)?;
        relink(&entry, trash)?;
        Ok(retired)
    }

    /// Removes a retired worktree for good: its directory and its entry. An absent one is removed
    /// already.
    ///
    /// # Errors
    /// [`Error::NotOurs`] when it is another's worktree, [`Error::Occupied`] when it is a
    /// repository of its own; else try again.
    pub async fn discard(&self, trash: &Path, owner: &Owner) -> Result<(), Error> {
        let entry = self.entry_of(trash)?;
        match &entry {
            Some(entry) => entry.check_owner(owner)?,
            None => refuse_repository(trash)?,
        }
        let directory = trash.to_owned();
        let removed = tokio::task::spawn_blocking(move || disk::remove_folder(&directory)).await;
        removed.map_err(|error| Error::unreadable(trash.display().to_string(), error))??;
        match &entry {
            Some(entry) => self.drop_entry(entry).await,
            None => Ok(()),
        }
    }

    /// Returns whether branches hold every commit that HEAD was at, as far as its log tells: with the
    /// worktree that log goes, and what was committed on a detached HEAD and left is nowhere else.
    async fn log_is_held(&self, entry: &Entry) -> Result<bool, Error> {
        let Some(log) = disk::read(&entry.dir.join("logs/HEAD"), disk::RECORD_MAX)? else {
            return Ok(!disk::is_there(&self.common_dir.join("reftable"))?);
        };
        let log = String::from_utf8_lossy(&log);
        let ids = log.lines().flat_map(|line| line.split(' ').take(2));
        let ids: BTreeSet<&str> = ids.filter(|id| id.bytes().any(|byte| byte != b'0')).collect();
        if ids.len() > LOGGED_MAX {
            return Ok(false);
        }
        let call = self.read().args(["rev-list", "--max-count=1", "--ignore-missing"]);
        let lost = call.args(ids).args(["--not", "--branches"]).run().await?;
        Ok(lost.is_empty())
    }

    async fn check_saved(
        &self,
        path: &Path,
        unsaved: &Unsaved,
        rescue: Option<&str>,
    ) -> Result<(), Error> {
        if unsaved.is_nothing() {
            return Ok(());
        }
        if let Some(stash) = &unsaved.autostash
            && !self.is_held(stash, &["refs/reconciler/rescue", "refs/stash"]).await?
        {
            return Err(Error::Unsaved { path: path.to_owned(), what: unsaved.describe() });
        }
        for reference in rescue.into_iter().flat_map(rescue::names) {
            if self.reader().resolve(&reference).await?.is_none() {
                break;
            }
            if self.holds_all(&reference, unsaved).await? {
                return Ok(());
            }
        }
        Err(Error::Unsaved { path: path.to_owned(), what: unsaved.describe() })
    }

    /// Lets go of the branch; a HEAD that moved since it was looked at is an error.
    async fn detach(&self, path: &Path, unsaved: &Unsaved) -> Result<(), Error> {
        let Some(head) = &unsaved.head else { return Ok(()) };
        let call = self.write_at(place_of(path), super::command::DEADLINE)?;
        let call = call.args(["update-ref", "--no-deref", "-m", "reconciler: retire", "HEAD"]);
        call.args([head.as_str(), head.as_str()]).run().await?;
        Ok(())
    }
}

/// Refuses a worktree whose HEAD is still on a branch, whatever git said: in the trash it would keep
/// that branch in use for as long as it is kept.
fn check_detached(entry: &Entry, unsaved: &Unsaved) -> Result<(), Error> {
    match read_line(&entry.dir.join("HEAD"))? {
        Some(line)
            if unsaved.head.is_some() && line.starts_with(b"ref: ") && line != REFTABLE_HEAD =>
        {
            Err(Error::OnBranch(entry.path.clone()))
        }
        Some(_) | None => Ok(()),
    }
}

/// Puts aside what keeps a branch in use although HEAD is detached.
fn free_branch(entry: &Entry) -> Result<(), Error> {
    for name in ["rebase-merge", "rebase-apply", "BISECT_START"] {
        let from = entry.dir.join(name);
        if disk::is_there(&from)? {
            move_away(&from, &entry.dir.join(format!("retired-{name}")))?;
        }
    }
    Ok(())
}

/// Tells the two halves of a worktree where the other is, as gitrepository-layout(5) has it.
/// `git worktree move` refuses submodules, and `repair` would write to worktrees of others.
pub(super) fn relink(entry: &Entry, trash: &Path) -> Result<(), Error> {
    if !disk::is_there(trash)? || is_empty_folder(trash)? {
        return Err(Error::NotARepository(trash.to_owned()));
    }
    link(entry, trash)?;
    let to_worktree = [real(trash).join(".git").as_os_str().as_bytes(), b"\n"].concat();
    disk::replace(&entry.dir.join("gitdir"), &to_worktree)?;
    Ok(())
}

/// Tells a directory its entry. Nothing else is written in it, not even for a moment: left there by
/// a crash, it would be work of the task.
pub(super) fn link(entry: &Entry, place: &Path) -> Result<(), Error> {
    let link = [b"gitdir: ", entry.dir.as_os_str().as_bytes(), b"\n"].concat();
    let file = place.join(".git");
    if disk::read(&file, disk::RECORD_MAX)?.as_ref() != Some(&link) {
        disk::replace_from(place.parent().unwrap_or(place), &file, &link)?;
    }
    Ok(())
}

pub(super) fn refuse_repository(path: &Path) -> Result<(), Error> {
    match path.join(".git").symlink_metadata() {
        Ok(found) if found.is_dir() => Err(Error::Occupied(path.to_owned())),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(disk::Error::new("look at", path, error).into())
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, owner, read, write};
    use super::*;

    #[tokio::test]
    async fn what_git_does_not_add_is_not_removed_at_once() {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        // As `git add` that says 0 and adds nothing.
        write(&scratch.repository.common_dir().join("info/attributes"), "a.txt filter=old\n");
        scratch.git(&["config", "filter.old.clean", "echo one"]).await;
        write(&path.join("a.txt"), "work\n");
        assert!(scratch.repository.unsaved(&path).await.unwrap().is_nothing());
        let trash = scratch.trash_path("t");
        let retired = scratch.repository.retire(&path, &owner("t"), &trash, None).await.unwrap();
        assert_eq!(retired, Retired::HasMore);
        assert_eq!(read(&trash.join("a.txt")), "work\n");
    }

    #[tokio::test]
    async fn what_is_as_git_wrote_it_may_be_removed_at_once() {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        let trash = scratch.trash_path("t");
        let retired = scratch.repository.retire(&path, &owner("t"), &trash, None).await.unwrap();
        assert_eq!(retired, Retired::InBranches);
    }

    #[tokio::test]
    async fn commits_that_the_log_of_head_alone_knows_are_not_removed_at_once() {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        let place = path.to_str().unwrap();
        let branch = scratch.git(&["-C", place, "branch", "--show-current"]).await;
        scratch.git(&["-C", place, "checkout", "-q", "--detach"]).await;
        scratch.git(&["-C", place, "commit", "-q", "--allow-empty", "-m", "left"]).await;
        scratch.git(&["-C", place, "checkout", "-q", branch.trim()]).await;
        let trash = scratch.trash_path("t");
        let retired = scratch.repository.retire(&path, &owner("t"), &trash, None).await.unwrap();
        assert_eq!(retired, Retired::HasMore);
    }

    #[tokio::test]
    async fn a_head_that_stayed_on_its_branch_although_git_said_otherwise_is_refused() {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        let unsaved = scratch.repository.unsaved(&path).await.unwrap();
        let entry = scratch.repository.entry_of(&path).unwrap().unwrap();
        let refused = check_detached(&entry, &unsaved).unwrap_err();
        assert!(matches!(refused, Error::OnBranch(place) if place == path));
        scratch.repository.detach(&path, &unsaved).await.unwrap();
        check_detached(&entry, &unsaved).unwrap();
    }
}
