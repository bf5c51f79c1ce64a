//! What is ahead: tasks that will meet on files, branches that conflict already.

use crate::scene::Scene;
use serde_json::Value;

/// A repository with live worktrees of tasks, as the loop makes them, in which no hook keeps two
/// tasks from changing one path.
fn with_worktrees(tasks: &[&str]) -> Scene {
    let scene = Scene::new();
    scene.run(&["init", "--no-hooks"]).ok();
    for (path, text) in [("src/a.rs", "1\n2\n3\n"), ("src/b.rs", "b\n"), ("docs/c.md", "c\n")] {
        scene.write(path, text);
    }
    scene.commit("files");
    for task in tasks {
        let (path, branch) = (format!(".worktrees/{task}"), format!("fix/{task}"));
        let mark = format!("reconciler:{task}:{}", "0".repeat(32));
        let add = ["worktree", "add", "-q", "--lock", "--reason", &mark, "-b", &branch];
        scene.git(&[&add[..], &[&path, "main"]].concat());
    }
    scene
}

/// Commits in the worktree of a task.
fn commit(scene: &Scene, task: &str, files: &[(&str, &str)]) {
    let place = format!(".worktrees/{task}");
    for (path, text) in files {
        scene.write(&format!("{place}/{path}"), text);
    }
    scene.git(&["-C", &place, "add", "-A"]);
    scene.git(&["-C", &place, "commit", "-q", "-m", "work"]);
}

fn forecast(scene: &Scene) -> Value {
    let said = scene.run(&["locks", "forecast", "-o", "json"]).ok();
    serde_json::from_str(&said).unwrap()
}

/// Returns the conflicts as `ONE OTHER: FILES`.
fn conflicts(found: &Value) -> Vec<String> {
    let texts = |list: &Value| {
        let texts = list.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
        texts.collect::<Vec<_>>().join(" ")
    };
    let all = found["branches"]["conflicts"].as_array().unwrap().iter();
    all.map(|one| format!("{}: {}", texts(&one["tasks"]), texts(&one["paths"]))).collect()
}

#[test]
fn branches_in_conflict_are_named_with_their_files_and_what_to_do() {
    let scene = with_worktrees(&["clean", "far", "login", "token"]);
    commit(&scene, "login", &[("src/a.rs", "1\nlogin\n3\n"), ("src/b.rs", "login\n")]);
    commit(&scene, "token", &[("src/a.rs", "1\ntoken\n3\n"), ("src/b.rs", "token\n")]);
    commit(&scene, "clean", &[("docs/c.md", "c\nmore\n")]);
    let found = forecast(&scene);
    assert_eq!(conflicts(&found), ["login token: src/a.rs src/b.rs"]);
    assert_eq!((&found["branches"]["pairs"], &found["branches"]["tried"]), (&1.into(), &1.into()));
    let said = scene.run(&["locks", "forecast"]);
    assert!(said.err.contains("1 of 6 pairs of 4 live branches"), "{said:?}");
    let out = said.ok();
    assert!(out.contains("login, token  src/a.rs, src/b.rs"), "{out}");
    assert!(out.contains("git -C .worktrees/token rebase main"), "{out}");
    let names = scene.run(&["locks", "forecast", "-o", "name"]).ok();
    assert_eq!(names, "task/login\ntask/token\n");
    // What was found is on the screen, as long as it stands.
    let screen = scene.run(&["status"]).ok();
    assert!(screen.contains("login, token  src/a.rs, src/b.rs"), "{screen}");
    commit(&scene, "token", &[("src/a.rs", "1\n2\n3\n"), ("src/b.rs", "b\n")]);
    assert!(!scene.run(&["status"]).ok().contains("IN CONFLICT"));
    assert_eq!(conflicts(&forecast(&scene)), [""; 0]);
}

#[test]
fn a_second_look_asks_git_nothing_about_commits_that_it_knows() {
    let scene = with_worktrees(&["a", "b", "c"]);
    for task in ["a", "b", "c"] {
        commit(&scene, task, &[("src/a.rs", &format!("1\n{task}\n3\n"))]);
    }
    assert_eq!(forecast(&scene)["branches"]["tried"], 3);
    let git = scene.outside("bin/git");
    let calls = scene.outside("calls");
    std::fs::create_dir(git.parent().unwrap()).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$@\" >>{}\nPATH=/usr/local/bin:/usr/bin:/bin exec git \"$@\"\n",
        calls.display()
    );
    std::fs::write(&git, script).unwrap();
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    std::fs::set_permissions(&git, mode).unwrap();
    let look = |expected: &[(&str, usize)]| {
        std::fs::write(&calls, "").unwrap();
        let mut program = scene.program(env!("CARGO_BIN_EXE_reconciler"));
        program.env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", git.parent().unwrap().display()),
        );
        let said =
            crate::scene::said(program.args(["locks", "forecast", "-o", "json"]).output().unwrap());
        let found: Value = serde_json::from_str(&said.ok()).unwrap();
        assert_eq!(conflicts(&found).len(), 3);
        let text = std::fs::read_to_string(&calls).unwrap();
        for (word, count) in expected {
            let asked = text.lines().filter(|line| line.contains(word)).count();
            assert_eq!(asked, *count, "{word}: {text}");
        }
    };
    look(&[("merge-tree", 0), (" diff ", 0), ("rev-parse", 1)]);
    // One more commit: its branch is compared anew, its pairs are merged, the others are known.
    commit(&scene, "c", &[("src/b.rs", "c\n")]);
    look(&[("merge-tree", 1), (" diff ", 1)]);
    look(&[("merge-tree", 0), (" diff ", 0)]);
    // What it remembers may be lost or torn.
    scene.write(".reconciler/forecast.json", "{");
    look(&[("merge-tree", 1), (" diff ", 3)]);
    std::fs::remove_dir_all(scene.root.join(".reconciler")).unwrap();
    look(&[("merge-tree", 1), (" diff ", 3)]);
}

#[test]
fn renames_and_folders_in_the_way_are_found_and_conflicts_with_main_are_not_the_others() {
    let scene = with_worktrees(&["edits", "folder", "moves", "stale"]);
    let long: Vec<String> = (0..40).map(|line| format!("line {line}\n")).collect();
    let long = long.concat();
    scene.write("src/long.rs", &long);
    scene.write("src/shared.rs", &long);
    scene.commit("longer");
    for task in ["edits", "folder", "moves"] {
        scene.git(&["-C", &format!(".worktrees/{task}"), "reset", "-q", "--hard", "main"]);
    }
    scene.git(&["-C", ".worktrees/moves", "mv", "src/long.rs", "src/moved.rs"]);
    commit(&scene, "moves", &[("src/moved.rs", &long.replace("line 20", "moved"))]);
    commit(&scene, "edits", &[("src/long.rs", &long.replace("line 20", "edited")), ("new", "1")]);
    commit(&scene, "folder", &[("new/file", "1")]);
    // It left main before, and changed what main has changed since.
    commit(&scene, "stale", &[("src/shared.rs", "stale\n"), ("new/other", "1")]);
    let found = conflicts(&forecast(&scene));
    assert_eq!(found.len(), 3, "{found:?}");
    assert_eq!(found[1], "edits moves: src/moved.rs");
    assert!(found[0].starts_with("edits folder: new~"), "{found:?}");
    assert!(found[2].starts_with("edits stale: new~") && !found[2].contains("shared"), "{found:?}");
}

#[test]
fn a_task_that_will_wait_is_told_with_whom_and_on_what() {
    let scene = Scene::prepared();
    let new = |name: &str, files: &str, priority: &str| {
        let words = ["new", "task", name, "--command", "true", "--files", files];
        scene.run(&[&words[..], &["--priority", priority]].concat()).ok();
    };
    new("first", "src/auth/", "1");
    new("second", "src/**/token.rs", "2");
    let out = scene.run(&["locks", "forecast"]).ok();
    assert!(out.contains("second  first  comes first  src/**/token.rs  src/auth/"), "{out}");
    let found = forecast(&scene);
    assert_eq!(found["collisions"][0]["path"], "src/auth/token.rs", "{found}");
    let screen = scene.run(&["status"]).ok();
    assert!(screen.contains("1 task waits for files of others"), "{screen}");
    assert!(!scene.root.join(".reconciler/forecast.json").try_exists().unwrap());
}
