//! Whoever had hooks before, by whatever manager, keeps them before, during and after.

use super::scene::Scene;
use super::{refused, shop};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const HOOKS: &str = ".git/hooks";

/// A hook that says its name and what it was told.
fn noisy(name: &str) -> String {
    format!(
        "#!/bin/sh\necho \"$@ $(cat 2>/dev/null | wc -l)\" >>\"$(git rev-parse --git-common-dir)/ran-{name}\"\n"
    )
}

fn ran(scene: &Scene, name: &str) -> usize {
    std::fs::read_to_string(scene.root.join(format!(".git/ran-{name}")))
        .unwrap_or_default()
        .lines()
        .count()
}

/// Every file of some folders, with its permissions, and the settings of the repository.
fn everything(scene: &Scene, folders: &[&Path]) -> BTreeMap<String, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut open: Vec<_> = folders.iter().map(|folder| scene.root.join(folder)).collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, meta) = (entry.path(), entry.path().symlink_metadata().unwrap());
            if meta.is_dir() {
                open.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap_or_default();
                found.insert(path.display().to_string(), (meta.permissions().mode(), bytes));
            }
        }
    }
    found.insert("config".to_owned(), (0, std::fs::read(scene.root.join(".git/config")).unwrap()));
    found
}

/// Installs, tries a commit on a locked path and one that is free, and uninstalls.
fn before_during_and_after(scene: &Scene, install: &[&str], folders: &[&Path]) {
    let before = everything(scene, folders);
    scene.run(&[install, &["--dry-run"]].concat()).ok();
    assert_eq!(everything(scene, folders), before, "a dry run changes nothing");
    scene.run(install).ok();
    scene.run(&["hooks", "status"]).ok();
    assert_eq!(scene.run(install).ok(), "nothing to do\n");
    scene.lock("login", 1, &["src/auth/"]);
    scene.write("src/auth/token.rs", "edited\n");
    refused(scene.try_git(&["commit", "-a", "-m", "x"]));
    refused(scene.try_git(&["commit", "-a", "--no-verify", "-m", "x"]));
    scene.git(&["checkout", "-q", "src"]);
    scene.write("docs/a.md", "edited\n");
    scene.git(&["commit", "-q", "-m", "free", "--", "docs/a.md"]);
    scene.run(&["hooks", "uninstall"]).ok();
    assert_eq!(everything(scene, folders), before);
    assert_eq!(scene.run(&["hooks", "uninstall"]).ok(), "nothing to do\n");
    scene.write("src/auth/token.rs", "edited\n");
    scene.git(&["commit", "-q", "-a", "-m", "x"]);
}

#[test]
fn an_empty_folder_of_hooks_is_empty_again() {
    let scene = shop();
    for install in [&["hooks", "install"][..], &["hooks", "install", "--strict"]] {
        before_during_and_after(
            &scene,
            install,
            &[Path::new(HOOKS), Path::new(".git/reconciler-hooks")],
        );
        scene.git(&["reset", "-q", "--hard", "HEAD~2"]);
    }
}

#[test]
fn hooks_of_lefthook_pre_commit_and_by_hand_run_and_come_back() {
    let scene = shop();
    scene.script(&format!("{HOOKS}/pre-commit"), &noisy("pre-commit"));
    scene.script(&format!("{HOOKS}/commit-msg"), &noisy("commit-msg"));
    scene.script(&format!("{HOOKS}/pre-push"), &noisy("pre-push"));
    scene.write("tools/prepare", &noisy("prepare"));
    scene.script("tools/prepare", &noisy("prepare"));
    std::os::unix::fs::symlink(
        "../../tools/prepare",
        scene.root.join(HOOKS).join("prepare-commit-msg"),
    )
    .unwrap();
    scene.commit("tools");
    before_during_and_after(&scene, &["hooks", "install"], &[Path::new(HOOKS)]);
    // Before it was installed, on the free commit, and after it was removed; never when refused.
    assert_eq!(ran(&scene, "pre-commit"), 2);
    assert_eq!(ran(&scene, "commit-msg"), 2);
    assert_eq!(ran(&scene, "prepare"), 3);
}

#[test]
fn a_kept_hook_hears_what_git_says_and_may_refuse() {
    let scene = shop();
    scene.script(&format!("{HOOKS}/pre-push"), &noisy("pre-push"));
    scene.script(&format!("{HOOKS}/pre-commit"), "#!/bin/sh\nexit 7\n");
    scene.install();
    let remote = scene.outside("remote.git");
    scene.git(&["init", "-q", "--bare", remote.to_str().unwrap()]);
    scene.git(&["push", "-q", remote.to_str().unwrap(), "main", "side"]);
    let told = scene.read(".git/ran-pre-push");
    assert!(told.trim_end().ends_with(" 2"), "{told}");
    scene.try_git(&["commit", "--allow-empty", "-m", "x"]).fails(1);
}

#[test]
fn a_manager_that_installs_itself_over_ours_is_told_and_chained_again() {
    let scene = shop();
    scene.install();
    // lefthook: sets aside what is there, as NAME.old, and does not call it.
    scene.git(&["config", "reconciler.test", "1"]);
    let hook = |name: &str| scene.root.join(HOOKS).join(name);
    std::fs::rename(hook("pre-commit"), hook("pre-commit.old")).unwrap();
    scene.script(&format!("{HOOKS}/pre-commit"), &noisy("lefthook"));
    let said = scene.run(&["hooks", "status"]).fails(1);
    assert!(said.contains("another hook, which does not call ours"), "{said}");
    let doctor = scene.run(&["doctor"]);
    assert!(doctor.out.contains("reconciler hooks install"), "{doctor:?}");
    scene.install();
    scene.run(&["hooks", "status"]).ok();
    scene.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    assert_eq!(ran(&scene, "lefthook"), 1);
    scene.run(&["hooks", "uninstall"]).ok();
    assert_eq!(scene.read(&format!("{HOOKS}/pre-commit")), noisy("lefthook"));
    assert!(hook("pre-commit.old").symlink_metadata().is_err());
}

#[test]
fn pre_commit_that_puts_itself_before_ours_calls_it_and_all_that_ours_called() {
    let scene = shop();
    let hook = |name: &str| scene.root.join(HOOKS).join(name);
    scene.script(&format!("{HOOKS}/pre-commit"), &noisy("own"));
    scene.install();
    // pre-commit and prek: set aside what is there, as NAME.legacy, and call it first.
    std::fs::rename(hook("pre-commit"), hook("pre-commit.legacy")).unwrap();
    let manager = format!(
        "#!/bin/sh\n# File generated by pre-commit: https://pre-commit.com\n\"$0.legacy\" \"$@\" || exit 1\n{}",
        noisy("manager")
    );
    scene.script(&format!("{HOOKS}/pre-commit"), &manager);
    scene.run(&["hooks", "status"]).ok();
    scene.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    assert_eq!((ran(&scene, "own"), ran(&scene, "manager")), (1, 1));
    scene.lock("login", 1, &["src/auth/"]);
    scene.write("src/auth/token.rs", "edited\n");
    refused(scene.try_git(&["commit", "-a", "-m", "x"]));
    scene.git(&["checkout", "-q", "src"]);
    scene.run(&["hooks", "uninstall"]).ok();
    scene.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    assert_eq!((ran(&scene, "own"), ran(&scene, "manager")), (2, 2));
    assert_eq!(scene.read(&format!("{HOOKS}/pre-commit")), manager);
    assert_eq!(scene.read(&format!("{HOOKS}/pre-commit.legacy")), noisy("own"));
}

#[test]
fn pre_commit_that_installs_itself_again_is_not_called_twice() {
    let scene = shop();
    let hook = |name: &str| scene.root.join(HOOKS).join(name);
    let manager = "#!/bin/sh\n# File generated by pre-commit: https://pre-commit.com\n\
        [ -z \"$RUNNING\" ] || { echo twice; exit 1; }\n\
        [ ! -x \"$0.legacy\" ] || RUNNING=1 \"$0.legacy\" \"$@\" || exit 1\n";
    scene.script(&format!("{HOOKS}/pre-commit"), manager);
    scene.install();
    std::fs::rename(hook("pre-commit"), hook("pre-commit.legacy")).unwrap();
    scene.script(&format!("{HOOKS}/pre-commit"), manager);
    scene.git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    scene.run(&["hooks", "uninstall"]).ok();
    let left: Vec<_> =
        std::fs::read_dir(hook("")).unwrap().flatten().map(|one| one.file_name()).collect();
    assert_eq!(left, ["pre-commit"]);
}

/// As husky 9 lays it out: git is told of `.husky/_`, which calls what people write in `.husky`.
fn husky(scene: &Scene) {
    let wrapper = "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"\n";
    let h = "#!/usr/bin/env sh\nn=$(basename \"$0\")\ns=$(dirname \"$(dirname \"$0\")\")/$n\n\
             [ ! -f \"$s\" ] && exit 0\nsh -e \"$s\" \"$@\"\nexit $?\n";
    scene.write(".husky/_/.gitignore", "*\n");
    scene.script(".husky/_/h", h);
    for name in [
        "pre-commit",
        "prepare-commit-msg",
        "pre-merge-commit",
        "pre-applypatch",
        "pre-push",
        "commit-msg",
    ] {
        scene.script(&format!(".husky/_/{name}"), wrapper);
    }
    scene
        .write(".husky/pre-commit", "echo run >>\"$(git rev-parse --git-common-dir)/ran-husky\"\n");
    scene.git(&["config", "core.hooksPath", ".husky/_"]);
    scene.commit("husky");
}

#[test]
fn hooks_of_husky_run_and_come_back() {
    let scene = shop();
    husky(&scene);
    let folders = [Path::new(".husky"), Path::new(".git/reconciler-hooks"), Path::new(HOOKS)];
    for install in [&["hooks", "install"][..], &["hooks", "install", "--strict"]] {
        before_during_and_after(&scene, install, &folders);
        scene.git(&["reset", "-q", "--hard", "HEAD~2"]);
    }
    assert_eq!(ran(&scene, "husky"), 4);
}

#[test]
fn lines_in_hooks_of_husky_do_nothing_where_ours_is_not_installed() {
    let scene = shop();
    husky(&scene);
    scene.install();
    scene.git(&["add", ".husky"]);
    scene.git(&["commit", "-q", "-m", "lines"]);
    let other = scene.outside("clone");
    let at = other.to_str().unwrap();
    scene.git(&["clone", "-q", scene.root.to_str().unwrap(), at]);
    scene.git(&["-C", at, "config", "core.hooksPath", ".husky"]);
    for name in ["pre-commit", "prepare-commit-msg"] {
        let path = other.join(".husky").join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    scene.git(&["-C", at, "commit", "-q", "--allow-empty", "-m", "x"]);
}

#[test]
fn a_linked_worktree_without_the_folder_of_husky_is_told() {
    let scene = shop();
    husky(&scene);
    scene.install();
    scene.git(&["add", ".husky"]);
    scene.git(&["commit", "-q", "-m", "lines"]);
    let worktree = scene.worktree("docs", 1);
    let said = scene.run(&["hooks", "status"]);
    assert!(said.err.contains("git finds no hooks at all"), "{said:?}");
    std::fs::create_dir_all(worktree.join(".husky/_")).unwrap();
    let said = scene.run(&["hooks", "status"]);
    assert!(!said.err.contains("git finds no hooks at all"), "{said:?}");
}

#[test]
fn a_hook_that_is_no_shell_script_stays_and_the_person_is_told() {
    let scene = shop();
    scene.script("githooks/pre-commit", "#!/usr/bin/env python3\nprint('hi')\n");
    scene.git(&["config", "core.hooksPath", "githooks"]);
    let said = scene.run(&["hooks", "install"]);
    assert!(said.err.contains("githooks/pre-commit is no script of a shell"), "{said:?}");
    assert_eq!(scene.read("githooks/pre-commit"), "#!/usr/bin/env python3\nprint('hi')\n");
    scene.run(&["hooks", "status"]).fails(1);
}

#[test]
fn hooks_of_a_global_folder_run_and_the_folder_is_never_written_to() {
    let scene = shop();
    let global = scene.outside("home/hooks");
    std::fs::create_dir(&global).unwrap();
    for name in ["pre-commit", "post-commit", "pre-push"] {
        let path = global.join(name);
        std::fs::write(&path, noisy(name)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    scene.git(&["config", "--global", "core.hooksPath", "~/hooks"]);
    let folders = [global.as_path(), Path::new(".git/reconciler-hooks"), Path::new(HOOKS)];
    for install in [&["hooks", "install"][..], &["hooks", "install", "--strict"]] {
        before_during_and_after(&scene, install, &folders);
        scene.git(&["reset", "-q", "--hard", "HEAD~2"]);
    }
    assert_eq!((ran(&scene, "pre-commit"), ran(&scene, "post-commit")), (4, 4));
}

#[test]
fn strict_mode_can_be_left_and_what_was_disabled_is_mended() {
    let scene = shop();
    scene.run(&["hooks", "install", "--strict"]).ok();
    let strict = scene.root.join(HOOKS).join("reference-transaction");
    assert!(strict.symlink_metadata().is_ok());
    scene.install();
    assert!(strict.symlink_metadata().is_err());
    let path = scene.root.join(HOOKS).join("pre-commit");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::remove_file(scene.root.join(HOOKS).join("pre-push")).unwrap();
    let said = scene.run(&["hooks", "status"]).fails(1);
    assert!(said.contains("may not be executed") && said.contains("missing"), "{said}");
    scene.install();
    scene.run(&["hooks", "status"]).ok();
}

#[test]
fn the_loop_mends_what_was_removed_and_leaves_alone_what_was_not_installed() {
    let scene = Scene::prepared();
    let path = scene.root.join(HOOKS).join("pre-commit");
    std::fs::remove_file(&path).unwrap();
    scene.run(&["run", "--once"]).ok();
    scene.run(&["hooks", "status"]).ok();
    assert!(scene.read(".reconciler/events.jsonl").contains("HooksMended"));
    scene.run(&["hooks", "uninstall"]).ok();
    scene.run(&["run", "--once"]).ok();
    assert!(path.symlink_metadata().is_err());
}

#[test]
fn hooks_that_are_turned_off_or_shared_with_other_repositories_stay_so_and_it_is_told() {
    let scene = shop();
    let shared = scene.outside("shared");
    std::fs::create_dir(&shared).unwrap();
    for path in ["/dev/null", shared.to_str().unwrap()] {
        scene.git(&["config", "core.hooksPath", path]);
        let said = scene.run(&["hooks", "install"]);
        assert!(said.err.contains("which is no folder of it: no hooks are installed"), "{said:?}");
        assert_eq!(said.ok(), "nothing to do\n");
        scene.run(&["hooks", "status"]).fails(1);
        scene.run(&["init"]).ok();
        assert!(scene.run(&["doctor"]).out.contains("there are none of ours"));
    }
    assert_eq!(std::fs::read_dir(shared).unwrap().count(), 0);
}
