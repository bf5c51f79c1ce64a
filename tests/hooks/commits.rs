//! What a commit by a person may hold: odd names, deletions, renames, parts, and odd places.

use super::{refused, shop};

#[test]
fn a_refusal_says_who_holds_what_and_what_can_be_done_instead() {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["src/auth/"]);
    scene.write("src/auth/token.rs", "edited\n");
    scene.write("docs/a.md", "edited\n");
    let said = refused(scene.try_git(&["commit", "-a", "-m", "x"]));
    for part in [
        "reconciler: commit refused. 1 of 2 files is in the lock of another task.",
        "src/auth/token.rs   task/login (codegen-1) holds src/auth/ since",
        "Nothing is lost",
        "commit the other file   git commit -m \"...\" -- docs/a.md",
        "reconciler wait lock/login --for released",
        "RECONCILER_BYPASS",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    let json = said.lines().find(|line| line.starts_with('{')).unwrap();
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    assert_eq!(json["objections"][0]["task"], "login");
    scene.git(&["commit", "-q", "-m", "x", "--", "docs/a.md"]);
}

#[test]
fn names_with_newlines_and_quotes_are_found_and_escaped() {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["src/auth/"]);
    scene.write("src/auth/it's \"odd\"\n\u{1b}[2J.rs", "x\n");
    scene.git(&["add", "src"]);
    let said = refused(scene.try_git(&["commit", "-m", "x"]));
    assert!(said.contains("src/auth/it's \"odd\"\\n\\u{1b}[2J.rs"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}

#[test]
fn deletions_and_both_sides_of_a_rename_are_changes() {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["src/auth/"]);
    scene.git(&["rm", "-q", "src/auth/token.rs"]);
    assert!(refused(scene.try_git(&["commit", "-m", "x"])).contains("src/auth/token.rs"));
    scene.git(&["reset", "-q", "--hard"]);
    for (from, to) in [("src/auth/token.rs", "moved.rs"), ("b.txt", "src/auth/b.txt")] {
        scene.git(&["mv", from, to]);
        let said = refused(scene.try_git(&["commit", "-m", "x"]));
        assert!(said.contains("1 of 2 files"), "{said}");
        scene.git(&["reset", "-q", "--hard"]);
    }
}

#[test]
fn of_a_partial_commit_only_its_part_counts() {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["src/auth/"]);
    for path in ["src/auth/token.rs", "docs/a.md", "b.txt"] {
        scene.write(path, "edited\n");
    }
    scene.git(&["add", "src/auth/token.rs"]);
    scene.git(&["commit", "-q", "-m", "x", "--", "docs/a.md"]);
    refused(scene.try_git(&["commit", "-m", "x", "--include", "--", "b.txt"]));
    scene.git(&["reset", "-q"]);
    // The first of the two files is declined.
    let said = scene.git_with(&["commit", "-p", "-m", "x"], "y\nn\n");
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(scene.git(&["show", "--name-only", "--format="]), "b.txt");
}

#[test]
fn a_person_who_holds_no_conflicting_path_is_never_blocked() {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["src/auth/"]);
    scene.write("src/author.rs", "x\n");
    scene.git(&["add", "-A"]);
    scene.git(&["commit", "-q", "-m", "x"]);
    scene.git(&["commit", "-q", "--allow-empty", "-m", "empty"]);
    scene.git(&["commit", "-q", "--amend", "--allow-empty", "-m", "renamed"]);
}

#[test]
fn a_person_commits_and_pushes_what_they_hold_themselves_and_nobody_else_does() {
    let scene = shop();
    scene.install();
    let remote = scene.outside("remote");
    scene.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    scene.run(&["locks", "acquire", "docs/"]).ok();
    scene.write("docs/a.md", "mine\n");
    scene.git(&["config", "user.name", "Bob"]);
    let said = refused(scene.try_git(&["commit", "-qam", "not mine"]));
    assert!(said.contains("(t-1) holds docs/"), "{said}");
    scene.git(&["config", "--unset", "user.name"]);
    scene.run(&["locks", "check", "docs/a.md"]).ok();
    scene.git(&["commit", "-qam", "mine"]);
    scene.git(&["push", "-q", remote.to_str().unwrap(), "main"]);
    scene.run(&["locks", "audit", "HEAD~1..HEAD"]).ok();
    // Who they are does not open what others hold.
    scene.lock("login", 1, &["src/"]);
    scene.write("src/auth/token.rs", "two\n");
    refused(scene.try_git(&["commit", "-qam", "both"]));
    let path = scene.worktree("login", 1);
    std::fs::write(path.join("docs/a.md"), "of the agent\n").unwrap();
    let said = refused(scene.try_git(&["-C", path.to_str().unwrap(), "commit", "-qam", "agent"]));
    assert!(said.contains("docs/a.md") && said.contains("(t-1)"), "{said}");
}

#[test]
fn what_the_pinned_ref_has_already_is_no_change() {
    let scene = shop();
    scene.install();
    scene.git(&["checkout", "-q", "-b", "feature", "HEAD~2"]);
    scene.write("b.txt", "feature\n");
    scene.git(&["commit", "-q", "-a", "-m", "feature"]);
    scene.lock("login", 1, &["src/auth/", "docs/"]);
    // main has changed src/auth since: taking that over is nobody's edit.
    scene.git(&["merge", "-q", "--no-edit", "main"]);
    assert_eq!(scene.read("src/auth/token.rs"), "one\n");
}

#[test]
fn what_others_have_published_can_be_pulled() {
    let scene = shop();
    let clone = scene.outside("clone");
    let at = clone.to_str().unwrap();
    scene.git(&["clone", "-q", scene.root.to_str().unwrap(), at]);
    scene.write("src/auth/token.rs", "by others\n");
    scene.git(&["commit", "-q", "-a", "-m", "others"]);
    scene.run(&["-C", at, "hooks", "install", "--strict"]).ok();
    std::fs::create_dir(clone.join(".task-locks")).unwrap();
    scene.lock("login", 1, &["src/auth/"]);
    let lock = ".task-locks/login.lock";
    std::fs::copy(scene.root.join(lock), clone.join(lock)).unwrap();
    scene.git(&["-C", at, "pull", "-q", "--ff-only"]);

    scene.write("src/auth/token.rs", "by others again\n");
    scene.git(&["commit", "-q", "-a", "-m", "others"]);
    std::fs::write(clone.join("b.txt"), "mine\n").unwrap();
    scene.git(&["-C", at, "commit", "-q", "-m", "mine", "--", "b.txt"]);
    scene.git(&["-C", at, "pull", "-q", "--no-rebase", "--no-edit"]);
    let around = ["-c", "core.hooksPath=/dev/null"];
    scene.git(&[&["-C", at][..], &around, &["reset", "-q", "--hard", "HEAD~1"]].concat());
    scene.git(&["-C", at, "pull", "-q", "--rebase"]);
}

#[test]
fn a_commit_in_a_subfolder_and_in_a_bare_environment_is_judged_the_same() {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["src/auth/"]);
    scene.write("src/auth/token.rs", "edited\n");
    let mut git = scene.program("git");
    git.env_clear().current_dir(scene.root.join("src/auth"));
    git.args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
    let output = git.args(["commit", "-m", "x", "token.rs"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && said.contains("task/login"), "{said}");
    let mut git = scene.program("git");
    git.env_clear().args(["-c", "user.name=t", "-c", "user.email=t@example.org"]);
    assert!(git.args(["commit", "--allow-empty", "-m", "x"]).output().unwrap().status.success());
}

#[test]
fn a_submodule_is_a_path_of_its_parent_and_a_repository_of_its_own() {
    let scene = shop();
    let library = scene.outside("library");
    let at = library.to_str().unwrap();
    scene.git(&["init", "-q", "-b", "main", at]);
    scene.git(&["-C", at, "commit", "-q", "--allow-empty", "-m", "x"]);
    scene.git(&["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", at, "lib"]);
    scene.commit("lib");
    scene.install();
    scene.lock("login", 1, &["lib", "src/"]);
    scene.git(&["config", "diff.ignoreSubmodules", "all"]);
    let sub = scene.root.join("lib");
    let sub = sub.to_str().unwrap();
    scene.run(&["-C", sub, "hooks", "install"]).ok();
    std::fs::create_dir_all(scene.root.join("lib/src")).unwrap();
    scene.write("lib/src/a.rs", "x\n");
    scene.git(&["-C", sub, "add", "-A"]);
    scene.git(&["-C", sub, "commit", "-q", "-m", "in the submodule"]);
    scene.git(&["add", "--force", "lib"]);
    refused(scene.try_git(&["commit", "-m", "x"]));
}

#[test]
fn a_person_can_pass_over_a_lock_with_a_reason_that_the_journal_keeps() {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["src/auth/"]);
    scene.write("src/auth/token.rs", "edited\n");
    let commit = |reason: &str| {
        let mut git = scene.program("git");
        git.env("RECONCILER_BYPASS", reason).args(["commit", "-a", "-m", "x"]).output().unwrap()
    };
    assert!(!commit(" ").status.success(), "no reason is no reason");
    assert!(commit("production is down").status.success());
    let journal = scene.read(".reconciler/events.jsonl");
    assert!(
        journal.contains("LockBypassed") && journal.contains("production is down"),
        "{journal}"
    );
}

#[test]
fn a_damaged_lock_and_a_missing_program_refuse_and_say_what_to_do() {
    let scene = shop();
    scene.install();
    scene.lock("login", 1, &["src/auth/"]);
    scene.write(".task-locks/torn.lock", "{");
    scene.write("b.txt", "edited\n");
    let said = refused(scene.try_git(&["commit", "-a", "-m", "x"]));
    assert!(said.contains("the lock of task/torn cannot be read"), "{said}");
    assert!(said.contains("reconciler release torn --force"), "{said}");

    let program = env!("CARGO_BIN_EXE_reconciler");
    for hook in ["pre-commit", "prepare-commit-msg"] {
        scene.replace(&format!(".git/hooks/{hook}"), program, "/nowhere/reconciler");
    }
    let commit = || {
        let mut git = scene.program("git");
        git.env("PATH", "/usr/local/bin:/usr/bin:/bin").args(["commit", "-a", "-m", "x"]);
        super::scene::said(git.output().unwrap())
    };
    let said = refused(commit());
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    std::fs::remove_dir_all(scene.root.join(".task-locks")).unwrap();
    commit().ok();
}

#[test]
fn a_table_of_locks_that_cannot_be_read_refuses_with_one_line() {
    let scene = shop();
    scene.run(&["hooks", "install", "--strict"]).ok();
    scene.write(".task-locks", "no folder\n");
    scene.write("b.txt", "edited\n");
    let said = refused(scene.try_git(&["commit", "-m", "x", "--", "b.txt"]));
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    assert!(said.contains(".task-locks") && said.contains("reconciler doctor"), "{said}");
}

#[test]
fn whether_paths_may_be_changed_is_told_before_they_are() {
    let scene = shop();
    scene.lock("login", 1, &["src/auth/"]);
    scene.run(&["locks", "check", "docs/a.md", "src/author.rs"]).ok();
    for held in ["src/auth/new.rs", "src/auth", "src", "."] {
        let said = scene.run(&["locks", "check", "docs/a.md", held]).fails(1);
        assert!(said.contains("change refused") && said.contains("task/login"), "{held}: {said}");
    }
    let said = scene.run(&["locks", "check", "../elsewhere"]).fails(1);
    assert!(said.contains("does not lie in this work tree"), "{said}");
    let place = scene.worktree("login", 1);
    let place = place.to_str().unwrap();
    scene.run(&["-C", place, "locks", "check", "src/auth/new.rs"]).ok();
    let said = scene.run(&["-C", place, "locks", "check", "docs/a.md"]).fails(1);
    assert!(said.contains("your lock covers only src/auth/"), "{said}");
}
