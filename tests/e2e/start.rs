//! From a commit to a running command, and to its end.

use crate::common::{TestEnvironment, is_there};
use reconciler::api::attempt::ExitReason;
use reconciler::plan::report::Reason;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

#[test]
fn a_commit_of_four_tasks_becomes_work_on_main_and_a_second_run_does_nothing() {
    let env = TestEnvironment::new();
    let tasks = ["a", "b", "c", "d"];
    for task in tasks {
        env.write_task(task, &env.committing(task));
    }
    env.commit("four tasks");
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    for task in tasks {
        assert_eq!(env.starts(task).len(), 1, "{said:?}");
        assert_eq!(env.ends(task), [ExitReason::Succeeded]);
        assert_eq!(env.git(&["show", &format!("main:{task}.txt")]), task);
        assert_eq!(env.try_git(&["rev-parse", "-q", "--verify", &env.branch(task)]), None);
        let log = env.records().log_path(&env.attempts(task)[0]);
        assert_eq!(fs::read_to_string(log).unwrap(), format!("{task}\r\n"));
        assert!(!is_there(&env.worktree(task)), "its worktree is retired");
        assert!(!is_there(&env.path(&format!(".task-locks/{task}.lock"))));
    }
    assert_eq!(env.tmux_server(), None, "nobody needs the server any more");
    assert_eq!(env.git(&["status", "--porcelain"]), "");

    let events = env.events().len();
    let refs = env.git(&["for-each-ref"]);
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.events().len(), events, "{said:?}");
    assert_eq!(env.git(&["for-each-ref"]), refs);
    for task in tasks {
        assert_eq!(env.starts(task).len(), 1);
    }
}

#[test]
fn what_runs_has_a_session_a_worktree_and_a_claim() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.waiting("a"));
    let _running = env.start_loop();
    env.wait_for_start("a", 1);
    assert_eq!(env.sessions(), ["a"]);
    assert!(is_there(&env.worktree("a").join("tracked.txt")));
    let claim = fs::read_to_string(env.path(".task-locks/a.lock")).unwrap();
    assert!(claim.contains("\"codegen-1\""), "{claim}");
    env.let_go("a");
    env.wait_for_completed(&["a"]);
}

fn commits_are_seen(env: &TestEnvironment) {
    // Longer than any wait here: what is seen is seen because refs are watched.
    env.commit_policy(&serde_json::json!({"intervals": {"resyncSeconds": 3600}}));
    env.commit_task("first", &env.doing("first", "true"));
    let _running = env.start_loop();
    env.wait_for_completed(&["first"]);
    env.commit_task("a", &env.doing("a", "true"));
    env.wait_for_completed(&["a"]);
    // The loop may be writing a ref just now.
    env.wait_until("refs are packed", || env.try_git(&["pack-refs", "--all"]).is_some());
    env.commit_task("b", &env.doing("b", "true"));
    env.wait_for_completed(&["b"]);
}

#[test]
fn a_task_committed_while_the_loop_runs_starts_also_when_refs_are_packed() {
    commits_are_seen(&TestEnvironment::new());
}

#[test]
fn a_task_committed_while_the_loop_runs_starts_in_a_reftable_repository() {
    commits_are_seen(&TestEnvironment::with("r", &["--ref-format=reftable"]));
}

#[test]
fn nothing_runs_that_was_not_approved() {
    let env = TestEnvironment::new();
    env.approve_nothing();
    env.commit_task("a", &env.doing("a", "true"));
    let said = env.run_until_settled();
    assert!(said.stdout.contains("reconciler trust"), "{said:?}");
    assert_eq!(env.reason("a"), Some(Reason::NotTrusted));
    assert!(env.starts("a").is_empty());
    assert!(!is_there(&env.worktree("a")));
    env.approve();
    env.run_until_settled();
    assert_eq!(env.starts("a").len(), 1);
}

#[test]
fn a_task_takes_the_spare_worktree_and_another_is_made() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    let spare = env.path(".reconciler/spare");
    let is_whole =
        |entry: &str| is_there(&env.path(".git/worktrees").join(entry).join("reconciler-spare"));
    env.wait_until("the spare", || is_whole("spare"));
    let made = spare.metadata().unwrap().ino();
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 1);
    assert_eq!(env.worktree("a").metadata().unwrap().ino(), made);
    let state = env.worktree("a").join("state/tasks/a.json");
    assert!(is_there(&state), "it has what was committed since");
    env.wait_until("the next spare", || is_whole("spare1"));
    assert_ne!(spare.metadata().unwrap().ino(), made);
    env.assert_no_doubles();
}
