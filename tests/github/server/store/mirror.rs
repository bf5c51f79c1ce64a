//! A repository whose branches are those of a bare git repository: what is pushed with git is seen by
//! the next request, and what is merged here can be fetched. It never touches another repository.

use super::{Commit, Refusal, Store};
use git2::{ErrorCode, Oid, Signature};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Where the branches are.
#[derive(Debug, Clone)]
pub(crate) struct Mirror(PathBuf);

impl Mirror {
    fn open(&self) -> git2::Repository {
        git2::Repository::open_bare(&self.0).expect("the mirrored repository is there")
    }

    /// Makes a commit in git; returns its id.
    pub(super) fn commit(
        &self,
        message: &str,
        tree: &str,
        parents: &[String],
    ) -> Result<String, Refusal> {
        let failed = |error: git2::Error| Refusal::unprocessable(error.message().to_owned());
        let git = self.open();
        let tree = Oid::from_str(tree).and_then(|id| git.find_tree(id)).map_err(failed)?;
        let parents = parents.iter().map(|id| git.find_commit(Oid::from_str(id)?));
        let parents = parents.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let parents: Vec<&git2::Commit<'_>> = parents.iter().collect();
        let who = Signature::now("GitHub", "noreply@github.com").map_err(failed)?;
        let id = git.commit(None, &who, &who, message, &tree, &parents).map_err(failed)?;
        Ok(id.to_string())
    }

    /// Returns the tree of two commits merged.
    fn merged(&self, ours: &str, theirs: &str) -> Result<String, Refusal> {
        let git = self.open();
        let find = |id: &str| git.find_commit(Oid::from_str(id)?);
        let merge = || -> Result<Option<Oid>, git2::Error> {
            let mut index = git.merge_commits(&find(ours)?, &find(theirs)?, None)?;
            if index.has_conflicts() {
                return Ok(None);
            }
            index.write_tree_to(&git).map(Some)
        };
        match merge() {
            Ok(Some(tree)) => Ok(tree.to_string()),
            Ok(None) => Err(Refusal::unprocessable("merge conflict between base and head")),
            Err(error) => Err(Refusal::unprocessable(error.message().to_owned())),
        }
    }

    /// Returns the tree of a commit with what another one changed.
    fn picked(&self, onto: &str, commit: &str) -> Result<String, Refusal> {
        let git = self.open();
        let find = |id: &str| git.find_commit(Oid::from_str(id)?);
        let pick = || -> Result<Option<Oid>, git2::Error> {
            let mut index = git.cherrypick_commit(&find(commit)?, &find(onto)?, 0, None)?;
            if index.has_conflicts() {
                return Ok(None);
            }
            index.write_tree_to(&git).map(Some)
        };
        match pick() {
            Ok(Some(tree)) => Ok(tree.to_string()),
            Ok(None) => Err(Refusal::unprocessable("This branch can't be rebased")),
            Err(error) => Err(Refusal::unprocessable(error.message().to_owned())),
        }
    }

    /// Lets a ref be where it is here.
    pub(super) fn set(&self, name: &str, to: Option<&str>) {
        let git = self.open();
        let done = match to {
            Some(sha) => Oid::from_str(sha)
                .and_then(|id| git.reference(name, id, true, "moved on GitHub").map(|_| ())),
            None => git.find_reference(name).and_then(|mut found| found.delete()),
        };
        let is_gone = |error: &git2::Error| error.code() == ErrorCode::NotFound;
        assert!(done.as_ref().err().is_none_or(is_gone), "{name} is moved: {done:?}");
    }

    /// Returns each branch and its commit.
    fn branches(&self) -> Vec<(String, String)> {
        let git = self.open();
        let found = git.references_glob("refs/heads/*").expect("git lists its branches");
        let of = |one: git2::Reference<'_>| {
            Some((one.name().ok()?.to_owned(), one.target()?.to_string()))
        };
        found.flatten().filter_map(of).collect()
    }

    /// Returns a commit as the store keeps it.
    fn read(&self, sha: &str) -> Option<Commit> {
        let git = self.open();
        let found = git.find_commit(Oid::from_str(sha).ok()?).ok()?;
        let at = jiff::Timestamp::from_second(found.time().seconds()).ok()?;
        Some(Commit {
            message: found.message().unwrap_or_default().to_owned(),
            tree: found.tree_id().to_string(),
            parents: found.parent_ids().map(|id| id.to_string()).collect(),
            at: at.to_string(),
        })
    }
}

impl Store {
    /// Lets the branches of a repository be those of a bare git repository from now on; people push
    /// there, not by `Store::push`.
    pub(crate) fn mirror(&mut self, repository: &str, bare: &Path) {
        let repository = self.repository_mut(repository);
        repository.mirror = Some(Mirror(bare.to_owned()));
        repository.refs.clear();
        repository.commits.clear();
        self.pull_mirrors();
    }

    /// Sees what was pushed since the last request.
    pub(crate) fn pull_mirrors(&mut self) {
        let ids: Vec<String> = self.repositories.keys().cloned().collect();
        for id in ids {
            let Some(mirror) = self.repositories[&id].mirror.clone() else { continue };
            let branches = mirror.branches();
            let is_gone = |name: &&String| !branches.iter().any(|(one, _)| one == *name);
            let gone: Vec<String> =
                self.repositories[&id].refs.keys().filter(is_gone).cloned().collect();
            for name in gone {
                self.follow(&id, &name, None);
            }
            let is_new = |(name, sha): &&(String, String)| {
                self.repositories[&id].refs.get(name) != Some(sha)
            };
            let moved: Vec<_> = branches.iter().filter(is_new).cloned().collect();
            for (name, sha) in moved {
                self.import(&id, &mirror, &sha);
                self.follow(&id, &name, Some(&sha));
            }
        }
    }

    /// Knows a commit and all before it.
    fn import(&mut self, repository: &str, mirror: &Mirror, tip: &str) {
        let Some(repository) = self.repositories.get_mut(repository) else { return };
        let mut todo = vec![tip.to_owned()];
        while let Some(sha) = todo.pop() {
            if repository.commits.contains_key(&sha) {
                continue;
            }
            let Some(commit) = mirror.read(&sha) else { continue };
            todo.extend(commit.parents.iter().cloned());
            repository.trees.insert(commit.tree.clone(), Value::Array(Vec::new()));
            repository.commits.insert(sha, commit);
        }
    }

    /// Returns the tree of a commit with what another one changed, as `merged_tree` does.
    pub(super) fn picked_tree(
        &mut self,
        repository: &str,
        onto: &str,
        commit: &str,
    ) -> Result<String, Refusal> {
        let repository = self.writable_repository(repository)?;
        let tree = match &repository.mirror {
            Some(mirror) => mirror.picked(onto, commit)?,
            None => super::sha(&format!("tree of {commit} on {onto}")),
        };
        repository.trees.insert(tree.clone(), Value::Array(Vec::new()));
        Ok(tree)
    }

    /// Returns the tree of head merged into base: of git if there is one, else a made-up one.
    pub(super) fn merged_tree(
        &mut self,
        repository: &str,
        base: &str,
        head: &str,
    ) -> Result<String, Refusal> {
        let repository = self.writable_repository(repository)?;
        let tree = match &repository.mirror {
            Some(mirror) => mirror.merged(base, head)?,
            None => super::sha(&format!("tree of {head} in {base}")),
        };
        repository.trees.insert(tree.clone(), Value::Array(Vec::new()));
        Ok(tree)
    }
}
