//! The hook that checks state files before a commit, in a real repository with real git.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "verbs/scene.rs"]
#[expect(dead_code, reason = "the scene is shared with the verbs")]
mod scene;

use scene::Scene;

fn hooked() -> Scene {
    let scene = Scene::prepared();
    let said = scene.run(&["init", "--hook"]).ok();
    assert!(said.contains("install  "), "{said}");
    scene
}

#[test]
fn a_bad_state_file_is_refused_with_its_message() {
    let scene = hooked();
    scene.replace("state/tasks/hello.json", "\"command\"", "\"comand\"");
    for args in [&["commit", "-a", "-m", "x"][..], &["commit", "-m", "x", "--", "state"]] {
        let said = scene.try_git(args).fails(1);
        assert!(said.contains("did you mean `command`?"), "{said}");
        assert!(said.contains("reconciler: commit refused: mend the files above"), "{said}");
    }
    assert_eq!(scene.git(&["log", "-1", "--format=%s"]), "prepared");
}

#[test]
fn a_good_state_file_and_unrelated_commits_pass() {
    let scene = hooked();
    scene.replace("state/tasks/hello.json", "Say hello", "Say good day");
    scene.git(&["commit", "-q", "-a", "-m", "good"]);
    scene.write("state/tasks/bad.json", "{");
    scene.write("a.txt", "a");
    scene.git(&["add", "a.txt"]);
    scene.git(&["commit", "-q", "-m", "unrelated"]);
    scene.run(&["suspend", "hello"]).ok();
}

#[test]
fn the_very_first_commit_is_checked_too() {
    let scene = Scene::new();
    scene.run(&["init", "--hook"]).ok();
    scene.write("state/tasks/bad.json", "{");
    scene.git(&["add", "state"]);
    scene.try_git(&["commit", "-m", "x"]).fails(1);
    scene.git(&["rm", "-q", "--cached", "state/tasks/bad.json"]);
    scene.git(&["commit", "-q", "-m", "x"]);
}

#[test]
fn without_reconciler_the_hook_fails_closed_and_says_why() {
    let scene = hooked();
    scene.replace("state/tasks/hello.json", "Say hello", "Say good day");
    let mut git = scene.program("git");
    git.env("PATH", "/usr/local/bin:/usr/bin:/bin").args(["commit", "-a", "-m", "x"]);
    let output = git.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("reconciler is not in PATH to check them"), "{said}");
}

#[test]
fn a_hook_that_is_there_stays_and_the_line_to_add_is_told() {
    let scene = Scene::prepared();
    scene.write(".git/hooks/pre-commit", "#!/bin/sh\n");
    let said = scene.run(&["init", "--hook"]);
    assert!(said.err.contains("add this line to it: reconciler check --staged"), "{said:?}");
    assert_eq!(scene.read(".git/hooks/pre-commit"), "#!/bin/sh\n");
    scene.git(&["config", "core.hooksPath", ".husky"]);
    let said = scene.run(&["init", "--hook"]);
    assert!(said.err.contains("core.hooksPath is .husky"), "{said:?}");
}
