//! Every way past the hooks, tried in each mode: the table that `reconciler hooks --help` shows.

use super::scene::{Said, Scene};
use super::shop;

/// What a way comes to without hooks, with the default ones, and in strict mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stops {
    /// Both modes stop it.
    Both,
    /// Only strict mode does.
    Strict,
    /// Nothing does; the loop sees it when the branch is to be merged.
    Nothing,
}

type Way = (&'static str, Stops, fn(&Scene) -> Said);

const WAYS: [Way; 21] = [
    ("commit", Stops::Both, |s| edited(s, &["commit", "-m", "x"])),
    ("commit -a", Stops::Both, |s| edited(s, &["commit", "-a", "-m", "x"])),
    ("commit PATH", Stops::Both, |s| edited(s, &["commit", "-m", "x", "--", "src"])),
    ("commit -p", Stops::Both, |s| {
        s.write("src/auth/token.rs", "edited\n");
        s.git_with(&["commit", "-p", "-m", "x"], "y\n")
    }),
    ("commit --amend", Stops::Both, |s| edited(s, &["commit", "--amend", "--no-edit"])),
    ("commit --no-verify", Stops::Both, |s| edited(s, &["commit", "--no-verify", "-m", "x"])),
    ("cherry-pick", Stops::Both, |s| s.try_git(&["cherry-pick", "side"])),
    ("revert", Stops::Both, |s| s.try_git(&["revert", "--no-edit", "HEAD~1"])),
    ("rebase", Stops::Both, |s| on_side(s, &["rebase", "main"])),
    ("rebase -i", Stops::Both, |s| on_side(s, &["rebase", "-i", "main"])),
    ("rebase --apply", Stops::Both, |s| on_side(s, &["rebase", "--apply", "main"])),
    ("merge", Stops::Both, |s| s.try_git(&["merge", "--no-edit", "side"])),
    ("merge --no-verify", Stops::Both, |s| {
        s.try_git(&["merge", "--no-verify", "--no-edit", "side"])
    }),
    ("merge --squash", Stops::Both, |s| {
        s.git(&["merge", "-q", "--squash", "side"]);
        s.try_git(&["commit", "-m", "x"])
    }),
    ("am", Stops::Both, |s| {
        let patch = s.git(&["format-patch", "-1", "--stdout", "side"]);
        s.git_with(&["am"], &format!("{patch}\n"))
    }),
    ("push", Stops::Both, |s| s.try_git(&["push", "-q", "origin", "side"])),
    ("merge --ff-only", Stops::Strict, |s| s.try_git(&["merge", "--ff-only", "ahead"])),
    ("reset", Stops::Strict, |s| s.try_git(&["reset", "-q", "--hard", "ahead"])),
    ("commit-tree and update-ref", Stops::Strict, |s| {
        let commit = plumbed(s);
        s.try_git(&["update-ref", "refs/heads/main", &commit])
    }),
    ("commit-tree and a new branch", Stops::Strict, |s| {
        let commit = plumbed(s);
        s.try_git(&["branch", "fresh", &commit])
    }),
    ("-c core.hooksPath=", Stops::Nothing, |s| {
        edited(s, &["-c", "core.hooksPath=/dev/null", "commit", "-m", "x"])
    }),
];

fn edited(scene: &Scene, args: &[&str]) -> Said {
    scene.write("src/auth/token.rs", "edited\n");
    scene.git(&["add", "src"]);
    scene.try_git(args)
}

fn on_side(scene: &Scene, args: &[&str]) -> Said {
    scene.git(&["checkout", "-q", "side"]);
    let mut git = scene.program("git");
    super::scene::said(git.env("GIT_SEQUENCE_EDITOR", "true").args(args).output().unwrap())
}

fn plumbed(scene: &Scene) -> String {
    scene.write("src/auth/token.rs", "edited\n");
    scene.git(&["add", "src"]);
    let tree = scene.git(&["write-tree"]);
    scene.git(&["commit-tree", "-p", "main", "-m", "x", &tree])
}

/// A repository in which one way can be tried; `login` holds `src/auth/`.
fn world(install: &[&str]) -> Scene {
    let scene = shop();
    for (branch, from) in [("side", "side"), ("ahead", "main")] {
        scene.git(&["checkout", "-q", "-B", branch, from]);
        scene.write("src/auth/token.rs", &format!("{branch}\n"));
        scene.commit(branch);
    }
    scene.git(&["checkout", "-q", "main"]);
    let remote = scene.outside("remote.git");
    scene.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    scene.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
    if !install.is_empty() {
        scene.run(install).ok();
    }
    scene.lock("login", 1, &["src/auth/"]);
    scene
}

fn refs(scene: &Scene) -> String {
    let list = ["for-each-ref", "--format=%(refname) %(objectname)"];
    let remote = scene.outside("remote.git");
    scene.git(&list) + &scene.git(&[&["--git-dir", remote.to_str().unwrap()], &list[..]].concat())
}

/// Tries every way in one mode; returns the ways that came out otherwise than the table says.
fn tried(install: &[&str], is_stopped: fn(Stops) -> bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, stops, way) in WAYS {
        let scene = world(install);
        let before = refs(&scene);
        let said = way(&scene);
        let stopped = refs(&scene) == before;
        let told = said.err.contains("refused") && said.err.contains("task/login");
        if stopped != is_stopped(stops) || (stopped && (!told || said.code == 0)) {
            wrong.push(format!("{name}: stopped {stopped}, {said:?}"));
        }
    }
    wrong
}

#[test]
fn without_hooks_every_way_is_open() {
    assert_eq!(tried(&[], |_| false), [""; 0]);
}

#[test]
fn the_default_hooks_stop_what_makes_a_commit() {
    assert_eq!(tried(&["hooks", "install"], |stops| stops == Stops::Both), [""; 0]);
}

#[test]
fn strict_mode_stops_every_move_of_a_branch() {
    let strict = ["hooks", "install", "--strict"];
    assert_eq!(tried(&strict, |stops| stops != Stops::Nothing), [""; 0]);
}

#[test]
fn a_refused_operation_names_its_own_way_out_and_that_way_leads_out() {
    for (args, way_out) in [
        (&["cherry-pick", "side"][..], &["cherry-pick", "--abort"][..]),
        (&["revert", "--no-edit", "HEAD~1"], &["reset", "--merge"]),
        (&["merge", "--no-edit", "side"], &["merge", "--abort"]),
    ] {
        let scene = world(&["hooks", "install"]);
        let said = super::refused(scene.try_git(args));
        assert!(said.contains(&format!("git {}", way_out.join(" "))), "{args:?}: {said}");
        scene.git(way_out);
        assert_eq!(scene.git(&["status", "--porcelain"]), "", "{args:?}");
    }
    for (args, way_out) in [
        (&["rebase", "main"][..], "git rebase --abort"),
        (&["rebase", "--apply", "main"], "git rebase --abort"),
    ] {
        let scene = world(&["hooks", "install"]);
        let said = super::refused(on_side(&scene, args));
        assert!(said.contains(way_out), "{args:?}: {said}");
        scene.git(&["rebase", "--abort"]);
        assert_eq!(scene.git(&["status", "--porcelain"]), "", "{args:?}");
    }
}

#[test]
fn what_holds_no_locked_path_passes_in_strict_mode_too() {
    let scene = world(&["hooks", "install", "--strict"]);
    scene.write("docs/a.md", "edited\n");
    scene.git(&["commit", "-q", "-a", "-m", "docs"]);
    scene.git(&["branch", "backup", "side"]);
    scene.git(&["branch", "-q", "-D", "backup"]);
    scene.git(&["checkout", "-q", "-b", "mine"]);
    scene.git(&["tag", "t"]);
    scene.git(&["push", "-q", "origin", "mine", "t"]);
    scene.git(&["stash", "list"]);
    scene.git(&["checkout", "-q", "main"]);
    scene.git(&["reset", "-q", "--hard", "HEAD~1"]);
}

#[test]
fn the_help_has_the_table_that_is_tried() {
    let help = shop().run(&["hooks", "--help"]).ok();
    let row = |name: &str| match name {
        "commit --no-verify" => "commit --no-verify",
        "merge --ff-only" | "reset" => "merge --ff-only, reset",
        name if name.starts_with("commit-tree") => "commit-tree with update-ref or branch",
        name if name.starts_with("commit") => "commit, -a, PATH, -p, --amend",
        name if name.starts_with("merge") => "merge, also --squash or --no-verify",
        "cherry-pick" | "revert" => "cherry-pick, revert, rebase",
        name if name.starts_with("rebase") => "cherry-pick, revert, rebase",
        "-c core.hooksPath=" => "-c core.hooksPath=... with any of them",
        "am" => "am ",
        "push" => "push ",
        other => panic!("{other} has no row"),
    };
    for (name, stops, _) in WAYS {
        let line = help.lines().find(|line| line.trim_start().starts_with(row(name)));
        let words: Vec<&str> = line.unwrap().split_whitespace().rev().take(3).collect();
        let expected = match stops {
            Stops::Both => ["refused", "refused", "passes"],
            Stops::Strict => ["refused", "passes", "passes"],
            Stops::Nothing => ["passes", "passes", "passes"],
        };
        assert_eq!(words, expected, "{name}");
    }
}
