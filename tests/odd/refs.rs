//! Refs as people leave them: packed, of like names, moved and deleted under us.

use crate::common::TestEnvironment;
use crate::{runs, working, works};
use reconciler::plan::report::Reason;
use std::fs;

#[test]
fn refs_that_are_only_packed_are_found() {
    let env = TestEnvironment::new();
    env.commit_task("a", &working(&env, "a"));
    env.git(&["pack-refs", "--all", "--prune"]);
    runs(&env);
}

#[test]
fn tags_and_files_of_the_same_names_are_not_taken_for_branches() {
    let env = TestEnvironment::new();
    fs::create_dir(env.path("fix")).unwrap();
    for file in ["main", "fix/a"] {
        fs::write(env.path(file), "a file").unwrap();
    }
    env.commit("files");
    let first = env.git(&["rev-parse", "main~1"]);
    for tag in ["main", "fix/a", "feat/a", "heads/main"] {
        env.git(&["tag", tag, &first]);
    }
    works(&env);
    assert_eq!(env.git(&["log", "-1", "--format=%s", "refs/heads/main"]), "work");
}

#[test]
fn a_branch_in_the_place_of_a_folder_of_branches_is_told_until_it_is_renamed() {
    let env = TestEnvironment::new();
    env.commit_task("a", &working(&env, "a"));
    env.git(&["branch", "fix"]);
    let _running = env.start_loop();
    env.wait_for_reason("a", Reason::EffectFailed);
    let said = env.report("a").unwrap().message;
    assert!(said.contains("'refs/heads/fix' exists"), "{said}");
    assert!(env.starts("a").is_empty());
    env.git(&["branch", "-m", "fix", "other"]);
    env.wait_for_completed(&["a"]);
}

#[test]
fn a_pinned_branch_that_stands_for_another_is_followed() {
    let env = TestEnvironment::new();
    env.git(&["branch", "-qm", "main", "trunk"]);
    env.git(&["symbolic-ref", "refs/heads/main", "refs/heads/trunk"]);
    works(&env);
}

#[test]
fn a_pinned_branch_that_is_deleted_stops_nothing_and_goes_on_when_it_is_back() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.waiting("a"));
    let tip = env.git(&["rev-parse", "main"]);
    let _running = env.start_loop();
    let pid = env.wait_for_start("a", 1);
    env.git(&["checkout", "-q", "--detach"]);
    env.git(&["branch", "-qD", "main"]);
    let gone = || env.snapshot().desired.why_unknown().is_some();
    env.wait_until("the state to be unknown", gone);
    env.git(&["branch", "main", &tip]);
    env.git(&["checkout", "-q", "main"]);
    env.commit_task("b", &env.doing("b", "true"));
    env.wait_for_completed(&["b"]);
    assert!(TestEnvironment::is_alive(pid));
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    assert_eq!(env.starts("a").len(), 1);
}

#[test]
fn a_pinned_branch_with_another_history_of_the_same_files_restarts_nothing() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.waiting("a"));
    let _running = env.start_loop();
    let pid = env.wait_for_start("a", 1);
    env.git(&["checkout", "-q", "--orphan", "other"]);
    env.commit_task("b", &env.doing("b", "true"));
    env.git(&["update-ref", "refs/heads/main", "HEAD"]);
    env.wait_for_completed(&["b"]);
    assert!(TestEnvironment::is_alive(pid));
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    assert_eq!(env.starts("a").len(), 1);
}

fn edited_while_it_waits() -> (TestEnvironment, String) {
    let env = TestEnvironment::new();
    let commit = "echo a > a.txt && git add a.txt && git commit -qm work; echo unsaved > edit.txt";
    let wait = format!("{commit}; {}", "until [ -e \"$O/a.go\" ]; do sleep 0.05; done");
    env.commit_task("a", &env.doing("a", &wait));
    (env, "refs/reconciler/rescue/a/1:edit.txt".to_owned())
}

#[test]
fn work_whose_branch_was_deleted_is_rescued() {
    let (env, saved) = edited_while_it_waits();
    let _running = env.start_loop();
    env.wait_until("the edit", || crate::is_there(&env.worktree("a").join("edit.txt")));
    env.git(&["update-ref", "-d", &format!("refs/heads/{}", env.branch("a"))]);
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    assert_eq!(env.git(&["show", &saved]), "unsaved");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:a.txt"]), "a");
}

#[test]
fn work_whose_branch_was_moved_is_rescued() {
    let (env, saved) = edited_while_it_waits();
    let _running = env.start_loop();
    env.wait_until("the edit", || crate::is_there(&env.worktree("a").join("edit.txt")));
    let branch = format!("refs/heads/{}", env.branch("a"));
    env.git(&["update-ref", &branch, "main~1"]);
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    // There is nothing on it that main does not have.
    env.wait_until("the branch to go", || {
        env.try_git(&["rev-parse", "-q", "--verify", &branch]).is_none()
    });
    assert_eq!(env.git(&["show", &saved]), "unsaved");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:a.txt"]), "a");
}

#[test]
fn a_task_whose_branch_was_deleted_gets_a_new_one_when_it_runs_again() {
    let env = TestEnvironment::new();
    env.commit_policy(&serde_json::json!({ "merge": { "method": "none" } }));
    env.commit_task("a", &working(&env, "a"));
    env.run_until_settled();
    env.git(&["update-ref", "-d", &format!("refs/heads/{}", env.branch("a"))]);
    env.commit_policy(&serde_json::json!({}));
    env.commit_task(
        "a",
        &env.doing("a", "echo again > b.txt && git add . && git commit -qm again"),
    );
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.git(&["show", "main:b.txt"]), "again");
}
