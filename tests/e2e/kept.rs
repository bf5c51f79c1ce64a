//! Workers that keep their sessions: task after task in one tmux session, whatever is killed.

use crate::agents::command;
use crate::common::{TestEnvironment, is_there, send};
use reconciler::api::attempt::ExitReason;
use reconciler::plan::report::Reason;
use serde_json::json;
use std::fs;

/// The session that the only seat keeps.
const SESSION: &str = "worker/robots-1";

/// A repository whose only seat keeps its session. Its agent writes down what it is told, and ends
/// when its task is let go.
fn with_kept_session() -> TestEnvironment {
    let env = TestEnvironment::new();
    let place = env.out("").display().to_string();
    let script = |begins: &str| {
        format!(
            "O='{place}'; echo \"$RECONCILER_TASK {begins} $2 in $(basename \"$PWD\"): $1\" >> \"$O/told\"; \
             until [ -e \"$O/$RECONCILER_TASK.go\" ]; do sleep 0.05; done; echo \"end of $RECONCILER_TASK\""
        )
    };
    let argv = |begins: &str| {
        json!(["/bin/sh", "-c", script(begins), "agent", "{prompt}", "{conversation}"])
    };
    let agent = json!({
        "argv": argv("begins"), "resume": argv("goes on with"), "resumesAnywhere": true,
        "stopGraceSeconds": 1,
    });
    env.write_object("agents/robot", "Agent", &agent);
    env.write_object("workers/robots", "Worker", &json!({"agent": "robot", "session": "worker"}));
    fs::remove_file(env.path("state/workers/codegen.json")).unwrap();
    env.commit("a robot");
    assert!(command(&env, &["trust", "--yes"]).status.success());
    env
}

fn commit(env: &TestEnvironment, task: &str) {
    env.commit_task(task, &json!({ "prompt": format!("do {task}") }));
}

/// Waits until the agent was told something so often, and returns the last.
fn told(env: &TestEnvironment, count: usize) -> String {
    env.wait_for(&format!("word {count} to the agent"), || {
        let told = fs::read_to_string(env.out("told")).unwrap_or_default();
        let is_first = |line: &&str| ["a ", "b ", "c "].iter().any(|task| line.starts_with(task));
        let lines = told.lines().filter(is_first);
        lines.map(str::to_owned).nth(count - 1)
    })
}

/// tmux's id of the session.
fn id(env: &TestEnvironment) -> String {
    let list = env.tmux(&["list-sessions", "-F", "#{session_name} #{session_id}"]).unwrap();
    list.lines().find_map(|line| line.strip_prefix(SESSION)).unwrap().to_owned()
}

fn screen(env: &TestEnvironment) -> String {
    let target = format!("={SESSION}:");
    env.tmux(&["capture-pane", "-p", "-S", "-", "-t", &target]).unwrap()
}

#[test]
fn three_tasks_are_done_in_one_session_whatever_is_killed_between_them() {
    let env = with_kept_session();
    commit(&env, "a");
    let running = env.start_loop();
    let first = told(&env, 1);
    let (before, word) = first.split_once(" in a: ").unwrap();
    assert_eq!(word, "do a");
    let conversation = before.strip_prefix("a begins ").unwrap();
    let session = id(&env);
    commit(&env, "b");
    env.wait_for_reason("b", Reason::WorkersBusy);

    // The loop is killed, and the task ends without one.
    running.kill();
    env.let_go("a");
    env.wait_until("the end of a", || env.ends("a") == [ExitReason::Succeeded]);
    let running = env.start_loop_when_free();
    assert_eq!(told(&env, 2), format!("b goes on with {conversation} in b: do b"));
    assert_eq!(id(&env), session);
    assert!(screen(&env).contains("end of a"), "{}", screen(&env));
    env.wait_for_completed(&["a"]);
    assert!(!is_there(&env.worktree("a")));

    // The tmux server is killed: the task goes on in a new session of the same name.
    send(env.tmux_server().unwrap(), "KILL");
    let word =
        format!("b goes on with {conversation} in b: Go on with your task where you stopped.");
    assert!(told(&env, 3).starts_with(&word), "{}", told(&env, 3));
    env.let_go("b");
    env.wait_for_completed(&["b"]);
    assert_eq!(env.sessions(), [SESSION]);
    commit(&env, "c");
    assert_eq!(told(&env, 4), format!("c goes on with {conversation} in c: do c"));
    env.let_go("c");
    env.wait_for_completed(&["c"]);

    let attach = command(&env, &["attach", "robots-1"]);
    assert!(attach.stderr.contains("attach-session -t '=worker/robots-1'"), "{attach:?}");
    let workers = command(&env, &["get", "workers", "-o", "wide"]);
    assert!(workers.stdout.contains(SESSION), "{workers:?}");
    assert!(command(&env, &["attach", "c"]).stderr.contains("c has no session"));

    fs::remove_file(env.path("state/workers/robots.json")).unwrap();
    env.commit("no worker any more");
    env.wait_until("the session to end", || env.sessions().is_empty());
    assert!(running.end_by(&env, "TERM").success());
    env.wait_until("all processes to end", || env.processes().is_empty());
}

#[test]
fn a_stopped_task_leaves_its_session_and_one_that_a_person_killed_is_made_anew() {
    let env = with_kept_session();
    commit(&env, "a");
    let _running = env.start_loop();
    told(&env, 1);
    let session = id(&env);
    env.commit_task("a", &json!({ "prompt": "do a", "suspend": true }));
    env.wait_for_reason("a", Reason::Suspended);
    commit(&env, "b");
    // What was cut off is its own task's to go on with.
    assert!(told(&env, 2).starts_with("b begins "), "{}", told(&env, 2));
    assert_eq!(id(&env), session);
    // So is what lost its shim.
    send(env.shim("b").unwrap(), "KILL");
    assert!(told(&env, 3).starts_with("b goes on with "), "{}", told(&env, 3));
    assert_eq!(id(&env), session);
    env.let_go("b");
    env.wait_for_completed(&["b"]);
    env.tmux(&["kill-session", "-t", &format!("={SESSION}")]).unwrap();
    commit(&env, "c");
    assert!(told(&env, 4).starts_with("c goes on with "), "{}", told(&env, 4));
    assert_ne!(id(&env), session);
    env.let_go("c");
    env.wait_for_completed(&["c"]);
}
