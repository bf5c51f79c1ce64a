//! A repository of our own making, for the demo: it needs no configuration of the user's, and runs
//! none of their hooks.

use super::command::{self, Place};
use super::{Error, Repository};
use std::path::Path;

impl Repository {
    /// Makes a repository in an empty folder, with `main` as its branch and an identity of its own.
    ///
    /// # Errors
    /// When git refuses.
    pub async fn init(folder: &Path) -> Result<Self, Error> {
        let folder_call = || command::plain().arg("-C").arg(folder);
        folder_call().args(["init", "--quiet", "--initial-branch=main"]).run().await?;
        let settings = [
            ("user.name", "demo"),
            ("user.email", "demo@localhost"),
            ("commit.gpgSign", "false"),
            ("core.hooksPath", "/dev/null"),
        ];
        for (key, value) in settings {
            folder_call().args(["config", key, value]).run().await?;
        }
        Self::discover(folder).await
    }

    /// Commits everything in the main worktree.
    ///
    /// # Errors
    /// When git refuses, also when there is nothing to commit.
    pub async fn commit_everything(&self, message: &str) -> Result<(), Error> {
        let call = |args: &[&str]| -> Result<_, Error> {
            Ok(self.write_at(Place::Directory(self.root()), command::DEADLINE)?.args(args))
        };
        call(&["add", "--all"])?.run().await?;
        call(&["commit", "--quiet", "--message", message])?.run().await?;
        Ok(())
    }
}
