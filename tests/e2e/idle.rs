//! A loop with nothing to do: it looks now and then, and leaves no trace of having looked.

use crate::common::TestEnvironment;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What a process has used up so far.
#[derive(Debug, PartialEq, Eq)]
struct Used {
    /// Page faults of children it waited for: any program that it starts makes some.
    child_faults: u64,
    /// Clock ticks on the processor.
    ticks: u64,
    /// Calls that read.
    reads: u64,
}

fn used(pid: u32) -> Used {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    // From field 3 on, see proc(5).
    let field = |number: usize| rest.split(' ').nth(number - 3).unwrap().parse::<u64>().unwrap();
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
    let reads = io.lines().find_map(|line| line.strip_prefix("syscr: ")).unwrap();
    Used { child_faults: field(11), ticks: field(14) + field(15), reads: reads.parse().unwrap() }
}

/// Every file and folder of a repository but the heartbeats, which are the workers'.
fn files(folder: &Path, found: &mut BTreeMap<PathBuf, (u64, i64, i64, u64)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        if path.file_name().unwrap() != "heartbeat" {
            found.insert(path.clone(), (meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.size()));
        }
        if meta.is_dir() {
            files(&path, found);
        }
    }
}

fn look(env: &TestEnvironment) -> BTreeMap<PathBuf, (u64, i64, i64, u64)> {
    let mut found = BTreeMap::new();
    files(&env.path(""), &mut found);
    found
}

#[test]
fn a_look_without_anything_to_do_starts_no_program_and_writes_no_file() {
    let env = TestEnvironment::new();
    env.commit_policy(&json!({"intervals": {"resyncSeconds": 1}}));
    env.commit_task("done", &env.committing("done"));
    env.commit_task("a", &env.waiting("a"));
    let running = env.start_loop();
    env.wait_for_completed(&["done"]);
    env.wait_for_start("a", 1);
    let mut looks = looks_from(used(running.pid()).reads);
    // What was begun when it settled comes to its end: the spare worktree is made, and read again
    // when a second has passed.
    let mut programs = used(running.pid()).child_faults;
    env.wait_until("three looks without a program", || {
        let now = used(running.pid());
        if now.child_faults != programs {
            (programs, looks) = (now.child_faults, looks_from(now.reads));
        }
        looks(now.reads) >= 3
    });
    let (before, seen) = (used(running.pid()), look(&env));
    let mut looks = looks_from(before.reads);
    env.wait_until("three looks", || looks(used(running.pid()).reads) >= 3);
    let after = used(running.pid());
    assert_eq!(after.child_faults, before.child_faults, "it started a program");
    assert_eq!(look(&env), seen, "it wrote a file");
    // Three looks of a few milliseconds each, also in a debug build.
    assert!(after.ticks - before.ticks < 50, "{before:?} {after:?}");
}

/// Counts looks: the calls of one come together, and between two is rest.
fn looks_from(first: u64) -> impl FnMut(u64) -> usize {
    let (mut last, mut at_rest, mut looks) = (first, 0, 0);
    move |reads| {
        if reads == last {
            at_rest += 1;
        } else {
            looks += usize::from(at_rest > 5);
            (last, at_rest) = (reads, 0);
        }
        looks
    }
}
