//! The one way to call git: another repository named by inherited variables is never meant, git
//! never asks a terminal, never repacks in the background, and what writes holds the loop's guard.

use super::{Error, Repository};
use crate::process::spawn::Call;
use std::path::Path;
use std::time::Duration;

/// How long a command may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);
/// How long a command that writes or hashes whole work trees may take.
pub(super) const LONG_DEADLINE: Duration = Duration::from_mins(10);

/// How long a command of a hook may take: somebody waits for it.
const HOOK_DEADLINE: Duration = Duration::from_secs(10);

/// Variables by which git is told another repository, index or meaning of paths than the one asked
/// for here (`git rev-parse --local-env-vars` and those that hooks inherit).
const FOREIGN: [&str; 24] = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_CEILING_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DEFAULT_HASH",
    "GIT_DEFAULT_REF_FORMAT",
    "GIT_DIR",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// Where a command runs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// In a directory of a work tree.
    Directory(&'a Path),
    /// On a git directory, without looking for one.
    GitDir(&'a Path),
}

impl Repository {
    /// Prepares a command that reads, on the repository.
    pub(super) fn read(&self) -> Call {
        self.in_scratch(read_at(self.place()))
    }

    /// Prepares a command that writes, on the repository.
    pub(super) fn write(&self) -> Result<Call, Error> {
        Ok(self.in_scratch(self.write_at(self.place(), DEADLINE)?))
    }

    /// Lets a command write its objects where a trial keeps them, if this is one.
    fn in_scratch(&self, call: Call) -> Call {
        match &self.scratch {
            Some(scratch) => call.env("GIT_OBJECT_DIRECTORY", scratch.path()),
            None => call,
        }
    }

    /// Prepares a command that writes and holds the guard meanwhile; give it no input.
    pub(super) fn write_at(&self, place: Place<'_>, deadline: Duration) -> Result<Call, Error> {
        let call = at(quiet(deadline), place).effect();
        let Some(guard) = &self.guard else { return Ok(call) };
        let guard = guard.try_clone();
        Ok(call.holding(guard.map_err(|error| Error::unreadable("the guard", error))?))
    }

    pub(super) fn place(&self) -> Place<'_> {
        if self.is_bare { Place::GitDir(&self.common_dir) } else { Place::Directory(&self.root) }
    }
}

/// How much is told of what git and its hooks said, in characters.
const SAID_MAX: usize = 600;

/// Returns what was said in one line, and not more of it than a person reads.
pub(super) fn one_line(outputs: &[Vec<u8>]) -> String {
    let text = outputs.concat();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SAID_MAX) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Prepares a command that needs no repository.
pub(super) fn plain() -> Call {
    quiet(DEADLINE)
}

/// Prepares a command that writes, or reads all there is, in a repository of our own making where
/// nobody else works: it may be given input.
pub(super) fn write_apart(place: Place<'_>) -> Call {
    at(quiet(LONG_DEADLINE), place).env("GIT_NO_LAZY_FETCH", "1").effect()
}

/// Prepares a command that reads as git told a hook to: the repository, the index and the settings
/// of its environment are those that are meant.
pub(super) fn as_called() -> Call {
    Call::new("git", HOOK_DEADLINE)
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .arg("--no-optional-locks")
}

/// Prepares a command that reads: it takes no locks, and objects are those that are here.
pub(super) fn read_at(place: Place<'_>) -> Call {
    let call = quiet(DEADLINE)
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .arg("--no-optional-locks");
    at(call, place)
}

fn at(call: Call, place: Place<'_>) -> Call {
    match place {
        Place::Directory(directory) => call.arg("-C").arg(directory),
        Place::GitDir(directory) => call.arg("--git-dir").arg(directory),
    }
}

fn quiet(deadline: Duration) -> Call {
    let call = FOREIGN.iter().fold(Call::new("git", deadline), |call, name| call.without(name));
    call.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C").args([
        "-c",
        "gc.auto=0",
        "-c",
        "maintenance.auto=false",
    ])
}
