//! git: the handle on one repository. Objects are read without a checkout; refs move only by
//! compare-and-swap. It never prunes, and never touches a worktree without our mark.

mod advance;
mod branch;
mod bundle;
mod candidate;
mod case;
mod command;
mod commit;
mod hook;
mod init;
mod landed;
mod merge;
mod nested;
mod object;
mod refs;
mod remote;
mod repair;
mod rescue;
mod rescued;
mod retire;
mod room;
mod spare;
mod stale;
mod table;
mod untouched;
mod verification;

#[cfg(test)]
mod scratch;

#[cfg(test)]
mod tests;
mod worktree;

pub use advance::Advanced;
pub use branch::FileChange;
pub use bundle::Files;
pub use candidate::{Built, CANDIDATES, Clash, Work};
pub use commit::Staged;
pub use hook::{GENERATION_FILE, HookPlace, MOVE_VARIABLE, Operation, Stamp};
pub use landed::{FileVersion, Landed};
pub use merge::{Marked, Tried};
pub use object::{BlobError, EntryKind, Reader, TreeEntry, Version};
pub use refs::Moved;
pub use rescue::{Saved, Unsaved};
pub use rescued::Rescued;
pub use retire::Retired;
pub use spare::{Spare, Taken};
pub use stale::{PATIENCE, SeenLocks, Stale};
pub use table::{Committed, Table};
pub use worktree::{Linked, Worktree};

use crate::api::name::Owner;
use crate::process::spawn;
use command::Place;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// So often a change of settings is tried while somebody else writes them, with this pause.
const CONFIG_TRIES: u32 = 100;
const CONFIG_PAUSE: Duration = Duration::from_millis(20);

/// What git refused, or what could not be seen of a repository. Nothing is known then: no error
/// means that something is absent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no repository here or above.
    #[error("{} is not in a git repository", .0.display())]
    NotARepository(PathBuf),
    /// There is no git.
    #[error("git is not installed, or not in PATH")]
    NoGit,
    /// git lacks what is needed here.
    #[error("git {0} is too old: 2.38 or newer is needed")]
    TooOld(String),
    /// The path of a repository cannot be written to records and given to tmux.
    #[error("the path {0} has {1}, which tmux and our records cannot carry: rename that folder")]
    Unwritable(String, &'static str),
    /// git refuses a repository of another user.
    #[error(
        "git refuses {path}, which belongs to another user: if you trust it, run \
         `git config --global --add safe.directory {path}`"
    )]
    Untrusted {
        /// The repository.
        path: String,
    },
    /// A command failed, or its outcome is unknown.
    #[error(transparent)]
    Command(#[from] spawn::Error),
    /// A file could not be read, written or moved.
    #[error(transparent)]
    Disk(#[from] crate::disk::Error),
    /// Something is there, and cannot be read.
    #[error("cannot read {what}: {why}")]
    Unreadable {
        /// What was to be read.
        what: String,
        /// Why it was not.
        why: String,
    },
    /// A crash tore what git keeps of a worktree so that git can list none of them.
    #[error("a crash left the worktree {} half-made, and git lists none until it is repaired", path.display())]
    Torn {
        /// Its directory: what [`Repository::repair`] is to be called with.
        path: PathBuf,
        /// Whose it is.
        owner: Box<Owner>,
    },
    /// Something stands where a worktree is to be.
    #[error("{} is taken by something that is not our worktree", .0.display())]
    Occupied(PathBuf),
    /// A worktree without our mark, or with another.
    #[error("{} does not bear the mark {expected}", path.display())]
    NotOurs {
        /// The worktree.
        path: PathBuf,
        /// The mark it should bear.
        expected: String,
    },
    /// A worktree holds work that no ref holds.
    #[error("{} has work that is not saved: {what}", path.display())]
    Unsaved {
        /// The worktree.
        path: PathBuf,
        /// The work.
        what: String,
    },
    /// What is in no commit is more than the disk has room for.
    #[error(
        "{} has {needed} MB in files that git does not know, and the disk has room for {free} MB: \
         make room, or have git ignore what need not be saved", path.display()
    )]
    NoRoom {
        /// The worktree.
        path: PathBuf,
        /// The size of the files, in megabytes.
        needed: u64,
        /// What is free, in megabytes.
        free: u64,
    },
    /// A worktree that was to let go of its branch still has it.
    #[error("{} is still on its branch, although git said that it was let go of", .0.display())]
    OnBranch(PathBuf),
    /// A remote did not take a branch.
    #[error("{branch} was not pushed to {remote}; git says: {said}")]
    NotPushed {
        /// Which.
        branch: crate::api::name::BranchName,
        /// To where.
        remote: crate::api::name::RemoteName,
        /// What git, hooks and the remote said, in one line.
        said: String,
    },
    /// git or a hook of the user refused a commit.
    #[error("{path} was not committed:\n{said}")]
    CommitRefused {
        /// The path that was to be committed.
        path: String,
        /// All that git and the hooks said.
        said: String,
    },
}

impl Error {
    fn unreadable(what: impl Into<String>, why: impl std::fmt::Display) -> Self {
        Self::Unreadable { what: what.into(), why: why.to_string() }
    }
}

/// How object ids are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectFormat {
    /// Ids of 40 digits.
    Sha1,
    /// Ids of 64 digits.
    Sha256,
}

impl ObjectFormat {
    fn digits(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }
}

/// What to watch to be told when a ref may have moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchPath {
    /// The folder; it may be absent.
    pub path: PathBuf,
    /// Whether the folders beneath are to be watched too.
    pub recursive: bool,
}

/// A setting of where hooks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HooksPath {
    /// The folder; a relative one is beneath the root of each work tree.
    pub path: PathBuf,
    /// Who set it.
    pub scope: Scope,
}

/// Who made a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The repository.
    Repository,
    /// The user or the system, for all repositories.
    Outside,
}

/// One repository. Cheap to clone; holds nothing open but the guard.
#[derive(Debug, Clone)]
pub struct Repository {
    common_dir: PathBuf,
    root: PathBuf,
    /// The main work tree, if its git directory is elsewhere: only who is in it knows where it is.
    work_tree: Option<PathBuf>,
    is_bare: bool,
    object_format: ObjectFormat,
    by_library: bool,
    guard: Option<Arc<File>>,
    /// Held while a branch that is checked out moves with its files: by whoever in this process does it.
    moving: Arc<tokio::sync::Mutex<()>>,
    /// Where objects are written, when none of the repository is to be.
    scratch: Option<Arc<TempDir>>,
}

impl Repository {
    /// Finds the repository of a directory, also from inside a linked worktree. Costs two to three
    /// forks of git.
    ///
    /// # Errors
    /// When there is none, or git is missing, too old or refuses it; the message says what to do.
    pub async fn discover(start: &Path) -> Result<Self, Error> {
        check_version().await?;
        let seen = look(start).await?;
        let linked = seen.git_dir != seen.common_dir;
        // A linked worktree of a bare repository is not bare itself.
        let main = if linked { ask(Place::GitDir(&seen.common_dir), start).await? } else { seen };
        let root = match (main.is_bare, main.common_dir.file_name()) {
            (false, Some(name)) if name == ".git" => main.common_dir.parent(),
            (true | false, _) => None,
        };
        let root = root.unwrap_or(&main.common_dir).to_owned();
        let common_dir = main.common_dir.clone();
        let by_library = object::library_opens(common_dir.clone()).await;
        let (is_bare, object_format) = (main.is_bare, main.object_format);
        let (work_tree, guard, scratch) = (None, None, None);
        let mut found = Self {
            common_dir,
            root,
            work_tree,
            is_bare,
            object_format,
            by_library,
            guard,
            moving: Arc::default(),
            scratch,
        };
        if !linked && !is_bare && found.root == found.common_dir {
            found.work_tree = found.work_tree_of(start).await?;
        }
        Ok(found)
    }

    /// Hands every git command that writes this open file: a lock on it lasts until the command
    /// ends, also when we are killed before it.
    #[must_use]
    pub fn with_guard(self, guard: File) -> Self {
        Self { guard: Some(Arc::new(guard)), ..self }
    }

    /// Returns the git directory that all worktrees share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Returns the directory of the main worktree; of a bare repository, the git directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns whether the repository has no main worktree.
    pub fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// Returns how object ids are made.
    pub fn object_format(&self) -> ObjectFormat {
        self.object_format
    }

    /// Returns the reader of objects that this repository admits.
    pub fn reader(&self) -> Reader {
        Reader::new(self)
    }

    /// Returns what to watch for moved refs. Events are hints: some moves give none.
    pub fn watch_paths(&self) -> Vec<WatchPath> {
        let at = |name: &str, recursive| WatchPath { path: self.common_dir.join(name), recursive };
        // `packed-refs` is replaced by rename: only its folder sees that.
        let common = WatchPath { path: self.common_dir.clone(), recursive: false };
        vec![common, at("refs/heads", true), at("reftable", false)]
    }

    /// Returns a setting as git sees it: of the system, the user or the repository.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub async fn config_get(&self, key: &str) -> Result<Option<String>, Error> {
        match self.read().args(["config", "--get", key]).run().await {
            Ok(value) => Ok(Some(String::from_utf8_lossy(&value).trim_end().to_owned())),
            Err(error) if error.status() == Some(1) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns where git is told to look for hooks, as it was written, and by whom; `None` when
    /// that is its own folder.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub async fn hooks_path(&self) -> Result<Option<HooksPath>, Error> {
        let words = ["config", "--show-scope", "--type=path", "--get", "core.hooksPath"];
        let answer = match self.read().args(words).run().await {
            Ok(answer) => String::from_utf8_lossy(&answer).into_owned(),
            Err(error) if error.status() == Some(1) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Some((scope, path)) = answer.trim_end_matches('\n').split_once('\t') else {
            return Err(Error::unreadable("core.hooksPath", answer));
        };
        let of_repository = matches!(scope, "local" | "worktree");
        let scope = if of_repository { Scope::Repository } else { Scope::Outside };
        Ok(Some(HooksPath { path: PathBuf::from(path), scope }))
    }

    /// Takes a setting of the repository away; an absent one is away already.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn config_unset(&self, key: &str) -> Result<(), Error> {
        match self.configure(&["--unset-all", key]).await {
            Err(Error::Command(error)) if error.status() == Some(5) => Ok(()),
            other => other,
        }
    }

    /// Changes the settings of the repository; whoever writes them now is waited for.
    async fn configure(&self, words: &[&str]) -> Result<(), Error> {
        let mut tries = 1;
        loop {
            match self.write()?.args(["config", "--local"]).args(words).run().await {
                Err(error) if tries < CONFIG_TRIES && error.stderr().contains("could not lock") => {
                    tries += 1;
                    tokio::time::sleep(CONFIG_PAUSE).await;
                }
                other => return Ok(other.map(drop)?),
            }
        }
    }

    /// Sets a setting of the repository.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn config_set(&self, key: &str, value: &str) -> Result<(), Error> {
        self.configure(&[key, value]).await
    }

    /// Returns whether git would refuse to commit because it does not know by whom.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub async fn user_identity_missing(&self) -> Result<bool, Error> {
        match self.read().args(["var", "GIT_COMMITTER_IDENT"]).run().await {
            Ok(_) => Ok(false),
            Err(spawn::Error::Failed { .. }) => Ok(true),
            Err(error @ (spawn::Error::Start { .. } | spawn::Error::Deadline { .. })) => {
                Err(error.into())
            }
        }
    }
}

struct Seen {
    git_dir: PathBuf,
    common_dir: PathBuf,
    is_bare: bool,
    object_format: ObjectFormat,
}

async fn check_version() -> Result<(), Error> {
    let answer = match command::plain().arg("version").run().await {
        Ok(answer) => String::from_utf8_lossy(&answer).into_owned(),
        Err(spawn::Error::Start { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            return Err(Error::NoGit);
        }
        Err(error) => return Err(error.into()),
    };
    let version = answer.split_whitespace().nth(2).unwrap_or_default();
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= (2, 38) => Ok(()),
        _ => Err(Error::TooOld(version.to_owned())),
    }
}

async fn look(start: &Path) -> Result<Seen, Error> {
    match ask(Place::Directory(start), start).await {
        // `safe.bareRepository=explicit` wants the git directory named.
        Err(Error::Command(error)) if error.stderr().contains("safe.bareRepository") => {
            ask(Place::GitDir(start), start).await
        }
        other => other,
    }
}

async fn ask(place: Place<'_>, start: &Path) -> Result<Seen, Error> {
    let call = command::read_at(place)
        .args(["rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"])
        .args(["--is-bare-repository", "--show-object-format"]);
    let answer = call.run().await.map_err(|error| refusal(error, start))?;
    let unwritable = |what| Err(Error::Unwritable(answer_path(&answer), what));
    if std::str::from_utf8(&answer).is_err() {
        return unwritable("letters that are not UTF-8");
    }
    // Two paths and two words, each on its line.
    if answer.split(|byte| *byte == b'\n').nth(5).is_some() {
        return unwritable("a line break");
    }
    parse_seen(&answer)
        .ok_or_else(|| Error::unreadable("the repository", String::from_utf8_lossy(&answer)))
}

fn answer_path(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    let end = text.find("/.git\n").unwrap_or(text.len());
    format!("{:?}", text.get(..end).unwrap_or(&text))
}

fn parse_seen(answer: &[u8]) -> Option<Seen> {
    let mut lines = answer.split(|byte| *byte == b'\n');
    let mut path = || Some(PathBuf::from(OsStr::from_bytes(lines.next()?)));
    let (git_dir, common_dir) = (path()?, path()?);
    let is_bare = match lines.next()? {
        b"true" => true,
        b"false" => false,
        _ => return None,
    };
    let object_format = match lines.next()? {
        b"sha1" => ObjectFormat::Sha1,
        b"sha256" => ObjectFormat::Sha256,
        _ => return None,
    };
    Some(Seen { git_dir, common_dir, is_bare, object_format })
}

fn refusal(error: spawn::Error, start: &Path) -> Error {
    let said = error.stderr();
    if said.contains("dubious ownership") {
        let path = said.split('\'').nth(1).map(str::to_owned);
        return Error::Untrusted { path: path.unwrap_or(start.display().to_string()) };
    }
    if said.contains("not a git repository") {
        return Error::NotARepository(start.to_owned());
    }
    Error::Command(error)
}
