//! The lock server, asked by the stock git-lfs client on real repositories, and by clients that git-lfs
//! would never be.
#![cfg(feature = "serve")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod crash;
mod people;
#[path = "../verbs/scene.rs"]
#[expect(dead_code, reason = "the scene is shared with the verbs")]
mod scene;
mod server;
mod strangers;

use scene::{Said, Scene};
use serde_json::{Value, json};
use server::{Server, TOKEN};

/// A repository with three files, a remote, and git-lfs, whose server is ours.
fn shop() -> Scene {
    let scene = Scene::new();
    for path in ["art/logo.psd", "art/a[1]{x}* b.psd", "src/code.rs"] {
        scene.write(path, "one\n");
    }
    scene.commit("one");
    let remote = scene.outside("origin.git");
    let remote = remote.to_str().unwrap();
    scene.git(&["init", "-q", "--bare", remote]);
    scene.git(&["remote", "add", "origin", remote]);
    scene.git(&["push", "-q", "origin", "main"]);
    scene.git(&["lfs", "install", "--local"]);
    scene
}

impl Scene {
    /// Runs git as a person who knows a token.
    fn git_as(&self, person: &str, server: &Server, args: &[&str]) -> Said {
        self.git_with(person, TOKEN, server, args)
    }

    fn git_with(&self, person: &str, token: &str, server: &Server, args: &[&str]) -> Said {
        let url = server.url();
        let mut git = self.program("git");
        for (name, value) in [
            ("lfs.url".to_owned(), url.as_str()),
            (format!("lfs.{url}.locksverify"), "true"),
            (format!("credential.{url}.username"), person),
            (format!("credential.{url}.helper"), "!f() { echo \"password=$TOKEN\"; }; f"),
        ] {
            git.arg("-c").arg(format!("{name}={value}"));
        }
        let git = git.args(args).env("TOKEN", token).env("GIT_TERMINAL_PROMPT", "0");
        scene::said(git.stdin(std::process::Stdio::null()).output().unwrap())
    }

    /// Lets a task of an agent hold files.
    fn agent_holds(&self, task: &str, files: &[&str]) {
        let time = "2026-01-01T00:00:00Z";
        let claim = json!({
            "taskId": task, "uid": "1".repeat(32), "workerId": "codegen-1",
            "workerType": "ai_agent", "claimedAt": time, "lockedFiles": files, "expiresAt": time,
            "heartbeat": { "at": time, "bootId": "boot", "bootMillis": 0 },
            "generation": 1, "nonce": "2".repeat(32), "node": "here",
        });
        self.write(".task-locks/.gitignore", "*\n");
        self.write(&format!(".task-locks/{task}.lock"), &claim.to_string());
    }

    /// Returns the claims that `reconciler locks` shows.
    fn claims(&self) -> Vec<Value> {
        let json: Value = serde_json::from_str(&self.run(&["locks", "-o", "json"]).ok()).unwrap();
        let items = json.get("items").unwrap_or(&json);
        items.as_array().expect("locks are a list").clone()
    }
}

/// Returns what `git lfs locks --json` shows: id, path and owner of each lock.
fn listed(said: Said) -> Vec<(String, String, String)> {
    let json: Value = serde_json::from_str(&said.ok()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let lock = |one: &Value| (text(&one["id"]), text(&one["path"]), text(&one["owner"]["name"]));
    json.as_array().unwrap().iter().map(lock).collect()
}
