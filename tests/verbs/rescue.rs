//! rescue: work that was saved before its worktree went is listed, shown, had back and dropped.

use crate::scene::Scene;
use serde_json::Value;

/// A repository with rescued work of a task `login`, as the loop saves it, and of `token`.
fn with_rescues() -> Scene {
    let scene = Scene::prepared();
    for (name, text) in [("login/1", "one\n"), ("login/1-2", "two\n"), ("token/3", "three\n")] {
        save(&scene, name, text);
    }
    scene
}

fn save(scene: &Scene, name: &str, text: &str) {
    let (task, attempt) = name.split_once('/').unwrap();
    scene.write("saved.txt", text);
    scene.git(&["add", "saved.txt"]);
    let tree = scene.git(&["write-tree"]);
    let message = format!("Unsaved work of task {task}, attempt {attempt}");
    let commit = scene.git(&["commit-tree", &tree, "-p", "main", "-m", &message]);
    scene.git(&["update-ref", &format!("refs/reconciler/rescue/{name}"), &commit]);
    scene.git(&["reset", "-q", "--hard"]);
}

#[test]
fn without_rescued_work_it_says_so_and_lists_nothing() {
    let scene = Scene::prepared();
    let said = scene.run(&["rescue"]).ok();
    assert!(said.contains("nothing had to be rescued"), "{said}");
    assert_eq!(scene.run(&["rescue", "list", "-o", "json"]).ok().trim(), "[]");
    assert_eq!(scene.run(&["rescue", "list", "-o", "name"]).ok(), "");
    let none = scene.run(&["rescue", "show", "login/1"]).fails(1);
    assert!(none.contains("no rescued work is called `login/1`"), "{none}");
    assert!(none.contains("reconciler rescue list"), "{none}");
}

#[test]
fn the_list_tells_when_and_of_which_attempt() {
    let scene = with_rescues();
    let said = scene.run(&["rescue"]);
    assert!(said.err.contains("reconciler rescue show login/1"), "{said:?}");
    let list = said.ok();
    assert_eq!(list, scene.run(&["rescue", "list"]).ok());
    let lines: Vec<&str> = list.lines().collect();
    assert!(lines[0].starts_with("NAME"), "{list}");
    assert!(lines[1].starts_with("login/1 "), "{list}");
    assert!(lines[1].contains("Unsaved work of task login, attempt 1"), "{list}");
    assert_eq!(lines.len(), 4, "{list}");
    let names = scene.run(&["rescue", "list", "-o", "name"]).ok();
    assert_eq!(names, "login/1\nlogin/1-2\ntoken/3\n");
    let json: Value =
        serde_json::from_str(&scene.run(&["rescue", "list", "-o", "json"]).ok()).unwrap();
    let commit = scene.git(&["rev-parse", "refs/reconciler/rescue/token/3"]);
    assert_eq!((&json[2]["name"], &json[2]["commit"]), (&"token/3".into(), &commit.into()));
}

#[test]
fn one_is_shown_with_its_files_and_its_changes() {
    let scene = with_rescues();
    let shown = scene.run(&["rescue", "show", "login/1-2"]).ok();
    assert!(shown.contains("saved.txt | 1 +") && shown.contains("+two"), "{shown}");
    let full = scene.run(&["rescue", "show", "refs/reconciler/rescue/login/1-2"]).ok();
    assert_eq!(full, shown, "the name that git knows is a name as well");
}

#[test]
fn a_name_that_is_none_is_told_with_those_that_are_near() {
    let scene = with_rescues();
    for verb in ["show", "restore", "drop"] {
        let yes = if verb == "drop" { &["--yes"][..] } else { &[] };
        let said = scene.run(&[&["rescue", verb, "login"], yes].concat()).fails(1);
        assert!(said.contains("no rescued work is called `login`"), "{said}");
        assert!(said.contains("login/1, login/1-2"), "{said}");
    }
    let odd = scene.run(&["rescue", "show", "--", "x\u{1b}[1m"]).fails(2);
    assert!(odd.contains("no name of rescued work has such characters"), "{odd}");
}

#[test]
fn restored_work_is_a_branch_and_no_work_tree_is_touched() {
    let scene = with_rescues();
    scene.write("mine.txt", "in work");
    let said = scene.run(&["rescue", "restore", "login/1"]);
    assert!(said.err.contains("git switch rescue/login-1"), "{said:?}");
    assert!(said.ok().contains("branch rescue/login-1"));
    assert_eq!(scene.git(&["show", "rescue/login-1:saved.txt"]), "one");
    assert_eq!(scene.git(&["status", "--porcelain"]), "?? mine.txt");
    assert_eq!(scene.git(&["branch", "--show-current"]), "main");
    scene.run(&["rescue", "restore", "login/1", "--branch", "fix/again"]).ok();
    assert_eq!(scene.git(&["show", "fix/again:saved.txt"]), "one");
    scene.run(&["rescue", "restore", "login/1"]).ok();
    let taken = scene.run(&["rescue", "restore", "login/1-2", "--branch", "fix/again"]).fails(1);
    assert!(taken.contains("there is a branch fix/again already"), "{taken}");
    assert!(taken.contains("--branch NAME"), "{taken}");
    assert_eq!(scene.git(&["show", "fix/again:saved.txt"]), "one");
    let bad = scene.run(&["rescue", "restore", "login/1", "--branch", "a..b"]).fails(2);
    assert!(bad.contains("a..b"), "{bad}");
    // It is still there: restoring takes nothing away.
    scene.run(&["rescue", "show", "login/1"]).ok();
}

#[test]
fn nothing_is_dropped_unasked_and_what_was_dropped_can_be_had_back() {
    let scene = with_rescues();
    let commit = scene.git(&["rev-parse", "refs/reconciler/rescue/login/1"]);
    let unasked = scene.run(&["rescue", "drop", "login/1"]).fails(1);
    assert!(unasked.contains("pass --yes"), "{unasked}");
    assert_eq!(scene.git(&["rev-parse", "refs/reconciler/rescue/login/1"]), commit);
    let said = scene.run(&["rescue", "drop", "login/1", "--yes"]);
    assert!(said.err.contains(&commit), "{said:?}");
    assert!(said.ok().contains("rescue/login/1  dropped"));
    assert_eq!(scene.run(&["rescue", "list", "-o", "name"]).ok(), "login/1-2\ntoken/3\n");
    scene.git(&["branch", "back", &commit]);
    assert_eq!(scene.git(&["show", "back:saved.txt"]), "one");
}

#[test]
fn what_is_older_than_said_is_dropped_together_and_the_journal_tells_it() {
    let scene = with_rescues();
    let young = scene.run(&["rescue", "drop", "--older-than", "1h", "--yes"]).ok();
    assert!(young.contains("nothing is so old"), "{young}");
    let tree = scene.git(&["rev-parse", "main^{tree}"]);
    let mut old = scene.program("git");
    let old = old.args(["commit-tree", &tree, "-m", "old"]);
    let old = old.env("GIT_COMMITTER_DATE", "2020-01-01T00:00:00Z").output().unwrap();
    let old = crate::scene::said(old).ok();
    scene.git(&["update-ref", "refs/reconciler/rescue/login/9", old.trim()]);
    let unasked = scene.run(&["rescue", "drop", "--older-than", "2160h"]).fails(1);
    assert!(unasked.contains("login/9 was not dropped"), "{unasked}");
    scene.run(&["rescue", "drop", "--older-than", "2160h", "--yes"]).ok();
    assert_eq!(scene.run(&["rescue", "-o", "name"]).ok(), "login/1\nlogin/1-2\ntoken/3\n");
    let told = scene.run(&["events"]).ok();
    assert!(told.contains("RescueDropped") && told.contains(old.trim()), "{told}");
}

#[test]
fn describe_of_a_done_task_names_the_verb_that_shows_its_saved_work() {
    let scene = Scene::prepared();
    let command = "echo rest > rest.txt";
    scene.run(&["new", "task", "login", "--command", command]).ok();
    scene.run(&["trust", "--yes"]).ok();
    scene.run(&["run", "--until", "settled"]).ok();
    let names = scene.run(&["rescue", "list", "-o", "name"]).ok();
    assert_eq!(names, "login/1\n");
    let said = scene.run(&["describe", "task", "login"]).ok();
    assert!(said.contains("reconciler rescue show login/1"), "{said}");
    scene.run(&["rescue", "restore", "login/1"]).ok();
    assert_eq!(scene.git(&["show", "rescue/login-1:rest.txt"]), "rest");
}
