//! What a person's work trees hold: which branch they are on, what is staged, and a commit of
//! exactly one path. It never touches another path, and the user's own hooks run.

use super::command::{self, LONG_DEADLINE, Place};
use super::{Error, Repository};
use crate::api::name::{BranchName, CommitId};
use std::path::{Path, PathBuf};

/// A file in the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staged {
    /// The path from the root of the work tree.
    pub path: String,
    /// The id of its blob.
    pub blob: String,
}

impl Repository {
    /// Returns the full name of the ref that HEAD of the repository stands for, also when nothing
    /// was committed to it yet; `None` when HEAD is detached.
    ///
    /// # Errors
    /// When HEAD cannot be read.
    pub async fn head(&self) -> Result<Option<String>, Error> {
        match self.read().args(["symbolic-ref", "-q", "HEAD"]).run().await {
            Ok(name) => Ok(Some(String::from_utf8_lossy(&name).trim_end().to_owned())),
            Err(error) if error.status() == Some(1) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the root of the work tree around a directory; `None` in a bare repository or in a
    /// git directory.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub async fn work_tree_of(&self, directory: &Path) -> Result<Option<PathBuf>, Error> {
        let call = command::read_at(Place::Directory(directory));
        let answer = match call.args(["rev-parse", "--show-toplevel"]).run().await {
            Ok(answer) => answer,
            Err(error) if error.status() == Some(128) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let path = String::from_utf8_lossy(&answer).trim_end_matches('\n').to_owned();
        Ok(Some(PathBuf::from(path)).filter(|path| !path.as_os_str().is_empty()))
    }

    /// Returns the work tree where a person works on a branch: the one that has it checked out,
    /// also when nothing was committed to it yet.
    ///
    /// # Errors
    /// When that cannot be seen.
    pub async fn work_tree_on(&self, branch: &BranchName) -> Result<Option<PathBuf>, Error> {
        let found = self.checked_out_at(branch).await?;
        let unborn = !self.is_bare() && self.head().await?.as_deref() == Some(&*branch.to_ref());
        Ok(found.or_else(|| unborn.then(|| self.root().to_owned())))
    }

    /// Returns whether a path of a work tree differs from what is committed there, an untracked
    /// file included.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub async fn is_edited(&self, work_tree: &Path, path: &str) -> Result<bool, Error> {
        let call = command::read_at(Place::Directory(work_tree));
        let status = ["status", "--porcelain=v1", "-z", "--ignored", "--", path];
        Ok(!call.args(status).run().await?.is_empty())
    }

    /// Returns the commit that a person's words for a revision mean.
    ///
    /// # Errors
    /// When they mean none.
    pub async fn commit_of(&self, revision: &str) -> Result<CommitId, Error> {
        let peeled = format!("{revision}^{{commit}}");
        let call = self.read().args(["rev-parse", "--verify", "--quiet", "--end-of-options"]);
        let answer = call.arg(&peeled).run().await;
        let answer = answer.map_err(|error| match error.status() {
            Some(_) => Error::unreadable(revision, "it is no commit here"),
            None => error.into(),
        })?;
        let text = String::from_utf8_lossy(&answer).trim_end().to_owned();
        CommitId::try_from(text).map_err(|why| Error::unreadable(revision, why))
    }

    /// Returns the files of a folder that are in the index: of `index` when that is given, as git
    /// gives it to hooks, else of the work tree.
    ///
    /// # Errors
    /// When the index cannot be read, or a merge left a file of it in conflict.
    pub async fn staged(
        &self,
        work_tree: &Path,
        index: Option<&Path>,
        folder: &str,
    ) -> Result<Vec<Staged>, Error> {
        let call = command::read_at(Place::Directory(work_tree));
        let call = index.into_iter().fold(call, |call, index| call.env("GIT_INDEX_FILE", index));
        let answer = call.args(["ls-files", "--stage", "-z", "--", folder]).run().await?;
        let text = String::from_utf8_lossy(&answer);
        let lines = text.split('\0').filter(|line| !line.is_empty());
        lines.map(|line| staged(line).ok_or_else(|| in_conflict(line))).collect()
    }

    /// Commits one path of a work tree and nothing else, whatever else is staged. A hook of the
    /// user may refuse; the file is left as it is then.
    ///
    /// # Errors
    /// [`Error::CommitRefused`] with all that git and the hooks said.
    pub async fn commit_path(
        &self,
        work_tree: &Path,
        path: &str,
        message: &str,
    ) -> Result<CommitId, Error> {
        let place = Place::Directory(work_tree);
        let call = || self.write_at(place, LONG_DEADLINE);
        let known = call()?.args(["ls-files", "--error-unmatch", "--", path]).output().await?;
        let is_new = !known.status.success();
        if is_new {
            // git knows no path that it never heard of: this adds the name, and no content.
            call()?.args(["add", "--intent-to-add", "--", path]).run().await?;
        }
        let commit = ["commit", "--quiet", "--only", "-m", message, "--", path];
        let answer = call()?.args(commit).output().await?;
        if answer.status.success() {
            let head = call()?.args(["rev-parse", "HEAD"]).run().await?;
            let head = String::from_utf8_lossy(&head).trim_end().to_owned();
            return CommitId::try_from(head).map_err(|why| Error::unreadable("HEAD", why));
        }
        if is_new {
            call()?.args(["rm", "--quiet", "--cached", "--force", "--", path]).run().await?;
        }
        let said = [answer.stdout, answer.stderr].concat();
        Err(Error::CommitRefused {
            path: path.to_owned(),
            said: String::from_utf8_lossy(&said).trim().to_owned(),
        })
    }
}

/// Reads `MODE BLOB STAGE<tab>PATH`; a stage other than 0 is a conflict.
fn staged(line: &str) -> Option<Staged> {
    let (about, path) = line.split_once('\t')?;
    let mut words = about.split(' ');
    let (_mode, blob, stage) = (words.next()?, words.next()?, words.next()?);
    (stage == "0").then(|| Staged { path: path.to_owned(), blob: blob.to_owned() })
}

fn in_conflict(line: &str) -> Error {
    let path = line.split_once('\t').map_or(line, |(_, path)| path);
    Error::unreadable(path, "it is in conflict: resolve it and `git add` it first")
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, write};
    use super::*;

    const MAIN: &str = "refs/heads/main";

    #[tokio::test]
    async fn exactly_one_path_is_committed_whatever_else_is_staged() {
        let scratch = Scratch::new().await;
        let (repository, root) = (&scratch.repository, scratch.root().to_owned());
        write(&root.join("a.txt"), "changed\n");
        scratch.git(&["add", "a.txt"]).await;
        write(&root.join("state/x.json"), "{}\n");
        let commit = repository.commit_path(&root, "state/x.json", "x").await.unwrap();
        assert_eq!(repository.commit_of("main").await.unwrap(), commit);
        let named = ["show", "--name-only", "--format=%s", "HEAD"];
        assert_eq!(scratch.git(&named).await, "x\n\nstate/x.json");
        assert_eq!(scratch.git(&["diff", "--cached", "--name-only"]).await, "a.txt");

        std::fs::remove_file(root.join("state/x.json")).unwrap();
        repository.commit_path(&root, "state/x.json", "gone").await.unwrap();
        assert_eq!(scratch.git(&["ls-tree", "--name-only", "HEAD"]).await, ".gitignore\na.txt");
        assert_eq!(scratch.git(&["diff", "--cached", "--name-only"]).await, "a.txt");
    }

    #[tokio::test]
    async fn a_hook_that_refuses_is_quoted_and_leaves_the_index_as_it_was() {
        let scratch = Scratch::new().await;
        let hooks = scratch.outside().join("hooks");
        write(
            &hooks.join("pre-commit"),
            "#!/bin/sh\nprintf 'one\\ntwo\\n3\\n4\\n5\\nno\\n'\nexit 1\n",
        );
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(hooks.join("pre-commit"), mode).unwrap();
        scratch.git(&["config", "core.hooksPath", &hooks.display().to_string()]).await;
        write(&scratch.root().join("new.txt"), "x");
        let error = scratch.repository.commit_path(scratch.root(), "new.txt", "x").await;
        let text = error.unwrap_err().to_string();
        assert!(text.contains("one\ntwo") && text.ends_with("no"), "{text}");
        assert_eq!(scratch.git(&["status", "--porcelain"]).await, "?? new.txt");
    }

    #[tokio::test]
    async fn the_work_tree_of_a_branch_is_where_it_is_checked_out() {
        let scratch = Scratch::new().await;
        let repository = &scratch.repository;
        let main = BranchName::try_from("main".to_owned()).unwrap();
        let root = Some(scratch.root().to_owned());
        assert_eq!(repository.head().await.unwrap().as_deref(), Some(MAIN));
        assert_eq!(repository.work_tree_on(&main).await.unwrap(), root);
        scratch.git(&["checkout", "-q", "--orphan", "fresh"]).await;
        assert_eq!(repository.work_tree_on(&main).await.unwrap(), None);
        let fresh = BranchName::try_from("fresh".to_owned()).unwrap();
        assert_eq!(repository.work_tree_on(&fresh).await.unwrap(), root, "nothing committed yet");
        scratch.git(&["checkout", "-q", "-f", "--detach", "main"]).await;
        assert_eq!(repository.head().await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_is_staged_is_read_from_the_index_that_is_given() {
        let scratch = Scratch::new().await;
        let (repository, root) = (&scratch.repository, scratch.root());
        write(&root.join("state/x.json"), "{}");
        scratch.git(&["add", "state"]).await;
        let found = repository.staged(root, None, "state").await.unwrap();
        assert_eq!(found.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), ["state/x.json"]);
        let other = scratch.outside().join("index");
        assert_eq!(repository.staged(root, Some(&other), "state").await.unwrap(), []);
    }

    #[tokio::test]
    async fn an_edited_an_untracked_and_a_clean_path_are_told_apart() {
        let scratch = Scratch::new().await;
        let (repository, root) = (&scratch.repository, scratch.root());
        assert!(!repository.is_edited(root, "a.txt").await.unwrap());
        write(&root.join("a.txt"), "other");
        write(&root.join("b.txt"), "new");
        assert!(repository.is_edited(root, "a.txt").await.unwrap());
        assert!(repository.is_edited(root, "b.txt").await.unwrap());
    }
}
