//! A lock that cannot be understood holds what its task asks for and what it was last known to
//! hold, and everything only where neither is known.

use super::scene::Scene;
use super::{refused, shop};
use serde_json::json;

/// A repository with the hooks and a damaged lock of `login`.
fn world() -> Scene {
    let scene = shop();
    scene.install();
    scene.lock("docs", 1, &["docs/"]);
    scene.write(".task-locks/login.lock", "{\"taskId\": \"lo");
    scene
}

fn commit(scene: &Scene, path: &str) -> super::Said {
    scene.write(path, "edited\n");
    scene.git(&["add", path]);
    let said = scene.try_git(&["commit", "-m", "x"]);
    scene.git(&["reset", "-q"]);
    said
}

/// Commits the task of a lock, past the hooks.
fn asks_for(scene: &Scene, files: &[&str]) {
    let task = json!({"apiVersion": "reconciler.dev/v1alpha1", "kind": "Task",
        "metadata": {"name": "login"}, "spec": {"command": "make", "files": files}});
    scene.write("state/tasks/login.json", &task.to_string());
    scene.git(&["add", "state"]);
    scene.git(&["-c", "core.hooksPath=/dev/null", "commit", "-q", "-m", "login"]);
}

/// Says in the ledger what a lock said, and whether it was released.
fn recorded(scene: &Scene, lock: &str) {
    scene.write("login.json", lock);
    let blob = scene.git(&["hash-object", "-w", "login.json"]);
    std::fs::remove_file(scene.root.join("login.json")).unwrap();
    let entry = format!("100644 blob {blob}\tlogin.lock\n");
    let tree = scene.git_with(&["mktree"], &entry).ok();
    let commit = scene.git(&["commit-tree", "-m", "x", tree.trim()]);
    scene.git(&["update-ref", "refs/reconciler/locks", &commit]);
}

#[test]
fn a_damaged_lock_holds_everything_only_where_nothing_says_what_it_holds() {
    let scene = world();
    let said = refused(commit(&scene, "b.txt"));
    assert!(said.contains("nothing says what it holds"), "{said}");
    assert!(said.contains(".task-locks/login.lock: "), "{said}");
    assert!(said.contains("reconciler release login --force"), "{said}");
    scene.run(&["locks", "check", "."]).fails(1);

    asks_for(&scene, &["src/auth/"]);
    commit(&scene, "b.txt").ok();
    scene.run(&["locks", "check", "b.txt"]).ok();
    for held in ["src/auth", "src/auth/new.rs"] {
        let said = scene.run(&["locks", "check", held]).fails(1);
        assert!(said.contains("may be held: the lock of task/login cannot be read"), "{said}");
    }
    let said = refused(commit(&scene, "src/auth/token.rs"));
    assert!(said.contains("1 of 1 file may be in a lock that cannot be understood"), "{said}");
    assert!(said.contains("src/auth/token.rs   may be held: the lock of task/login"), "{said}");
    assert!(said.contains("reconciler release login --force"), "{said}");
    assert!(refused(commit(&scene, "docs/a.md")).contains("task/docs"), "others hold as before");
}

#[test]
fn what_a_damaged_lock_was_last_known_to_hold_it_holds_too_unless_it_was_released() {
    let scene = world();
    scene.lock("login", 3, &["b.txt"]);
    let lock = scene.read(".task-locks/login.lock");
    scene.write(".task-locks/login.lock", "");
    recorded(&scene, &lock);
    commit(&scene, "c.txt").ok();
    assert!(refused(commit(&scene, "b.txt")).contains("b.txt   may be held"));
    asks_for(&scene, &["src/auth/"]);
    assert!(refused(commit(&scene, "b.txt")).contains("b.txt   may be held"));
    refused(commit(&scene, "src/auth/token.rs"));

    let released = lock.replacen('{', "{\"releasedAt\":\"2026-01-01T00:00:00Z\",", 1);
    recorded(&scene, &released);
    commit(&scene, "b.txt").ok();
    refused(commit(&scene, "src/auth/token.rs"));
}
