//! Branches by libgit2, on threads that may block. It reads refs alone and never an object: on a
//! loose object that a power cut cut short, libgit2 1.9 spins for ever, and a thread has no deadline.

use crate::api::name::CommitId;
use crate::git::Error;
use git2::{ErrorClass, ErrorCode, RepositoryOpenFlags};
use std::path::{Path, PathBuf};

/// Returns whether libgit2 can read this repository: neither reftable nor SHA-256.
pub(in crate::git) async fn opens(common_dir: PathBuf) -> bool {
    let opens = move || open(&common_dir).is_ok();
    tokio::task::spawn_blocking(opens).await.unwrap_or(false)
}

/// Returns the commit id that a branch has, given by its full name.
pub(super) async fn resolve(common_dir: &Path, name: &str) -> Result<Option<CommitId>, Error> {
    let (common_dir, branch) = (common_dir.to_owned(), name.to_owned());
    let look = move || read(&common_dir, &branch).map_err(|error| error.message().to_owned());
    let looked = tokio::task::spawn_blocking(look).await;
    let fail = |why: String| Error::unreadable(name, why);
    let id = looked.map_err(|error| fail(error.to_string()))?.map_err(fail)?;
    id.map(CommitId::try_from).transpose().map_err(fail)
}

/// `open_bare` would need no flags, but skips the check of format extensions.
fn open(common_dir: &Path) -> Result<git2::Repository, git2::Error> {
    let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
    git2::Repository::open_ext(common_dir, flags, &[] as &[&Path])
}

fn read(common_dir: &Path, name: &str) -> Result<Option<String>, git2::Error> {
    let git = open(common_dir)?;
    let found = git.find_reference(name).and_then(|reference| reference.resolve());
    match found {
        Ok(reference) => Ok(reference.target().map(|id| id.to_string())),
        // The class tells absence: a lost object is "not found" as well.
        Err(error)
            if error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Reference =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
