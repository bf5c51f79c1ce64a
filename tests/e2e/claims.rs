//! People hold files beside a loop that runs: it waits for them, and they for it.

use crate::common::{Said, TestEnvironment, is_there, said};
use reconciler::api::attempt::{ExitReason, StopReason};
use reconciler::plan::report::Reason;
use serde_json::{Value, json};
use std::fs;

fn command(env: &TestEnvironment, arguments: &[&str]) -> Said {
    said(&mut env.reconciler(arguments))
}

fn task(env: &TestEnvironment, name: &str, files: &[&str]) {
    let mut spec = env.waiting(name);
    spec["files"] = json!(files);
    env.commit_task(name, &spec);
}

#[test]
fn a_task_waits_while_a_person_holds_its_files_and_starts_when_they_are_released() {
    let env = TestEnvironment::new();
    let said = command(&env, &["locks", "acquire", "src/x.rs"]);
    assert!(said.status.success(), "{said:?}");
    let running = env.start_loop();
    task(&env, "a", &["src/"]);
    task(&env, "b", &["docs/"]);
    env.wait_for_start("b", 1);
    assert_eq!(env.starts("a"), [0_u32; 0]);
    let waits = env.report("a").unwrap();
    assert!(waits.message.contains("lock-"), "{waits:?}");
    // Far sooner than the loop looks by itself.
    let said = command(&env, &["locks", "release", "--all"]);
    assert!(said.status.success(), "{said:?}");
    env.wait_for_start("a", 1);
    let said = command(&env, &["locks", "acquire", "src/x.rs"]);
    assert_eq!(said.status.code(), Some(6), "{said:?}");
    assert!(said.stderr.contains("task/a (codegen-"), "{said:?}");
    for name in ["a", "b"] {
        env.let_go(name);
    }
    env.wait_for_completed(&["a", "b"]);
    drop(running);
}

#[test]
fn an_agent_that_runs_acquires_more_and_keeps_it_to_its_end() {
    let env = TestEnvironment::new();
    let running = env.start_loop();
    task(&env, "a", &["src/"]);
    env.wait_for_start("a", 1);
    let at = env.worktree("a");
    let said = command(&env, &["-C", at.to_str().unwrap(), "locks", "acquire", "docs/"]);
    assert!(said.status.success(), "{said:?}");
    task(&env, "b", &["docs/d.md"]);
    env.wait_until("b waits for it", || env.reason("b") == Some(Reason::FilesHeld));
    fs::create_dir(at.join("docs")).unwrap();
    fs::write(at.join("docs/d.md"), "by a").unwrap();
    let at = at.to_str().unwrap();
    env.git(&["-C", at, "add", "docs"]);
    env.git(&["-C", at, "commit", "-q", "-m", "docs"]);
    env.let_go("a");
    env.wait_for_start("b", 1);
    env.let_go("b");
    env.wait_for_completed(&["a", "b"]);
    let said = command(&env, &["locks", "log"]);
    assert!(said.stdout.contains("a     2           codegen-1  src/ docs/"), "{said:?}");
    drop(running);
}

#[test]
fn a_person_takes_a_task_works_in_its_worktree_and_says_that_it_is_done() {
    let env = TestEnvironment::new();
    task(&env, "p", &["src/"]);
    let said = command(&env, &["claim", "p", "--as", "eve"]);
    assert!(said.stdout.contains("no loop runs"), "{said:?}");
    let running = env.start_loop();
    let at = env.worktree("p");
    env.wait_until("the worktree is made", || is_there(&at.join("tracked.txt")));
    let said = command(&env, &["claim", "p", "--as", "eve"]);
    assert!(said.stdout.contains("the loop makes .worktrees/p: work there"), "{said:?}");
    fs::create_dir(at.join("src")).unwrap();
    fs::write(at.join("src/p.rs"), "by eve").unwrap();
    let place = at.to_str().unwrap();
    let said = command(&env, &["-C", place, "locks", "acquire", "docs/"]);
    assert!(said.stdout.contains("claimed p for eve-1"), "{said:?}");
    env.git(&["-C", place, "add", "src"]);
    env.git(&["-C", place, "commit", "-q", "-m", "by eve"]);
    let said = command(&env, &["release", "p", "--done", "--as", "eve"]);
    assert!(said.status.success(), "{said:?}");
    env.wait_for_completed(&["p"]);
    env.wait_until("its lock is free", || !is_there(&env.path(".task-locks/p.lock")));
    assert_eq!(env.git(&["show", "main:src/p.rs"]), "by eve");
    assert_eq!(env.starts("p"), [0_u32; 0], "no agent worked on it");
    drop(running);
}

#[test]
fn what_is_taken_away_from_an_agent_is_on_record_and_held_anew_by_the_next_generation_alone() {
    let env = TestEnvironment::new();
    let running = env.start_loop();
    task(&env, "a", &["src/"]);
    env.wait_for_start("a", 1);
    let said = command(&env, &["claim", "a", "--as", "eve"]);
    assert_eq!(said.status.code(), Some(6), "{said:?}");
    let force = ["release", "a", "--force", "--reason", "it hangs", "--as", "eve"];
    let said = command(&env, &force);
    assert!(said.stdout.contains("released a, which codegen-1 held"), "{said:?}");
    // The task is still wanted: the loop takes it again.
    let lock = || fs::read_to_string(env.path(".task-locks/a.lock")).unwrap_or_default();
    env.wait_until("it is held anew", || lock().contains("\"generation\": 2"));
    let history = env.git(&["log", "--format=%s", "refs/reconciler/locks"]);
    let told = "codegen-1 releases a, generation 1: forced by eve-1: it hangs";
    assert!(history.lines().any(|line| line == told), "{history}");
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    env.assert_no_doubles();
    drop(running);
}

#[test]
fn who_takes_a_task_over_has_it_in_one_step_and_its_agent_ends() {
    let env = TestEnvironment::new();
    let running = env.start_loop();
    task(&env, "a", &["src/"]);
    env.wait_for_start("a", 1);
    let take = ["claim", "a", "--force", "--reason", "it hangs", "--as", "eve"];
    let taken = command(&env, &take);
    assert!(taken.status.success(), "{taken:?}");
    env.wait_until("eve has it alone", || {
        let taken_over = ExitReason::Stopped { why: StopReason::TakenOver };
        env.reason("a") == Some(Reason::HeldByPerson) && env.ends("a") == [taken_over]
    });
    let history = env.git(&["log", "--format=%s", "refs/reconciler/locks"]);
    let told = "eve-1 claims a, generation 2: forced by eve-1: it hangs";
    assert!(history.lines().any(|line| line == told), "{history}");
    // Her commits pass in the worktree that the agent had.
    let at = env.worktree("a");
    fs::create_dir_all(at.join("src")).unwrap();
    fs::write(at.join("src/a.rs"), "by eve").unwrap();
    let place = at.to_str().unwrap();
    env.git(&["-C", place, "add", "src"]);
    env.wait_until("her commit passes", || {
        env.try_git(&["-C", place, "commit", "-q", "-m", "by eve"]).is_some()
    });
    assert_eq!(env.starts("a").len(), 1, "no agent beside her");
    let said = command(&env, &["release", "a", "--done", "--as", "eve"]);
    assert!(said.status.success(), "{said:?}");
    env.wait_for_completed(&["a"]);
    drop(running);
}

#[test]
fn a_worker_that_stands_still_for_a_whole_lease_loses_its_claim_and_the_task_goes_on() {
    let env = TestEnvironment::new();
    // The shortest lease: the machine may have been started a few minutes ago.
    env.commit_policy(&json!({
        "intervals": { "heartbeatSeconds": 1, "resyncSeconds": 5 }, "locks": { "expirySeconds": 60 },
    }));
    let running = env.start_loop();
    task(&env, "a", &["src/"]);
    let agent = env.wait_for_start("a", 1);
    let lock = env.path(".task-locks/a.lock");
    let held = || -> Value { serde_json::from_slice(&fs::read(&lock).unwrap()).unwrap() };
    env.wait_until("its shim keeps the claim", || held()["process"]["pid"].is_u64());
    // tmux lets what is in a pane go on at once; what the shim started it does not know.
    let group = format!("-{agent}");
    assert!(env.command("kill").args(["-STOP", "--", &group]).status().unwrap().success());
    // As if it had stood still for a lease.
    let mut claim = held();
    claim["heartbeat"]["bootMillis"] = json!(1);
    fs::write(&lock, claim.to_string()).unwrap();
    env.wait_for_start("a", 2);
    assert_eq!(held()["generation"], json!(2), "whoever worked under the first is fenced off");
    assert!(!TestEnvironment::is_alive(agent));
    env.assert_no_doubles();
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    drop(running);
}
