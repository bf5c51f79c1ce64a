//! The ledger of claims: every change of ownership is a commit, and no generation comes twice.

use crate::common::TestEnvironment;
use serde_json::{Value, json};
use std::fs;

const LOCKS: &str = "refs/reconciler/locks";

fn holding(env: &TestEnvironment, task: &str) -> Option<Value> {
    let text = env.try_git(&["cat-file", "blob", &format!("{LOCKS}:{task}.lock")])?;
    Some(serde_json::from_str(&text).unwrap())
}

fn changes(env: &TestEnvironment) -> Vec<String> {
    let log = env.git(&["log", "--format=%B", LOCKS]);
    let lines = log.lines().filter(|line| line.contains("generation"));
    lines.map(ToOwned::to_owned).collect()
}

/// The generation that the hooks of a worktree go by.
fn noted(env: &TestEnvironment, task: &str) -> String {
    let dir = env.git(&["-C", env.worktree(task).to_str().unwrap(), "rev-parse", "--git-dir"]);
    fs::read_to_string(format!("{}/reconciler-generation", dir.trim())).unwrap()
}

#[test]
fn every_claim_and_release_is_a_commit_and_generations_go_on_after_a_release() {
    let env = TestEnvironment::new();
    let running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 1);
    let held = holding(&env, "a").unwrap();
    assert_eq!((&held["generation"], &held["releasedAt"]), (&json!(1), &Value::Null));
    assert_eq!(noted(&env, "a"), "1\n");
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    env.wait_until("the release is recorded", || {
        holding(&env, "a").unwrap()["releasedAt"].is_string()
    });

    // Another command is other work: it claims anew.
    fs::remove_file(env.out("a.go")).unwrap();
    let mut spec = env.waiting("a");
    spec["command"] = json!(format!("{}; true", spec["command"].as_str().unwrap()));
    env.commit_task("a", &spec);
    env.wait_for_start("a", 2);
    assert_eq!(noted(&env, "a"), "2\n");
    assert_eq!(holding(&env, "a").unwrap()["generation"], 2);
    let said = changes(&env);
    let words = ["claims a, generation 2", "releases a, generation 1", "claims a, generation 1"];
    assert_eq!(said.len(), words.len(), "{said:?}");
    assert!(said.iter().zip(words).all(|(line, word)| line.ends_with(word)), "{said:?}");
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    drop(running);
}

#[test]
fn a_ledger_that_was_lost_is_written_again_from_the_claims() {
    let env = TestEnvironment::new();
    let running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 1);
    running.kill();
    env.git(&["update-ref", "-d", LOCKS]);
    let running = env.start_loop_when_free();
    env.wait_until("it is recorded again", || holding(&env, "a").is_some());
    assert_eq!(holding(&env, "a").unwrap()["generation"], 1);
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    drop(running);
}

#[test]
fn an_audit_finds_the_commit_that_changed_what_a_running_task_holds_and_no_other() {
    let env = TestEnvironment::new();
    let running = env.start_loop();
    let mut spec = env.waiting("a");
    spec["files"] = json!(["src/"]);
    env.commit_task("a", &spec);
    env.wait_for_start("a", 1);
    let before = env.git(&["rev-parse", "HEAD"]);
    let range = format!("{}..HEAD", before.trim());
    let commit = |path: &str| {
        fs::create_dir_all(env.path(path).parent().unwrap()).unwrap();
        fs::write(env.path(path), "by a person").unwrap();
        env.git(&["add", "--", path]);
        env.git(&["commit", "-q", "--no-verify", "-m", path]);
    };
    commit("docs/free.md");
    let said = env.run(&["locks", "audit", &range]);
    assert!(said.status.success() && said.stdout.is_empty(), "{said:?}");
    commit("src/held.rs");
    let said = env.run(&["locks", "audit", &range]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    assert!(
        said.stdout.contains("src/held.rs\n  src/held.rs  held by task/a (codegen-1)"),
        "{said:?}"
    );
    assert!(!said.stdout.contains("free.md"), "{said:?}");

    // What the task itself commits on its branch is its own work.
    let at = env.worktree("a");
    fs::create_dir_all(at.join("src")).unwrap();
    fs::write(at.join("src/own.rs"), "by the task").unwrap();
    let at = at.to_str().unwrap();
    env.git(&["-C", at, "add", "src/own.rs"]);
    env.git(&["-C", at, "commit", "-q", "-m", "own"]);
    let own = format!("{}..{}", before.trim(), env.branch("a"));
    let said = env.run(&["locks", "audit", &own]);
    assert!(said.status.success(), "{said:?}");
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    let said = env.run(&["locks", "log"]);
    assert!(said.stdout.contains("a     1           codegen-1  src/"), "{said:?}");
    drop(running);
}
