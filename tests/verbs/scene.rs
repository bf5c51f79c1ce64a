//! A repository and a user of its own: nothing of the machine's git, tmux or approvals is seen.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub(crate) struct Scene {
    folder: TempDir,
    pub(crate) root: PathBuf,
}

/// What a verb said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Asserts success and returns what stands on stdout.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Asserts an exit code and returns everything that was said.
    #[track_caller]
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        format!("{}{}", self.out, self.err)
    }
}

impl Scene {
    /// Makes a repository on `main` without a commit.
    pub(crate) fn new() -> Self {
        Self::with(&["init", "-q", "-b", "main", "--template="])
    }

    pub(crate) fn with(init: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("shop");
        for name in ["shop", "home", "tmux"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let config = "[user]\n\tname = t\n\temail = t@example.org\n";
        std::fs::write(folder.path().join("home/gitconfig"), config).unwrap();
        let scene = Self { folder, root };
        scene.git(init);
        scene
    }

    /// Makes a repository that is prepared and committed.
    pub(crate) fn prepared() -> Self {
        let scene = Self::new();
        scene.run(&["init"]).ok();
        scene.commit("prepared");
        scene
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--no-verify", "-m", message]);
    }

    pub(crate) fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    /// Prepares a program in this world, in the root of the repository.
    #[expect(clippy::disallowed_methods, reason = "the test is the person at the keyboard")]
    pub(crate) fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let ours = Path::new(env!("CARGO_BIN_EXE_reconciler")).parent().unwrap();
        command
            .env_clear()
            .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", ours.display()))
            .env("HOME", self.folder.path().join("home"))
            .env("XDG_STATE_HOME", self.folder.path().join("home/state"))
            .env("TMUX_TMPDIR", self.folder.path().join("tmux"))
            .env("GIT_CONFIG_GLOBAL", self.folder.path().join("home/gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(&self.root);
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        let mut command = self.program(env!("CARGO_BIN_EXE_reconciler"));
        said(command.args(args).stdin(std::process::Stdio::null()).output().unwrap())
    }

    pub(crate) fn try_git(&self, args: &[&str]) -> Said {
        said(self.program("git").args(args).output().unwrap())
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        self.try_git(args).ok().trim_end().to_owned()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root.join(path)).unwrap()
    }

    /// Changes a file by replacing a text in it.
    pub(crate) fn replace(&self, path: &str, from: &str, to: &str) {
        let before = self.read(path);
        assert!(before.contains(from), "{path}: {before}");
        self.write(path, &before.replace(from, to));
    }
}

/// Ends the tmux servers of this world, also when a test failed.
impl Drop for Scene {
    fn drop(&mut self) {
        let folders = std::fs::read_dir(self.folder.path().join("tmux")).into_iter().flatten();
        for folder in folders.flatten() {
            for socket in std::fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                let mut tmux = self.program("tmux");
                tmux.arg("-S").arg(socket.path()).arg("kill-server").output().ok();
            }
        }
    }
}

pub(crate) fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}
