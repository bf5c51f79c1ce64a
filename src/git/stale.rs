//! Locks that a git left behind when it was killed: while one lies there, git refuses to write what
//! it stands for. It removes none that anybody may hold, and nothing of a person's own index.

use super::spare::is_spare;
use super::{Error, Repository};
use crate::api::name::Owner;
use crate::disk;
use crate::process::clock;
use crate::process::holder::{self, Suspects};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a lock must lie there unchanged, as we saw it: much longer than git takes for anything
/// but a checkout or a commit in an editor, whose git lives meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The shortest time between two looks: locks of git at work come and go.
const INTERVAL: Duration = Duration::from_secs(5);

/// A process may have begun that much later by the clock of the process list, which has ticks.
const TICK: Duration = Duration::from_secs(1);

/// The locks that were seen at earlier looks.
#[derive(Debug, Default)]
pub struct SeenLocks {
    since: BTreeMap<PathBuf, (File, Duration)>,
    told: BTreeMap<PathBuf, File>,
    last: Option<Duration>,
}

/// A lock that nobody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stale {
    /// It was removed.
    Removed(PathBuf),
    /// It is of the main work tree, which is a person's: to be removed by that person.
    Left(PathBuf),
}

/// Which file it is: one that was removed and made again is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct File {
    device: u64,
    inode: u64,
    changed: (i64, i64),
}

impl Repository {
    /// Looks at the locks of refs, of the configuration and of our worktrees, and removes those that
    /// lie there unchanged for [`PATIENCE`] and that no process can hold: none has the file open, and
    /// no git works on this repository that had begun when it was first seen. `now` is the time since
    /// boot. Cheap while there is none.
    ///
    /// # Errors
    /// When it cannot be seen what there is or who may hold it, or one cannot be removed: look again
    /// later.
    pub fn sweep_locks(&self, seen: &mut SeenLocks, now: Duration) -> Result<Vec<Stale>, Error> {
        if seen.last.is_some_and(|last| now.saturating_sub(last) < INTERVAL) {
            return Ok(Vec::new());
        }
        seen.last = Some(now);
        let locks = self.locks()?;
        let before = std::mem::take(&mut seen.since);
        for (path, file) in &locks {
            let since = before.get(path).filter(|(earlier, _)| earlier == file);
            seen.since.insert(path.clone(), (*file, since.map_or(now, |(_, since)| *since)));
        }
        seen.told.retain(|path, file| locks.get(path) == Some(file));
        let mut stale = Vec::new();
        for (path, (file, since)) in &seen.since {
            let is_old = now.saturating_sub(*since) >= PATIENCE;
            if !is_old || seen.told.contains_key(path) || self.may_be_held(path, *since)? {
                continue;
            }
            // The last look before it goes: by now it may be another.
            if file_at(path)? != Some(*file) {
                continue;
            }
            if self.is_a_persons(path) {
                seen.told.insert(path.clone(), *file);
                stale.push(Stale::Left(path.clone()));
            } else {
                disk::remove(path)?;
                stale.push(Stale::Removed(path.clone()));
            }
        }
        Ok(stale)
    }

    /// Removes what a git that was killed with its attempt left in the way of the next one in the same
    /// worktree: the locks of its index and its HEAD, if no living git can hold them. The caller knows
    /// that nothing of the attempt lives.
    ///
    /// # Errors
    /// When that cannot be seen, or one cannot be removed.
    pub fn unlock(&self, worktree: &Path) -> Result<(), Error> {
        let Some(entry) = self.entry_of(worktree)? else { return Ok(()) };
        let places = [entry.path, entry.dir.clone()];
        for lock in ["index.lock", "HEAD.lock"].map(|name| entry.dir.join(name)) {
            if file_at(&lock)?.is_some() && !held(&lock, &places, clock::since_boot())? {
                disk::remove(&lock)?;
            }
        }
        Ok(())
    }

    /// Returns whether somebody may hold a lock that was there at a time since boot.
    fn may_be_held(&self, path: &Path, since: Duration) -> Result<bool, Error> {
        let mut places = vec![self.common_dir.clone(), self.root.clone()];
        places.extend(self.entries()?.into_iter().map(|entry| entry.path));
        let places: Vec<PathBuf> =
            places.into_iter().map(|place| place.canonicalize().unwrap_or(place)).collect();
        held(path, &places, since)
    }

    /// Returns whether a lock is of the main work tree: its index or its HEAD.
    fn is_a_persons(&self, path: &Path) -> bool {
        ["index.lock", "HEAD.lock"].iter().any(|name| path == self.common_dir.join(name))
    }

    /// Returns the locks that there are. See gitrepository-layout(5); git names each after what it
    /// stands for.
    fn locks(&self) -> Result<BTreeMap<PathBuf, File>, Error> {
        let common = &self.common_dir;
        let names = ["packed-refs.lock", "config.lock", "index.lock", "HEAD.lock"];
        let mut paths: Vec<PathBuf> = names.iter().map(|name| common.join(name)).collect();
        paths.push(common.join("reftable/tables.list.lock"));
        for entry in self.entries()? {
            if entry.lock.as_deref().and_then(Owner::parse).is_some() || is_spare(&entry) {
                paths.extend(["index.lock", "HEAD.lock"].map(|name| entry.dir.join(name)));
            }
        }
        gather(&common.join("refs"), &mut paths)?;
        let mut found = BTreeMap::new();
        for path in paths {
            found.extend(file_at(&path)?.map(|file| (path, file)));
        }
        Ok(found)
    }
}

fn held(path: &Path, places: &[PathBuf], since: Duration) -> Result<bool, Error> {
    let suspects = Suspects { program: "git", places, begun_by: since.saturating_add(TICK) };
    match holder::may_hold(path, suspects) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        other => other.map_err(|error| Error::unreadable("who holds a lock", error)),
    }
}

/// Adds the locks beneath a folder.
fn gather(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), Error> {
    for name in disk::list(folder)? {
        let path = folder.join(&name);
        // What went meanwhile is no lock.
        if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
            gather(&path, paths)?;
        } else if path.extension() == Some(OsStr::new("lock")) {
            paths.push(path);
        }
    }
    Ok(())
}

fn file_at(path: &Path) -> Result<Option<File>, Error> {
    match path.symlink_metadata() {
        Ok(meta) if meta.is_file() => Ok(Some(File {
            device: meta.dev(),
            inode: meta.ino(),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk::Error::new("look at", path, error).into()),
    }
}
