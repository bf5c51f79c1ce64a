//! Kills of everything that can be killed: the work goes on, in the same worktree, never twice at
//! once.

use crate::common::{TestEnvironment, is_there, send};
use reconciler::api::attempt::ExitReason;
use reconciler::plan::report::Reason;
use serde_json::json;
use std::fs;
use std::os::unix::fs::MetadataExt as _;

/// A task that runs, with an edit that nobody committed; its pid.
fn running(env: &TestEnvironment, task: &str) -> u32 {
    env.commit_task(task, &env.waiting(task));
    let pid = env.wait_for_start(task, 1);
    fs::write(env.worktree(task).join("edit.txt"), "unsaved").unwrap();
    pid
}

fn inode(env: &TestEnvironment, task: &str) -> u64 {
    env.worktree(task).metadata().unwrap().ino()
}

/// The second start works where the first did, and the first is gone.
fn goes_on(env: &TestEnvironment, task: &str, (first, place): (u32, u64)) {
    env.wait_for_start(task, 2);
    assert!(!TestEnvironment::is_alive(first), "the first worker lives");
    assert_eq!(inode(env, task), place);
    assert_eq!(fs::read_to_string(env.worktree(task).join("edit.txt")).unwrap(), "unsaved");
    env.let_go(task);
    env.wait_for_completed(&[task]);
    assert_eq!(env.starts(task).len(), 2);
    env.assert_no_doubles();
}

#[test]
fn a_killed_agent_is_followed_by_the_next_attempt_in_the_same_worktree() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    let first = running(&env, "a");
    let place = inode(&env, "a");
    send(first, "KILL");
    goes_on(&env, "a", (first, place));
    assert_eq!(env.ends("a"), [ExitReason::Signalled { signal: 9 }, ExitReason::Succeeded]);
}

#[test]
fn what_outlives_a_killed_shim_is_stopped_before_the_next_attempt() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    let first = running(&env, "a");
    let place = inode(&env, "a");
    send(env.shim("a").unwrap(), "KILL");
    goes_on(&env, "a", (first, place));
    assert_eq!(env.ends("a"), [ExitReason::Lost, ExitReason::Succeeded]);
}

#[test]
fn a_program_that_ignores_the_end_of_its_shim_is_never_doubled() {
    let env = TestEnvironment::new();
    let stubborn = "trap '' HUP TERM INT; until [ -e \"$O/a.go\" ]; do sleep 0.05; done";
    env.commit_task("a", &env.doing("a", stubborn));
    let _running = env.start_loop();
    let first = env.wait_for_start("a", 1);
    send(env.shim("a").unwrap(), "KILL");
    env.wait_for_start("a", 2);
    assert!(!TestEnvironment::is_alive(first));
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    env.assert_no_doubles();
}

#[test]
fn all_are_revived_after_the_tmux_server_was_killed() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    let tasks = ["a", "b", "c"];
    let first = tasks.map(|task| (running(&env, task), inode(&env, task)));
    send(env.tmux_server().unwrap(), "KILL");
    for (task, first) in tasks.into_iter().zip(first) {
        goes_on(&env, task, first);
    }
}

#[test]
fn a_loop_killed_at_any_moment_is_followed_by_one_that_adopts_what_there_is() {
    let env = TestEnvironment::new();
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 20}));
    env.commit("seats");
    // What appears one after the other while a task starts.
    let moments = [
        ".reconciler/tasks/TASK.json",
        ".task-locks/TASK.lock",
        ".git/refs/heads/fix/TASK",
        ".git/worktrees/TASK",
        ".git/worktrees/TASK/locked",
        ".worktrees/TASK",
        ".worktrees/TASK/.git",
        ".git/worktrees/TASK/index",
        "ATTEMPT",
        "ATTEMPT/attempt.json",
        "ATTEMPT/shim.json",
        "OUT",
    ];
    let mut tasks = Vec::new();
    for (number, moment) in moments.into_iter().enumerate() {
        let task = format!("m{number}");
        env.commit_task(&task, &env.waiting(&task));
        let running = env.start_loop_when_free();
        env.wait_until(moment, || has_come(&env, &task, moment));
        running.kill();
        tasks.push(task);
    }
    let _running = env.start_loop_when_free();
    for task in &tasks {
        env.wait_for_start(task, 1);
        env.wait_for_reason(task, Reason::Running);
    }
    for task in &tasks {
        assert_eq!(env.starts(task).len(), 1, "{task} was started again");
        env.let_go(task);
    }
    let names: Vec<&str> = tasks.iter().map(String::as_str).collect();
    env.wait_for_completed(&names);
    for task in tasks {
        assert_eq!(env.starts(&task).len(), 1, "{task} was started again");
    }
    env.assert_no_doubles();
}

fn has_come(env: &TestEnvironment, task: &str, moment: &str) -> bool {
    if moment == "OUT" {
        return !env.starts(task).is_empty();
    }
    let Some(file) = moment.strip_prefix("ATTEMPT") else {
        return is_there(&env.path(&moment.replace("TASK", task)));
    };
    let Some(folder) = env.attempts_folder(task) else { return false };
    is_there(&folder.join("1").join(file.trim_start_matches('/')))
}

#[test]
fn a_loop_killed_while_a_task_leaves_is_followed_by_one_that_completes_it() {
    let env = TestEnvironment::new();
    let moments = ["stop.json", "exit.json", "RESCUE", "TRASH"];
    for (number, moment) in moments.into_iter().enumerate() {
        let task = format!("m{number}");
        let running = env.start_loop_when_free();
        env.commit_task(&task, &env.waiting(&task));
        env.wait_for_start(&task, 1);
        let attempt = env.attempts_folder(&task).unwrap().join("1");
        fs::write(env.worktree(&task).join("edit.txt"), &task).unwrap();
        env.delete_task(&task);
        let rescue = format!("refs/reconciler/rescue/{task}/1");
        env.wait_until(moment, || match moment {
            "RESCUE" => env.try_git(&["rev-parse", "-q", "--verify", &rescue]).is_some(),
            "TRASH" => !env.trash(&task).is_empty(),
            file => is_there(&attempt.join(file)),
        });
        running.kill();
        let _running = env.start_loop_when_free();
        env.wait_until("the record to go", || env.branch_of(&task).is_none());
        assert_eq!(env.git(&["show", &format!("{rescue}:edit.txt")]), task);
        assert_eq!(env.trash(&task).len(), 1);
        assert!(!is_there(&env.worktree(&task)));
    }
    env.wait_until("all sessions to go", || env.sessions().is_empty());
}

#[test]
fn what_is_killed_over_and_over_waits_and_still_waits_after_a_restart_of_the_loop() {
    let env = TestEnvironment::new();
    env.commit_policy(&json!({"restart": {"budget": 2, "baseSeconds": 0, "capSeconds": 3600}}));
    env.commit_task("a", &env.waiting("a"));
    let running = env.start_loop();
    for count in 1..=3 {
        send(env.wait_for_start("a", count), "KILL");
    }
    env.wait_for_reason("a", Reason::CrashLoop);
    running.kill();
    // Something else is done, so that the new loop is known to have looked.
    env.commit_task("b", &env.doing("b", "true"));
    let _running = env.start_loop_when_free();
    env.wait_for_completed(&["b"]);
    assert_eq!(env.reason("a"), Some(Reason::CrashLoop));
    assert_eq!(env.starts("a").len(), 3);
    assert!(is_there(&env.worktree("a")), "its work is kept");
}
