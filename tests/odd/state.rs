//! `state/` as it should not be: links, files in its place, large files, names that differ in case.

use crate::common::TestEnvironment;
use crate::{is_refused, works};
use reconciler::plan::report::Reason;
use serde_json::json;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

#[test]
fn links_in_state_are_told_and_not_read() {
    let env = TestEnvironment::new();
    env.write_task("b", &env.doing("b", "true"));
    fs::rename(env.path("state/tasks/b.json"), env.path("b.json")).unwrap();
    symlink("../../b.json", env.path("state/tasks/b.json")).unwrap();
    symlink("/etc/passwd", env.path("state/tasks/c.json")).unwrap();
    symlink("tasks", env.path("state/workers2")).unwrap();
    let said = works(&env);
    assert!(said.stdout.contains("state/tasks/b.json"), "{said:?}");
    assert!(env.starts("b").is_empty());
}

#[test]
fn a_state_folder_that_is_a_file_or_a_link_is_told_and_ends_nothing() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.waiting("a"));
    let running = env.start_loop();
    let pid = env.wait_for_start("a", 1);
    running.kill();
    fs::rename(env.path("state"), env.path("elsewhere")).unwrap();
    symlink("elsewhere", env.path("state")).unwrap();
    env.commit("a link");
    fs::write(env.out("first"), "").unwrap();
    let why = env.snapshot().desired.why_unknown().map(str::to_owned).unwrap_or_default();
    assert!(why.contains("state") && why.contains("not a folder"), "{why}");
    fs::remove_file(env.path("state")).unwrap();
    fs::write(env.path("state"), "a file").unwrap();
    env.commit("a file");
    let why = env.snapshot().desired.why_unknown().map(str::to_owned).unwrap_or_default();
    assert!(why.contains("state") && why.contains("not a folder"), "{why}");
    let said = env.run(&["run", "--once"]);
    assert!(TestEnvironment::is_alive(pid), "{said:?}");
    fs::remove_file(env.path("state")).unwrap();
    fs::rename(env.path("elsewhere"), env.path("state")).unwrap();
    env.commit("a folder");
    let _running = env.start_loop_when_free();
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    assert_eq!(env.starts("a").len(), 1);
}

#[test]
fn a_task_of_a_megabyte_is_told_and_others_go_on() {
    let env = TestEnvironment::new();
    let mut large = env.doing("b", "true");
    large["description"] = "x".repeat(1 << 20).into();
    env.write_task("b", &large);
    env.commit_task("a", &crate::working(&env, "a"));
    is_refused(&env);
    assert_eq!(env.reason("a"), Some(Reason::Succeeded));
    assert_eq!(env.reason("b"), Some(Reason::Invalid));
    let said = env.report("b").unwrap().problems.concat();
    assert!(said.contains("bytes"), "{said}");
}

#[test]
fn a_command_too_long_for_the_system_fails_with_that_reason() {
    let env = TestEnvironment::new();
    let long = format!(": {}", "語".repeat(90_000));
    env.commit_task("b", &json!({"command": long, "retries": 0}));
    env.run_until_settled();
    let report = env.report("b").unwrap();
    assert!(report.message.contains("too long"), "{report:?}");
}

#[test]
fn names_that_differ_in_case_alone_are_refused() {
    let env = TestEnvironment::new();
    let foo = json!({"apiVersion": "reconciler.dev/v1alpha1", "kind": "Task",
        "metadata": {"name": "Foo"}, "spec": {"command": "true"}});
    env.write_state("tasks/Foo.json", &foo.to_string());
    let said = works(&env);
    assert!(said.stdout.contains("state/tasks/Foo.json"), "{said:?}");
}

#[test]
fn a_work_tree_that_may_only_be_read_is_no_harm() {
    let env = TestEnvironment::new();
    env.commit_task("a", &crate::working(&env, "a"));
    let locked = |mode| {
        for folder in ["state/tasks", "state/workers", "state"] {
            fs::set_permissions(env.path(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    locked(0o555);
    crate::runs(&env);
    locked(0o755);
}

#[test]
fn an_unfinished_merge_in_the_main_work_tree_is_left_to_the_person_and_work_lands_after_it() {
    let env = TestEnvironment::new();
    env.commit_task("a", &crate::working(&env, "a"));
    let write = |text| fs::write(env.path("tracked.txt"), text).unwrap();
    env.git(&["checkout", "-q", "-b", "other"]);
    write("theirs");
    env.commit("theirs");
    env.git(&["checkout", "-q", "main"]);
    write("ours");
    env.commit("ours");
    assert_eq!(env.try_git(&["merge", "-q", "other"]), None, "it conflicts");
    let status = env.git(&["status", "--porcelain"]);
    let running = env.start_loop();
    env.wait_for_reason("a", Reason::EffectFailed);
    assert_eq!(env.git(&["status", "--porcelain"]), status);
    env.git(&["merge", "--abort"]);
    env.wait_for_completed(&["a"]);
    assert_eq!(env.git(&["show", "main:a.txt"]), "a");
    drop(running);
}

#[test]
fn a_repository_that_may_not_be_written_is_refused_with_what_to_do() {
    let env = TestEnvironment::new();
    env.commit_task("a", &crate::working(&env, "a"));
    let Some(env) = crate::environment::as_somebody(env) else { return };
    let mode = |mode| fs::set_permissions(env.path(""), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    let said = is_refused(&env);
    mode(0o755);
    assert!(said.contains(".reconciler") && said.contains("ermission denied"), "{said}");
    assert!(env.starts("a").is_empty());
}
