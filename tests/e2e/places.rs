//! Repositories of other kinds and at other places.

use crate::common::TestEnvironment;
use reconciler::plan::report::Reason;
use std::fs;

fn works(env: &TestEnvironment) {
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.reason("a"), Some(Reason::Succeeded), "{said:?}");
    assert_eq!(env.git(&["show", "main:a.txt"]), "a");
}

#[test]
fn a_path_with_spaces_quotes_and_other_letters_is_as_good_as_any() {
    let env = TestEnvironment::with("It's \"mine\" ─ ü $HOME #{pid} %1", &[]);
    env.commit_task("a", &env.committing("a"));
    works(&env);
}

#[test]
fn a_bare_repository_has_all_within_itself() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.committing("a"));
    let bare = env.base().join("bare.git");
    env.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    let env = env.moved_to(&bare, &bare);
    works(&env);
}

#[test]
fn the_loop_may_be_started_in_a_linked_worktree_and_in_a_folder() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.committing("a"));
    let linked = env.base().join("linked");
    env.git(&["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    fs::create_dir(linked.join("folder")).unwrap();
    let root = env.path("");
    let root = root.components().as_path().to_owned();
    let env = env.moved_to(&linked.join("folder"), &root);
    works(&env);
}

#[test]
fn a_detached_head_and_a_dirty_work_tree_are_left_as_they_are() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.committing("a"));
    env.git(&["checkout", "-q", "--detach", "HEAD~1"]);
    fs::write(env.path("tracked.txt"), "dirty").unwrap();
    fs::write(env.path("new.txt"), "new").unwrap();
    let head = env.git(&["rev-parse", "HEAD"]);
    let status = env.git(&["status", "--porcelain"]);
    works(&env);
    assert_eq!(env.git(&["rev-parse", "HEAD"]), head);
    assert_eq!(env.git(&["status", "--porcelain"]), status);
}

#[test]
fn the_pinned_branch_checked_out_and_dirty_is_left_as_it_is() {
    let env = TestEnvironment::new();
    env.commit_task("a", &env.committing("a"));
    fs::write(env.path("tracked.txt"), "dirty").unwrap();
    fs::write(env.path("staged.txt"), "staged").unwrap();
    env.git(&["add", "staged.txt"]);
    fs::remove_file(env.path("state/tasks/a.json")).unwrap();
    let status = env.git(&["status", "--porcelain"]);
    works(&env);
    assert_eq!(env.git(&["status", "--porcelain"]), status);
    assert_eq!(fs::read_to_string(env.path("tracked.txt")).unwrap(), "dirty");
}
