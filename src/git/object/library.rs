//! Objects by libgit2, on threads that may block. It tells absence by walking trees it has read;
//! it never takes a "not found" of the object database for one.

use super::{BlobError, EntryKind, TreeEntry, Version, Versions, commit_id, not_a_folder};
use crate::api::name::CommitId;
use crate::git::Error;
use git2::{ErrorClass, ErrorCode, Oid, RepositoryOpenFlags, Tree};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub(super) struct Library {
    pub(super) common_dir: PathBuf,
}

/// Returns whether libgit2 can read this repository.
pub(in crate::git) async fn opens(common_dir: PathBuf) -> bool {
    let opens = move || open(&common_dir).is_ok();
    tokio::task::spawn_blocking(opens).await.unwrap_or(false)
}

/// `open_bare` would do without a search as well, but skips the check of format extensions.
fn open(common_dir: &Path) -> Result<git2::Repository, git2::Error> {
    let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
    git2::Repository::open_ext(common_dir, flags, &[] as &[&Path])
}

impl Library {
    pub(super) async fn resolve(&self, name: &str) -> Result<Option<CommitId>, Error> {
        let name = name.to_owned();
        self.look(move |git| resolve(git, &name)).await
    }

    pub(super) async fn tree_id(
        &self,
        commit: &CommitId,
        folder: &str,
    ) -> Result<Option<String>, Error> {
        let (commit, folder) = (commit.clone(), folder.to_owned());
        self.look(
            move |git| Ok(folder_at(git, &commit, &folder)?.map(|tree| tree.id().to_string())),
        )
        .await
    }

    pub(super) async fn list(
        &self,
        commit: &CommitId,
        folder: &str,
    ) -> Result<Option<Vec<TreeEntry>>, Error> {
        let (commit, folder) = (commit.clone(), folder.to_owned());
        self.look(move |git| {
            let Some(tree) = folder_at(git, &commit, &folder)? else { return Ok(None) };
            let mut found = Vec::new();
            gather(git, &tree, "", &mut found)?;
            Ok(Some(found))
        })
        .await
    }

    pub(super) async fn blobs(
        &self,
        ids: &[String],
        limit: u64,
    ) -> Result<Vec<Result<Vec<u8>, BlobError>>, Error> {
        let ids = ids.to_owned();
        self.look(move |git| Ok(ids.iter().map(|id| blob(git, id, limit)).collect())).await
    }

    pub(super) async fn kinds(
        &self,
        commit: &CommitId,
        paths: &[String],
    ) -> Result<Vec<Option<EntryKind>>, Error> {
        let (commit, paths) = (commit.clone(), paths.to_owned());
        self.look(move |git| {
            let root = root(git, &commit)?;
            let kind = |path: &String| Ok(entry(git, &root, path)?.map(|(kind, _)| kind));
            paths.iter().map(kind).collect()
        })
        .await
    }

    pub(super) async fn history(
        &self,
        commit: &CommitId,
        path: &str,
        limit: usize,
    ) -> Result<Vec<Version>, Error> {
        let (commit, path) = (commit.clone(), path.to_owned());
        self.look(move |git| history(git, &commit, &path, limit)).await
    }

    async fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&git2::Repository) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let common_dir = self.common_dir.clone();
        let job = move || {
            let fail = |error| Error::unreadable(common_dir.display().to_string(), error);
            work(&open(&common_dir).map_err(fail)?)
        };
        let done = tokio::task::spawn_blocking(job).await;
        done.map_err(|error| Error::unreadable("the repository", error))?
    }
}

fn resolve(git: &git2::Repository, name: &str) -> Result<Option<CommitId>, Error> {
    let fail = |error: git2::Error| Error::unreadable(name, error.message());
    let reference = match git.find_reference(name).and_then(|reference| reference.resolve()) {
        Ok(reference) => reference,
        Err(error)
            if error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Reference =>
        {
            return Ok(None);
        }
        Err(error) => return Err(fail(error)),
    };
    let commit = reference.peel_to_commit().map_err(fail)?;
    commit_id(commit.id().to_string()).map(Some)
}

fn root<'git>(git: &'git git2::Repository, commit: &CommitId) -> Result<Tree<'git>, Error> {
    let tree = Oid::from_str(commit.as_str())
        .and_then(|id| git.find_commit(id))
        .and_then(|commit| commit.tree());
    tree.map_err(|error| Error::unreadable(format!("commit {commit}"), error.message()))
}

fn folder_at<'git>(
    git: &'git git2::Repository,
    commit: &CommitId,
    folder: &str,
) -> Result<Option<Tree<'git>>, Error> {
    let root = root(git, commit)?;
    if folder.is_empty() {
        return Ok(Some(root));
    }
    match entry(git, &root, folder)? {
        None => Ok(None),
        Some((EntryKind::Folder, id)) => subtree(git, id).map(Some),
        Some(_) => Err(not_a_folder(commit, folder)),
    }
}

fn subtree(git: &git2::Repository, id: Oid) -> Result<Tree<'_>, Error> {
    git.find_tree(id).map_err(|error| Error::unreadable(format!("tree {id}"), error.message()))
}

/// Returns the entry of a path: each tree on the way is read, so that `None` is certain.
fn entry(
    git: &git2::Repository,
    root: &Tree<'_>,
    path: &str,
) -> Result<Option<(EntryKind, Oid)>, Error> {
    let mut found = (EntryKind::Folder, root.id());
    for name in path.split('/') {
        if found.0 != EntryKind::Folder {
            return Ok(None);
        }
        let tree = subtree(git, found.1)?;
        let Some(entry) = tree.get_name(name) else { return Ok(None) };
        found = (kind_of(&entry)?, entry.id());
    }
    Ok(Some(found))
}

fn kind_of(entry: &git2::TreeEntry<'_>) -> Result<EntryKind, Error> {
    let mode = u32::try_from(entry.filemode_raw()).ok().and_then(EntryKind::of_mode);
    mode.ok_or_else(|| Error::unreadable(format!("{}", entry.id()), "its mode is unknown"))
}

fn gather(
    git: &git2::Repository,
    tree: &Tree<'_>,
    above: &str,
    found: &mut Vec<TreeEntry>,
) -> Result<(), Error> {
    let odb = git.odb().map_err(|error| Error::unreadable("objects", error.message()))?;
    for entry in tree {
        let path = format!("{above}{}", String::from_utf8_lossy(entry.name_bytes()));
        let (kind, id) = (kind_of(&entry)?, entry.id());
        if kind == EntryKind::Folder {
            gather(git, &subtree(git, id)?, &format!("{path}/"), found)?;
            continue;
        }
        let header = kind.is_blob().then(|| odb.read_header(id).ok()).flatten();
        let size = header.and_then(|(size, _)| u64::try_from(size).ok());
        found.push(TreeEntry { path, kind, id: id.to_string(), size });
    }
    Ok(())
}

fn blob(git: &git2::Repository, id: &str, limit: u64) -> Result<Vec<u8>, BlobError> {
    let fail = |error: git2::Error| BlobError::Unreadable(error.message().to_owned());
    let id = Oid::from_str(id).map_err(fail)?;
    let (size, _) = git.odb().and_then(|odb| odb.read_header(id)).map_err(fail)?;
    if size as u64 > limit {
        return Err(BlobError::TooLarge(size as u64));
    }
    Ok(git.find_blob(id).map_err(fail)?.content().to_owned())
}

fn history(
    git: &git2::Repository,
    commit: &CommitId,
    path: &str,
    limit: usize,
) -> Result<Vec<Version>, Error> {
    let fail =
        |error: git2::Error| Error::unreadable(format!("history of {path}"), error.message());
    let mut versions = Versions::default();
    let start = Oid::from_str(commit.as_str()).and_then(|id| git.find_commit(id));
    let mut next = Some(start.map_err(fail)?);
    for _ in 0..limit {
        let Some(commit) = next else { break };
        let found = entry(git, &commit.tree().map_err(fail)?, path)?;
        let blob = found.filter(|(kind, _)| kind.is_blob()).map(|(_, id)| id.to_string());
        if !versions.note(commit_id(commit.id().to_string())?, blob) {
            break;
        }
        let has_parent = commit.parent_count() > 0;
        next = has_parent.then(|| commit.parent(0)).transpose().map_err(fail)?;
    }
    Ok(versions.0)
}
