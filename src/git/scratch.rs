//! Repositories for tests: real git in a temporary folder, set up in the repository itself. It
//! never reads or writes anything outside that folder.

use super::Repository;
use crate::api::name::{BranchName, CommitId, Owner, Uid};
use crate::process::spawn::Call;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

pub(super) struct Scratch {
    folder: TempDir,
    pub(super) repository: Repository,
}

impl Scratch {
    /// Makes a repository with one commit on `main`: `a.txt` and `.gitignore`.
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// Makes it by `git init` with more arguments.
    pub(super) async fn with(init: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("repo");
        std::fs::create_dir(&root).unwrap();
        git(&root, &[&["init", "-q", "-b", "main", "--template="], init].concat()).await;
        for (key, value) in [
            ("user.name", "t"),
            ("user.email", "t@example.org"),
            ("commit.gpgsign", "false"),
            ("core.hooksPath", "/dev/null"),
            // It works on when the command that began it has ended, and may hold locks.
            ("maintenance.auto", "false"),
            ("gc.auto", "0"),
        ] {
            git(&root, &["config", key, value]).await;
        }
        let repository = Repository::discover(&root).await.unwrap();
        let scratch = Self { folder, repository };
        scratch.commit(&[("a.txt", "one\n"), (".gitignore", "*.log\n.worktrees/\n")]).await;
        scratch
    }

    pub(super) fn outside(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    pub(super) fn root(&self) -> &Path {
        self.repository.root()
    }

    pub(super) fn worktree_path(&self, name: &str) -> PathBuf {
        self.root().join(".worktrees").join(name)
    }

    pub(super) fn trash_path(&self, name: &str) -> PathBuf {
        self.root().join(".reconciler/trash").join(name)
    }

    pub(super) async fn git(&self, args: &[&str]) -> String {
        git(self.root(), args).await
    }

    pub(super) async fn commit(&self, files: &[(&str, &str)]) -> CommitId {
        for (path, text) in files {
            write(&self.root().join(path), text);
        }
        self.git(&["add", "-A"]).await;
        self.git(&["commit", "-q", "-m", "more"]).await;
        self.id("HEAD").await
    }

    pub(super) async fn id(&self, revision: &str) -> CommitId {
        self.git(&["rev-parse", revision]).await.try_into().unwrap()
    }

    /// Adds a worktree of a new branch, as the loop does.
    pub(super) async fn add(&self, name: &str) -> PathBuf {
        let (path, branch) = (self.worktree_path(name), branch(name));
        let base = self.id("main").await;
        drop(self.repository.create(&branch.to_ref(), &base).await.unwrap());
        self.repository.add_worktree(&path, &branch, &owner(name)).await.unwrap();
        path
    }

    /// Returns the folder in which git keeps a worktree's HEAD and index.
    pub(super) fn entry(&self, name: &str) -> PathBuf {
        self.repository.common_dir().join("worktrees").join(name)
    }

    /// Returns the file of a loose object.
    pub(super) fn object(&self, id: &str) -> PathBuf {
        let (folder, file) = id.split_at(2);
        self.repository.common_dir().join("objects").join(folder).join(file)
    }
}

pub(super) async fn git(directory: &Path, args: &[&str]) -> String {
    let call = Call::new("git", Duration::from_mins(1)).directory(directory);
    let answer = call.args(args).run().await.unwrap();
    String::from_utf8(answer).unwrap().trim_end().to_owned()
}

pub(super) async fn sh(directory: &Path, script: &str) {
    let call = Call::new("sh", Duration::from_mins(1)).directory(directory);
    call.args(["-c", script]).run().await.unwrap();
}

pub(super) fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub(super) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

pub(super) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

pub(super) fn owner(name: &str) -> Owner {
    Owner { task: name.parse().unwrap(), uid: Uid::derive(7, name) }
}

pub(super) fn branch(name: &str) -> BranchName {
    format!("task/{name}").try_into().unwrap()
}
