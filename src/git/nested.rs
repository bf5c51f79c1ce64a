//! Repositories inside a worktree, submodules among them: what they have and no remote of theirs does
//! is saved in the repository around them, because theirs goes with the worktree. It changes none of
//! them, and leaves those alone that it cannot open.

use super::rescue::Saved;
use super::{Error, Repository};
use crate::api::name::CommitId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

impl Repository {
    /// Saves what each repository inside a worktree has that is nowhere else: the files that it does
    /// not ignore, on top of its HEAD, its branches and its stashes, at `name.1` and so on.
    pub(super) async fn rescue_nested(
        &self,
        (worktree, nested): (&Path, &[PathBuf]),
        name: &str,
        message: &str,
    ) -> Result<Vec<Saved>, Error> {
        let mut open: Vec<PathBuf> = nested.iter().rev().cloned().collect();
        let (mut saved, mut number) = (Vec::new(), 0);
        while let Some(path) = open.pop() {
            let place = worktree.join(&path);
            number += 1;
            let Some(inner) = self.inside(&place).await else { continue };
            let unsaved = inner.unsaved_by_reading(&place).await?;
            open.extend(unsaved.nested.iter().rev().map(|one| path.join(one)));
            let is_clean = unsaved.clean && unsaved.in_progress.is_none();
            if is_clean && inner.is_at_remotes(unsaved.head.as_ref()).await? {
                continue;
            }
            // What lacks its own past would break the repository around it.
            let parents = if inner.is_shallow()? {
                Vec::new()
            } else {
                inner.tips(unsaved.head.as_ref()).await?
            };
            let name = format!("{name}.{number}");
            let message = format!("{message}, in {}", path.display());
            let work = (unsaved.tree.as_str(), parents.as_slice());
            saved.push(self.save_of(&inner, &name, work, &message).await?);
        }
        Ok(saved)
    }

    /// Returns the repository whose root is here; `None` when it is none, none that git opens, or
    /// this one again.
    async fn inside(&self, place: &Path) -> Option<Self> {
        let inner = Self::discover(place).await.ok()?;
        inner.git_dir_of(place).await.ok()?;
        let fits = inner.object_format == self.object_format;
        (fits && inner.common_dir != self.common_dir).then_some(inner)
    }

    /// Returns whether remotes are known to have every commit that it has.
    async fn is_at_remotes(&self, head: Option<&CommitId>) -> Result<bool, Error> {
        let call = self.read().args(["rev-list", "--max-count=1", "--all"]);
        let call = call.args(head.map(CommitId::as_str)).args(["--not", "--remotes"]);
        Ok(call.run().await?.is_empty())
    }

    /// Returns HEAD, and the branches and stashes that are in none of the others.
    async fn tips(&self, head: Option<&CommitId>) -> Result<Vec<CommitId>, Error> {
        let mut all: BTreeSet<CommitId> = self.refs("refs/heads/").await?.into_values().collect();
        all.extend(self.stashes().await?);
        all.extend(head.cloned());
        if all.len() > 1 {
            let call = self.read().args(["merge-base", "--independent"]);
            let answer = call.args(all.iter().map(CommitId::as_str)).run().await?;
            let answer = String::from_utf8_lossy(&answer);
            all.retain(|one| answer.lines().any(|line| line == one.as_str()));
        }
        Ok(head
            .cloned()
            .into_iter()
            .chain(all.into_iter().filter(|one| Some(one) != head))
            .collect())
    }

    /// Saves a tree of another repository on top of commits of it, with all that they hold.
    async fn save_of(
        &self,
        inner: &Self,
        name: &str,
        (tree, parents): (&str, &[CommitId]),
        message: &str,
    ) -> Result<Saved, Error> {
        if let Some(saved) = self.saved_as(name, tree, parents).await? {
            return Ok(saved);
        }
        let commit = inner.commit_tree(tree, parents, message).await?;
        let pack = self.common_dir.join("objects/pack/pack");
        let call = super::command::write_apart(inner.place());
        let call = call.args(["pack-objects", "--revs", "--quiet"]).arg(pack);
        call.input(format!("{commit}\n").into_bytes()).run().await?;
        self.save_commit(name, &commit).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, sh};

    const RESCUE: &str = "refs/reconciler/rescue/t/1";

    async fn saved(scratch: &Scratch) -> Vec<String> {
        let path = scratch.worktree_path("t");
        scratch.repository.rescue(&path, RESCUE, "Unsaved").await.unwrap();
        let list = ["for-each-ref", "--format=%(refname)", "refs/reconciler/rescue"];
        scratch.git(&list).await.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn what_a_nested_repository_has_is_saved_with_its_branches_and_stashes() {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        let make = "git init -q -b main n && cd n && git config user.name t && git config user.email t@x &&
            echo 1 > f && git add f && git commit -qm one && git switch -qc other && echo 2 > f &&
            git commit -qam two && git switch -q main && echo 3 > f && git stash -q &&
            echo 4 > f && printf 'a\\r\\n' > loose && git init -q deep && echo d > deep/d";
        sh(&path, make).await;
        let refs = saved(&scratch).await;
        assert_eq!(refs, [RESCUE.to_owned(), format!("{RESCUE}.1"), format!("{RESCUE}.2")]);
        let nested = format!("{RESCUE}.1");
        assert_eq!(scratch.git(&["show", &format!("{nested}:f")]).await, "4");
        let size = ["cat-file", "-s", &format!("{nested}:loose")];
        assert_eq!(scratch.git(&size).await, "3", "to the byte");
        assert_eq!(scratch.git(&["show", &format!("{RESCUE}.2:d")]).await, "d");
        let log = scratch.git(&["log", "--format=%s", &nested]).await;
        for subject in ["one", "two", "WIP on main", "Unsaved, in n"] {
            assert!(log.contains(subject), "{subject} in {log}");
        }
        assert_eq!(saved(&scratch).await, refs, "twice is once");
        std::fs::remove_dir_all(path.join("n")).unwrap();
        assert_eq!(scratch.git(&["fsck", "--strict", "--no-dangling"]).await, "");
    }

    #[tokio::test]
    async fn a_clone_inside_that_is_as_its_remote_has_it_is_not_copied() {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        sh(&path, &format!("git clone -q '{}' n", scratch.root().display())).await;
        assert_eq!(saved(&scratch).await, [RESCUE], "the folder itself is in no branch");
        sh(&path, "cd n && git -c user.name=t -c user.email=t@x commit -q --allow-empty -m new")
            .await;
        assert_eq!(
            saved(&scratch).await.len(),
            3,
            "the folder names another commit, and its commit is new"
        );
    }

    #[tokio::test]
    async fn a_shallow_clone_inside_is_saved_without_its_past() {
        let scratch = Scratch::new().await;
        scratch.commit(&[("b.txt", "two\n")]).await;
        let path = scratch.add("t").await;
        let from = scratch.root().display();
        sh(&path, &format!("git clone -q --depth 1 'file://{from}' n && echo new > n/new")).await;
        assert_eq!(saved(&scratch).await.len(), 2);
        let nested = format!("{RESCUE}.1");
        assert_eq!(scratch.git(&["show", &format!("{nested}:new")]).await, "new");
        assert_eq!(scratch.git(&["rev-list", "--count", &nested]).await, "1");
        assert_eq!(scratch.git(&["fsck", "--strict", "--no-dangling"]).await, "");
    }

    #[tokio::test]
    async fn what_a_rebase_put_aside_is_saved_beside_and_nothing_goes_before() {
        let scratch = Scratch::new().await;
        let path = scratch.add("t").await;
        scratch.commit(&[("a.txt", "theirs\n")]).await;
        let make = "echo ours > a.txt && git commit -qam ours && echo aside > .gitignore &&
            ! git rebase -q --autostash main";
        sh(&path, make).await;
        let trash = scratch.trash_path("t");
        let owner = super::super::scratch::owner("t");
        let retire = || scratch.repository.retire(&path, &owner, &trash, Some(RESCUE));
        let refused = retire().await.unwrap_err().to_string();
        assert!(refused.contains("changes that it put aside"), "{refused}");
        assert_eq!(saved(&scratch).await, [RESCUE.to_owned(), format!("{RESCUE}.autostash")]);
        retire().await.unwrap();
        scratch.repository.discard(&trash, &owner).await.unwrap();
        scratch.git(&["gc", "-q", "--prune=now"]).await;
        let aside = scratch.git(&["show", &format!("{RESCUE}.autostash:.gitignore")]).await;
        assert_eq!(aside, "aside");
    }
}
