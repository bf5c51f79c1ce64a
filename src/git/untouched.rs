//! The short look at a worktree: whether all in it is committed, by what git wrote down of each file.
//! It compares to the nanosecond, believes no flag and no setting, and leaves every doubt to the
//! look that reads all.

use super::command::read_at;
use super::rescue::Unsaved;
use super::worktree::{place_of, read_line, real};
use super::{Error, Repository};
use crate::api::name::CommitId;
use crate::disk;
use git2::{Index, IndexEntry, ObjectType, Oid};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Flags of an entry that hide a file from git, and the stages of a conflict.
const HIDING: u16 = 0x8000 | 0x3000;
/// The same among the extended flags: skip-worktree and intent-to-add.
const HIDING_EXTENDED: u16 = 0x4000 | 0x2000;

/// What is in a worktree beside the files of its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Something,
}

impl Repository {
    /// Returns what [`Self::unsaved`] would, when it is certain that branches hold everything that
    /// git does not ignore; `None` when that needs the long look.
    ///
    /// # Errors
    /// When something could not be seen: then take the long look too.
    pub(super) async fn untouched(&self, worktree: &Path) -> Result<Option<Unsaved>, Error> {
        let Some(entry) = self.entry_at(worktree)?.filter(|one| one.path == real(worktree)) else {
            return Ok(None);
        };
        // HEAD is a branch: what it has committed, that branch holds.
        let head = read_line(&entry.dir.join("HEAD"))?.unwrap_or_default();
        let on_branch = head.starts_with(b"ref: refs/heads/") && !head.ends_with(b"/.invalid");
        let put_aside = || disk::is_there(&entry.dir.join("MERGE_AUTOSTASH"));
        if !on_branch || self.operation_in(worktree, &entry.dir).await?.is_some() || put_aside()? {
            return Ok(None);
        }
        let (root, dir) = (worktree.to_owned(), entry.dir.clone());
        let files = tokio::task::spawn_blocking(move || as_written(&root, &dir.join("index")));
        let ids = read_at(place_of(worktree)).args(["rev-parse", "HEAD", "HEAD^{tree}"]);
        let staged =
            read_at(place_of(worktree)).args(["diff-index", "--cached", "--quiet", "HEAD", "--"]);
        let (files, ids, staged) = tokio::join!(files, ids.run(), staged.run());
        let (Ok(Some(beside)), Ok(ids), Ok(_)) = (files, ids, staged) else { return Ok(None) };
        let ignored = beside == Beside::Something;
        if ignored && !self.all_ignored(worktree).await? {
            return Ok(None);
        }
        let ids = String::from_utf8_lossy(&ids).into_owned();
        let Some((head, tree)) = ids.trim_end().split_once('\n') else { return Ok(None) };
        let head = CommitId::try_from(head.to_owned());
        let head = head.map_err(|why| Error::unreadable("HEAD", why))?;
        Ok(Some(Unsaved {
            head: Some(head),
            tree: tree.to_owned(),
            clean: true,
            in_branch: true,
            in_progress: None,
            autostash: None,
            nested: Vec::new(),
            ignored,
        }))
    }

    /// Returns whether git ignores everything that is not in the index.
    async fn all_ignored(&self, worktree: &Path) -> Result<bool, Error> {
        let list = ["-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false", "ls-files"];
        let call = read_at(place_of(worktree)).args(list);
        let list = ["-o", "--exclude-standard", "--directory", "--no-empty-directory", "-z"];
        let others = call.args(list).run().await?;
        Ok(others.is_empty())
    }
}

/// Returns what is there beside the files of an index, when each of those is the very file that git
/// wrote or read; `None` when one is not, or it cannot be told.
fn as_written(root: &Path, index: &Path) -> Option<Beside> {
    let written = index.symlink_metadata().ok()?;
    let mut entries = BTreeMap::new();
    let mut folders = BTreeSet::new();
    for entry in Index::open(index).ok()?.iter() {
        let path = PathBuf::from(std::ffi::OsStr::from_bytes(&entry.path));
        folders.extend(path.ancestors().skip(1).map(Path::to_owned));
        entries.insert(path, entry);
    }
    folders.insert(PathBuf::new());
    let mut seen = 0;
    let mut beside = Beside::Nothing;
    for path in
        folders.iter().map(|folder| inside(root, folder)).collect::<Option<Vec<_>>>()?.concat()
    {
        match entries.get(&path) {
            Some(entry) if is_as_written(&root.join(&path), entry, &written)? => seen += 1,
            Some(_) => return None,
            None if folders.contains(&path) || path == Path::new(".git") => {}
            None => beside = Beside::Something,
        }
    }
    (seen == entries.len()).then_some(beside)
}

fn inside(root: &Path, folder: &Path) -> Option<Vec<PathBuf>> {
    let found = std::fs::read_dir(root.join(folder)).ok()?;
    found.map(|one| Some(folder.join(one.ok()?.file_name()))).collect()
}

/// Returns whether a file is the one that its entry describes.
fn is_as_written(path: &Path, entry: &IndexEntry, index: &Metadata) -> Option<bool> {
    let file = path.symlink_metadata().ok()?;
    let same_kind = match entry.mode {
        0o100_644 => file.is_file() && file.mode() & 0o100 == 0,
        0o100_755 => file.is_file() && file.mode() & 0o100 != 0,
        0o120_000 => file.is_symlink(),
        _ => false,
    };
    let same = same_kind
        && entry.flags & HIDING == 0
        && entry.flags_extended & HIDING_EXTENDED == 0
        && u64::from(entry.file_size) == file.size()
        // The index keeps the low half of it.
        && u64::from(entry.ino) == file.ino() & u64::from(u32::MAX)
        && time(entry.mtime) == (file.mtime(), file.mtime_nsec())
        && time(entry.ctime) == (file.ctime(), file.ctime_nsec());
    if !same {
        return Some(false);
    }
    // Changed when the index was written or later, it may have been changed again within one tick
    // of the clock of files.
    let is_racy = (file.ctime(), file.ctime_nsec()) >= (index.mtime(), index.mtime_nsec());
    if is_racy { content_is(path, &file, entry.id) } else { Some(true) }
}

fn content_is(path: &Path, file: &Metadata, id: Oid) -> Option<bool> {
    let found = if file.is_symlink() {
        let target = std::fs::read_link(path).ok()?;
        Oid::hash_object(ObjectType::Blob, target.as_os_str().as_bytes())
    } else {
        Oid::hash_file(ObjectType::Blob, path)
    };
    Some(found.ok()? == id)
}

fn time(time: git2::IndexTime) -> (i64, i64) {
    (time.seconds().into(), time.nanoseconds().into())
}
