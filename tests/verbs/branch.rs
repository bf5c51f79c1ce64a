//! diff TASK: what a branch has that main has not, beside what committing would do.

use crate::scene::Scene;
use serde_json::{Value, json};

/// A task that a person works on, with its worktree.
fn claimed() -> Scene {
    let scene = Scene::prepared();
    std::fs::remove_file(scene.root.join("state/tasks/hello.json")).unwrap();
    scene.write("a.txt", "one\ntwo\n");
    scene.commit("files");
    scene
        .run(&["new", "task", "login", "--command", "true", "--files", "a.txt", "--files", "b.txt"])
        .ok();
    scene.run(&["claim", "login"]).ok();
    scene.run(&["run", "--until", "settled"]);
    scene
}

fn commit(scene: &Scene, path: &str, text: &str, subject: &str) {
    scene.write(&format!(".worktrees/login/{path}"), text);
    scene.git(&["-C", ".worktrees/login", "add", "-A"]);
    scene.git(&["-C", ".worktrees/login", "commit", "-qm", subject]);
}

#[test]
fn a_branch_without_anything_of_its_own_is_no_difference() {
    let scene = claimed();
    let out = scene.run(&["diff", "login"]).ok();
    assert!(out.starts_with("fix/login@") && out.contains("nothing that main@"), "{out}");
    // Who never had a branch is told of the work tree alone.
    assert!(scene.run(&["diff", "worker/shell"]).ok().contains("no differences"));
    assert!(scene.run(&["diff"]).ok().contains("no differences"));
}

#[test]
fn a_task_shows_the_edit_of_its_file_then_commits_files_what_is_not_committed_and_the_patch() {
    let scene = claimed();
    commit(&scene, "a.txt", "one\n\ttwo\nthree\n", "more numbers");
    scene.write(".worktrees/login/b.txt", "b\n");
    let out = scene.run(&["diff", "login"]).fails(1);
    for part in [
        ": 1 commit ahead of main@",
        "  more numbers  (t, ",
        "  a.txt  +2 -1\n",
        "not committed in .worktrees/login: 1 file: b.txt\n",
        "\n+\ttwo\n",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(!out.contains("work tree vs"), "{out}");
    let stat = scene.run(&["diff", "task/login", "--stat"]).fails(1);
    assert!(stat.contains("a.txt  +2 -1") && !stat.contains("+\ttwo"), "{stat}");
    scene.replace("state/tasks/login.json", "\"spec\": {", "\"spec\": {\n    \"priority\": 1,");
    let both = scene.run(&["diff", "login", "--stat"]).fails(1);
    let (state, branch) = both.split_once("\n\n").unwrap_or_default();
    assert!(state.contains("/spec/priority  3 -> 1"), "{both}");
    assert!(branch.starts_with("fix/login@"), "{both}");
    let said = scene.run(&["diff", "login", "-o", "json"]).fails(1);
    let said: Value = serde_json::from_str(&said).unwrap();
    let branch = &said["branch"];
    assert_eq!(said["changes"][0]["object"], "task/login");
    assert_eq!(branch["files"], json!([{ "path": "a.txt", "added": 2, "removed": 1 }]));
    assert_eq!((&branch["uncommitted"], &branch["behind"]), (&json!(["b.txt"]), &json!(0)));
    assert!(branch.get("patch").is_none(), "{branch}");
}

#[test]
fn a_long_patch_is_shown_when_it_is_asked_for() {
    let scene = claimed();
    let long: Vec<String> = (0..200).map(|line| format!("line {line}\n")).collect();
    commit(&scene, "b.txt", &long.concat(), "long");
    let said = scene.run(&["diff", "login"]);
    assert!(said.err.contains("reconciler diff login --patch"), "{said:?}");
    assert!(!said.fails(1).contains("line 199"));
    assert!(scene.run(&["diff", "login", "--patch"]).fails(1).contains("+line 199"));
}

#[test]
fn what_landed_is_named_by_its_commit() {
    let scene = claimed();
    commit(&scene, "b.txt", "b\n", "b");
    scene.run(&["release", "login", "--done"]).ok();
    scene.run(&["run", "--until", "settled"]).ok();
    let said = scene.run(&["diff", "login"]);
    let landed = scene.git(&["rev-parse", "--short=7", "main"]);
    assert!(said.err.contains(&format!("merged into main: git show {landed}")), "{said:?}");
    assert!(said.ok().contains("no differences"));
}
