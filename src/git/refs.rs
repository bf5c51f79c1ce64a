//! Refs: read in one look, moved by compare-and-swap. A move whose outcome is in doubt is settled
//! by reading again; nothing is ever moved from a value that was not named.

use super::worktree::beside_adds;
use super::{Error, MOVE_VARIABLE, Repository};
use crate::api::name::{BranchName, CommitId};
use crate::process::spawn;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How often a move is tried whose ref still has the expected value after git refused it.
const TRIES: usize = 3;

/// How refs are listed.
const LISTED: &str = "--format=%(objectname) %(refname)";

/// Refs by their names after a prefix.
type Refs = Result<BTreeMap<String, CommitId>, Error>;

/// What became of a move.
#[must_use = "a lost move changed nothing"]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// It was made.
    Done,
    /// The ref was there already.
    AlreadySo,
    /// The ref had another value than expected; nothing was changed.
    Lost {
        /// The value it had; `None` when there is no such ref.
        actual: Option<CommitId>,
    },
}

impl Repository {
    /// Returns the refs beneath a prefix that ends in `/`, by their names after it: of
    /// `refs/heads/`, the branches. Costs one fork.
    ///
    /// # Errors
    /// Also when a single one cannot be read: then it is unknown what there is.
    pub async fn refs(&self, prefix: &str) -> Refs {
        refs_in(&self.for_each_ref(LISTED, &[prefix]).await?, prefix)
    }

    /// Returns what [`Self::refs`] does of two prefixes, for one fork if all of them can be read.
    pub async fn refs_below(&self, (one, other): (&str, &str)) -> (Refs, Refs) {
        let both = self.for_each_ref(LISTED, &[one, other]).await;
        let of = |prefix: &str| {
            let text = both.as_ref().ok()?;
            let lines = text.lines().filter(|line| line.contains(&format!(" {prefix}")));
            refs_in(&lines.collect::<Vec<_>>().join("\n"), prefix).ok()
        };
        if let (Some(one), Some(other)) = (of(one), of(other)) {
            return (Ok(one), Ok(other));
        }
        tokio::join!(self.refs(one), self.refs(other))
    }

    /// Makes a ref that must not exist yet.
    ///
    /// # Errors
    /// When git refuses although the ref is absent: a hook, or a lock left behind.
    pub async fn create(&self, name: &str, at: &CommitId) -> Result<Moved, Error> {
        self.move_ref(name, Some(at), None).await
    }

    /// Moves a ref that must have the expected value.
    ///
    /// # Errors
    /// When git refuses although the ref has that value: a hook, or a lock left behind.
    pub async fn update(
        &self,
        name: &str,
        new: &CommitId,
        expected: &CommitId,
    ) -> Result<Moved, Error> {
        self.move_ref(name, Some(new), Some(expected)).await
    }

    /// Deletes a ref that must have the expected value.
    ///
    /// # Errors
    /// When git refuses although the ref has that value: a hook, or a lock left behind.
    pub async fn delete(&self, name: &str, expected: &CommitId) -> Result<Moved, Error> {
        self.move_ref(name, None, Some(expected)).await
    }

    /// Returns a commit that both have, so that no later one is had by both; `None` when there is none.
    ///
    /// # Errors
    /// When git cannot tell.
    pub async fn merge_base(
        &self,
        one: &CommitId,
        other: &CommitId,
    ) -> Result<Option<CommitId>, Error> {
        let ids = [one.as_str(), other.as_str()];
        let said = match self.read().arg("merge-base").args(ids).run().await {
            Ok(said) => said,
            Err(error) if error.status() == Some(1) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let text = String::from_utf8_lossy(&said).trim().to_owned();
        let unreadable = |why| Error::unreadable("what two commits have in common", why);
        CommitId::try_from(text).map(Some).map_err(unreadable)
    }

    /// Returns whether `ancestor` is `descendant` or one of those it was made from.
    ///
    /// # Errors
    /// When either cannot be read.
    pub async fn is_ancestor(
        &self,
        ancestor: &CommitId,
        descendant: &CommitId,
    ) -> Result<bool, Error> {
        let ids = [ancestor.as_str(), descendant.as_str()];
        match self.read().args(["merge-base", "--is-ancestor"]).args(ids).run().await {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(1) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the worktree, the main one included, that has the branch checked out.
    ///
    /// # Errors
    /// When it cannot be seen.
    pub async fn checked_out_at(&self, branch: &BranchName) -> Result<Option<PathBuf>, Error> {
        let format = "--format=%(refname) %(worktreepath)";
        let ask = || Ok(self.read().args(["for-each-ref", format, &branch.to_ref()]));
        let text = beside_adds(ask).await?;
        let text = String::from_utf8_lossy(&text);
        let path = text.lines().find_map(|line| {
            line.strip_prefix(&branch.to_ref())?.strip_prefix(' ').filter(|path| !path.is_empty())
        });
        Ok(path.map(PathBuf::from))
    }

    /// Lists refs; one that git leaves out because it cannot read it is an error here.
    pub(super) async fn for_each_ref(&self, format: &str, of: &[&str]) -> Result<String, Error> {
        let output = self.read().args(["for-each-ref", format]).args(of).output().await?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() || said.contains("ignoring ") {
            return Err(Error::unreadable(of.join(" and "), said.trim()));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    async fn move_ref(
        &self,
        name: &str,
        new: Option<&CommitId>,
        expected: Option<&CommitId>,
    ) -> Result<Moved, Error> {
        let mut tries = 1;
        loop {
            let said = self.try_move(name, new, expected).await?;
            let actual = self.reader().resolve(name).await?;
            let error = match said {
                // Whatever git said, a ref that stands where it stood did not move.
                Ok(()) if actual.as_ref() == expected && new != expected => {
                    Error::unreadable(name, "git said that it moved, and it did not")
                }
                Ok(()) => return Ok(Moved::Done),
                Err(error) => error.into(),
            };
            if actual.as_ref() == new {
                return Ok(Moved::AlreadySo);
            }
            if actual.as_ref() != expected {
                return Ok(Moved::Lost { actual });
            }
            // `pack-refs` of somebody else makes git see an old value for a moment.
            if tries == TRIES {
                return Err(error);
            }
            tries += 1;
        }
    }

    async fn try_move(
        &self,
        name: &str,
        new: Option<&CommitId>,
        expected: Option<&CommitId>,
    ) -> Result<Result<(), spawn::Error>, Error> {
        let absent = "0".repeat(self.object_format.digits());
        let expected = expected.map_or(absent.as_str(), CommitId::as_str);
        // `--no-deref`: a symbolic ref of this name must not move the one it stands for.
        let call = self.write()?.args(["update-ref", "--no-deref", "-m", "reconciler"]);
        let call = match new {
            Some(new) => call.env(MOVE_VARIABLE, new.as_str()).args([name, new.as_str(), expected]),
            None => call.args(["-d", name, expected]),
        };
        Ok(call.run().await.map(drop))
    }
}

/// Reads lines of [`LISTED`].
fn refs_in(text: &str, prefix: &str) -> Refs {
    let line = |line: &str| {
        let (id, name) = line.split_once(' ')?;
        Some((name.strip_prefix(prefix)?.to_owned(), CommitId::try_from(id.to_owned()).ok()?))
    };
    text.lines()
        .map(|one| line(one).ok_or_else(|| Error::unreadable(prefix, format!("`{one}`"))))
        .collect()
}
