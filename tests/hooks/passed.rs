//! The second hook of a commit judges nothing again that the first has passed, and all that the
//! first has not seen.

use super::scene::Scene;
use super::shop;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

const SECOND: &str = ".git/hooks/prepare-commit-msg";

/// A repository in which the second hook asks a program that only says that it was asked; `login`
/// holds `src/auth/`.
fn world() -> Scene {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["src/auth/"]);
    let asked = scene.outside("asked");
    let spy = scene.outside("spy");
    let program = env!("CARGO_BIN_EXE_reconciler");
    scene.script(spy.to_str().unwrap(), &format!("#!/bin/sh\n: >'{}'\n", asked.display()));
    scene.replace(SECOND, program, spy.to_str().unwrap());
    until_older(&scene, &scene.root.join(".task-locks"));
    scene
}

/// Waits until what changes now is younger than a file.
fn until_older(scene: &Scene, file: &Path) {
    let time = |path: &Path| {
        let meta = path.metadata().unwrap();
        (meta.mtime(), meta.mtime_nsec())
    };
    let now = scene.outside("now");
    let is_younger = || {
        std::fs::write(&now, "").unwrap();
        time(&now) > time(file)
    };
    while !is_younger() {}
}

/// Returns whether a git that makes a commit asked in its second hook.
fn asks(scene: &Scene, directory: &Path, args: &[&str]) -> bool {
    let asked = scene.outside("asked");
    std::fs::remove_file(&asked).ok();
    let at = ["-C", directory.to_str().unwrap()];
    scene.try_git(&[&at[..], args].concat()).ok();
    asked.symlink_metadata().is_ok()
}

fn edited(scene: &Scene, args: &[&str]) -> bool {
    let before = std::fs::read_to_string(scene.root.join("b.txt")).unwrap();
    scene.write("b.txt", &format!("{before}more\n"));
    asks(scene, &scene.root, args)
}

/// Lets a hook of the person run behind the first of ours.
fn behind(scene: &Scene, text: &str) {
    scene.script(".git/hooks/pre-commit.before-reconciler", &format!("#!/bin/sh\n{text}\n"));
}

#[test]
fn what_the_first_hook_has_passed_is_not_asked_again_by_the_same_git() {
    let scene = world();
    assert!(!edited(&scene, &["commit", "-q", "-a", "-m", "x"]));
    assert!(!edited(&scene, &["commit", "-q", "-m", "x", "--", "b.txt"]));
    assert!(!edited(&scene, &["commit", "-q", "-a", "--amend", "--no-edit"]));
    scene.git(&["checkout", "-q", "-b", "other", "HEAD~1"]);
    scene.write("c.txt", "c\n");
    assert!(!asks(&scene, &scene.root, &["commit", "-q", "-m", "nothing", "--allow-empty"]));
    assert!(!asks(&scene, &scene.root, &["merge", "-q", "--no-edit", "main"]));
}

#[test]
fn a_git_that_left_the_first_hook_out_is_asked_although_another_was_passed() {
    let scene = world();
    assert!(!edited(&scene, &["commit", "-q", "-a", "-m", "x"]));
    assert!(edited(&scene, &["commit", "-q", "-a", "-m", "x", "--no-verify"]));
    scene.git(&["branch", "picked", "HEAD~1"]);
    let last = scene.git(&["rev-parse", "HEAD"]);
    scene.git(&["checkout", "-q", "picked"]);
    assert!(asks(&scene, &scene.root, &["cherry-pick", &last]));
    assert!(asks(&scene, &scene.root, &["revert", "--no-edit", "HEAD"]));
}

#[test]
fn what_has_changed_since_the_first_hook_is_asked_about() {
    let commit = ["commit", "-q", "-a", "-m", "x"];
    let scene = world();
    let lock = scene.read(".task-locks/login.lock").replace("login", "other");
    scene.write("other.lock", &lock);
    let claimed = "cp other.lock .task-locks/.new && mv .task-locks/.new .task-locks/other.lock";
    for (what, hook) in [
        ("a file was added to the index", "echo x >new.txt; git add new.txt"),
        ("a claim was made", claimed),
        ("a claim was ended", "rm .task-locks/other.lock"),
        ("the case of letters no longer counts", "git config core.ignorecase true"),
    ] {
        behind(&scene, "");
        until_older(&scene, &scene.root.join(".task-locks"));
        assert!(!edited(&scene, &commit), "before {what}");
        behind(&scene, hook);
        assert!(edited(&scene, &commit), "{what}");
    }
}

#[test]
fn a_worker_whose_generation_has_changed_since_the_first_hook_is_asked() {
    let scene = world();
    scene.lock("docs", 2, &["docs/"]);
    let place = scene.worktree("docs", 2);
    let dir = scene.git(&["-C", place.to_str().unwrap(), "rev-parse", "--absolute-git-dir"]);
    let generation = PathBuf::from(dir).join(reconciler::git::GENERATION_FILE);
    until_older(&scene, &generation);
    let commit = || {
        let text = std::fs::read_to_string(place.join("docs/a.md")).unwrap();
        std::fs::write(place.join("docs/a.md"), format!("{text}more\n")).unwrap();
        asks(&scene, &place, &["commit", "-q", "-a", "-m", "x"])
    };
    assert!(!commit());
    behind(&scene, &format!("echo 3 >'{}'", generation.display()));
    assert!(commit());
}
