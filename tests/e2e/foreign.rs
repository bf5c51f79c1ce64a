//! What is not ours is never touched, and what a crash of ours left half-made is repaired.

use crate::common::TestEnvironment;
use reconciler::plan::report::Reason;
use std::fs;

#[test]
fn a_half_made_worktree_is_repaired() {
    let env = TestEnvironment::new();
    // As `git worktree add` leaves it when it is killed: no index, and git's own lock.
    env.git(&["branch", "scratch"]);
    let path = env.worktree("a");
    let path = path.to_str().unwrap();
    let lock = ["--no-checkout", "--lock", "--reason", "initializing"];
    env.git(&[&["worktree", "add", "-q"], &lock[..], &[path, "scratch"]].concat());
    fs::write(env.worktree("a").join("half.txt"), "half").unwrap();
    env.commit_task("a", &env.committing("a"));
    let said = env.run_until_settled();
    assert_eq!(env.reason("a"), Some(Reason::Succeeded), "{said:?}");
    let kept =
        env.trash("a").into_iter().find_map(|one| fs::read_to_string(one.join("half.txt")).ok());
    assert_eq!(kept.as_deref(), Some("half"), "even that is kept");
}

#[test]
fn a_directory_of_the_user_in_the_place_of_a_worktree_is_left_alone() {
    let env = TestEnvironment::new();
    fs::create_dir_all(env.worktree("a")).unwrap();
    fs::write(env.worktree("a").join("mine.txt"), "mine").unwrap();
    env.commit("mine");
    env.write_task("a", &env.doing("a", "true"));
    env.write_task("b", &env.doing("b", "true"));
    env.git(&["add", "state"]);
    env.git(&["commit", "-qm", "tasks"]);
    let said = env.run_until_settled();
    assert_eq!(env.reason("b"), Some(Reason::Succeeded), "{said:?}");
    let said = env.report("a").unwrap().message;
    assert!(said.contains(".worktrees/a is not ours: move it away"), "{said}");
    assert_eq!(env.reason("a"), Some(Reason::PlaceTaken));
    assert_eq!(fs::read_to_string(env.worktree("a").join("mine.txt")).unwrap(), "mine");
    assert!(env.starts("a").is_empty());
}

#[test]
fn a_worktree_of_the_user_is_left_alone() {
    let env = TestEnvironment::new();
    let path = env.worktree("a");
    env.git(&["worktree", "add", "-q", "-b", "mine", path.to_str().unwrap()]);
    fs::write(path.join("mine.txt"), "mine").unwrap();
    env.write_task("a", &env.doing("a", "true"));
    env.write_task("b", &env.doing("b", "true"));
    env.commit("tasks");
    let said = env.run_until_settled();
    assert_eq!(env.reason("b"), Some(Reason::Succeeded), "{said:?}");
    assert_eq!(env.reason("a"), Some(Reason::PlaceTaken));
    assert!(said.stdout.contains("is not ours: move it away"), "{said:?}");
    assert_eq!(fs::read_to_string(path.join("mine.txt")).unwrap(), "mine");
    assert!(env.starts("a").is_empty());
    env.git(&["worktree", "remove", "--force", path.to_str().unwrap()]);
    env.run_until_settled();
    assert_eq!(env.reason("a"), Some(Reason::Succeeded));
}

#[test]
fn a_branch_of_the_user_is_left_alone_and_another_name_is_taken() {
    let env = TestEnvironment::new();
    env.git(&["branch", "fix/a"]);
    let tip = env.git(&["rev-parse", "fix/a"]);
    env.commit_task("a", &env.committing("a"));
    let said = env.run_until_settled();
    assert_eq!(env.reason("a"), Some(Reason::Succeeded), "{said:?}");
    assert_ne!(env.branch("a"), "fix/a");
    assert_eq!(env.git(&["rev-parse", "fix/a"]), tip);
}

#[test]
fn a_session_of_the_user_is_left_alone() {
    let env = TestEnvironment::new();
    env.commit_task("b", &env.waiting("b"));
    let _running = env.start_loop();
    env.wait_for_start("b", 1);
    env.tmux(&["new-session", "-d", "-s", "a", "sleep 1000"]).unwrap();
    env.commit_task("a", &env.doing("a", "true"));
    env.wait_for_reason("a", Reason::PlaceTaken);
    let said = env.report("a").unwrap().message;
    assert!(said.contains("session a"), "{said}");
    env.let_go("b");
    env.wait_for_completed(&["b"]);
    assert_eq!(env.sessions(), ["a"]);
    assert!(env.starts("a").is_empty());
    assert!(env.attempts("a").is_empty(), "nothing was spent on it");
    env.tmux(&["kill-session", "-t", "=a"]).unwrap();
    env.wait_for_completed(&["a"]);
}
