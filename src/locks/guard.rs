//! The guard: an flock(2) on a file that is never deleted. The system frees it when its holder and
//! every git command that inherited it are gone, however they ended. It lies in the git directory,
//! where it stays when a person removes `.reconciler` under a running loop.

use crate::api::to_json;
use crate::disk;
use crate::fault;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A held guard; dropping it frees it.
#[derive(Debug)]
pub struct Guard(File);

/// What became of an attempt to take the guard.
#[derive(Debug)]
pub enum Taken {
    /// It is ours.
    Yes(Guard),
    /// Another process has it; what it wrote of itself, if that can be read.
    No(Option<Holder>),
}

/// Whether the guard is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// By nobody.
    Free,
    /// By another process; what it wrote of itself, if that can be read.
    By(Option<Holder>),
}

/// Who holds the guard. For people: whether it is held is never judged by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its pid.
    pub pid: u32,
    /// Since when.
    pub since: Timestamp,
}

impl Guard {
    /// Returns where the guard of the repository with this common git directory is.
    pub fn path(common_dir: &Path) -> PathBuf {
        common_dir.join("reconciler.guard")
    }

    /// Takes the guard, if nobody has it, and says in it who does.
    ///
    /// # Errors
    /// When the file cannot be opened or locked; then it is unknown whether it is held.
    pub fn take(common_dir: &Path, holder: &Holder) -> Result<Taken, disk::Error> {
        Self::take_at(&Self::path(common_dir), holder)
    }

    /// Takes the guard of the project board, if nobody has it: one process of this repository writes there.
    ///
    /// # Errors
    /// When the file cannot be opened or locked; then it is unknown whether it is held.
    pub fn take_board(common_dir: &Path, holder: &Holder) -> Result<Taken, disk::Error> {
        Self::take_at(&common_dir.join("reconciler.board.guard"), holder)
    }

    fn take_at(path: &Path, holder: &Holder) -> Result<Taken, disk::Error> {
        let fail = |source| disk::Error::new("lock", path, source);
        let mut open = OpenOptions::new();
        let open = open.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = open.open(path).map_err(fail)?;
        if !lock(fs2::FileExt::try_lock_exclusive(&file)).map_err(fail)? {
            return Ok(Taken::No(read_holder(path)));
        }
        fault::during("take the guard");
        let text = to_json(holder);
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(text.as_bytes())
        };
        // The lock holds whether or not the note could be written.
        write(&mut file).ok();
        Ok(Taken::Yes(Self(file)))
    }

    /// Returns whether the guard is held, and by whom. Writes nothing.
    ///
    /// # Errors
    /// When that cannot be seen.
    pub fn held(common_dir: &Path) -> Result<Held, disk::Error> {
        let path = Self::path(common_dir);
        let fail = |source| disk::Error::new("look at the lock", &path, source);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Held::Free),
            Err(error) => return Err(fail(error)),
        };
        // Shared, so that two who look do not see each other.
        let free = lock(fs2::FileExt::try_lock_shared(&file)).map_err(fail)?;
        Ok(if free { Held::Free } else { Held::By(read_holder(&path)) })
    }

    /// Returns another handle of the held guard, to be handed on to a command that must end before
    /// the guard is free.
    ///
    /// # Errors
    /// When the system is out of handles.
    pub fn hand_on(&self) -> io::Result<File> {
        self.0.try_clone()
    }
}

/// Tells a lock held by another from a system that refuses.
pub(super) fn lock(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.raw_os_error() == fs2::lock_contended_error().raw_os_error() => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn read_holder(path: &Path) -> Option<Holder> {
    serde_json::from_slice(&disk::read(path, disk::RECORD_MAX).ok()??).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is_and_its_end_frees_the_guard() {
        let folder = tempfile::tempdir().unwrap();
        let holder = Holder { pid: 7, since: Timestamp::UNIX_EPOCH };
        assert_eq!(Guard::held(folder.path()).unwrap(), Held::Free);
        let Taken::Yes(guard) = Guard::take(folder.path(), &holder).unwrap() else {
            panic!("free")
        };
        let Taken::No(Some(first)) = Guard::take(folder.path(), &holder).unwrap() else {
            panic!("held")
        };
        assert_eq!(first, holder);
        assert_eq!(Guard::held(folder.path()).unwrap(), Held::By(Some(holder)));
        let handed_on = guard.hand_on().unwrap();
        drop(guard);
        assert!(Guard::held(folder.path()).unwrap() != Held::Free, "a command still holds it");
        drop(handed_on);
        assert_eq!(Guard::held(folder.path()).unwrap(), Held::Free);
    }
}
