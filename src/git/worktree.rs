//! Worktrees: what there is, and adding one with our mark as its lock reason. It never prunes, and
//! never takes a directory that something else stands in.

use super::command::{LONG_DEADLINE, Place};
use super::{Error, GENERATION_FILE, Repository};
use crate::api::name::{BranchName, CommitId, Owner};
use crate::disk;
use crate::process::spawn::Call;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What git writes as lock reason while it adds a worktree without one.
pub(super) const INITIALIZING: &str = "initializing";

/// How often a command is tried that met an entry while git wrote it.
const TRIES: u32 = 20;

/// A linked worktree, as git has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// Its directory.
    pub path: PathBuf,
    /// Its commit; `None` when its branch has none, or it cannot be read.
    pub head: Option<CommitId>,
    /// The branch it has checked out, without `refs/heads/`.
    pub branch: Option<String>,
    /// Why it is locked; `None` when it is not.
    pub lock: Option<String>,
    /// Whose it is, by its lock reason; `None` when it is not ours.
    pub owner: Option<Owner>,
    /// Whether its directory is certain to be gone.
    pub missing: bool,
    /// Whether it was never checked out to the end: a command that adds it is running, or died.
    /// Only seen of worktrees that are ours or say so.
    pub initializing: bool,
}

/// A linked worktree, as far as it can be told without asking git.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    /// Its directory.
    pub path: PathBuf,
    /// Whose it is, by its lock reason; `None` when it is not ours.
    pub owner: Option<Owner>,
    /// Whether its directory is certain to be gone.
    pub missing: bool,
    /// Whether its making, or its undoing, was cut short: of those that are ours or say so.
    pub unfinished: bool,
    /// The branch that it has checked out: of those that are ours.
    pub branch: Option<BranchName>,
    /// The generation that was noted there, if that can be read: of those that are ours.
    pub generation: Option<u64>,
}

impl Repository {
    /// Returns the linked worktrees by git's own files (see gitrepository-layout(5)), without a
    /// fork; also where one is torn, so that git lists none.
    ///
    /// # Errors
    /// When they cannot be seen.
    pub fn linked(&self) -> Result<Vec<Linked>, Error> {
        let mut found = Vec::new();
        for entry in self.entries()? {
            let owner = entry.lock.as_deref().and_then(Owner::parse);
            // The index is the last thing that git writes when it checks a worktree out.
            let cut_short =
                || Ok::<_, Error>(entry.is_torn()? || !disk::is_there(&entry.dir.join("index"))?);
            let unfinished = match &owner {
                Some(_) => cut_short()?,
                None => entry.lock.as_deref() == Some(INITIALIZING),
            };
            let missing = !disk::is_there(&entry.path)?;
            let (branch, generation) = match &owner {
                Some(_) => (entry.branch()?, entry.generation()?),
                None => (None, None),
            };
            found.push(Linked { path: entry.path, owner, missing, unfinished, branch, generation });
        }
        Ok(found)
    }

    /// Returns the linked worktrees; the main one is not among them. Costs one fork.
    ///
    /// # Errors
    /// When they cannot be seen. [`Error::Torn`] names the worktree to repair first.
    pub async fn worktrees(&self) -> Result<Vec<Worktree>, Error> {
        let list = || Ok(self.read().args(["worktree", "list", "--porcelain", "-z"]));
        let answer = match beside_adds(list).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.torn()?.unwrap_or(error)),
        };
        let fields: Vec<&[u8]> = answer.split(|byte| *byte == 0).collect();
        let records = fields.split(|field| field.is_empty()).filter(|record| !record.is_empty());
        let mut found = Vec::new();
        for record in records.skip(1) {
            let text = || String::from_utf8_lossy(&record.join(&b' ')).into_owned();
            let worktree = parse(record).ok_or_else(|| Error::unreadable("a worktree", text()))?;
            found.push(worktree);
        }
        self.look_closer(&mut found)?;
        Ok(found)
    }

    /// Adds a worktree of an existing branch, locked by the mark of its owner.
    ///
    /// # Errors
    /// [`Error::Occupied`] when something is at the path: [`Self::repair`] it if it is a half-made
    /// worktree. After any other error look at [`Self::worktrees`]: it may have been made.
    pub async fn add_worktree(
        &self,
        path: &Path,
        branch: &BranchName,
        owner: &Owner,
    ) -> Result<(), Error> {
        if disk::is_there(path)? && !is_empty_folder(path)? {
            return Err(Error::Occupied(path.to_owned()));
        }
        let mark = owner.to_string();
        let add = || {
            let call = self.write_at(self.place(), LONG_DEADLINE)?;
            let call = call.args(["worktree", "add", "--lock", "--reason", &mark, "--"]);
            Ok(call.arg(path).arg(branch.as_str()))
        };
        beside_adds(add).await?;
        Ok(())
    }

    /// Notes in the git directory of a worktree of ours under which generation of its task's claim it
    /// works from now on; the hooks refuse what comes under another.
    ///
    /// # Errors
    /// When it cannot be written; the one before still stands.
    pub fn note_generation(
        &self,
        worktree: &Path,
        owner: &Owner,
        generation: u64,
    ) -> Result<(), Error> {
        let entry = self.entry_at(worktree)?;
        let marked =
            |one: &Entry| one.lock.as_deref().and_then(Owner::parse).as_ref() == Some(owner);
        let Some(entry) = entry.filter(marked) else {
            let (path, expected) = (worktree.to_owned(), owner.to_string());
            return Err(Error::NotOurs { path, expected });
        };
        let text = format!("{generation}\n");
        disk::replace_unsynced(&entry.dir.join(GENERATION_FILE), text.as_bytes())?;
        Ok(())
    }

    fn torn(&self) -> Result<Option<Error>, Error> {
        for entry in self.entries()? {
            let owner = entry.lock.as_deref().and_then(Owner::parse);
            if let Some(owner) = owner
                && entry.is_torn()?
            {
                return Ok(Some(Error::Torn { path: entry.path, owner: Box::new(owner) }));
            }
        }
        Ok(None)
    }

    /// Sees what the list of git leaves out, of the worktrees that are ours to look at.
    fn look_closer(&self, worktrees: &mut [Worktree]) -> Result<(), Error> {
        let entries = self.entries()?;
        for worktree in worktrees {
            worktree.missing = matches!(disk::is_there(&worktree.path), Ok(false));
            let unfinished = worktree.lock.as_deref() == Some(INITIALIZING);
            // The index is the last thing that git writes when it checks a worktree out.
            worktree.initializing = match entries.iter().find(|one| one.path == worktree.path) {
                Some(entry) if worktree.owner.is_some() => {
                    !disk::is_there(&entry.dir.join("index"))?
                }
                Some(_) | None => unfinished,
            };
        }
        Ok(())
    }

    /// Returns the entry of a worktree, found by the path of its directory.
    pub(super) fn entry_of(&self, path: &Path) -> Result<Option<Entry>, Error> {
        let path = real(path);
        Ok(self.entries()?.into_iter().find(|entry| entry.path == path))
    }

    /// Returns the entry that a directory names as its own; it may name another directory, if a crash
    /// cut off a move.
    pub(super) fn entry_at(&self, place: &Path) -> Result<Option<Entry>, Error> {
        let Some(link) = read_line(&place.join(".git"))? else { return Ok(None) };
        let Some(dir) = link.strip_prefix(b"gitdir: ") else { return Ok(None) };
        let dir = place.join(OsStr::from_bytes(dir));
        // A relative one leads on from a place that may be left.
        let dir = real(&dir);
        if dir.parent() != self.common_dir.join("worktrees").canonicalize().ok().as_deref() {
            return Ok(None);
        }
        entry_in(dir)
    }

    /// Returns the entries that name a directory; see gitrepository-layout(5) for `worktrees/`.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, Error> {
        let folder = self.common_dir.join("worktrees");
        let mut found = Vec::new();
        let mut parents = BTreeMap::new();
        for name in disk::list(&folder)? {
            found.extend(entry_among(folder.join(name), &mut parents)?);
        }
        Ok(found)
    }

    /// Makes git forget a worktree whose directory is gone, and no other.
    pub(super) async fn drop_entry(&self, entry: &Entry) -> Result<(), Error> {
        let remove = || {
            let call = self.write()?.args(["worktree", "remove", "-f", "-f", "--"]);
            Ok(call.arg(&entry.path))
        };
        let Err(error) = beside_adds(remove).await else { return Ok(()) };
        // git refuses some half-made entries; what names this path is the one that was meant.
        disk::remove_folder(&entry.dir).or(Err(error))
    }
}

/// Runs a command that reads every entry, again if it met one that is being written this moment:
/// git makes `commondir` empty first, and gives up on an empty one.
pub(super) async fn beside_adds(call: impl Fn() -> Result<Call, Error>) -> Result<Vec<u8>, Error> {
    let mut tries = 1;
    loop {
        match call()?.run().await {
            Err(error) if tries < TRIES && error.stderr().contains("/commondir: ") => tries += 1,
            other => return Ok(other?),
        }
    }
}

/// What git keeps of a worktree: a folder in `worktrees/` of the common directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) dir: PathBuf,
    pub(super) path: PathBuf,
    pub(super) lock: Option<String>,
}

impl Entry {
    /// Returns whether it lacks what git cannot work without: its making, or git's own undoing of
    /// that, was cut short. The mark is among the first to be undone.
    pub(super) fn is_torn(&self) -> Result<bool, Error> {
        for name in ["HEAD", "commondir"] {
            let path = self.dir.join(name);
            match path.symlink_metadata() {
                // A line break alone is no line.
                Ok(file) if file.len() > 1 => {}
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
                Err(error) => return Err(disk::Error::new("look at", &path, error).into()),
            }
        }
        Ok(false)
    }

    /// Returns the branch that HEAD names. `None` when it is detached, torn, or does not name it, as
    /// with reftable.
    fn branch(&self) -> Result<Option<BranchName>, Error> {
        let head = read_line(&self.dir.join("HEAD"))?.unwrap_or_default();
        let head = String::from_utf8_lossy(&head);
        let name = head.strip_prefix("ref: refs/heads/").map(str::to_owned);
        Ok(name.and_then(|name| BranchName::try_from(name).ok()))
    }

    /// Returns the generation that was noted; `None` also when it is no number.
    fn generation(&self) -> Result<Option<u64>, Error> {
        let line = read_line(&self.dir.join(GENERATION_FILE))?;
        Ok(line.and_then(|line| String::from_utf8_lossy(&line).parse().ok()))
    }

    /// Refuses an entry that does not bear this mark.
    pub(super) fn check_owner(&self, owner: &Owner) -> Result<(), Error> {
        let mark = self.lock.as_deref().and_then(Owner::parse);
        if mark.as_ref() == Some(owner) {
            return Ok(());
        }
        Err(Error::NotOurs { path: self.path.clone(), expected: owner.to_string() })
    }
}

/// Folders, and where they are without links on the way; `None` where that cannot be seen.
type Parents = BTreeMap<PathBuf, Option<PathBuf>>;

/// Returns what git keeps in a folder of `worktrees/`, if it names a directory.
pub(super) fn entry_in(dir: PathBuf) -> Result<Option<Entry>, Error> {
    entry_among(dir, &mut BTreeMap::new())
}

fn entry_among(dir: PathBuf, parents: &mut Parents) -> Result<Option<Entry>, Error> {
    let Some(link) = read_line(&dir.join("gitdir"))? else { return Ok(None) };
    let link = dir.join(OsStr::from_bytes(&link));
    let Some(path) = link.parent() else { return Ok(None) };
    // Most lie in one folder.
    let path = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let real =
                parents.entry(parent.to_owned()).or_insert_with(|| parent.canonicalize().ok());
            real.as_ref().map_or_else(|| path.to_owned(), |real| real.join(name))
        }
        _ => path.to_owned(),
    };
    let lock = read_line(&dir.join("locked"))?;
    let lock = lock.map(|reason| String::from_utf8_lossy(&reason).into_owned());
    Ok(Some(Entry { dir, path, lock }))
}

pub(super) fn read_line(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let line = disk::read(path, disk::RECORD_MAX)?;
    let line = line.map(|line| line.trim_ascii_end().to_owned());
    Ok(line)
}

/// Returns the path as git writes it: without links on the way to its last name.
pub(super) fn real(path: &Path) -> PathBuf {
    let parent = path.parent().and_then(|parent| parent.canonicalize().ok());
    match (parent, path.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

/// Returns whether there is a folder with nothing in it, as git takes for a new worktree.
pub(super) fn is_empty_folder(path: &Path) -> Result<bool, Error> {
    let fail = |source| disk::Error::new("list", path, source);
    match std::fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(fail(error).into()),
    }
}

/// Moves a file or folder, on one disk, to where nothing is.
pub(super) fn move_away(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(parent) = to.parent() {
        disk::make_folder(parent)?;
    }
    if disk::is_there(to)? {
        return Err(Error::Occupied(to.to_owned()));
    }
    Ok(disk::rename(from, to)?)
}

/// Returns where commands of a worktree run.
pub(super) fn place_of(path: &Path) -> Place<'_> {
    Place::Directory(path)
}

fn parse(record: &[&[u8]]) -> Option<Worktree> {
    let mut path = None;
    let (mut head, mut branch, mut lock) = (None, None, None);
    for field in record {
        let (name, value) = match field.iter().position(|byte| *byte == b' ') {
            Some(at) => (field.get(..at)?, field.get(at + 1..)?),
            None => (*field, &b""[..]),
        };
        let text = || String::from_utf8_lossy(value).into_owned();
        match name {
            b"worktree" => path = Some(PathBuf::from(OsStr::from_bytes(value))),
            b"HEAD" if value.iter().any(|digit| *digit != b'0') => {
                head = Some(CommitId::try_from(text()).ok()?);
            }
            b"branch" => branch = text().strip_prefix("refs/heads/").map(str::to_owned),
            b"locked" => lock = Some(text()),
            _ => {}
        }
    }
    let owner = lock.as_deref().and_then(Owner::parse);
    let path = path?;
    Some(Worktree { path, head, branch, lock, owner, missing: false, initializing: false })
}
