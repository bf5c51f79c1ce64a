//! What people hold back at run time: nothing of it needs a commit, and nothing of it loses work.

use crate::common::{Said, TestEnvironment};
use reconciler::api::attempt::{ExitReason, StopReason};
use reconciler::plan::report::Reason;
use serde_json::json;
use std::fs;

#[track_caller]
fn ok(said: &Said) -> &str {
    assert!(said.status.success(), "{said:?}");
    &said.stdout
}

/// A second worker, beside the `codegen` of every world.
fn with_second(env: &TestEnvironment) {
    env.write_object("workers/second", "Worker", &json!({"agent": "shell", "replicas": 1}));
    env.commit("second");
}

#[test]
fn what_is_paused_starts_when_it_is_no_longer_and_what_ran_was_left_alone() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("before", &env.waiting("before"));
    let pid = env.wait_for_start("before", 1);
    let refused = env.run(&["pause", "all"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("--reason"), "{refused:?}");
    ok(&env.run(&["pause", "all", "--reason", "the quota is used up"]));
    env.commit_task("after", &env.waiting("after"));
    env.wait_for_reason("after", Reason::Paused);
    assert!(TestEnvironment::is_alive(pid));
    let status = env.run(&["status"]);
    let text = format!("{}{}", status.stdout, status.stderr);
    assert!(text.contains("everything is paused by ada"), "{text}");
    assert_eq!(env.starts("after"), Vec::<u32>::new());
    ok(&env.run(&["unpause", "all"]));
    env.wait_for_start("after", 1);
    assert_eq!(env.starts("before"), [pid]);
    let again = env.run(&["unpause", "all"]);
    assert!(again.stderr.contains("everything is not paused"), "{again:?}");
    env.assert_no_doubles();
}

#[test]
fn a_pause_needs_no_loop_and_lapses_by_itself() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.doing("a", "true"));
    ok(&env.run(&["pause", "a", "--for", "1s", "--reason", "a moment"]));
    let held = env.report("a").unwrap();
    assert!(held.reason == Reason::Paused || env.reason("a") == Some(Reason::Starting), "{held:?}");
    // The next resync is far: it is the pause that wakes the loop.
    let _running = env.start_loop();
    env.wait_for_completed(&["a"]);
}

#[test]
fn a_cordoned_worker_takes_nothing_until_it_is_uncordoned() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    let pid = env.wait_for_start("a", 1);
    ok(&env.run(&["cordon", "codegen", "--reason", "its model is changed"]));
    env.commit_task("b", &env.waiting("b"));
    env.wait_for_reason("b", Reason::WorkersHeld);
    assert!(TestEnvironment::is_alive(pid));
    let paused = env.run(&["pause", "codegen"]);
    assert!(paused.stderr.contains("is cordoned by ada"), "{paused:?}");
    let workers = env.run(&["get", "workers"]);
    assert!(workers.stdout.contains("Cordoned"), "{workers:?}");
    ok(&env.run(&["uncordon", "codegen"]));
    env.wait_for_start("b", 1);
}

#[test]
fn a_drained_worker_gives_its_task_with_all_its_work_to_another() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 1);
    let edit = env.worktree("a").join("edit.txt");
    fs::write(&edit, "unsaved").unwrap();
    let branch = env.branch("a");
    let said = env.run(&["drain", "codegen", "--grace", "1s"]);
    assert!(ok(&said).contains("worker/codegen  drained by ada"), "{said:?}");
    assert!(said.stderr.contains("told to end: a"), "{said:?}");
    env.wait_for_reason("a", Reason::WorkersHeld);
    assert_eq!(env.ends("a"), [ExitReason::Stopped { why: StopReason::Drained }]);
    with_second(&env);
    env.wait_for_start("a", 2);
    assert_eq!(env.attempts("a")[1].seat.to_string(), "second-1");
    assert_eq!(fs::read_to_string(&edit).unwrap(), "unsaved");
    assert_eq!(env.branch("a"), branch);
    env.assert_no_doubles();
}

#[test]
fn a_restarted_task_runs_again_at_once_and_without_a_loop_when_there_is_one() {
    let env = TestEnvironment::new();
    let running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    let first = env.wait_for_start("a", 1);
    ok(&env.run(&["restart", "a"]));
    env.wait_for_start("a", 2);
    assert!(!TestEnvironment::is_alive(first));
    running.kill();
    let said = env.run(&["restart", "a"]);
    assert!(ok(&said).contains("attempt 2 is asked to stop"), "{said:?}");
    assert!(said.stderr.contains("reconciler is not running"), "{said:?}");
    let restarted = ExitReason::Stopped { why: StopReason::Restarted };
    env.wait_until("it to stop", || env.ends("a").len() == 2);
    assert_eq!(env.ends("a"), [restarted.clone(), restarted]);
    let idle = env.run(&["restart", "a"]);
    assert!(idle.stderr.contains("nobody works on a right now"), "{idle:?}");
    let _running = env.start_loop_when_free();
    env.wait_for_start("a", 3);
    env.assert_no_doubles();
}

#[test]
fn a_task_whose_attempts_are_used_up_gets_them_anew() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    let mut spec = env.doing("a", "[ -e \"$O/mended\" ]");
    spec["retries"] = json!(0);
    env.commit_task("a", &spec);
    env.wait_for_reason("a", Reason::AttemptsUsedUp);
    fs::write(env.out("mended"), "").unwrap();
    let said = env.run(&["retry", "a", "--reason", "it is mended"]);
    assert!(ok(&said).contains("no attempt up to 1 counts"), "{said:?}");
    env.wait_for_completed(&["a"]);
    assert_eq!(env.starts("a").len(), 2);
    let done = env.run(&["retry", "a"]);
    assert!(done.stderr.contains("a has succeeded"), "{done:?}");
}

#[test]
fn a_worker_is_scaled_by_a_commit() {
    let env = TestEnvironment::new();
    let said = env.run(&["scale", "codegen", "--replicas", "5"]);
    assert!(ok(&said).contains("scaled: state/workers/codegen.json, committed "), "{said:?}");
    assert_eq!(env.git(&["log", "-1", "--format=%s"]), "reconciler: scale worker codegen");
    let file = env.git(&["show", "HEAD:state/workers/codegen.json"]);
    assert!(file.contains("\"replicas\":5") || file.contains("\"replicas\": 5"), "{file}");
    let again = env.run(&["scale", "codegen", "--replicas", "5"]);
    assert!(again.stderr.contains("has 5 replicas already"), "{again:?}");
}
