//! Who may still hold a file that stands for a lock: whoever has it open, and programs that close it
//! and hold it on. It never takes what it cannot see for absent.

use super::identity;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Programs that hold such files also without having them open.
#[derive(Debug, Clone, Copy)]
pub struct Suspects<'a> {
    /// How their names begin.
    pub program: &'a str,
    /// Where they work, or what they are told to work on: paths without links.
    pub places: &'a [PathBuf],
    /// When they had begun at the latest, since boot: who began later cannot have made the file.
    pub begun_by: Duration,
}

/// Returns whether a running process may hold the file. What another user has open cannot be seen;
/// of a suspect that is another's, it is taken to be so.
///
/// # Errors
/// When the list of processes cannot be read: then the file may be held.
pub fn may_hold(file: &Path, suspects: Suspects<'_>) -> io::Result<bool> {
    let held = file.symlink_metadata()?;
    let is_it = |one: &std::fs::Metadata| (one.dev(), one.ino()) == (held.dev(), held.ino());
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let open = std::fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten();
        if open.filter_map(|one| one.path().metadata().ok()).any(|one| is_it(&one))
            || is_suspect(pid, &entry.path(), suspects)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_suspect(pid: u32, process: &Path, suspects: Suspects<'_>) -> io::Result<bool> {
    // Gone, or nobody's to tell: a kernel thread has a name and nothing else.
    let Ok(name) = std::fs::read(process.join("comm")) else { return Ok(false) };
    if !name.starts_with(suspects.program.as_bytes()) {
        return Ok(false);
    }
    let Some(running) = identity::of(pid)? else { return Ok(false) };
    if identity::begun_at(&running) > suspects.begun_by {
        return Ok(false);
    }
    let directory = match std::fs::read_link(process.join("cwd")) {
        Ok(directory) => directory,
        // It is ending, and has closed all.
        Err(error) if identity::is_gone(&error) => return Ok(false),
        Err(_) => return Ok(true),
    };
    if suspects.places.iter().any(|place| directory.starts_with(place)) {
        return Ok(true);
    }
    // It may be told where to work by an argument or a variable.
    let told = ["cmdline", "environ"].map(|name| std::fs::read(process.join(name)));
    Ok(told.into_iter().any(|told| match told {
        Ok(told) => names_one(&told, suspects.places),
        Err(error) => !identity::is_gone(&error),
    }))
}

fn names_one(told: &[u8], places: &[PathBuf]) -> bool {
    places.iter().any(|place| {
        let place = place.as_os_str().as_bytes();
        !place.is_empty() && told.windows(place.len()).any(|part| part == place)
    })
}
