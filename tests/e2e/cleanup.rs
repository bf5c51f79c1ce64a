//! The end of tasks: suspended, changed, deleted. No byte of work is lost.

use crate::common::{TestEnvironment, is_there};
use reconciler::api::attempt::{ExitReason, StopReason};
use reconciler::plan::report::Reason;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::MetadataExt as _;

fn with(mut spec: Value, field: &str, value: Value) -> Value {
    spec[field] = value;
    spec
}

#[test]
fn a_suspended_task_stops_and_keeps_its_worktree_and_goes_on_there_when_resumed() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    let first = env.wait_for_start("a", 1);
    let edit = env.worktree("a").join("edit.txt");
    fs::write(&edit, "unsaved").unwrap();
    let place = env.worktree("a").metadata().unwrap().ino();
    env.commit_task("a", &with(env.waiting("a"), "suspend", json!(true)));
    env.wait_for_reason("a", Reason::Suspended);
    assert!(!TestEnvironment::is_alive(first));
    env.wait_until("the session to go", || env.sessions().is_empty());
    env.wait_until("the claim to go", || !is_there(&env.path(".task-locks/a.lock")));
    assert_eq!(fs::read_to_string(&edit).unwrap(), "unsaved");
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 2);
    assert_eq!(env.worktree("a").metadata().unwrap().ino(), place);
    assert_eq!(fs::read_to_string(&edit).unwrap(), "unsaved");
    assert_eq!(env.ends("a"), [ExitReason::Stopped { why: StopReason::Suspended }]);
    env.assert_no_doubles();
}

#[test]
fn a_deleted_task_leaves_its_work_in_a_rescue_ref_and_in_the_trash() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    let pid = env.wait_for_start("a", 1);
    let branch = env.branch("a");
    let worktree = env.worktree("a");
    fs::write(worktree.join("tracked.txt"), "changed").unwrap();
    fs::write(worktree.join("new.txt"), "untracked").unwrap();
    fs::write(worktree.join("secret.ignored"), "ignored").unwrap();
    env.delete_task("a");
    env.wait_until("the record to go", || env.branch_of("a").is_none());
    assert!(!TestEnvironment::is_alive(pid));
    let rescue = "refs/reconciler/rescue/a/1";
    assert_eq!(env.git(&["show", &format!("{rescue}:tracked.txt")]), "changed");
    assert_eq!(env.git(&["show", &format!("{rescue}:new.txt")]), "untracked");
    assert!(!is_there(&worktree));
    let [trash] = &env.trash("a")[..] else { panic!("{:?}", env.trash("a")) };
    assert_eq!(fs::read_to_string(trash.join("secret.ignored")).unwrap(), "ignored");
    assert_eq!(fs::read_to_string(trash.join("new.txt")).unwrap(), "untracked");
    assert!(!is_there(&env.path(".task-locks/a.lock")));
    assert_eq!(env.try_git(&["rev-parse", "-q", "--verify", &branch]), None);
    env.wait_until("the session to go", || env.sessions().is_empty());
}

#[test]
fn a_deleted_task_keeps_a_branch_with_commits_of_its_own() {
    let env = TestEnvironment::new();
    env.commit_policy(&json!({ "merge": { "method": "none" } }));
    env.commit_task("a", &env.committing("a"));
    env.run_until_settled();
    let branch = env.branch("a");
    env.delete_task("a");
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.branch_of("a"), None);
    assert_eq!(env.git(&["show", &format!("{branch}:a.txt")]), "a");
}

#[test]
fn a_task_deleted_and_made_again_is_another_and_takes_nothing_of_the_first() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 1);
    fs::write(env.worktree("a").join("edit.txt"), "of the first").unwrap();
    let first = env.attempts_folder("a").unwrap();
    env.delete_task("a");
    env.wait_until("the record to go", || env.branch_of("a").is_none());
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 2);
    assert_ne!(env.attempts_folder("a").unwrap(), first);
    assert!(!is_there(&env.worktree("a").join("edit.txt")));
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:edit.txt"]), "of the first");
    env.assert_no_doubles();
}

#[test]
fn a_task_that_is_deleted_and_rescued_twice_loses_neither_work() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    for (count, text) in ["one", "two"].into_iter().enumerate() {
        env.commit_task("a", &env.waiting("a"));
        env.wait_for_start("a", count + 1);
        fs::write(env.worktree("a").join("edit.txt"), text).unwrap();
        env.delete_task("a");
        env.wait_until("the record to go", || env.branch_of("a").is_none());
    }
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:edit.txt"]), "one");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1-2:edit.txt"]), "two");
}

#[test]
fn a_worktree_that_somebody_works_in_is_not_taken_away() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 1);
    let mut visitor = env.command("sleep");
    let mut visitor = visitor.arg("1000").current_dir(env.worktree("a")).spawn().unwrap();
    env.delete_task("a");
    env.wait_for_reason("a", Reason::EffectFailed);
    let said = env.report("a").unwrap().message;
    assert!(said.contains(&format!("process {} works in", visitor.id())), "{said}");
    assert!(is_there(&env.worktree("a")));
    visitor.kill().unwrap();
    visitor.wait().unwrap();
    env.wait_until("the record to go", || env.branch_of("a").is_none());
}

#[test]
fn a_task_whose_worktree_a_person_detached_and_deleted_starts_again_and_keeps_the_commits() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    let pid = env.wait_for_start("a", 1);
    let path = env.worktree("a");
    let git = |arguments: &[&str]| env.git(&[&["-C", path.to_str().unwrap()], arguments].concat());
    git(&["checkout", "-q", "--detach"]);
    git(&["commit", "-q", "--allow-empty", "-m", "nowhere else"]);
    let head = git(&["rev-parse", "HEAD"]);
    fs::remove_dir_all(&path).unwrap();
    crate::common::send(pid, "KILL");
    env.wait_for_start("a", 2);
    assert!(is_there(&path.join("tracked.txt")));
    assert_eq!(env.git(&["rev-parse", "refs/reconciler/rescue/a/0"]), head);
}

#[test]
fn a_changed_command_restarts_a_task_that_runs_and_another_priority_does_not() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    let first = env.wait_for_start("a", 1);
    env.write_task("a", &with(env.waiting("a"), "priority", json!(1)));
    // The same commit has something else to do, so that it is known to have been seen.
    env.commit_task("b", &env.doing("b", "true"));
    env.wait_for_completed(&["b"]);
    assert!(TestEnvironment::is_alive(first));
    let place = env.worktree("a").metadata().unwrap().ino();
    let changed = format!("{} # changed", env.waiting("a")["command"].as_str().unwrap());
    env.commit_task("a", &with(env.waiting("a"), "command", json!(changed)));
    env.wait_for_start("a", 2);
    assert!(!TestEnvironment::is_alive(first));
    assert_eq!(env.worktree("a").metadata().unwrap().ino(), place);
    assert_eq!(env.ends("a"), [ExitReason::Stopped { why: StopReason::SpecChanged }]);
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    env.assert_no_doubles();
}

#[test]
fn a_changed_command_of_a_completed_task_runs_it_again_on_its_branch() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.committing("a"));
    env.run_until_settled();
    let branch = env.branch("a");
    env.commit_task(
        "a",
        &env.doing("a", "cat a.txt && echo more > more.txt && git add . && git commit -qm more"),
    );
    let said = env.run_until_settled();
    assert_eq!(env.reason("a"), Some(Reason::Succeeded), "{said:?}");
    assert_eq!(env.starts("a").len(), 2);
    assert_eq!(env.branch("a"), branch);
    assert_eq!(env.git(&["show", "main:a.txt"]), "a");
    assert_eq!(env.git(&["show", "main:more.txt"]), "more");
}
