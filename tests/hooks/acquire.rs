//! A worker who needs more than its task holds: what it acquires it may commit, and no one else.

use super::scene::{Said, Scene, said};
use super::{refused, shop};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A task that may change `docs/`, in its own worktree, beside `login`, which holds `src/auth/`.
fn world() -> (Scene, PathBuf) {
    let scene = shop();
    let spec = json!({ "command": "true", "files": ["docs/"] });
    let task = json!({ "apiVersion": "reconciler.dev/v1alpha1", "kind": "Task",
        "metadata": { "name": "docs" }, "spec": spec });
    scene.write("state/tasks/docs.json", &task.to_string());
    scene.commit("task");
    scene.install();
    scene.lock("docs", 2, &["docs/"]);
    scene.lock("login", 1, &["src/auth/"]);
    let worktree = scene.worktree("docs", 2);
    (scene, worktree)
}

fn held(scene: &Scene) -> Value {
    serde_json::from_str(&scene.read(".task-locks/docs.lock")).unwrap()
}

fn locks(scene: &Scene, worktree: &Path, args: &[&str]) -> Said {
    scene.run(&[&["-C", worktree.to_str().unwrap(), "locks"], args].concat())
}

fn commit(scene: &Scene, worktree: &Path, path: &str) -> Said {
    let at = worktree.to_str().unwrap();
    std::fs::write(worktree.join(path), "by a worker\n").unwrap();
    scene.git(&["-C", at, "add", "--", path]);
    scene.try_git(&["-C", at, "commit", "-m", path, "--", path])
}

#[test]
fn a_worker_acquires_what_nobody_holds_commits_it_and_gives_it_back() {
    let (scene, worktree) = world();
    let said = refused(commit(&scene, &worktree, "b.txt"));
    assert!(said.contains("reconciler locks acquire PATH"), "{said}");
    locks(&scene, &worktree, &["acquire", "b.txt", "--reason", "the index names it"]).ok();
    let now = held(&scene);
    assert_eq!(now["lockedFiles"], json!(["docs/", "b.txt"]));
    assert_eq!((&now["generation"], &now["workerId"]), (&json!(3), &json!("codegen-1")));
    commit(&scene, &worktree, "b.txt").ok();
    let taken = locks(&scene, &worktree, &["acquire", "src/"]).fails(6);
    assert!(taken.contains("task/login (codegen-1) holds src/auth/"), "{taken}");
    assert!(taken.contains("reconciler attach login"), "{taken}");
    assert_eq!(held(&scene), now, "all paths or none");
    let own = locks(&scene, &worktree, &["release", "docs/"]).fails(1);
    assert!(own.contains("docs/ is one of the paths of task/docs itself"), "{own}");
    locks(&scene, &worktree, &["renew"]).ok();
    assert_ne!(held(&scene)["expiresAt"], now["expiresAt"]);
    locks(&scene, &worktree, &["release", "--all"]).ok();
    assert_eq!(held(&scene)["lockedFiles"], json!(["docs/"]));
    assert_eq!(held(&scene)["generation"], 4);
    commit(&scene, &worktree, "docs/new.md").ok();
    refused(commit(&scene, &worktree, "b.txt.more"));
}

#[test]
fn wherever_an_acquisition_is_killed_the_worktree_refuses_at_worst_and_the_next_one_mends_it() {
    let (scene, worktree) = world();
    for point in 1.. {
        let path = format!("p{point}.txt");
        let points = scene.outside("points");
        std::fs::remove_file(points.with_added_extension("fired")).ok();
        let mut command = scene.program(env!("CARGO_BIN_EXE_reconciler"));
        command.env("RECONCILER_FAULT", format!("claim:kill:{point}:{}", points.display()));
        command.args(["locks", "acquire", &path]).current_dir(&worktree);
        let output = command.output().unwrap();
        let is_killed = output.status.code().is_none();
        let is_committed = commit(&scene, &worktree, &path).code == 0;
        let files = held(&scene)["lockedFiles"].to_string();
        assert!(!is_committed || files.contains(&path), "at {point} without a lock: {files}");
        locks(&scene, &worktree, &["acquire", &path]).ok();
        if !is_committed {
            commit(&scene, &worktree, &path).ok();
        }
        if !is_killed {
            assert!(point > 8, "{output:?}");
            break;
        }
    }
}

#[test]
fn a_worktree_whose_lock_is_no_longer_in_force_acquires_nothing() {
    let (scene, worktree) = world();
    scene.lock("docs", 3, &["docs/"]);
    let said = locks(&scene, &worktree, &["acquire", "b.txt"]).fails(1);
    assert!(said.contains("works under a lock that is no longer in force"), "{said}");
    locks(&scene, &worktree, &["renew"]).fails(1);
    scene.run(&["release", "docs", "--force", "--reason", "it hangs"]).ok();
    locks(&scene, &worktree, &["acquire", "b.txt"]).fails(1);
    refused(commit(&scene, &worktree, "docs/new.md"));
    // Who takes the task next begins a generation that the worktree does not have.
    scene.run(&["claim", "docs", "--as", "ada"]).ok();
    assert_eq!(held(&scene)["generation"], 4);
    refused(commit(&scene, &worktree, "docs/new.md"));
}

#[test]
fn the_worktree_tells_who_acquires_and_not_the_environment() {
    let (scene, worktree) = world();
    let mut command = scene.program(env!("CARGO_BIN_EXE_reconciler"));
    command.env("RECONCILER_TASK", "login").current_dir(worktree.join("docs"));
    said(command.args(["locks", "acquire", "../b.txt", "--as", "ada"]).output().unwrap()).ok();
    assert_eq!(held(&scene)["lockedFiles"], json!(["docs/", "b.txt"]));
}
