//! new, suspend, resume, delete.

use crate::scene::Scene;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn new_writes_a_file_and_commits_exactly_it() {
    let scene = Scene::prepared();
    scene.write("mine.txt", "in work");
    scene.git(&["add", "mine.txt"]);
    let args = ["new", "task", "fix-login", "--command", "make fix", "--files", "src/auth/**"];
    let more = ["--after", "hello", "--priority", "2", "--type", "fix"];
    let said = scene.run(&[&args[..], &more[..]].concat()).ok();
    assert!(said.starts_with("wrote state/tasks/fix-login.json, committed "), "{said}");
    let shown = scene.git(&["show", "--name-only", "--format=%s"]);
    assert_eq!(shown, "reconciler: add task fix-login\n\nstate/tasks/fix-login.json");
    assert_eq!(scene.git(&["status", "--porcelain"]), "A  mine.txt");
    let file = scene.read("state/tasks/fix-login.json");
    let keys = ["$schema", "apiVersion", "kind", "metadata", "spec"].map(|key| file.find(key));
    assert!(keys.is_sorted() && keys[0].is_some(), "{file}");
    let said = scene.run(&["new", "worker", "codegen", "--skills", "rust,sql"]).ok();
    assert!(said.contains("state/workers/codegen.json"), "{said}");
}

#[test]
fn new_refuses_what_check_would_refuse_before_it_writes() {
    let scene = Scene::prepared();
    let nothing = scene.run(&["new", "task", "a", "--title", "x"]).fails(1);
    assert!(nothing.contains("the task says nothing to do"), "{nothing}");
    let unknown = scene.run(&["new", "task", "a", "--command", "x", "--after", "helo"]).fails(1);
    assert!(unknown.contains("there is no task `helo`"), "{unknown}");
    assert!(unknown.contains("did you mean `hello`?"), "{unknown}");
    let named = scene.run(&["new", "task", "A b", "--command", "x"]).fails(2);
    assert!(named.contains("a-z, 0-9"), "{named}");
    let there = scene.run(&["new", "task", "hello", "--command", "x"]).fails(1);
    assert!(there.contains("state/tasks/hello.json is there already"), "{there}");
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
}

#[test]
fn suspend_and_resume_keep_the_form_of_the_file() {
    let scene = Scene::prepared();
    let before = "{\n\t\"apiVersion\": \"reconciler.dev/v1alpha1\", \"kind\": \"Task\",\n\t\"metadata\": { \"name\": \"odd\" },\n\t\"spec\": { \"command\":  \"true\" }\n}\n";
    scene.write("state/tasks/odd.json", before);
    scene.commit("odd");
    scene.run(&["suspend", "odd", "--reason", "waits for the API"]).ok();
    let suspended = scene.read("state/tasks/odd.json");
    assert!(suspended.contains("\"command\":  \"true\", \"suspend\": true }"), "{suspended}");
    let message = scene.git(&["log", "-1", "--format=%B"]);
    assert_eq!(message, "reconciler: suspend task odd\n\nwaits for the API");
    let again = scene.run(&["suspend", "odd"]).fails(1);
    assert!(again.contains("task/odd is suspended already"), "{again}");
    scene.run(&["resume", "task/odd"]).ok();
    assert_eq!(scene.read("state/tasks/odd.json"), before);
    let near = scene.run(&["suspend", "od"]).fails(1);
    assert!(near.contains("nothing is called `od`") && near.contains("`odd`"), "{near}");
}

#[test]
fn a_persons_own_edits_are_never_committed_by_us() {
    let scene = Scene::prepared();
    scene.replace("state/tasks/hello.json", "Say hello", "Mine");
    let said = scene.run(&["suspend", "hello"]).fails(1);
    assert!(said.contains("state/tasks/hello.json has changes of yours"), "{said}");
    assert!(said.contains("git commit -- state/tasks/hello.json"), "{said}");
    let said = scene.run(&["delete", "hello", "--yes"]).fails(1);
    assert!(said.contains("has changes of yours"), "{said}");
}

#[test]
fn on_another_branch_edits_are_refused_with_a_way_out() {
    let scene = Scene::prepared();
    scene.git(&["switch", "-q", "-c", "feature/x"]);
    let said = scene.run(&["suspend", "hello"]).fails(1);
    assert!(said.contains("state is read from main, and"), "{said}");
    assert!(said.contains("is on feature/x") && said.contains("`git switch main`"), "{said}");
    let linked = scene.outside("main");
    scene.git(&["worktree", "add", "-q", linked.to_str().unwrap(), "main"]);
    scene.run(&["suspend", "hello"]).ok();
    assert_eq!(scene.git(&["log", "-1", "--format=%s", "main"]), "reconciler: suspend task hello");
    assert_eq!(scene.git(&["log", "-1", "--format=%s"]), "prepared");
    let no_commit = scene.run(&["new", "worker", "w", "--no-commit"]);
    assert!(no_commit.err.contains("it takes effect with: git add"), "{no_commit:?}");
}

#[test]
fn a_hook_of_the_user_runs_and_its_refusal_puts_the_file_back() {
    let scene = Scene::prepared();
    scene.write(".git/hooks/pre-commit", "#!/bin/sh\necho 'no commits on friday'\nexit 1\n");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(scene.root.join(".git/hooks/pre-commit"), mode).unwrap();
    for args in [&["suspend", "hello"][..], &["delete", "hello", "--yes"], &["new", "worker", "w"]]
    {
        let said = scene.run(args).fails(1);
        assert!(said.contains("no commits on friday") && said.contains("is as it was"), "{said}");
        assert_eq!(scene.git(&["status", "--porcelain"]), "", "{args:?}");
    }
}

#[test]
fn delete_tells_what_follows_and_wants_a_yes() {
    let scene = Scene::prepared();
    scene.run(&["new", "task", "next", "--command", "true", "--after", "hello"]).ok();
    let said = scene.run(&["delete", "task", "hello"]).fails(1);
    assert!(said.contains("delete task/hello (state/tasks/hello.json)"), "{said}");
    assert!(said.contains("task/next: it waits: needs hello, which does not exist"), "{said}");
    assert!(said.contains("pass --yes"), "{said}");
    let said = scene.run(&["delete", "hello", "--yes"]).ok();
    assert!(said.contains("deleted state/tasks/hello.json, committed "), "{said}");
    let shown = scene.git(&["show", "--name-status", "--format=%s"]);
    assert_eq!(shown, "reconciler: delete task hello\n\nD\tstate/tasks/hello.json");
}
