//! What a hook of git must know: where it was called and for whom, what is to be committed, what
//! lies between two commits. It reads as git told the hook to, and never writes.

mod index;
mod short;
mod stamp;

pub use stamp::Stamp;

use super::worktree::read_line;
use super::{Error, command};
use crate::api::name::Owner;
use crate::disk;
use crate::process::spawn::Call;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// The file of a worktree's private git directory that says the generation it works under.
pub const GENERATION_FILE: &str = "reconciler-generation";
/// The variable by which our own hooks are told to which commit we move or push a branch ourselves, as
/// when work lands that its holder has done. Hooks of the user run as for everybody.
pub const MOVE_VARIABLE: &str = "RECONCILER_MOVES_TO";

/// Where a hook was called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookPlace {
    directory: PathBuf,
    git_dir: PathBuf,
    common_dir: PathBuf,
}

/// What is under way in a work tree, so that a refusal can name the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// An ordinary commit, or nothing that leaves a trace.
    Commit,
    /// A merge.
    Merge,
    /// A cherry-pick.
    CherryPick,
    /// A revert.
    Revert,
    /// A rebase.
    Rebase,
    /// Patches of a mailbox.
    Am,
}

impl HookPlace {
    /// Finds the place of a hook that runs in this directory, in the environment that git gave it.
    /// Costs one fork.
    ///
    /// # Errors
    /// When git cannot say.
    pub async fn of(directory: &Path) -> Result<Self, Error> {
        let words = ["rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"];
        let answer = call(directory).args(words).run().await?;
        let mut lines = answer.split(|byte| *byte == b'\n').map(OsStr::from_bytes);
        match (lines.next(), lines.next(), lines.nth(1)) {
            (Some(git_dir), Some(common_dir), None) => Ok(Self {
                directory: directory.to_owned(),
                git_dir: git_dir.into(),
                common_dir: common_dir.into(),
            }),
            _ => Err(Error::unreadable("the repository", String::from_utf8_lossy(&answer))),
        }
    }

    /// Returns the git directory that all worktrees share.
    pub fn common_dir(&self) -> &Path {
        &self.common_dir
    }

    /// Returns the file of the settings that all worktrees share.
    pub fn settings(&self) -> PathBuf {
        self.common_dir.join("config")
    }

    /// Returns where this directory lies in the work tree, as `src/auth/`; at its top, nothing.
    ///
    /// # Errors
    /// When git cannot say, as in a git directory.
    pub async fn prefix(&self) -> Result<String, Error> {
        let answer = call(&self.directory).args(["rev-parse", "--show-prefix"]).run().await?;
        Ok(String::from_utf8_lossy(&answer).trim_end_matches('\n').to_owned())
    }

    /// Returns those of these paths, from this directory, that git ignores and does not track.
    ///
    /// # Errors
    /// When git cannot say: take none of them for ignored.
    pub async fn ignored(&self, paths: &[String]) -> Result<BTreeSet<String>, Error> {
        // A path that begins so is never read as pathspec magic; it is said as it was asked.
        let asked = |path: &String| format!("./{path}\0").into_bytes();
        let input = paths.iter().flat_map(asked).collect();
        let ask = call(&self.directory).input(input);
        let said = ask.args(["check-ignore", "-z", "--stdin"]).output().await?;
        match said.status.code() {
            // 1 is none of them.
            Some(0 | 1) => {
                let names = String::from_utf8_lossy(&said.stdout).into_owned();
                Ok(names
                    .split('\0')
                    .filter_map(|name| name.strip_prefix("./"))
                    .map(str::to_owned)
                    .collect())
            }
            Some(_) | None => {
                Err(Error::unreadable("what is ignored", String::from_utf8_lossy(&said.stderr)))
            }
        }
    }

    /// Returns whose worktree this is, by its mark; `None` when it bears none of ours.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn owner(&self) -> Result<Option<Owner>, Error> {
        if self.git_dir == self.common_dir {
            return Ok(None);
        }
        let mark = read_line(&self.git_dir.join("locked"))?;
        Ok(mark.and_then(|mark| Owner::parse(&String::from_utf8_lossy(&mark))))
    }

    /// Returns the generation of the claim that this worktree works under; `None` when nothing
    /// says it.
    ///
    /// # Errors
    /// When that cannot be read, or is no number: then it must not be taken for the current one.
    pub fn generation(&self) -> Result<Option<u64>, Error> {
        let path = self.git_dir.join(GENERATION_FILE);
        let Some(line) = read_line(&path)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&line);
        let number = text.parse().map_err(|why| Error::unreadable(path.display().to_string(), why));
        number.map(Some)
    }

    /// Returns what is under way here, by the files that git keeps of it.
    ///
    /// # Errors
    /// When they cannot be looked at.
    pub fn operation(&self) -> Result<Operation, Error> {
        for (name, operation) in [
            ("rebase-merge", Operation::Rebase),
            ("rebase-apply/applying", Operation::Am),
            ("rebase-apply", Operation::Rebase),
            ("MERGE_HEAD", Operation::Merge),
            ("CHERRY_PICK_HEAD", Operation::CherryPick),
            ("REVERT_HEAD", Operation::Revert),
        ] {
            if disk::is_there(&self.git_dir.join(name))? {
                return Ok(operation);
            }
        }
        // A clean revert leaves its message and nothing else.
        let message = disk::read(&self.git_dir.join("MERGE_MSG"), disk::RECORD_MAX)?;
        let is_revert = message.is_some_and(|text| text.starts_with(b"Revert \""));
        Ok(if is_revert { Operation::Revert } else { Operation::Commit })
    }

    /// Returns the paths by which the index differs from a revision, both sides of a rename among
    /// them; `None` is HEAD, or nothing where nothing was committed yet.
    ///
    /// # Errors
    /// When git cannot say.
    pub async fn staged_names(&self, against: Option<&str>) -> Result<Vec<String>, Error> {
        let call = self.diff().arg("--cached").args(against).arg("--");
        Ok(names(&call.run().await?))
    }

    /// Returns the paths by which the index differs from HEAD and that it has: none that is deleted.
    ///
    /// # Errors
    /// When git cannot say.
    pub async fn staged_names_there(&self) -> Result<Vec<String>, Error> {
        Ok(names(&self.diff().args(["--cached", "--diff-filter=d", "--"]).run().await?))
    }

    /// Returns the paths by which two revisions differ, both sides of a rename among them.
    ///
    /// # Errors
    /// When git cannot say, as when one of them is not here.
    pub async fn names_between(&self, old: &str, new: &str) -> Result<Vec<String>, Error> {
        Ok(names(&self.diff().args([old, new, "--"]).run().await?))
    }

    /// Returns the paths that a revision changed since it left another.
    ///
    /// # Errors
    /// When git cannot say, as when they have nothing in common.
    pub async fn names_since(&self, base: &str, new: &str) -> Result<Vec<String>, Error> {
        Ok(names(&self.diff().arg(format!("{base}...{new}")).arg("--").run().await?))
    }

    /// Returns all paths of a revision.
    ///
    /// # Errors
    /// When git cannot say.
    pub async fn names_of(&self, revision: &str) -> Result<Vec<String>, Error> {
        let words = ["ls-tree", "-r", "-z", "--name-only", "--full-tree", revision];
        Ok(names(&call(&self.directory).args(words).run().await?))
    }

    /// Returns the full id of the commit that words mean; `None` when they mean none here.
    ///
    /// # Errors
    /// When git cannot be asked.
    pub async fn commit(&self, words: &str) -> Result<Option<String>, Error> {
        let call = call(&self.directory).args(["rev-parse", "--verify", "--quiet"]);
        let call = call.args(["--end-of-options", &format!("{words}^{{commit}}")]);
        match call.run().await {
            Ok(answer) => Ok(Some(String::from_utf8_lossy(&answer).trim_end().to_owned())),
            Err(error) if error.status().is_some() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns whether a commit is new: on no branch, here or as a remote had it.
    ///
    /// # Errors
    /// When git cannot say.
    pub async fn is_on_no_branch(&self, commit: &str) -> Result<bool, Error> {
        let call = call(&self.directory).args(["rev-list", "--max-count=1", commit]);
        let answer = call.args(["--not", "--branches", "--remotes", "--"]).run().await?;
        Ok(!answer.is_empty())
    }

    /// Returns a setting, as git sees it here.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub async fn setting(&self, key: &str) -> Result<Option<String>, Error> {
        match call(&self.directory).args(["config", "--get", key]).run().await {
            Ok(value) => Ok(Some(String::from_utf8_lossy(&value).trim_end().to_owned())),
            Err(error) if error.status() == Some(1) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Prepares a comparison that no setting of the user bends.
    fn diff(&self) -> Call {
        let plain = ["--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-relative"];
        call(&self.directory).arg("diff").args(plain).arg("--ignore-submodules=none")
    }
}

fn call(directory: &Path) -> Call {
    command::as_called().directory(directory)
}

/// Names that are not UTF-8 keep their shape: patterns still find them.
fn names(answer: &[u8]) -> Vec<String> {
    let names = answer.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::scratch::{Scratch, write};

    #[tokio::test]
    async fn odd_names_deletions_and_both_sides_of_a_rename_are_seen() {
        let scratch = Scratch::new().await;
        let place = HookPlace::of(scratch.root()).await.unwrap();
        scratch.git(&["config", "diff.renames", "copies"]).await;
        scratch.git(&["mv", "a.txt", "b \"q\"\n.txt"]).await;
        let staged = place.staged_names(None).await.unwrap();
        assert_eq!(staged, ["a.txt", "b \"q\"\n.txt"]);
        scratch.git(&["commit", "-q", "-m", "moved"]).await;
        assert_eq!(place.staged_names(None).await.unwrap(), [""; 0]);
        assert_eq!(place.names_between("HEAD~1", "HEAD").await.unwrap(), staged);
        assert_eq!(place.staged_names(Some("HEAD~1")).await.unwrap(), staged);
    }

    #[tokio::test]
    async fn before_the_first_commit_all_that_is_staged_is_new() {
        let scratch = Scratch::new().await;
        scratch.git(&["checkout", "-q", "--orphan", "fresh"]).await;
        let place = HookPlace::of(scratch.root()).await.unwrap();
        assert_eq!(place.staged_names(None).await.unwrap(), [".gitignore", "a.txt"]);
    }

    #[tokio::test]
    async fn a_generation_that_is_no_number_is_not_absent() {
        let scratch = Scratch::new().await;
        let place = HookPlace::of(scratch.root()).await.unwrap();
        assert_eq!(place.generation().unwrap(), None);
        write(&place.git_dir.join(GENERATION_FILE), "7\n");
        assert_eq!(place.generation().unwrap(), Some(7));
        write(&place.git_dir.join(GENERATION_FILE), "");
        place.generation().unwrap_err();
        assert_eq!(place.owner().unwrap(), None);
    }
}
