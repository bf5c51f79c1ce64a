//! The short look of a hook: where it was called and what is staged, without a fork. Every doubt
//! is `None`, and git is asked then; it never says less than git would.

mod loose;

use super::index::{Entry, Id, Index, Known, id, until};
use super::{HookPlace, read_line};
use crate::disk;
use git2::{Odb, Oid};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// How long objects may take to be read: on one that a power cut cut short, libgit2 1.9 spins for
/// ever. The thread that does so ends with the hook.
const DEADLINE: Duration = Duration::from_secs(1);
/// The largest index and the largest list of packed refs that are read, in bytes.
const FILE_MAX: u64 = 256 << 20;
/// Variables that make objects or refs lie elsewhere.
const ELSEWHERE: [&str; 4] =
    ["GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE"];

/// The variables of the environment.
pub(super) type Variables = BTreeMap<String, String>;

impl HookPlace {
    /// Finds the place of a hook as git does, where that is plain: by `GIT_DIR`, or by the `.git`
    /// in this directory.
    pub fn at_once(directory: &Path, variables: &Variables) -> Option<Self> {
        if ELSEWHERE.iter().any(|name| variables.contains_key(*name)) {
            return None;
        }
        let git_dir = match variables.get("GIT_DIR") {
            Some(named) => directory.join(named),
            None => git_dir_in(directory)?,
        };
        let git_dir = git_dir.canonicalize().ok()?;
        let common_dir = match read_line(&git_dir.join("commondir")).ok()? {
            Some(line) => git_dir.join(OsStr::from_bytes(&line)).canonicalize().ok()?,
            None => git_dir.clone(),
        };
        Some(Self { directory: directory.to_owned(), git_dir, common_dir })
    }

    /// Returns what [`Self::staged_names`] would against HEAD, sorted.
    pub fn staged_at_once(&self, variables: &Variables) -> Option<Vec<String>> {
        let head = self.head()?;
        let index = disk::read(&self.index(variables), FILE_MAX).ok()??;
        let objects = self.common_dir.join("objects");
        let loose = |kind: &str, id| loose::read(&objects, kind, id);
        if let Some(found) = staged(&loose, &head, &index) {
            return Some(found);
        }
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(staged_by_libgit2(&objects, &head, &index)).ok());
        receiver.recv_timeout(DEADLINE).ok()?
    }

    /// Returns the index that is to be committed.
    pub(super) fn index(&self, variables: &Variables) -> PathBuf {
        match variables.get("GIT_INDEX_FILE") {
            Some(named) => self.directory.join(named),
            None => self.git_dir.join("index"),
        }
    }

    /// Returns the id of the commit that HEAD is.
    fn head(&self) -> Option<String> {
        let head = text(&self.git_dir.join("HEAD"))?;
        let Some(name) = head.strip_prefix("ref: ") else { return is_id(&head).then_some(head) };
        if !name.starts_with("refs/heads/") || name.split('/').any(|part| part == "..") {
            return None;
        }
        let loose = self.common_dir.join(name);
        if disk::is_there(&loose).ok()? {
            return text(&loose).filter(|id| is_id(id));
        }
        let packed = disk::read(&self.common_dir.join("packed-refs"), FILE_MAX).ok()??;
        let packed = String::from_utf8(packed).ok()?;
        let mut lines = packed.lines().filter_map(|line| line.split_once(' '));
        lines.find(|(id, packed)| *packed == name && is_id(id)).map(|(id, _)| id.to_owned())
    }
}

/// Returns the git directory of a work tree by its `.git`: a folder, or a file that names one.
fn git_dir_in(directory: &Path) -> Option<PathBuf> {
    let dot_git = directory.join(".git");
    if dot_git.metadata().ok()?.is_dir() {
        return Some(dot_git);
    }
    let line = read_line(&dot_git).ok()??;
    Some(directory.join(OsStr::from_bytes(line.strip_prefix(b"gitdir: ")?)))
}

fn text(path: &Path) -> Option<String> {
    String::from_utf8(read_line(path).ok()??).ok()
}

/// Returns whether this is an id of SHA-1.
fn is_id(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Reads the content of an object of a kind: a `commit` or a `tree`.
type Read<'a> = &'a dyn Fn(&str, Id) -> Option<Vec<u8>>;

/// Returns what [`staged`] does, of objects that lie in any form.
fn staged_by_libgit2(objects: &Path, head: &str, index: &[u8]) -> Option<Vec<String>> {
    let odb = Odb::new().ok()?;
    odb.add_disk_alternate(objects.to_str()?).ok()?;
    let read = |kind: &str, id: Id| {
        let object = odb.read(Oid::from_bytes(&id).ok()?).ok()?;
        (object.kind().str() == kind).then(|| object.data().to_owned())
    };
    staged(&read, head, index)
}

/// Returns the paths by which an index differs from a commit.
fn staged(read: Read<'_>, head: &str, index: &[u8]) -> Option<Vec<String>> {
    let index = Index::read(index)?;
    let commit = read("commit", id_of(head)?)?;
    let tree = commit.strip_prefix(b"tree ")?;
    let tree = id_of(std::str::from_utf8(tree.get(..40)?).ok()?)?;
    let mut look = Look { read, found: Vec::new() };
    look.compare(tree, &mut Vec::new(), &index.entries, Some(&index.known))?;
    look.found.sort_unstable();
    Some(look.found)
}

fn id_of(text: &str) -> Option<Id> {
    let mut id = Id::default();
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(id)
}

/// A comparison of trees with an index.
struct Look<'a> {
    read: Read<'a>,
    found: Vec<String>,
}

/// What an index has of a name in a folder.
enum There<'a, 'b> {
    File(&'b Entry<'a>),
    Folder(&'b [Entry<'a>]),
}

impl<'a, 'b> There<'a, 'b> {
    fn inside(&self) -> &'b [Entry<'a>] {
        match self {
            Self::File(_) => &[],
            Self::Folder(entries) => entries,
        }
    }

    fn is_file(&self, mode: u32, id: Id) -> bool {
        matches!(self, Self::File(file) if (file.mode, file.id) == (mode, id))
    }
}

impl Look<'_> {
    /// Compares the tree of a folder, whose name ends in `/` unless it is the top, with what the
    /// index has there.
    fn compare(
        &mut self,
        tree: Id,
        folder: &mut Vec<u8>,
        entries: &[Entry<'_>],
        known: Option<&Known<'_>>,
    ) -> Option<()> {
        if known.is_some_and(|known| known.tree == Some((tree, entries.len()))) {
            return Some(());
        }
        let mut there = level(folder.len(), entries)?;
        for (name, mode, id) in self.tree(tree)? {
            let found = there.remove(name.as_slice());
            let length = folder.len();
            folder.extend(&name);
            if mode == FOLDER {
                folder.push(b'/');
                let known = known.and_then(|known| known.folders.get(name.as_slice()));
                let inside = found.as_ref().map_or(&[][..], There::inside);
                self.compare(id, folder, inside, known)?;
                self.tell_if(found.as_ref().filter(|found| matches!(found, There::File(_))));
            } else if !found.as_ref().is_some_and(|found| found.is_file(mode, id)) {
                self.found.push(lossy(folder));
                self.tell_if(found.as_ref().filter(|found| matches!(found, There::Folder(_))));
            }
            folder.truncate(length);
        }
        for added in there.values() {
            self.tell_if(Some(added));
        }
        Some(())
    }

    fn tell_if(&mut self, there: Option<&There<'_, '_>>) {
        match there {
            Some(There::File(file)) => self.found.push(lossy(file.path)),
            Some(There::Folder(files)) => {
                self.found.extend(files.iter().map(|file| lossy(file.path)));
            }
            None => {}
        }
    }

    /// Returns the names, modes and ids in a tree.
    fn tree(&self, tree: Id) -> Option<Vec<(Vec<u8>, u32, Id)>> {
        let object = (self.read)("tree", tree)?;
        let (mut rest, mut found) = (object.as_slice(), Vec::new());
        while !rest.is_empty() {
            let mode = std::str::from_utf8(until(&mut rest, b' ')?).ok()?;
            let mode = canonical(u32::from_str_radix(mode, 8).ok()?)?;
            let name = until(&mut rest, 0)?.to_owned();
            found.push((name, mode, id(&mut rest)?));
        }
        Some(found)
    }
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

/// The mode of a folder in a tree.
const FOLDER: u32 = 0o040_000;

/// Returns a mode as the index has it: old trees have others.
fn canonical(mode: u32) -> Option<u32> {
    match mode & 0o170_000 {
        0o100_000 if mode & 0o100 == 0 => Some(0o100_644),
        0o100_000 => Some(0o100_755),
        kind @ (0o120_000 | FOLDER | 0o160_000) => Some(kind),
        _ => None,
    }
}

/// Returns what an index has directly in a folder, by name; all entries lie in it, and its name has
/// this length. `None` when a name is both a file and a folder.
fn level<'a, 'b>(
    length: usize,
    mut entries: &'b [Entry<'a>],
) -> Option<BTreeMap<&'a [u8], There<'a, 'b>>> {
    let mut there = BTreeMap::new();
    while let Some(first) = entries.first() {
        let rest = first.path.get(length..)?;
        let (name, found, count) = match rest.iter().position(|byte| *byte == b'/') {
            None => (rest, There::File(first), 1),
            Some(end) => {
                let folder = first.path.get(..=length + end)?;
                let count = entries.partition_point(|entry| entry.path.starts_with(folder));
                (rest.get(..end)?, There::Folder(entries.get(..count)?), count)
            }
        };
        if name.is_empty() || there.insert(name, found).is_some() {
            return None;
        }
        entries = entries.get(count..)?;
    }
    Some(there)
}

#[cfg(test)]
mod tests;
