//! Who goes first, who waits, and what failing means.

use crate::common::{TestEnvironment, is_there};
use reconciler::api::attempt::ExitReason;
use reconciler::plan::report::Reason;
use serde_json::json;

#[test]
fn tasks_that_can_change_the_same_file_never_run_at_once_and_both_complete() {
    let env = TestEnvironment::new();
    for (task, files) in
        [("a", json!(["src/**"])), ("b", json!(["src/x.rs"])), ("c", json!(["*/x.rs"]))]
    {
        // One lock for all: it finds two that run at once.
        let command = env.marked(task, "shared", "sleep 0.2");
        env.write_task(task, &json!({"command": command, "files": files}));
    }
    env.commit("three");
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    for task in ["a", "b", "c"] {
        assert_eq!(env.ends(task), [ExitReason::Succeeded], "{said:?}");
    }
    env.assert_no_doubles();
}

#[test]
fn a_task_starts_after_those_it_depends_on() {
    let env = TestEnvironment::new();
    let mut spec = env.doing("a", "true");
    spec["dependencies"] = json!(["b"]);
    env.write_task("a", &spec);
    let mut spec = env.doing("b", "sleep 0.2");
    spec["dependencies"] = json!(["c"]);
    env.write_task("b", &spec);
    env.write_task("c", &env.doing("c", "sleep 0.2"));
    env.commit("a chain");
    let said = env.run_until_settled();
    assert_eq!(env.order(), ["c", "b", "a"], "{said:?}");
}

#[test]
fn one_worker_takes_the_most_urgent_task_first() {
    let env = TestEnvironment::new();
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 1}));
    for (task, priority) in [("a", 5), ("b", 3), ("c", 1), ("d", 2)] {
        let mut spec = env.doing(task, "true");
        spec["priority"] = json!(priority);
        env.write_task(task, &spec);
    }
    env.commit("four");
    let said = env.run_until_settled();
    assert_eq!(env.order(), ["c", "d", "b", "a"], "{said:?}");
}

#[test]
fn no_more_run_at_once_than_the_policy_allows() {
    let env = TestEnvironment::new();
    env.write_object("policy", "Policy", &json!({"limits": {"maxConcurrentTasks": 1}}));
    for task in ["a", "b", "c"] {
        let command = env.marked(task, "shared", "sleep 0.2");
        env.write_task(task, &json!({"command": command}));
    }
    env.commit("three");
    let said = env.run_until_settled();
    assert_eq!(env.order().len(), 3, "{said:?}");
    env.assert_no_doubles();
}

#[test]
fn a_failing_task_is_retried_and_then_failed_with_its_worktree_kept_and_its_claim_released() {
    let env = TestEnvironment::new();
    env.write_object("policy", "Policy", &json!({"retry": {"baseSeconds": 1, "capSeconds": 1}}));
    let mut spec = env.doing("a", "echo edit >> edit.txt; exit 3");
    spec["retries"] = json!(1);
    spec["files"] = json!(["src/"]);
    env.write_task("a", &spec);
    env.commit("a");
    let said = env.run_until_settled();
    assert_eq!(env.ends("a"), [ExitReason::Failed { status: 3 }, ExitReason::Failed { status: 3 }]);
    let report = env.report("a").unwrap();
    assert_eq!(report.reason, Reason::AttemptsUsedUp, "{said:?}");
    let edit = std::fs::read_to_string(env.worktree("a").join("edit.txt")).unwrap();
    assert_eq!(edit, "edit\nedit\n");
    assert!(!is_there(&env.path(".task-locks/a.lock")));
    // Its files are free for others.
    let mut other = env.doing("b", "true");
    other["files"] = json!(["src/x"]);
    env.commit_task("b", &other);
    env.run_until_settled();
    assert_eq!(env.reason("b"), Some(Reason::Succeeded));
    assert_eq!(env.starts("a").len(), 2);
}

#[test]
fn a_verification_that_fails_and_a_time_limit_count_as_failures() {
    let env = TestEnvironment::new();
    let mut spec = env.doing("a", "echo work > work.txt");
    spec["verify"] = json!("test -e work.txt && exit 4");
    spec["retries"] = json!(0);
    env.write_task("a", &spec);
    let mut spec = env.doing("b", "while :; do sleep 0.1; done");
    spec["timeoutSeconds"] = json!(1);
    spec["retries"] = json!(0);
    env.write_task("b", &spec);
    let mut spec = env.doing("c", "echo work > work.txt");
    spec["verify"] = json!("test -e work.txt");
    env.write_task("c", &spec);
    env.commit("three");
    let said = env.run_until_settled();
    assert_eq!(env.ends("a"), [ExitReason::VerifyFailed { status: 4 }], "{said:?}");
    assert_eq!(env.ends("b"), [ExitReason::TimedOut { after_seconds: 1 }]);
    assert_eq!(env.ends("c"), [ExitReason::Succeeded]);
    assert_eq!(env.reason("a"), Some(Reason::AttemptsUsedUp));
    assert_eq!(env.reason("b"), Some(Reason::AttemptsUsedUp));
}
