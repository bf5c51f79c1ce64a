//! The hooks of git, in real repositories with real git: what they refuse, by which ways they can
//! be passed, and that whoever had hooks before keeps them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod acquire;
mod bypass;
mod case;
mod commits;
mod damaged;
mod install;
mod passed;
#[path = "../verbs/scene.rs"]
mod scene;
mod state;
mod workers;

use reconciler::api::name::{Owner, Uid};
use scene::{Said, Scene};
use serde_json::json;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

fn uid(task: &str) -> Uid {
    Uid::derive(1, task)
}

/// A repository with files, some history and nothing of ours.
fn shop() -> Scene {
    let scene = Scene::new();
    for (path, text) in [("src/auth/token.rs", "zero\n"), ("docs/a.md", "a\n"), ("b.txt", "b\n")] {
        scene.write(path, text);
    }
    scene.commit("zero");
    scene.write("src/auth/token.rs", "one\n");
    scene.commit("one");
    scene.git(&["branch", "side"]);
    scene.write("docs/a.md", "b\n");
    scene.commit("docs");
    scene
}

impl Scene {
    /// Lets a task hold files.
    fn lock(&self, task: &str, generation: u64, files: &[&str]) {
        let time = "2026-01-01T00:00:00Z";
        let claim = json!({
            "taskId": task, "uid": uid(task), "workerId": "codegen-1", "workerType": "ai_agent",
            "claimedAt": time, "lockedFiles": files, "expiresAt": time, "heartbeat": { "at": time, "bootId": "boot", "bootMillis": 0 },
            "generation": generation, "nonce": uid(task), "node": "here",
        });
        self.write(".task-locks/.gitignore", "*\n");
        self.write(&format!(".task-locks/{task}.lock"), &claim.to_string());
    }

    /// Adds the worktree of a task, on a branch of its name, at a generation.
    fn worktree(&self, task: &str, generation: u64) -> PathBuf {
        let path = self.outside(task);
        let mark = Owner { task: task.parse().unwrap(), uid: uid(task) }.to_string();
        let add = ["worktree", "add", "-q", "--lock", "--reason", &mark, "-b", task];
        self.git(&[&add[..], &[path.to_str().unwrap()]].concat());
        let git_dir = self.git(&["-C", path.to_str().unwrap(), "rev-parse", "--absolute-git-dir"]);
        std::fs::write(
            Path::new(&git_dir).join(reconciler::git::GENERATION_FILE),
            format!("{generation}\n"),
        )
        .unwrap();
        path
    }

    fn install(&self) {
        self.run(&["hooks", "install"]).ok();
    }

    /// Runs git with something to read.
    fn git_with(&self, args: &[&str], input: &str) -> Said {
        let mut git = self.program("git");
        git.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut git = git.spawn().unwrap();
        // A git that refuses does not read.
        git.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        scene::said(git.wait_with_output().unwrap())
    }

    fn script(&self, path: &str, text: &str) {
        self.write(path, text);
        let path = self.root.join(path);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[track_caller]
fn refused(said: Said) -> String {
    assert_ne!(said.code, 0, "{said:?}");
    assert!(said.err.contains(" refused"), "{said:?}");
    said.err
}
