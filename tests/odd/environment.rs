//! Users and what surrounds them: masks, homes, locales, terminals, variables.

use crate::common::{TestEnvironment, is_there, said};
use crate::{is_refused, rescues, runs, skip, text, working, works};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Returns the same world, which belongs to a user without rights who starts everything in it.
pub(crate) fn as_somebody(env: TestEnvironment) -> Option<TestEnvironment> {
    let who = said(env.command("id").arg("-u"));
    if who.stdout.trim() != "0" {
        return Some(env);
    }
    let program = Path::new(env!("CARGO_BIN_EXE_reconciler"));
    let starter = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let own = env.base();
    said(env.command("chown").args(["-R", "65534:65534", text(&own)]));
    let env = env.started_by(&starter);
    let can = env.command(text(program)).arg("--version").output();
    if can.is_ok_and(|can| can.status.success()) {
        return Some(env);
    }
    skip("no setpriv, or another user cannot reach our program");
    None
}

#[test]
fn a_user_without_rights_is_as_good_as_any() {
    let env = TestEnvironment::new();
    env.commit_task("a", &working(&env, "a"));
    if let Some(env) = as_somebody(env) {
        runs(&env);
    }
}

#[test]
fn a_strict_mask_is_no_harm() {
    works(&TestEnvironment::new().started_by(&["sh", "-c", "umask 077; exec \"$@\"", "sh"]));
}

#[test]
fn a_mask_that_hides_all_of_the_users_own_is_no_harm_to_others() {
    works(&TestEnvironment::new().started_by(&["sh", "-c", "umask 0277; exec \"$@\"", "sh"]));
}

#[test]
fn a_mask_that_lets_everybody_in_lets_nobody_into_what_is_ours() {
    let env = TestEnvironment::new().started_by(&["sh", "-c", "umask 000; exec \"$@\"", "sh"]);
    works(&env);
    let mut folders = vec![env.path(".reconciler"), env.path(".task-locks")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("trash") {
                continue;
            }
            let meta = path.symlink_metadata().unwrap();
            // The mode of a link lets nobody do anything.
            if meta.is_symlink() {
                continue;
            }
            assert_eq!(meta.permissions().mode() & 0o022, 0, "{}", path.display());
            if meta.is_dir() {
                folders.push(path);
            }
        }
    }
}

#[test]
fn without_a_home_another_place_for_approvals_is_enough() {
    rescues(&TestEnvironment::new().unset("HOME"));
}

#[test]
fn without_any_place_for_approvals_nothing_runs_and_that_is_told() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.doing("a", "true"));
    let env = env.unset("HOME").unset("XDG_STATE_HOME");
    let refused = is_refused(&env);
    assert!(refused.contains("reconciler trust"), "{refused}");
    let trust = said(&mut env.reconciler(&["trust", "--yes"]));
    assert!(trust.stderr.contains("set HOME or XDG_STATE_HOME"), "{trust:?}");
    assert!(env.starts("a").is_empty());
}

#[test]
fn a_locale_that_is_not_there_or_not_utf_8_is_no_harm() {
    for locale in ["de_DE.ISO-8859-1", "C"] {
        let env = TestEnvironment::with("größe", &[]).unset("LC_ALL");
        works(&env.set("LANG", locale).set("LC_CTYPE", locale).set("LANGUAGE", "de"));
    }
}

#[test]
fn without_a_terminal_and_without_its_name_all_is_well() {
    works(&TestEnvironment::new().unset("TERM").started_by(&["setsid", "-w"]));
}

#[test]
fn a_terminal_nobody_knows_is_no_harm() {
    works(&TestEnvironment::new().set("TERM", "nobody-knows-me").set("COLUMNS", "1"));
}

#[test]
fn variables_by_which_git_means_another_repository_are_not_followed() {
    let env = TestEnvironment::new();
    env.commit_task("a", &working(&env, "a"));
    let other = env.base().join("other");
    env.git(&["init", "-q", text(&other)]);
    let git = other.join(".git");
    let odd = [
        ("GIT_DIR", text(&git)),
        ("GIT_WORK_TREE", text(&other)),
        ("GIT_INDEX_FILE", "/not/there"),
        ("GIT_OBJECT_DIRECTORY", "/not/there"),
        ("GIT_NAMESPACE", "x"),
        ("GIT_PREFIX", "x/"),
    ];
    let mut run = env.reconciler(&["run", "--until", "settled"]);
    run.envs(odd).envs([("GIT_TRACE", "1"), ("GIT_PAGER", "false"), ("GIT_EDITOR", "false")]);
    let told = said(&mut run);
    assert!(told.status.success(), "{told:?}");
    assert_eq!(env.git(&["show", "main:a.txt"]), "a");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:edit.txt"]), "unsaved");
}

#[test]
fn a_limit_on_open_files_is_no_harm() {
    works(&TestEnvironment::new().started_by(&["sh", "-c", "ulimit -n 64; exec \"$@\"", "sh"]));
}

#[test]
fn a_disk_that_is_full_loses_nothing_and_goes_on_when_there_is_space() {
    let env = TestEnvironment::new();
    let disk = env.base().join("disk");
    fs::create_dir(&disk).unwrap();
    let mount = ["-t", "tmpfs", "-o", "size=8m", "tmpfs", text(&disk)];
    if !said(env.command("mount").args(mount)).status.success() {
        return skip("a small disk cannot be mounted");
    }
    let _mounted = Mounted(&disk);
    let root = disk.join("r");
    env.git(&["clone", "-q", ".", text(&root)]);
    let env = env.moved_to(&root, &root);
    env.commit_task("a", &working(&env, "a"));
    let running = env.start_loop();
    env.wait_for_completed(&["a"]);
    said(env.command("sh").args(["-c", "cat /dev/zero > ../fill"]));
    let full = env.reconciler(&["status"]).output().unwrap();
    assert!(!full.stdout.is_empty());
    fs::remove_file(disk.join("fill")).unwrap();
    env.commit_task("b", &env.committing("b"));
    env.wait_for_completed(&["b"]);
    running.kill();
    assert!(is_there(&env.path(".reconciler/tasks/a.json")));
}

/// A disk that goes with the test.
struct Mounted<'a>(&'a Path);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        std::process::Command::new("umount").arg("-l").arg(self.0).status().ok();
    }
}
