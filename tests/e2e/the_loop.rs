//! The loop as a process: ended, restarted, started twice. Workers do not care.

use crate::common::{TestEnvironment, is_there};
use reconciler::api::event::Event;
use reconciler::client::LoopState;
use reconciler::plan::report::Reason;
use reconciler::process::clock;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn workers_go_on_when_the_loop_is_told_to_end_and_are_adopted_by_the_next() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.waiting("a"));
    for signal in ["TERM", "INT", "HUP"] {
        let running = env.start_loop_when_free();
        let pid = env.wait_for_start("a", 1);
        env.wait_for_reason("a", Reason::Running);
        let runs = || matches!(env.snapshot().loop_state, LoopState::Running { .. });
        env.wait_until("the loop to run", runs);
        let status = running.end_by(&env, signal);
        assert_eq!(status.code(), Some(0), "after SIG{signal}");
        assert!(TestEnvironment::is_alive(pid), "after SIG{signal}");
        assert_eq!(env.snapshot().loop_state, LoopState::NotRunning);
        assert_eq!(env.sessions(), ["a"]);
    }
    env.let_go("a");
    let said = env.run_until_settled();
    assert!(said.stdout.contains("completed"), "{said:?}");
    assert_eq!(env.starts("a").len(), 1);
    assert_eq!(env.ends("a").len(), 1);
}

#[test]
fn a_result_of_the_time_without_a_loop_is_taken_by_the_next() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.waiting("a"));
    let running = env.start_loop();
    env.wait_for_start("a", 1);
    running.kill();
    env.let_go("a");
    env.wait_until("the worker to end", || env.ends("a").len() == 1);
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.reason("a"), Some(Reason::Succeeded));
    assert_eq!(env.starts("a").len(), 1);
}

#[test]
fn a_second_loop_names_the_first_and_does_nothing() {
    let env = TestEnvironment::new();
    let first = env.start_loop();
    env.wait_until("the loop to run", || env.snapshot().loop_state != LoopState::NotRunning);
    let said = crate::common::said(&mut env.reconciler(&["run", "--once"]));
    assert_eq!(said.status.code(), Some(3), "{said:?}");
    assert!(said.stderr.contains(&format!("pid {}", first.pid())), "{said:?}");
    assert_eq!(said.stdout, "");
    env.commit_task("a", &env.doing("a", "true"));
    env.wait_for_completed(&["a"]);
    env.assert_no_doubles();
}

#[test]
fn a_second_loop_is_kept_out_also_when_our_folders_were_removed_under_the_first() {
    let env = TestEnvironment::new();
    let first = env.start_loop();
    env.wait_until("the loop to run", || env.snapshot().loop_state != LoopState::NotRunning);
    // It is refused if it cannot make them when it begins.
    let made = env.path(".reconciler/.gitignore");
    env.wait_until("its folder", || std::fs::read(&made).is_ok_and(|text| !text.is_empty()));
    for folder in [".reconciler", ".task-locks", ".worktrees"] {
        let path = env.path(folder);
        env.wait_until("it to be gone", || {
            !is_there(&path) || std::fs::remove_dir_all(&path).is_ok()
        });
    }
    let said = crate::common::said(&mut env.reconciler(&["run", "--once"]));
    assert_eq!(said.status.code(), Some(3), "{said:?}");
    assert!(said.stderr.contains(&format!("pid {}", first.pid())), "{said:?}");
}

#[test]
fn run_once_starts_what_can_start_and_leaves_it_running() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.waiting("a"));
    let said = env.run(&["run", "--once"]);
    assert!(said.status.success(), "{said:?}");
    let pid = env.wait_for_start("a", 1);
    assert!(TestEnvironment::is_alive(pid));
    env.let_go("a");
    env.run_until_settled();
    assert_eq!(env.starts("a").len(), 1);
    assert!(!is_there(&env.worktree("a")));
}

#[test]
fn hooks_that_are_removed_disabled_or_replaced_under_a_running_loop_are_back() {
    let env = TestEnvironment::new();
    let said = crate::common::said(&mut env.reconciler(&["hooks", "install"]));
    assert!(said.status.success(), "{said:?}");
    let hook = env.path(".git/hooks/pre-commit");
    let ours = std::fs::read(&hook).unwrap();
    let running = env.start_loop();
    env.wait_until("the loop to run", || env.snapshot().loop_state != LoopState::NotRunning);
    let mended = || env.events().iter().filter(|event| event.reason == "HooksMended").count();
    let back = |times: usize| {
        env.wait_until("the hook to be back", || {
            let mode = |meta: std::fs::Metadata| meta.permissions().mode();
            let is_there = std::fs::read(&hook).is_ok_and(|text| text == ours);
            is_there
                && hook.metadata().is_ok_and(|meta| mode(meta) & 0o100 != 0)
                && mended() >= times
        });
    };
    std::fs::remove_file(&hook).unwrap();
    back(1);
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o644)).unwrap();
    back(2);
    std::fs::write(&hook, "#!/bin/sh\necho theirs\n").unwrap();
    back(3);
    let kept = env.path(".git/hooks/pre-commit.before-reconciler");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "#!/bin/sh\necho theirs\n");
    std::fs::remove_dir_all(env.path(".git/hooks")).unwrap();
    back(4);
    // Of the user, for all repositories: this one gets a folder that runs theirs and ours.
    env.git(&["config", "--global", "core.hooksPath", env.out("").to_str().unwrap()]);
    let gate = env.path(".git/reconciler-hooks/pre-commit");
    // No folder that is watched changes.
    env.commit_task("a", &env.doing("a", "true"));
    env.wait_until("ours to be called", || is_there(&gate) && mended() >= 5);
    let said = crate::common::said(&mut env.reconciler(&["hooks", "uninstall"]));
    assert!(said.status.success(), "{said:?}");
    let taken_away = clock::now();
    env.commit_task("b", &env.doing("b", "true"));
    env.wait_for_completed(&["b"]);
    assert!(!is_there(&gate), "what a person takes away stays away");
    assert_eq!(running.end_by(&env, "INT").code(), Some(0));
    assert!(!is_there(&gate), "not at the end of the loop either");
    // A folder that is removed file by file may be mended more than once, but never after that.
    let late = |event: &Event| event.reason == "HooksMended" && event.time > taken_away;
    assert_eq!(env.events().iter().filter(|event| late(event)).count(), 0);
}
