//! A branch moves forward: from the commit that is expected to one that contains it. Where a person
//! has it checked out, their files follow, and nothing that they have not committed is touched.

use super::command::{LONG_DEADLINE, Place, one_line};
use super::{Error, MOVE_VARIABLE, Moved, Repository};
use crate::api::name::{BranchName, CommitId};
use std::path::PathBuf;

/// What came of it.
#[must_use = "what was not advanced is where it was"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Advanced {
    /// The branch is there now.
    Done,
    /// It contained the commit already.
    AlreadySo,
    /// It was somewhere else than expected.
    Moved,
    /// It is checked out, and what is not committed there is in the way. Nothing has changed.
    InTheWay {
        /// Where.
        work_tree: PathBuf,
        /// What git said.
        said: String,
    },
}

impl Repository {
    /// Moves a branch from one commit forward to another.
    ///
    /// # Errors
    /// When git fails, or the commit does not contain the one before. Whether the branch moved shows
    /// when it is read again.
    pub async fn advance(
        &self,
        branch: &BranchName,
        from: &CommitId,
        to: &CommitId,
    ) -> Result<Advanced, Error> {
        let name = branch.to_ref();
        let Some(tip) = self.reader().resolve(&name).await? else { return Ok(Advanced::Moved) };
        if self.is_ancestor(to, &tip).await? {
            return Ok(Advanced::AlreadySo);
        }
        if tip != *from {
            return Ok(Advanced::Moved);
        }
        if !self.is_ancestor(from, to).await? {
            return Err(Error::unreadable(&name, format!("{to} does not contain its tip")));
        }
        let work_tree = match self.checkout_of(branch).await? {
            Ok(work_tree) => work_tree,
            Err(in_the_way) => return Ok(in_the_way),
        };
        let Some(work_tree) = work_tree else {
            return Ok(match self.update(&name, to, from).await? {
                Moved::Done | Moved::AlreadySo => Advanced::Done,
                Moved::Lost { .. } => Advanced::Moved,
            });
        };
        // Two at once would meet on the lock of its index, and one would take that for a person's.
        let _alone = self.moving.lock().await;
        // git itself keeps what is not committed, or refuses.
        let call = self.write_at(Place::Directory(&work_tree), LONG_DEADLINE)?;
        let call = call.env(MOVE_VARIABLE, to.as_str());
        let merge = ["merge", "--ff-only", "--quiet", "--no-autostash", "--no-verify-signatures"];
        let answer = call.args(merge).arg(to.as_str()).output().await?;
        let now = self.reader().resolve(&name).await?;
        if now.as_ref() == Some(to) {
            return Ok(Advanced::Done);
        }
        if now.as_ref() != Some(from) {
            return Ok(Advanced::Moved);
        }
        let said = one_line(&[answer.stderr, answer.stdout]);
        Ok(Advanced::InTheWay { work_tree, said })
    }

    /// Returns what is in the way of moving a branch forward, if it is checked out: to be asked before
    /// a step that cannot be taken back. Nothing is changed but what git remembers of file times.
    ///
    /// # Errors
    /// When git cannot tell where the branch is checked out.
    pub async fn in_the_way(
        &self,
        branch: &BranchName,
        (from, to): (&CommitId, &CommitId),
    ) -> Result<Option<Advanced>, Error> {
        let work_tree = match self.checkout_of(branch).await? {
            Ok(None) => return Ok(None),
            Ok(Some(work_tree)) => work_tree,
            Err(in_the_way) => return Ok(Some(in_the_way)),
        };
        let git = || self.write_at(Place::Directory(&work_tree), LONG_DEADLINE);
        drop(git()?.args(["update-index", "-q", "--refresh"]).output().await?);
        let dry = git()?.args(["read-tree", "--dry-run", "-m", "-u", from.as_str(), to.as_str()]);
        let answer = dry.output().await?;
        let said = one_line(&[answer.stderr, answer.stdout]);
        Ok((!answer.status.success()).then_some(Advanced::InTheWay { work_tree, said }))
    }

    /// Returns where a branch is checked out, or that it is where nobody can say.
    async fn checkout_of(
        &self,
        branch: &BranchName,
    ) -> Result<Result<Option<PathBuf>, Advanced>, Error> {
        let Some(path) = self.checked_out_at(branch).await? else { return Ok(Ok(None)) };
        // git counts the HEAD of a bare repository as a checkout.
        if self.is_bare() && self.entry_of(&path)?.is_none() {
            return Ok(Ok(None));
        }
        // Of a work tree whose git directory is elsewhere, git knows only that.
        if path != self.common_dir {
            return Ok(Ok(Some(path)));
        }
        let said = "git does not say where that is: run the loop in it".to_owned();
        let unknown = Advanced::InTheWay { work_tree: path, said };
        Ok(self.work_tree.clone().map(Some).ok_or(unknown))
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, git, read, write};
    use super::*;

    /// Makes a commit on main that no branch has: `a.txt` changed, `new.txt` added.
    async fn ahead() -> (Scratch, BranchName, CommitId, CommitId) {
        let scratch = Scratch::new().await;
        let from = scratch.id("main").await;
        let to = scratch.commit(&[("a.txt", "two\n"), ("new.txt", "new\n")]).await;
        scratch.git(&["reset", "-q", "--hard", from.as_str()]).await;
        (scratch, BranchName::try_from("main".to_owned()).unwrap(), from, to)
    }

    #[tokio::test]
    async fn a_checkout_of_the_branch_follows_and_keeps_what_is_not_committed() {
        let (scratch, main, from, to) = ahead().await;
        write(&scratch.root().join(".gitignore"), "mine\n");
        write(&scratch.root().join("untracked"), "mine\n");
        write(&scratch.root().join("b.txt"), "edited, and in nobody's way\n");
        assert_eq!(scratch.repository.in_the_way(&main, (&from, &to)).await.unwrap(), None);
        assert_eq!(read(&scratch.root().join("a.txt")), "one\n", "it is only asked");
        assert_eq!(scratch.repository.advance(&main, &from, &to).await.unwrap(), Advanced::Done);
        assert_eq!(scratch.id("main").await, to);
        assert_eq!(read(&scratch.root().join("a.txt")), "two\n");
        assert_eq!(read(&scratch.root().join(".gitignore")), "mine\n");
        assert_eq!(read(&scratch.root().join("untracked")), "mine\n");
        let again = scratch.repository.advance(&main, &from, &to).await.unwrap();
        assert_eq!(again, Advanced::AlreadySo);
    }

    #[tokio::test]
    async fn what_a_person_edited_in_the_way_stays_and_so_does_the_branch() {
        for (file, text) in [("a.txt", "an edit\n"), ("new.txt", "untracked\n")] {
            let (scratch, main, from, to) = ahead().await;
            write(&scratch.root().join(file), text);
            let advanced = scratch.repository.advance(&main, &from, &to).await.unwrap();
            let in_the_way = matches!(&advanced, Advanced::InTheWay { work_tree, said }
                if work_tree == scratch.root() && said.contains(file));
            assert!(in_the_way, "{advanced:?}");
            let asked = scratch.repository.in_the_way(&main, (&from, &to)).await.unwrap();
            assert!(matches!(asked, Some(Advanced::InTheWay { .. })), "{asked:?}");
            assert_eq!(scratch.id("main").await, from);
            assert_eq!(read(&scratch.root().join(file)), text);
        }
    }

    #[tokio::test]
    async fn a_branch_that_is_nowhere_checked_out_moves_alone_and_only_from_where_it_was() {
        let (scratch, main, from, to) = ahead().await;
        scratch.git(&["checkout", "-q", "-b", "other"]).await;
        let aside = scratch.commit(&[("aside.txt", "x")]).await;
        assert_eq!(scratch.repository.advance(&main, &aside, &to).await.unwrap(), Advanced::Moved);
        drop(scratch.repository.advance(&main, &from, &aside).await.unwrap());
        assert_eq!(scratch.id("main").await, aside);
        // It does not contain what is there now.
        scratch.repository.advance(&main, &aside, &to).await.unwrap_err();
        assert_eq!(scratch.id("main").await, aside);
    }

    #[tokio::test]
    async fn the_branch_of_a_bare_repository_moves() {
        let (scratch, main, from, to) = ahead().await;
        scratch.git(&["config", "core.bare", "true"]).await;
        let git_dir = scratch.root().join(".git");
        let repository = Repository::discover(&git_dir).await.unwrap();
        assert_eq!(repository.advance(&main, &from, &to).await.unwrap(), Advanced::Done);
        assert_eq!(repository.reader().resolve("refs/heads/main").await.unwrap(), Some(to));
    }

    #[tokio::test]
    async fn a_checkout_in_the_middle_of_a_merge_is_left_alone() {
        let (scratch, main, from, to) = ahead().await;
        scratch.git(&["checkout", "-q", "-b", "side"]).await;
        scratch.commit(&[("a.txt", "side\n")]).await;
        scratch.git(&["checkout", "-q", "main"]).await;
        git(scratch.root(), &["merge", "-q", "--no-commit", "--no-ff", "side"]).await;
        let advanced = scratch.repository.advance(&main, &from, &to).await.unwrap();
        assert!(matches!(advanced, Advanced::InTheWay { .. }), "{advanced:?}");
        assert_eq!(scratch.id("main").await, from);
    }

    #[tokio::test]
    async fn two_who_move_a_checked_out_branch_at_once_do_not_meet() {
        for _ in 0..20 {
            let (scratch, main, from, to) = ahead().await;
            // Each as it is used beside the loop: another handle of the same repository.
            let (one, other) = (scratch.repository.clone(), scratch.repository.clone());
            let both = (one.advance(&main, &from, &to), other.advance(&main, &from, &to));
            let both = tokio::join!(both.0, both.1);
            let both = [both.0.unwrap(), both.1.unwrap()];
            let is_there = |one: &Advanced| matches!(one, Advanced::Done | Advanced::AlreadySo);
            assert!(both.iter().all(is_there), "{both:?}");
        }
    }
}
