//! Where `core.ignorecase` is set, a path is held by whatever spelling; what leads through a symbolic
//! link is held by its real name alone.

use super::scene::{Said, Scene};
use super::{refused, shop};
use reconciler::git::Repository;
use reconciler::plan::observed::Sighting;
use reconciler::store::Source;
use serde_json::{Value, json};

fn ignore_case(scene: &Scene, value: &str) {
    scene.git(&["config", "core.ignorecase", value]);
}

/// Commits an edit of a file.
fn edit(scene: &Scene, path: &str) -> Said {
    let before = scene.read(path);
    scene.write(path, &format!("{before}more\n"));
    let said = scene.try_git(&["commit", "-q", "-m", "edit", "--", path]);
    scene.git(&["checkout", "-q", "HEAD", "--", path]);
    said
}

#[test]
fn the_hooks_go_by_the_setting_as_it_is_at_each_commit() {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["Src/AUTH/"]);
    edit(&scene, "src/auth/token.rs").ok();
    ignore_case(&scene, "true");
    let said = refused(edit(&scene, "src/auth/token.rs"));
    assert!(said.contains("src/auth/token.rs   task/login (codegen-1) holds Src/AUTH/"), "{said}");
    edit(&scene, "docs/a.md").ok();
    // A worker owns what its lock covers by another spelling, and is refused the rest.
    scene.lock("docs", 1, &["DOCS/"]);
    let place = scene.worktree("docs", 1);
    let at = place.to_str().unwrap();
    for (path, passes) in [("docs/a.md", true), ("src/auth/token.rs", false)] {
        std::fs::write(place.join(path), "of the worker\n").unwrap();
        let said = scene.try_git(&["-C", at, "commit", "-q", "-m", "x", "--", path]);
        assert_eq!(said.code == 0, passes, "{path}: {said:?}");
    }
    ignore_case(&scene, "false");
    edit(&scene, "src/auth/token.rs").ok();
}

#[test]
fn an_index_of_locks_hides_nothing_when_the_setting_changes() {
    let scene = shop();
    scene.install();
    std::fs::create_dir_all(scene.root.join(".reconciler")).unwrap();
    for number in 0..80 {
        scene.lock(&format!("t{number}"), 1, &[&format!("far/m{number}/")]);
    }
    scene.lock("login", 1, &["SRC/auth/**"]);
    edit(&scene, "src/auth/token.rs").ok();
    scene.read(".reconciler/locks.index");
    for _ in 0..2 {
        ignore_case(&scene, "true");
        refused(edit(&scene, "src/auth/token.rs"));
        ignore_case(&scene, "false");
        edit(&scene, "src/auth/token.rs").ok();
    }
}

#[test]
fn what_is_held_by_another_spelling_is_acquired_by_nobody_else() {
    let scene = shop();
    scene.run(&["init", "--no-hooks"]).ok();
    scene.lock("login", 1, &["src/auth/"]);
    scene.run(&["locks", "acquire", "SRC/auth/Token.RS", "--as", "ada"]).ok();
    scene.run(&["locks", "release", "--all", "--as", "ada"]).ok();
    ignore_case(&scene, "true");
    for asked in ["SRC/auth/Token.RS", "SRC/", "*/A[U-V]TH/x", "**/TOKEN.*"] {
        let said = scene.run(&["locks", "acquire", asked, "--as", "ada"]).fails(6);
        assert!(said.contains("task/login (codegen-1) holds src/auth/"), "{asked}: {said}");
    }
    scene.run(&["locks", "check", "SRC/Auth/new.rs"]).fails(1);
    scene.run(&["locks", "check", "SRC/"]).fails(1);
    scene.run(&["locks", "check", "SRC/other.rs"]).ok();
    // What is shown keeps its spelling.
    let said = scene.run(&["locks", "acquire", "DOCS/A.md", "--as", "ada", "-o", "json"]).ok();
    assert!(said.contains("DOCS/A.md"), "{said}");
    let said = scene.run(&["locks", "acquire", "docs/a.md", "--as", "bob"]).fails(6);
    assert!(said.contains("DOCS/A.md"), "{said}");
}

#[test]
fn an_audit_finds_what_was_held_by_another_spelling() {
    let scene = shop();
    scene.run(&["init", "--no-hooks"]).ok();
    scene.run(&["locks", "acquire", "DOCS/", "--as", "ada"]).ok();
    scene.write("docs/a.md", "of another\n");
    scene.git(&["commit", "-qam", "past the lock"]);
    scene.run(&["locks", "audit", "HEAD~1..HEAD"]).ok();
    ignore_case(&scene, "true");
    let said = scene.run(&["locks", "audit", "HEAD~1..HEAD"]).fails(1);
    assert!(said.contains("docs/a.md"), "{said}");
}

#[test]
fn tasks_whose_files_differ_in_case_alone_are_foreseen_to_meet() {
    let scene = shop();
    scene.run(&["init", "--no-hooks"]).ok();
    for (task, files) in [("one", "Src/**"), ("two", "src/a.rs"), ("three", "DOCS/A.MD")] {
        let spec = json!({ "command": "true", "files": [files] });
        let task = json!({ "apiVersion": "reconciler.dev/v1alpha1", "kind": "Task",
            "metadata": { "name": task }, "spec": spec });
        let name = task["metadata"]["name"].as_str().unwrap();
        scene.write(&format!("state/tasks/{name}.json"), &task.to_string());
    }
    scene.commit("tasks");
    let met = || {
        let said = scene.run(&["locks", "forecast", "-o", "json"]).ok();
        let found: Value = serde_json::from_str(&said).unwrap();
        found["collisions"].as_array().unwrap().len()
    };
    let warned = || scene.run(&["check"]).ok().matches("can both change").count();
    assert_eq!((met(), warned()), (0, 0));
    ignore_case(&scene, "true");
    assert_eq!((met(), warned()), (1, 1));
}

/// Returns whether the first task may change a path.
async fn may_change(source: &mut Source, path: &str) -> bool {
    let Sighting::Known(desired) = source.read().await else { return false };
    let spec = desired.tasks.values().find_map(|task| task.spec.as_ref());
    spec.unwrap().files.iter().any(|one| one.covers(path))
}

#[tokio::test]
async fn what_is_wanted_is_read_anew_when_the_setting_changes() {
    let scene = shop();
    let spec = json!({ "command": "true", "files": ["Src/**", "DOCS"] });
    let task = json!({ "apiVersion": "reconciler.dev/v1alpha1", "kind": "Task",
        "metadata": { "name": "one" }, "spec": spec });
    scene.write("state/tasks/one.json", &task.to_string());
    scene.commit("task");
    let repository = Repository::discover(&scene.root).await.unwrap();
    let mut source = Source::new(repository.reader(), "refs/heads/main".to_owned());
    for (value, is_one) in [("false", false), ("true", true), ("false", false)] {
        ignore_case(&scene, value);
        assert!(may_change(&mut source, "Src/a.rs").await);
        assert_eq!(may_change(&mut source, "src/a.rs").await, is_one, "{value}");
        assert_eq!(may_change(&mut source, "docs/a.md").await, is_one, "{value}");
    }
}

#[test]
fn a_path_beyond_a_symbolic_link_is_refused_by_its_real_name() {
    let scene = shop();
    scene.run(&["init", "--no-hooks"]).ok();
    std::os::unix::fs::symlink("src/auth", scene.root.join("link")).unwrap();
    scene.commit("link");
    for (asked, real) in [
        ("link/token.rs", "src/auth/token.rs"),
        ("link/", "src/auth/"),
        ("link/*.rs", "src/auth/*.rs"),
    ] {
        for verb in ["acquire", "check"] {
            let said = scene.run(&["locks", verb, asked]).fails(1);
            assert!(said.contains("beyond the symbolic link link"), "{said}");
            assert!(said.contains(&format!("name what it leads to: {real}")), "{said}");
        }
    }
    let spec = json!({ "command": "true", "files": ["link/**"] });
    let task = json!({ "apiVersion": "reconciler.dev/v1alpha1", "kind": "Task",
        "metadata": { "name": "one" }, "spec": spec });
    scene.write("state/tasks/one.json", &task.to_string());
    let said = scene.run(&["check"]).ok();
    assert!(said.contains("name what it leads to: src/auth/**"), "{said}");
    // From inside, a path is the real one; and the link itself is a file.
    let inside = scene.root.join("link");
    scene.run(&["-C", inside.to_str().unwrap(), "locks", "acquire", "token.rs"]).ok();
    scene.run(&["locks", "acquire", "link"]).ok();
    let held = scene.run(&["locks"]).ok();
    assert!(held.contains("src/auth/token.rs") && held.contains("link"), "{held}");
}
