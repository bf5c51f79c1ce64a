//! Objects: commits, trees and blobs, read without a checkout. An object that cannot be read is an
//! error and never "absent": absent is only what a tree that was read whole does not name.

mod command;
mod library;
#[cfg(test)]
mod tests;

pub(super) use library::opens as library_opens;

use super::{Error, Repository};
use crate::api::name::CommitId;

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntryKind {
    /// A file.
    File,
    /// A file that may be executed.
    Executable,
    /// A symbolic link; its blob is its target.
    Symlink,
    /// A folder.
    Folder,
    /// A commit of another repository.
    Submodule,
}

impl EntryKind {
    fn of_mode(mode: u32) -> Option<Self> {
        match mode {
            0o040_000 => Some(Self::Folder),
            0o100_755 => Some(Self::Executable),
            0o120_000 => Some(Self::Symlink),
            0o160_000 => Some(Self::Submodule),
            // 100664 is what early versions of git wrote.
            0o100_644 | 0o100_664 => Some(Self::File),
            _ => None,
        }
    }

    fn is_blob(self) -> bool {
        match self {
            Self::File | Self::Executable | Self::Symlink => true,
            Self::Folder | Self::Submodule => false,
        }
    }
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeEntry {
    /// The path from the folder that was listed.
    pub path: String,
    /// What it is; never a folder.
    pub kind: EntryKind,
    /// The id of its blob, or of the submodule's commit.
    pub id: String,
    /// The size of the blob in bytes; `None` for a submodule, and for a blob that cannot be read.
    pub size: Option<u64>,
}

/// One content that a path had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The newest commit with this content.
    pub commit: CommitId,
    /// The blob; `None` when the path was no file there.
    pub blob: Option<String>,
}

/// Why a blob was not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// It is longer than asked for: so many bytes.
    #[error("it is {0} bytes long")]
    TooLarge(u64),
    /// It is lost or damaged, or was never fetched.
    #[error("git cannot read it: {0}")]
    Unreadable(String),
}

/// Reads objects, by libgit2 where that opens the repository, else by git commands (reftable and
/// SHA-256). Each call looks anew.
#[derive(Debug, Clone)]
pub struct Reader(By);

#[derive(Debug, Clone)]
enum By {
    Library(library::Library),
    Command(command::Command),
}

macro_rules! either {
    ($self:ident, $reader:ident => $call:expr) => {
        match &$self.0 {
            By::Library($reader) => $call.await,
            By::Command($reader) => $call.await,
        }
    };
}

impl Reader {
    pub(super) fn new(repository: &Repository) -> Self {
        if repository.by_library {
            let common_dir = repository.common_dir.clone();
            return Self(By::Library(library::Library { common_dir }));
        }
        Self::by_command(repository)
    }

    fn by_command(repository: &Repository) -> Self {
        Self(By::Command(command::Command { repository: repository.clone() }))
    }

    /// Returns the commit of a ref, given by its full name; `None` when there is no such ref.
    ///
    /// # Errors
    /// When the ref or its commit cannot be read.
    pub async fn resolve(&self, name: &str) -> Result<Option<CommitId>, Error> {
        either!(self, reader => reader.resolve(name))
    }

    /// Returns the id of the tree of a folder; of `""`, the whole tree of the commit. `None` when
    /// there is no such folder.
    ///
    /// # Errors
    /// When a tree on the way cannot be read, or a file stands where the folder should be.
    pub async fn tree_id(&self, commit: &CommitId, folder: &str) -> Result<Option<String>, Error> {
        either!(self, reader => reader.tree_id(commit, folder))
    }

    /// Returns what is in a folder and all beneath it, folders themselves left out; `None` when
    /// there is no such folder.
    ///
    /// # Errors
    /// When any tree of it cannot be read, or a file stands where the folder should be.
    pub async fn list(
        &self,
        commit: &CommitId,
        folder: &str,
    ) -> Result<Option<Vec<TreeEntry>>, Error> {
        either!(self, reader => reader.list(commit, folder))
    }

    /// Returns the bytes of each blob, in the order asked, up to `limit` bytes of one.
    ///
    /// # Errors
    /// When the repository cannot be read at all; a single blob has an error of its own.
    pub async fn blobs(
        &self,
        ids: &[String],
        limit: u64,
    ) -> Result<Vec<Result<Vec<u8>, BlobError>>, Error> {
        either!(self, reader => reader.blobs(ids, limit))
    }

    /// Returns what is at each path, in the order asked; `None` where nothing is.
    ///
    /// # Errors
    /// When a tree on the way cannot be read.
    pub async fn kinds(
        &self,
        commit: &CommitId,
        paths: &[String],
    ) -> Result<Vec<Option<EntryKind>>, Error> {
        either!(self, reader => reader.kinds(commit, paths))
    }

    /// Returns the distinct contents of a path, newest first, along first parents from `commit`
    /// over at most `limit` commits; ends with the first commit where the path is no file.
    ///
    /// # Errors
    /// When a commit or tree on the way cannot be read.
    pub async fn history(
        &self,
        commit: &CommitId,
        path: &str,
        limit: usize,
    ) -> Result<Vec<Version>, Error> {
        either!(self, reader => reader.history(commit, path, limit))
    }
}

/// Collects the versions of a path while its history is walked.
#[derive(Debug, Default)]
struct Versions(Vec<Version>);

impl Versions {
    /// Notes one commit, and returns whether to go on to an older one.
    fn note(&mut self, commit: CommitId, blob: Option<String>) -> bool {
        let more = blob.is_some();
        if self.0.iter().all(|version| version.blob != blob) {
            self.0.push(Version { commit, blob });
        }
        more
    }
}

fn not_a_folder(commit: &CommitId, folder: &str) -> Error {
    Error::unreadable(format!("{folder} at {}", commit.short()), "it is not a folder")
}

fn commit_id(text: impl Into<String>) -> Result<CommitId, Error> {
    CommitId::try_from(text.into()).map_err(|why| Error::unreadable("a commit", why))
}
