//! Undoing a worktree that was never finished: its directory is moved away, its entry dropped. It
//! deletes no work, and leaves alone what is complete, detached or without our mark.

use super::retire::relink;
use super::worktree::{Entry, INITIALIZING, is_empty_folder, move_away};
use super::{Error, Moved, Repository, Worktree, rescue};
use crate::api::name::Owner;
use crate::disk;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

impl Repository {
    /// Undoes a worktree that a crash left half-made, or whose directory is gone, so that
    /// [`Self::add_worktree`] works again. A directory that is there goes to `trash`, or to
    /// `trash-2` and so on; one that [`Self::retire`] moved there before a crash is told where it
    /// is. Called again after a crash, it completes. Only call it when no command
    /// that adds worktrees can be running.
    ///
    /// # Errors
    /// [`Error::NotOurs`], [`Error::Occupied`] or [`Error::Unsaved`] when it is not a half-made
    /// worktree of this owner: then nothing was changed, and a person has to look.
    pub async fn repair(&self, path: &Path, owner: &Owner, trash: &Path) -> Result<(), Error> {
        let entry = self.entry_of(path)?;
        let there = disk::is_there(path)? && !is_empty_folder(path)?;
        if let Some(entry) = &entry
            && !there
            && let Some(moved) = moved_to(entry, trash.parent())?
        {
            // Its retirement was cut off after the folder moved: it is completed.
            entry.check_owner(owner)?;
            return relink(entry, &moved);
        }
        if let Some(entry) = &entry {
            self.check_unfinished(entry, owner).await?;
            if there && disk::is_there(&entry.dir.join("index"))? && !entry.is_torn()? {
                return Err(unsaved(path, "it is complete"));
            }
        }
        if there {
            if entry.is_none() && !self.lost_its_entry(path)? {
                return Err(Error::Occupied(path.to_owned()));
            }
            move_away(path, &free_name(trash)?)?;
        }
        if let Some(entry) = &entry {
            // A torn entry with an index was complete once: its log may name commits, so it is kept.
            if entry.is_torn()? && disk::is_there(&entry.dir.join("index"))? {
                move_away(&entry.dir, &free_name(&trash.with_added_extension("git"))?)?;
            } else {
                self.drop_entry(entry).await?;
            }
        }
        self.drop_nameless_entries(path, &owner.to_string())
    }

    /// Tells our worktrees in these folders and git of each other again, after the repository was
    /// moved or copied with them. Those of others are left as they are: `git worktree repair` is
    /// theirs to call.
    ///
    /// # Errors
    /// When one cannot be seen or written.
    pub fn follow_move(&self, folders: &[PathBuf]) -> Result<(), Error> {
        for entry in self.entries()? {
            let ours = entry.lock.as_deref().and_then(Owner::parse).is_some();
            let Some(name) = entry.path.file_name().filter(|_| ours) else { continue };
            if link_of(&entry.path).is_some_and(|dir| dir == entry.dir) {
                continue;
            }
            // It may point to where the repository was, but it names the same entry.
            let names_it = |path: &PathBuf| {
                link_of(path).is_some_and(|dir| dir.file_name() == entry.dir.file_name())
            };
            if let Some(path) = folders.iter().map(|folder| folder.join(name)).find(names_it) {
                relink(&entry, &path)?;
            }
        }
        Ok(())
    }

    /// Refuses an entry of others, and one whose HEAD may be all that holds commits.
    async fn check_unfinished(&self, entry: &Entry, owner: &Owner) -> Result<(), Error> {
        if entry.is_torn()? {
            let mark = entry.lock.as_deref().and_then(Owner::parse);
            return if mark.is_some() { entry.check_owner(owner) } else { Ok(()) };
        }
        if entry.lock.as_deref() != Some(INITIALIZING) {
            entry.check_owner(owner)?;
        }
        let list = self.worktrees().await?;
        let listed = list.iter().find(|worktree| worktree.path == entry.path);
        match listed {
            Some(Worktree { head: Some(head), branch: None, .. })
                if !self.is_held(head, &["refs/heads", "refs/reconciler"]).await? =>
            {
                Err(unsaved(&entry.path, "its detached HEAD has commits of its own"))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Saves the commit of a detached HEAD that no branch holds, of a worktree that is to be
    /// repaired: to the ref `name`, or `name-2` and so on. Its directory may be gone.
    ///
    /// # Errors
    /// When it is not certain that a ref holds it: then do not repair.
    pub async fn save_head(&self, path: &Path, owner: &Owner, name: &str) -> Result<(), Error> {
        let ours = |entry: &Entry| entry.check_owner(owner).is_ok();
        let Some(entry) = self.entry_of(path)?.filter(ours) else {
            return Ok(());
        };
        if entry.is_torn()? {
            return Ok(());
        }
        let list = self.worktrees().await?;
        let listed = list.into_iter().find(|worktree| worktree.path == entry.path);
        let Some(Worktree { head: Some(head), branch: None, .. }) = listed else { return Ok(()) };
        if self.is_held(&head, &["refs/heads", "refs/reconciler"]).await? {
            return Ok(());
        }
        for reference in rescue::names(name) {
            match self.create(&reference, &head).await? {
                Moved::Done | Moved::AlreadySo => return Ok(()),
                Moved::Lost { .. } => {}
            }
        }
        Err(unsaved(path, &format!("{name} is taken")))
    }

    /// Returns whether a directory is a worktree of this repository that git has forgotten.
    fn lost_its_entry(&self, path: &Path) -> Result<bool, Error> {
        let link = match disk::read(&path.join(".git"), disk::RECORD_MAX) {
            Ok(link) => link.unwrap_or_default(),
            // A folder: another repository.
            Err(error) if error.kind() == std::io::ErrorKind::IsADirectory => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let Some(dir) = link.strip_prefix(b"gitdir: ") else { return Ok(false) };
        let dir = path.join(OsStr::from_bytes(dir.trim_ascii_end()));
        let in_this = dir.parent().and_then(|folder| folder.canonicalize().ok());
        let forgotten = !disk::is_there(&dir)?;
        // With its last worktree git removes the folder itself.
        let folder = self.common_dir.join("worktrees");
        let in_this = in_this.map_or_else(|| dir.starts_with(&folder), |it| it == folder);
        Ok(in_this && forgotten)
    }

    /// Removes entries that died before they named a directory: by our mark, or unmarked
    /// and with the name git would give it.
    pub(super) fn drop_nameless_entries(&self, path: &Path, mark: &str) -> Result<(), Error> {
        let folder = self.common_dir.join("worktrees");
        for name in disk::list(&folder)? {
            let dir = folder.join(&name);
            let named = disk::read(&dir.join("gitdir"), disk::RECORD_MAX)?;
            if named.is_some_and(|link| !link.is_empty()) {
                continue;
            }
            let found = disk::read(&dir.join("locked"), disk::RECORD_MAX)?.unwrap_or_default();
            let ours = found.trim_ascii_end() == mark.as_bytes();
            let unmarked = found.is_empty() && path.file_name() == Some(OsStr::new(&name));
            if (ours || unmarked) && !disk::is_there(&dir.join("HEAD"))? {
                disk::remove_folder(&dir)?;
            }
        }
        Ok(())
    }
}

/// Returns the entry that a worktree names as its own; `None` also of a whole repository.
fn link_of(worktree: &Path) -> Option<PathBuf> {
    let link = disk::read(&worktree.join(".git"), disk::RECORD_MAX).ok().flatten()?;
    let dir = worktree.join(OsStr::from_bytes(link.strip_prefix(b"gitdir: ")?.trim_ascii_end()));
    Some(dir.canonicalize().unwrap_or(dir))
}

/// Returns the folder in the trash that names this entry as its own.
fn moved_to(entry: &Entry, trash: Option<&Path>) -> Result<Option<PathBuf>, Error> {
    let Some(trash) = trash else { return Ok(None) };
    let path = |name| trash.join(name);
    // A link that is relative was written for the place where it was.
    let names_it = |path: &PathBuf| {
        link_of(path).is_some_and(|dir| dir == entry.dir || is_lost(&dir, &entry.dir))
    };
    Ok(disk::list(trash)?.into_iter().map(path).find(names_it))
}

/// Returns whether a link that leads nowhere ends as the path of an entry does.
fn is_lost(link: &Path, entry: &Path) -> bool {
    matches!(disk::is_there(link), Ok(false)) && link.file_name() == entry.file_name()
}

fn unsaved(path: &Path, what: &str) -> Error {
    Error::Unsaved { path: path.to_owned(), what: what.to_owned() }
}

fn free_name(trash: &Path) -> Result<PathBuf, Error> {
    let mut free = trash.to_owned();
    let mut number = 2_u32;
    while disk::is_there(&free)? {
        let name = trash.file_name().unwrap_or_default().to_string_lossy();
        free = trash.with_file_name(format!("{name}-{number}"));
        number += 1;
    }
    Ok(free)
}
