//! A branch at a remote: read, and moved by compare-and-swap. Nothing there is replaced but what was seen
//! there and is named, and an answer that was lost is settled by reading again.

use super::command::{LONG_DEADLINE, one_line};
use super::{Error, MOVE_VARIABLE, Repository};
use crate::api::name::{BranchName, CommitId, RemoteName};
use crate::process::spawn::Call;

impl Repository {
    /// Returns the tip of a branch at a remote, whose history is here then; `None` when the remote has
    /// no such branch.
    ///
    /// # Errors
    /// When the remote cannot be reached or asks for a password: nothing is known of it then.
    pub async fn tip_at(
        &self,
        remote: &RemoteName,
        branch: &BranchName,
    ) -> Result<Option<CommitId>, Error> {
        let name = branch.to_ref();
        let list = self.afar()?.args(["ls-remote", "--quiet", remote.as_str(), &name]);
        let text = list.run().await?;
        let text = String::from_utf8_lossy(&text);
        // A pattern matches the ends of longer names as well.
        let tip = text.lines().find_map(|line| {
            let (id, of) = line.split_once('\t')?;
            (of == name).then(|| CommitId::try_from(id.to_owned()))
        });
        let unreadable = |why| Error::unreadable(format!("{branch} of {remote}"), why);
        let Some(tip) = tip.transpose().map_err(unreadable)? else { return Ok(None) };
        if !self.has_history(&tip).await? {
            let fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head"];
            self.afar()?.args(fetch).args([remote.as_str(), &name]).run().await?;
        }
        Ok(Some(tip))
    }

    /// Moves a branch at a remote forward from one commit, or makes it, to another that contains it.
    ///
    /// # Errors
    /// When it is not there afterwards: the remote is somewhere else than expected, or refuses. git's
    /// words say which.
    pub async fn push(
        &self,
        remote: &RemoteName,
        branch: &BranchName,
        (from, to): (Option<&CommitId>, &CommitId),
    ) -> Result<(), Error> {
        let name = branch.to_ref();
        if let Some(from) = from
            && !self.is_ancestor(from, to).await?
        {
            return Err(Error::unreadable(
                &name,
                format!("{to} does not contain what {remote} has"),
            ));
        }
        self.swap(remote, branch, (from, to)).await
    }

    /// Moves a branch at a remote from one commit to another, whether or not it contains the first. It is
    /// for branches that are pushed from here alone, and for what was pushed from here.
    ///
    /// # Errors
    /// When it is not there afterwards: the remote is somewhere else than expected, or refuses. git's
    /// words say which.
    pub async fn swap(
        &self,
        remote: &RemoteName,
        branch: &BranchName,
        (from, to): (Option<&CommitId>, &CommitId),
    ) -> Result<(), Error> {
        let name = branch.to_ref();
        let lease = format!("--force-with-lease={name}:{}", from.map_or("", CommitId::as_str));
        let push = ["push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no", &lease];
        let what = format!("{to}:{name}");
        let call = self.afar()?.args(push).args([remote.as_str(), &what]);
        let answer = call.env(MOVE_VARIABLE, to.as_str()).output().await?;
        if answer.status.success() {
            return Ok(());
        }
        // What the remote did not answer it may have done.
        if let Some(now) = self.tip_at(remote, branch).await?
            && self.is_ancestor(to, &now).await?
        {
            return Ok(());
        }
        let said = one_line(&[answer.stderr, answer.stdout]);
        Err(Error::NotPushed { branch: branch.clone(), remote: remote.clone(), said })
    }

    /// Returns whether a commit is here with all that it was made from, as far as refs hold it.
    async fn has_history(&self, id: &CommitId) -> Result<bool, Error> {
        let beyond = ["rev-list", "--max-count=1", id.as_str(), "--not", "--all"];
        let answer = self.read().args(beyond).output().await?;
        Ok(answer.status.success() && answer.stdout.is_empty())
    }

    /// Prepares a command that speaks with a remote: it asks nobody for a password or a fingerprint.
    fn afar(&self) -> Result<Call, Error> {
        let call = self.write_at(self.place(), LONG_DEADLINE)?;
        let nobody = [("GIT_ASKPASS", "false"), ("SSH_ASKPASS", "false")];
        let call = nobody.into_iter().fold(call, |call, (name, value)| call.env(name, value));
        Ok(call.env("SSH_ASKPASS_REQUIRE", "force"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, git};
    use super::*;
    use std::path::PathBuf;

    struct Shared {
        here: Scratch,
        there: tempfile::TempDir,
        main: BranchName,
        origin: RemoteName,
    }

    impl Shared {
        async fn new() -> Self {
            let (here, there) = (Scratch::new().await, tempfile::tempdir().unwrap());
            git(there.path(), &["init", "-q", "--bare", "-b", "main"]).await;
            here.git(&["remote", "add", "origin", &there.path().display().to_string()]).await;
            let main = BranchName::try_from("main".to_owned()).unwrap();
            let origin = RemoteName::try_from("origin".to_owned()).unwrap();
            Self { here, there, main, origin }
        }

        async fn tip(&self) -> Option<CommitId> {
            self.here.repository.tip_at(&self.origin, &self.main).await.unwrap()
        }

        async fn push(&self, from: Option<&CommitId>, to: &CommitId) -> Result<(), Error> {
            self.here.repository.push(&self.origin, &self.main, (from, to)).await
        }

        /// Somebody else pushes a commit.
        async fn somebody_pushes(&self) {
            let clone = self.there.path().join("clone");
            let path = clone.display().to_string();
            git(self.there.path(), &["clone", "-q", ".", &path]).await;
            let identity = ["-c", "user.name=o", "-c", "user.email=o@o"];
            let commit = ["commit", "-q", "--allow-empty", "-m", "other"];
            git(&clone, &[identity.as_slice(), &commit].concat()).await;
            git(&clone, &["push", "-q", "origin", "main"]).await;
        }
    }

    #[tokio::test]
    async fn a_branch_is_made_and_moved_from_where_it_is_expected_and_no_other() {
        let shared = Shared::new().await;
        assert_eq!(shared.tip().await, None);
        let first = shared.here.id("main").await;
        shared.push(None, &first).await.unwrap();
        assert_eq!(shared.tip().await, Some(first.clone()));
        let second = shared.here.commit(&[("a.txt", "2")]).await;
        shared.push(None, &second).await.unwrap_err();
        assert_eq!(shared.tip().await, Some(first.clone()));
        shared.push(Some(&first), &second).await.unwrap();
        // Whose answer was lost asks again.
        shared.push(Some(&first), &second).await.unwrap();
        assert_eq!(shared.tip().await, Some(second));
    }

    #[tokio::test]
    async fn what_somebody_pushed_meanwhile_is_neither_lost_nor_overwritten() {
        let shared = Shared::new().await;
        let first = shared.here.id("main").await;
        shared.push(None, &first).await.unwrap();
        shared.somebody_pushes().await;
        let second = shared.here.commit(&[("a.txt", "2")]).await;
        let error = shared.push(Some(&first), &second).await.unwrap_err().to_string();
        assert!(error.contains("main") && error.contains("origin"), "{error}");
        let theirs = shared.tip().await.unwrap();
        assert_eq!(shared.here.git(&["log", "-1", "--format=%s", theirs.as_str()]).await, "other");
        // Not even when it is expected there: it is not contained.
        shared.push(Some(&theirs), &second).await.unwrap_err();
        assert_eq!(shared.tip().await, Some(theirs));
    }

    #[tokio::test]
    async fn what_was_pushed_from_here_is_replaced_and_what_is_elsewhere_is_not() {
        let shared = Shared::new().await;
        let first = shared.here.id("main").await;
        let second = shared.here.commit(&[("a.txt", "2")]).await;
        shared.push(None, &second).await.unwrap();
        let swap = async |from, to| {
            shared.here.repository.swap(&shared.origin, &shared.main, (Some(from), to)).await
        };
        swap(&second, &first).await.unwrap();
        assert_eq!(shared.tip().await, Some(first.clone()));
        shared.somebody_pushes().await;
        let theirs = shared.tip().await;
        swap(&first, &second).await.unwrap_err();
        assert_eq!(shared.tip().await, theirs);
    }

    #[tokio::test]
    async fn a_remote_that_cannot_be_reached_is_not_one_without_the_branch() {
        let shared = Shared::new().await;
        let nowhere = PathBuf::from("/nowhere/at/all");
        let nowhere = nowhere.display().to_string();
        shared.here.git(&["remote", "set-url", "origin", &nowhere]).await;
        shared.here.repository.tip_at(&shared.origin, &shared.main).await.unwrap_err();
        let first = shared.here.id("main").await;
        shared.push(None, &first).await.unwrap_err();
    }
}
