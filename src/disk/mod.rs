//! The disk: files that are published whole or not at all, and reads that are bounded. It knows no
//! format; it never deletes what it did not make.

mod publish;
mod unseen;
mod whole;

pub use publish::{
    Published, create, nameless, replace, replace_from, replace_unsynced, sync_folder_of,
};
pub use unseen::make_ignored_folder;
pub use whole::{Replaces, files_below, publish_whole, scratch};

use crate::fault;
use std::fs::{DirBuilder, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// The largest record that is read, in bytes: a longer one is damage.
pub const RECORD_MAX: u64 = 4 * 1024 * 1024;

/// How the name of a temporary file begins; the pid of its writer follows.
const TEMPORARY: &str = ".tmp-";

/// What the disk refused, and where.
#[derive(Debug, thiserror::Error)]
#[error("cannot {verb} {}", path.display())]
pub struct Error {
    verb: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Error {
    pub(crate) fn new(verb: &'static str, path: &Path, source: io::Error) -> Self {
        Self { verb, path: path.to_owned(), source }
    }

    /// Returns what the system said.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

/// Returns a file's bytes, or `None` when there is no such file.
///
/// # Errors
/// When it cannot be read, or is longer than `limit` bytes: then its content is unknown.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let fail = |source| Error::new("read", path, source);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(fail(error)),
    };
    // What is read at one go is not copied as it grows; a file of /proc does not say its size.
    let size = file.metadata().map_or(0, |meta| meta.len().min(limit));
    let mut bytes = Vec::with_capacity(usize::try_from(size).map_or(0, |size| size + 1).max(2048));
    file.take(limit + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > limit {
        return Err(fail(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long")));
    }
    Ok(Some(bytes))
}

/// Returns the names in a folder, sorted; an absent folder has none. Names that are not UTF-8 are
/// left out: nothing of ours is called so.
///
/// # Errors
/// When the folder cannot be read: then its content is unknown.
pub fn list(folder: &Path) -> Result<Vec<String>, Error> {
    let fail = |source| Error::new("list", folder, source);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(fail)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Returns the names in a folder of records, without the temporary files of writers, and removes
/// those whose writers are dead.
///
/// # Errors
/// When the folder cannot be read: then its content is unknown.
pub fn list_records(folder: &Path) -> Result<Vec<String>, Error> {
    let mut names = list(folder)?;
    names.retain(|name| {
        let Some(rest) = name.strip_prefix(TEMPORARY) else { return true };
        if is_of_the_dead(rest) {
            let path = folder.join(name);
            // The next look tries again.
            std::fs::remove_file(&path).or_else(|_| std::fs::remove_dir_all(&path)).ok();
        }
        false
    });
    Ok(names)
}

/// Returns how the name of a temporary file of this process begins: what a dead one left can be told.
fn temporary() -> String {
    format!("{TEMPORARY}{}-", std::process::id())
}

/// Returns whether the pid with which a name begins is nobody's. A pid that was given away again
/// only keeps the file for longer.
fn is_of_the_dead(name: &str) -> bool {
    let pid =
        name.split('-').next().and_then(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?));
    pid.is_some_and(|pid| {
        rustix::process::test_kill_process(pid) == Err(rustix::io::Errno::SRCH) || is_zombie(pid)
    })
}

/// Returns whether a process has ended and only its parent was not told yet (see proc(5)).
fn is_zombie(pid: rustix::process::Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z'))
}

/// Makes a folder, and those above it, for the user alone.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(folder: &Path) -> Result<(), Error> {
    // Most are there already: what changes nothing is no effect.
    if matches!(is_there(folder), Ok(true)) {
        return Ok(());
    }
    fault::effect("make folder", || DirBuilder::new().recursive(true).mode(0o700).create(folder))
        .map_err(|source| Error::new("make", folder, source))
}

/// Makes a symbolic link, and its folder, in place of what may stand there.
///
/// # Errors
/// When it cannot be made; something else may stand there then, or nothing.
pub fn link(path: &Path, target: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let make = || match std::os::unix::fs::symlink(target, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            std::os::unix::fs::symlink(target, path)
        }
        made => made,
    };
    fault::effect("link", make).map_err(|source| Error::new("make the link", path, source))
}

/// Removes a file; an absent one is removed already.
///
/// # Errors
/// When it is there and cannot be removed.
pub fn remove(path: &Path) -> Result<(), Error> {
    match fault::effect("remove", || std::fs::remove_file(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::new("remove", path, error))
        }
        Ok(()) | Err(_) => sync_folder_of(path),
    }
}

/// Removes a folder with all that is in it; an absent one is removed already.
///
/// # Errors
/// When something cannot be removed; some of it may be gone then.
pub fn remove_folder(folder: &Path) -> Result<(), Error> {
    match fault::effect("remove folder", || std::fs::remove_dir_all(folder)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::new("remove", folder, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Moves a file or folder, on one disk. The caller has seen that nothing is where it goes.
///
/// # Errors
/// When it cannot be moved; it is where it was then.
pub fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fault::effect("move", || std::fs::rename(from, to))
        .map_err(|source| Error::new("move", from, source))
}

/// Returns the time that the disk gives to what is changed now in this folder, as a file's times
/// are: seconds and nanoseconds.
///
/// # Errors
/// When no file can be made there.
pub fn now_at(folder: &Path) -> Result<(i64, i64), Error> {
    let fail = |source| Error::new("write in", folder, source);
    let prefix = temporary();
    let file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder).map_err(fail)?;
    let meta = file.as_file().metadata().map_err(fail)?;
    Ok((meta.ctime(), meta.ctime_nsec()))
}

/// Returns how many bytes are free for us on the disk of this path.
///
/// # Errors
/// When that cannot be seen.
pub fn free(path: &Path) -> Result<u64, Error> {
    let stat = rustix::fs::statvfs(path)
        .map_err(|error| Error::new("see what is free at", path, error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Returns whether something is at this path, a dangling link included.
///
/// # Errors
/// When that cannot be seen.
pub fn is_there(path: &Path) -> Result<bool, Error> {
    match path.symlink_metadata() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::new("look at", path, error)),
    }
}
