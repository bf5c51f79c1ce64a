//! People hold files beside a loop that runs: it waits for them, and they for it.

use crate::common::{Said, TestEnvironment, said};
use reconciler::plan::report::Reason;
use serde_json::json;
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
