//! Damaged and vanished records: what cannot be understood is left alone, the rest goes on.

use crate::common::{TestEnvironment, is_there, send};
use reconciler::plan::report::Reason;
use std::fs;

fn tear(path: &std::path::Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_task_with_a_torn_record_is_left_alone_and_others_go_on() {
    let env = TestEnvironment::new();
    for task in ["a", "b", "c"] {
        env.write_task(task, &env.committing(task));
    }
    env.commit("three");
    env.run_until_settled();
    tear(&env.path(".reconciler/tasks/a.json"));
    tear(&env.attempts_folder("b").unwrap().join("1/exit.json"));
    tear(&env.attempts_folder("c").unwrap().join("1/attempt.json"));
    env.commit_task("d", &env.doing("d", "true"));
    let said = env.run_until_settled();
    assert_eq!(said.status.code(), Some(1), "it says that a person is needed: {said:?}");
    assert_eq!(env.reason("d"), Some(Reason::Succeeded), "{said:?}");
    for (task, file) in [("a", "tasks/a.json"), ("b", "exit.json"), ("c", "attempt.json")] {
        let report = env.report(task).unwrap();
        assert_eq!(report.reason, Reason::Damaged, "{task}: {}", report.message);
        assert!(report.message.contains(file), "{}", report.message);
        assert_eq!(env.starts(task).len(), 1);
    }
}

#[test]
fn a_torn_lock_is_held_until_a_person_removes_it() {
    let env = TestEnvironment::new();
    let files = serde_json::json!(["src/"]);
    let mut spec = env.doing("a", "true");
    spec["files"] = files.clone();
    env.write_task("a", &spec);
    let mut spec = env.doing("b", "true");
    spec["files"] = files;
    env.write_task("b", &spec);
    env.write_task("c", &env.doing("c", "true"));
    env.commit("three");
    fs::create_dir(env.path(".task-locks")).unwrap();
    fs::write(env.path(".task-locks/a.lock"), "{\"taskId\": \"a").unwrap();
    let said = env.run_until_settled();
    assert_eq!(env.reason("c"), Some(Reason::Succeeded), "{said:?}");
    assert_eq!(env.reason("a"), Some(Reason::Damaged));
    assert_eq!(env.reason("b"), Some(Reason::FilesHeld));
    assert!(said.stdout.contains("the lock of a is damaged"), "{said:?}");
    assert!(is_there(&env.path(".task-locks/a.lock")));
    fs::remove_file(env.path(".task-locks/a.lock")).unwrap();
    env.run_until_settled();
    assert_eq!(env.reason("a"), Some(Reason::Succeeded));
    assert_eq!(env.reason("b"), Some(Reason::Succeeded));
}

#[test]
fn no_work_is_lost_and_nothing_doubled_when_all_records_vanish() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 1);
    fs::write(env.worktree("a").join("edit.txt"), "unsaved").unwrap();
    // A file may be made in it while it is removed.
    let removed = || fs::remove_dir_all(env.path(".reconciler")).is_ok();
    env.wait_until("the records to vanish", removed);
    // Wakes the loop. The folder of the records is made anew where half of it may still lie.
    env.write_task("b", &env.doing("b", "true"));
    env.git(&["add", "state"]);
    env.git(&["commit", "-q", "-m", "b"]);
    env.wait_for_completed(&["b"]);
    env.wait_for_start("a", 2);
    assert_eq!(fs::read_to_string(env.worktree("a").join("edit.txt")).unwrap(), "unsaved");
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    env.assert_no_doubles();
    let saved = || env.git(&["for-each-ref", "--format=%(refname)", "refs/reconciler/rescue/a"]);
    env.wait_until("its work to be saved", || !saved().is_empty());
    let saved = saved();
    let first = saved.lines().next().unwrap();
    assert_eq!(env.git(&["show", &format!("{first}:edit.txt")]), "unsaved");
}

#[test]
fn a_task_whose_record_vanishes_stays_on_its_branch_and_takes_that_with_it() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    env.wait_for_start("a", 1);
    let branch = env.branch("a");
    fs::remove_file(env.path(".reconciler/tasks/a.json")).unwrap();
    // Wakes the loop.
    env.git(&["commit", "-q", "--allow-empty", "-m", "wake"]);
    assert_eq!(env.wait_for("its new record", || env.branch_of("a")), branch);
    env.delete_task("a");
    env.wait_until("the record to go", || env.branch_of("a").is_none());
    let branches = env.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads"]);
    assert_eq!(branches, "main");
    assert_eq!(env.starts("a").len(), 1);
}

#[test]
fn a_running_attempt_whose_records_vanish_is_ended_before_the_next_begins() {
    let env = TestEnvironment::new();
    let stubborn = "trap '' HUP TERM INT; until [ -e \"$O/a.go\" ]; do sleep 0.05; done";
    env.commit_task("a", &env.doing("a", stubborn));
    let _running = env.start_loop();
    send(env.wait_for_start("a", 1), "KILL");
    let second = env.wait_for_start("a", 2);
    // The number is free again, so that the next attempt gets it too.
    let folder = env.attempts_folder("a").unwrap().join("2");
    let removed = || fs::remove_dir_all(&folder).is_ok();
    env.wait_until("the records of attempt 2 to vanish", removed);
    env.commit_task("b", &env.doing("b", "true"));
    env.wait_for_start("a", 3);
    assert!(!TestEnvironment::is_alive(second), "two attempts of one task at once");
    env.let_go("a");
    env.wait_for_completed(&["a", "b"]);
    env.assert_no_doubles();
}

#[test]
fn a_deleted_task_leaves_although_an_attempt_of_it_lost_its_records() {
    let env = TestEnvironment::new();
    let stubborn = "trap '' HUP TERM INT; until [ -e \"$O/a.go\" ]; do sleep 0.05; done";
    env.commit_task("a", &env.doing("a", stubborn));
    let running = env.start_loop();
    let first = env.wait_for_start("a", 1);
    let shim = env.shim("a").unwrap();
    running.kill();
    send(shim, "KILL");
    fs::remove_dir_all(env.attempts_folder("a").unwrap().join("1")).unwrap();
    env.delete_task("a");
    let _running = env.start_loop_when_free();
    env.wait_until("the record to go", || env.branch_of("a").is_none());
    assert!(!TestEnvironment::is_alive(first), "its agent lives");
    assert!(!is_there(&env.worktree("a")));
}
