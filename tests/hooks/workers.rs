//! Who a worktree's mark says one is: the worker of a task, at a generation.

use super::scene::{Said, Scene};
use super::{refused, shop};
use std::path::Path;

/// A task that may change `docs/`, in its own worktree, beside `login`, which holds `src/auth/`.
fn world(generation: u64) -> (Scene, std::path::PathBuf) {
    let scene = shop();
    scene.install();
    scene.lock("docs", 2, &["docs/"]);
    scene.lock("login", 1, &["src/auth/"]);
    let worktree = scene.worktree("docs", generation);
    (scene, worktree)
}

fn commit(scene: &Scene, worktree: &Path, path: &str) -> Said {
    let at = worktree.to_str().unwrap();
    std::fs::write(worktree.join(path), "by a worker\n").unwrap();
    scene.git(&["-C", at, "add", "-A"]);
    scene.try_git(&["-C", at, "commit", "-m", "x"])
}

#[test]
fn a_worker_commits_what_its_lock_covers_and_nothing_else() {
    let (scene, worktree) = world(2);
    commit(&scene, &worktree, "docs/new.md").ok();
    let said = refused(commit(&scene, &worktree, "b.txt"));
    assert!(said.contains("1 of 1 file is outside of your own lock"), "{said}");
    assert!(said.contains("You are task/docs (codegen-1)"), "{said}");
    assert!(said.contains("reconciler locks acquire PATH"), "{said}");
    let said = refused(commit(&scene, &worktree, "src/auth/token.rs"));
    assert!(said.contains("task/login"), "{said}");
}

#[test]
fn a_worker_at_a_stale_generation_is_refused_even_on_its_own_files() {
    let (scene, worktree) = world(1);
    let said = refused(commit(&scene, &worktree, "docs/new.md"));
    assert!(said.contains("this worktree has generation 1"), "{said}");
    assert!(said.contains("it is at generation 2"), "{said}");
    assert!(said.contains("Nothing is lost"), "{said}");
}

#[test]
fn the_environment_makes_nobody_somebody_else() {
    let (scene, worktree) = world(2);
    std::fs::write(worktree.join("b.txt"), "by a worker\n").unwrap();
    let mut git = scene.program("git");
    git.env("RECONCILER_TASK", "login").env("RECONCILER_OWNER", "reconciler:login:0");
    git.env("RECONCILER_BYPASS", "I want to").current_dir(&worktree);
    let said = super::scene::said(git.args(["commit", "-a", "-m", "x"]).output().unwrap());
    assert!(refused(said).contains("You are task/docs"));
}

#[test]
fn a_worker_takes_over_what_main_has_and_pushes_only_what_is_its_own() {
    let (scene, worktree) = world(2);
    let at = worktree.to_str().unwrap();
    scene.write("b.txt", "main goes on\n");
    scene.git(&["commit", "-q", "-a", "-m", "main"]);
    commit(&scene, &worktree, "docs/new.md").ok();
    scene.git(&["-C", at, "merge", "-q", "--no-edit", "main"]);
    scene.git(&["-C", at, "reset", "-q", "--hard", "HEAD~1"]);
    scene.git(&["-C", at, "rebase", "-q", "main"]);

    let remote = scene.outside("remote.git");
    scene.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    let push = ["-C", at, "push", "-q", remote.to_str().unwrap(), "docs"];
    scene.git(&push);
    std::fs::write(worktree.join("b.txt"), "not its own\n").unwrap();
    let around = ["-C", at, "-c", "core.hooksPath=/dev/null", "commit", "-q", "-a", "-m", "x"];
    scene.git(&around);
    let said = refused(scene.try_git(&push));
    assert!(said.contains("reconciler: push refused. 1 of 1 file"), "{said}");
    // The loop says to which commit it pushes what has landed: to no other, and no worker says so.
    let tip = scene.git(&["-C", at, "rev-parse", "docs"]);
    let saying = |to: &str, more: &[(&str, &str)]| {
        let mut git = scene.program("git");
        git.args(push).env("RECONCILER_MOVES_TO", to).envs(more.iter().copied());
        super::scene::said(git.output().unwrap())
    };
    let before = scene.git(&["-C", at, "rev-parse", "docs~1"]);
    refused(saying(before.trim(), &[]));
    refused(saying(tip.trim(), &[("RECONCILER_OWNER", "reconciler:docs:0")]));
    assert_eq!(saying(tip.trim(), &[]).code, 0);
}

#[test]
fn a_persons_commit_renews_their_claim_and_an_agents_does_not() {
    let (scene, worktree) = world(2);
    let file = scene.root.join(".task-locks/docs.lock");
    let read =
        || -> serde_json::Value { serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap() };
    let mut claim = read();
    claim["expiresAt"] = serde_json::json!("2026-01-01T01:00:00Z");
    std::fs::write(&file, claim.to_string()).unwrap();
    assert_eq!(commit(&scene, &worktree, "docs/one.md").code, 0);
    assert_eq!(read(), claim, "its shim renews it");
    claim["workerType"] = serde_json::json!("human");
    std::fs::write(&file, claim.to_string()).unwrap();
    assert_eq!(commit(&scene, &worktree, "docs/two.md").code, 0);
    let renewed = read();
    assert_ne!(renewed["heartbeat"]["bootId"], claim["heartbeat"]["bootId"]);
    assert_eq!(renewed["generation"], claim["generation"]);
    assert_eq!(renewed["nonce"], claim["nonce"]);
    let now = reconciler::process::clock::now();
    let until: jiff::Timestamp = renewed["expiresAt"].as_str().unwrap().parse().unwrap();
    assert!(until > now, "it holds for another lease");
}

#[test]
fn a_worker_that_commits_in_a_checkout_that_is_no_tasks_is_refused() {
    let (scene, worktree) = world(2);
    scene.write("docs/new.md", "by a worker\n");
    scene.git(&["add", "docs/new.md"]);
    let commit = |class: &str| {
        let mut git = scene.program("git");
        let mark = format!("reconciler:docs:{}", "0".repeat(32));
        git.env("RECONCILER_OWNER", mark).env("RECONCILER_WORKER", "codegen-1");
        git.env("RECONCILER_REPO", &scene.root).env("RECONCILER_WORKTREE", &worktree);
        git.env("RECONCILER_CLASS", class).env("RECONCILER_BYPASS", "I want to");
        super::scene::said(git.args(["commit", "-m", "x"]).output().unwrap())
    };
    let said = refused(commit("execution"));
    assert!(said.contains("commit refused. This work tree is not your task's."), "{said}");
    assert!(said.contains(&format!("cd {}", worktree.display())), "{said}");
    let said = refused(commit("decision"));
    assert!(said.contains("you are to decide, and may change nothing"), "{said}");
    // A person is none of that.
    scene.git(&["reset", "-q"]);
    scene.write("b.txt", "by a person\n");
    scene.git(&["commit", "-q", "-m", "b", "--", "b.txt"]);
}
