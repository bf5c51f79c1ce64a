//! System calls of git that fail, or lie, in one of its commands after the other: whatever it was
//! about, the next look heals it and nothing is lost. `EVERY=1` tries each command, else a sample.

use crate::common::TestEnvironment;
use crate::{is_done, is_there, script, skip};
use reconciler::plan::report::Reason;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};

/// One in so many commands is tried unless all are asked for.
const SAMPLE: usize = 4;

/// Runs the n-th git that may write under strace with the fault, the others as they are.
const WRAPPER: &str = r#"
case "$*" in *--no-optional-locks*|*version) exec "$GIT" "$@" ;; esac
n=1; until mkdir "$DIR/$n" 2>/dev/null; do n=$((n+1)); [ -d "$DIR" ] || exec "$GIT" "$@"; done
echo "$*" > "$DIR/$n/said"
[ "$n" = "$AT" ] || exec "$GIT" "$@"
exec strace -f -qq -o /dev/null -e trace="${FAULT%%:*}" -e inject="$FAULT" "$GIT" "$@"
"#;

fn git() -> PathBuf {
    let path = std::env::var("PATH").unwrap();
    std::env::split_paths(&path).map(|one| one.join("git")).find(|one| is_there(one)).unwrap()
}

fn can_inject(env: &TestEnvironment) -> bool {
    let mut strace = env.command("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=rename:error=EIO", "true"]);
    strace.output().is_ok_and(|out| out.status.success())
}

/// Returns a world where one git command meets a fault, and where its commands are counted.
fn faulty(fault: &str, at: usize) -> (TestEnvironment, PathBuf) {
    let env = TestEnvironment::new();
    env.commit_policy(&json!({ "retry": { "baseSeconds": 0 }, "restart": { "baseSeconds": 0 } }));
    env.commit_task("a", &env.doing("a", "echo unsaved > edit.txt"));
    let (folder, calls) = (env.base().join("bin"), env.base().join("calls"));
    fs::create_dir(&calls).unwrap();
    let head = format!(
        "DIR='{}' GIT='{}' AT={at} FAULT='{fault}'\n[ -d \"$DIR\" ] || exec \"$GIT\" \"$@\"",
        calls.display(),
        git().display()
    );
    script(&folder.join("git"), &format!("{head}\n{WRAPPER}"));
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    (env.set("PATH", &path), calls)
}

/// Tries a fault in one command; returns how many there were.
fn heals(fault: &str, at: usize) -> usize {
    let (env, calls) = faulty(fault, at);
    let running = env.start_loop();
    env.wait_until("all to be done", || {
        // The loop itself removes a lock that nobody holds, but takes its time to be certain.
        for folder in [".git", ".git/refs/heads/fix", ".git/refs/reconciler/rescue/a"] {
            remove_old_locks(&env.path(folder));
        }
        env.reason("a") == Some(Reason::Succeeded) && !is_there(&env.worktree("a"))
    });
    running.end_by(&env, "TERM");
    let count = fs::read_dir(&calls).unwrap().count();
    let told = fs::read_to_string(calls.join(at.to_string()).join("said")).unwrap_or_default();
    // From now on git is whole.
    fs::rename(&calls, env.base().join("counted")).unwrap();
    let healed = env.run_until_settled();
    assert!(healed.status.success(), "{fault} in call {at}: git {told}: {healed:?}");
    is_done(&env, healed);
    count
}

/// Does what git tells a person to do when one of its commands left a lock.
fn remove_old_locks(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let changed = entry.metadata().and_then(|meta| meta.modified());
        let age = changed.ok().and_then(|changed| changed.elapsed().ok()).unwrap_or_default();
        if entry.path().extension().is_some_and(|end| end == "lock") && age.as_secs() >= 1 {
            fs::remove_file(entry.path()).ok();
        }
    }
}

fn sweep(fault: &str) {
    if !can_inject(&TestEnvironment::new()) {
        return skip("strace is not there or may not inject");
    }
    let every = std::env::var_os("EVERY").is_some();
    let (mut at, mut count) = (1, usize::MAX);
    while at <= count {
        count = heals(fault, at);
        at += if every { 1 } else { SAMPLE };
    }
}

#[test]
fn a_disk_that_is_full_for_one_git_command_loses_nothing() {
    sweep("rename,link:error=ENOSPC");
}

#[test]
fn a_disk_that_cannot_write_for_one_git_command_loses_nothing() {
    sweep("fsync,fdatasync:error=EIO");
}

#[test]
fn folders_that_one_git_command_may_not_make_lose_nothing() {
    sweep("mkdir:error=EACCES");
}

#[test]
fn a_rename_that_lies_to_one_git_command_loses_nothing() {
    sweep("rename:retval=0");
}
