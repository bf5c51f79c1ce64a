//! What is committed and what it means: bad files, no files.

use crate::common::{TestEnvironment, is_there};
use reconciler::plan::report::Reason;

#[test]
fn a_bad_file_freezes_its_own_object_on_its_last_good_version() {
    let env = TestEnvironment::new();
    let _running = env.start_loop();
    env.commit_task("a", &env.waiting("a"));
    let first = env.wait_for_start("a", 1);
    env.write_state("tasks/a.json", "{ not json");
    env.write_state("tasks/never.json", "{\"kind\": \"Task\"}");
    env.write_task("b", &env.doing("b", "true"));
    env.commit("two bad files and a good one");
    env.wait_for_completed(&["b"]);
    assert!(TestEnvironment::is_alive(first));
    let report = env.report("a").unwrap();
    assert_eq!(report.reason, Reason::Running);
    assert!(report.problems[0].contains("state/tasks/a.json"), "{:?}", report.problems);
    assert_eq!(env.reason("never"), Some(Reason::Invalid));
    assert!(!is_there(&env.worktree("never")));
    // Ended, it is not started again in any other version.
    env.let_go("a");
    env.wait_for_completed(&["a"]);
    assert_eq!(env.starts("a").len(), 1);
}

#[test]
fn a_state_folder_that_is_gone_deletes_nothing_until_that_is_meant() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.waiting("a"));
    let running = env.start_loop();
    let first = env.wait_for_start("a", 1);
    std::fs::write(env.worktree("a").join("edit.txt"), "unsaved").unwrap();
    running.kill();
    env.git(&["rm", "-rq", "state"]);
    env.git(&["commit", "-qm", "all gone"]);
    let said = env.run(&["run", "--once"]);
    assert!(said.stdout.contains("--allow-empty"), "{said:?}");
    assert!(TestEnvironment::is_alive(first));
    assert!(is_there(&env.worktree("a")));
    let said = env.run(&["run", "--until", "settled", "--allow-empty"]);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.branch_of("a"), None);
    assert!(!TestEnvironment::is_alive(first));
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:edit.txt"]), "unsaved");
}
