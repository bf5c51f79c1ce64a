//! Objects: commits, trees and blobs, read without a checkout. An object that cannot be read is an
//! error and never "absent": absent is only what a tree that was read whole does not name.

mod library;
mod read;
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

/// Reads objects by git commands. Each call looks anew.
#[derive(Debug, Clone)]
pub struct Reader {
    repository: Repository,
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
