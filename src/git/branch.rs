//! What a branch has that another has not: files, lines, and what is not committed yet in its worktree.
//! It reads alone.

use super::command::{self, Place};
use super::{Error, Repository};
use crate::api::name::CommitId;
use std::path::Path;

/// A file that a branch changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The file; of one that moved, `OLD => NEW`.
    pub path: String,
    /// How many lines came; `None` for what is no text.
    pub added: Option<u64>,
    /// How many lines went; `None` for what is no text.
    pub removed: Option<u64>,
}

impl Repository {
    /// Returns the files that a branch changed since it left another.
    ///
    /// # Errors
    /// When the two have nothing in common, or cannot be read.
    pub async fn files_changed(
        &self,
        from: &CommitId,
        tip: &CommitId,
    ) -> Result<Vec<FileChange>, Error> {
        let answer = self.since(from, tip, &["--numstat", "-z", "--find-renames"]).await?;
        let text = String::from_utf8_lossy(&answer);
        let mut fields = text.split('\0').filter(|field| !field.is_empty());
        let mut found = Vec::new();
        while let Some(field) = fields.next() {
            let mut words = field.splitn(3, '\t');
            let mut count = || words.next().and_then(|number| number.parse().ok());
            let (added, removed) = (count(), count());
            let path = match words.next().unwrap_or_default() {
                "" => {
                    let (old, new) = (fields.next(), fields.next());
                    format!("{} => {}", old.unwrap_or_default(), new.unwrap_or_default())
                }
                path => path.to_owned(),
            };
            found.push(FileChange { path, added, removed });
        }
        Ok(found)
    }

    /// Returns what a branch changed since it left another, as git prints it.
    ///
    /// # Errors
    /// When the two have nothing in common, or cannot be read.
    pub async fn patch(&self, from: &CommitId, tip: &CommitId) -> Result<Vec<u8>, Error> {
        self.since(from, tip, &["--patch", "--find-renames"]).await
    }

    /// Returns how many commits one has that the other has not.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn ahead(&self, one: &CommitId, other: &CommitId) -> Result<usize, Error> {
        let range = format!("{other}..{one}");
        let answer = self.read().args(["rev-list", "--count", &range, "--"]).run().await?;
        let text = String::from_utf8_lossy(&answer);
        text.trim().parse().map_err(|why| Error::unreadable(&range, why))
    }

    /// Returns the paths of a worktree that differ from its last commit, new ones among them.
    ///
    /// # Errors
    /// When git cannot be asked there.
    pub async fn uncommitted(&self, worktree: &Path) -> Result<Vec<String>, Error> {
        let call = command::read_at(Place::Directory(worktree));
        let status = ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all"];
        let answer = call.args(status).run().await?;
        let text = String::from_utf8_lossy(&answer);
        // Two letters and a blank stand before each.
        Ok(text.split('\0').filter_map(|one| Some(one.get(3..)?.to_owned())).collect())
    }

    async fn since(&self, from: &CommitId, tip: &CommitId, how: &[&str]) -> Result<Vec<u8>, Error> {
        let plain = ["--no-ext-diff", "--no-textconv", "--no-color", "--no-relative"];
        let call = self.read().arg("diff").args(how).args(plain);
        let range = format!("{from}...{tip}");
        call.args([&range, "--"]).run().await.map_err(|error| match error.status() {
            Some(_) => Error::unreadable(&range, error.stderr()),
            None => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch::{Scratch, write};
    use super::FileChange;

    #[tokio::test]
    async fn a_branch_tells_its_files_its_lines_and_what_is_not_committed() {
        let scratch = Scratch::new().await;
        scratch.commit(&[("long", "1\n2\n3\n4\n"), ("odd \"\t.txt", "x\n")]).await;
        let main = scratch.id("main").await;
        scratch.git(&["checkout", "-q", "-b", "task"]).await;
        scratch.git(&["mv", "long", "moved"]).await;
        let tip = scratch.commit(&[("odd \"\t.txt", "y\nz\n"), ("raw", "a\0b")]).await;
        let change =
            |path: &str, added, removed| FileChange { path: path.to_owned(), added, removed };
        let found = scratch.repository.files_changed(&main, &tip).await.unwrap();
        let odd = change("odd \"\t.txt", Some(2), Some(1));
        let moved = change("long => moved", Some(0), Some(0));
        assert_eq!(found, [moved, odd, change("raw", None, None)]);
        assert_eq!(scratch.repository.ahead(&tip, &main).await.unwrap(), 1);
        assert_eq!(scratch.repository.ahead(&main, &tip).await.unwrap(), 0);
        let patch = scratch.repository.patch(&main, &tip).await.unwrap();
        assert!(String::from_utf8_lossy(&patch).contains("rename to moved"));
        assert!(scratch.repository.uncommitted(scratch.root()).await.unwrap().is_empty());
        write(&scratch.root().join("new/file"), "1");
        write(&scratch.root().join("moved"), "1");
        let found = scratch.repository.uncommitted(scratch.root()).await.unwrap();
        assert_eq!(found, ["moved", "new/file"]);
    }
}
