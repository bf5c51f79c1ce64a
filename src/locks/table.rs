//! The table lock: a short flock(2) on a file that is never deleted. Whoever reads who holds what,
//! decides, and then writes a claim does it under this; it waits for nothing but git meanwhile.

use super::guard::lock;
use crate::disk;
use crate::fault;
use crate::process::clock;
use std::fs::{File, OpenOptions};
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long it is waited for. Whoever has it needs some milliseconds.
const DEADLINE: Duration = Duration::from_secs(10);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(2);

/// Why the table lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// Others have had it for all the time that it was waited for.
    #[error(
        "the table of locks, {}, was not to be had within {} s: {} has it", .1.display(),
        DEADLINE.as_secs(), of(*.0)
    )]
    Busy(Option<u32>, PathBuf),
}

fn of(pid: Option<u32>) -> String {
    pid.map_or_else(|| "somebody".to_owned(), |pid| format!("process {pid}"))
}

/// The held table lock; dropping it frees it. No program that is started meanwhile inherits it.
#[derive(Debug)]
pub struct TableLock(File);

impl TableLock {
    /// Returns where the lock of the repository with this common git directory is.
    pub fn path(common_dir: &Path) -> PathBuf {
        common_dir.join("reconciler.table")
    }

    /// Takes the lock, unless somebody has it.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn try_take(common_dir: &Path) -> Result<Option<Self>, disk::Error> {
        let path = Self::path(common_dir);
        let fail = |source| disk::Error::new("lock", &path, source);
        let mut open = OpenOptions::new();
        let open = open.read(true).write(true).create(true).truncate(false).mode(0o600);
        let file = open.open(&path).map_err(fail)?;
        let taken = lock(fs2::FileExt::try_lock_exclusive(&file)).map_err(fail)?;
        if taken {
            fault::during("take the table lock");
        }
        Ok(taken.then_some(Self(file)))
    }

    /// Takes the lock, and waits for it.
    ///
    /// # Errors
    /// When it cannot be locked, or somebody keeps it: then nothing may be changed; the message says
    /// who.
    pub async fn take(common_dir: &Path) -> Result<Self, TableError> {
        let end = clock::since_boot() + DEADLINE;
        loop {
            if let Some(taken) = Self::try_before(end, common_dir)? {
                return Ok(taken);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Does what [`Self::take`] does, on a thread that may block.
    ///
    /// # Errors
    /// Those of [`Self::take`].
    pub fn take_blocking(common_dir: &Path) -> Result<Self, TableError> {
        let end = clock::since_boot() + DEADLINE;
        loop {
            if let Some(taken) = Self::try_before(end, common_dir)? {
                return Ok(taken);
            }
            std::thread::park_timeout(PAUSE);
        }
    }

    fn try_before(end: Duration, common_dir: &Path) -> Result<Option<Self>, TableError> {
        let taken = Self::try_take(common_dir)?;
        if taken.is_none() && clock::since_boot() > end {
            let path = Self::path(common_dir);
            return Err(TableError::Busy(holder(&path), path));
        }
        Ok(taken)
    }

    /// Notes in the file that something was changed: the loop sees that, and looks.
    pub fn announce(&mut self) {
        let text = format!("{}\n", std::process::id());
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(text.as_bytes())
        };
        // Without it the loop looks at its next resync.
        write(&mut self.0).ok();
    }
}

impl Drop for TableLock {
    fn drop(&mut self) {
        // A child between its fork and its exec still has the file: closing it frees nothing then.
        fs2::FileExt::unlock(&self.0).ok();
    }
}

/// Returns who has a lock on a file, as the system says it (see proc(5)); nobody knows elsewhere.
fn holder(path: &Path) -> Option<u32> {
    let inode = path.symlink_metadata().ok()?.ino().to_string();
    let all = std::fs::read_to_string("/proc/locks").ok()?;
    let of = |line: &str| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, file, ..] = words.as_slice() else { return None };
        (file.rsplit(':').next() == Some(inode.as_str())).then(|| pid.parse().ok())?
    };
    all.lines().find_map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_has_the_table_and_the_end_of_the_first_lets_the_next_go_on() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = TableLock::take(folder.path()).await.unwrap();
        assert!(TableLock::try_take(folder.path()).unwrap().is_none());
        assert_eq!(holder(&TableLock::path(folder.path())), Some(std::process::id()));
        first.announce();
        let ((), next) = tokio::join!(async { drop(first) }, TableLock::take(folder.path()));
        drop(next.unwrap());
        drop(TableLock::take_blocking(folder.path()).unwrap());
        let text = std::fs::read_to_string(TableLock::path(folder.path())).unwrap();
        assert_eq!(text, format!("{}\n", std::process::id()));
    }

    #[test]
    fn of_many_who_add_to_a_number_under_it_none_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        let number = folder.path().join("number");
        std::fs::write(&number, "0").unwrap();
        let add = || {
            let _lock = TableLock::take_blocking(folder.path()).unwrap();
            let now: u32 = std::fs::read_to_string(&number).unwrap().parse().unwrap();
            std::fs::write(&number, (now + 1).to_string()).unwrap();
        };
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..20).for_each(|_| add()));
            }
        });
        assert_eq!(std::fs::read_to_string(&number).unwrap(), "160");
    }

    #[test]
    fn a_table_that_cannot_be_locked_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(TableLock::path(folder.path())).unwrap();
        let error = TableLock::take_blocking(folder.path()).unwrap_err();
        assert!(error.to_string().contains("reconciler.table"), "{error}");
    }
}
