//! Repositories of other kinds: formats, clones that have not everything, other owners, moved ones.

use crate::common::{TestEnvironment, is_there, said};
use crate::{configure, is_refused, runs, skip, text, working, works};
use std::fs;
use std::path::Path;

/// Returns whether git can make a repository of this kind.
fn can_make(kind: &[&str]) -> bool {
    let env = TestEnvironment::new();
    let made = said(env.command("git").arg("init").args(kind).arg(env.base().join("probe")));
    if !made.status.success() {
        skip(&format!("this git has no {kind:?}"));
    }
    made.status.success()
}

#[test]
fn a_repository_with_long_ids_is_as_good_as_any() {
    works(&TestEnvironment::with("r", &["--object-format=sha256"]));
}

#[test]
fn a_reftable_repository_with_long_ids_is_as_good_as_any() {
    let kind = ["--ref-format=reftable", "--object-format=sha256"];
    if can_make(&kind) {
        works(&TestEnvironment::with("r", &kind));
    }
}

#[test]
fn a_git_directory_elsewhere_is_as_good_as_any() {
    let env = TestEnvironment::new();
    let elsewhere = env.base().join("elsewhere.git");
    env.git(&["init", "-q", "--separate-git-dir", text(&elsewhere)]);
    env.commit_task("a", &working(&env, "a"));
    let work_tree = env.path("").components().as_path().to_owned();
    runs(&env.moved_to(&work_tree, &elsewhere));
}

#[test]
fn from_a_worktree_of_a_person_a_bare_repository_is_found() {
    let env = TestEnvironment::new();
    env.commit_task("a", &working(&env, "a"));
    let bare = env.base().join("bare.git");
    env.git(&["clone", "-q", "--bare", ".", text(&bare)]);
    let linked = env.base().join("linked");
    env.git(&["--git-dir", text(&bare), "worktree", "add", "-q", text(&linked)]);
    fs::write(linked.join("mine.txt"), "mine").unwrap();
    let env = env.moved_to(&linked, &bare);
    runs(&env);
    assert_eq!(fs::read_to_string(linked.join("mine.txt")).unwrap(), "mine");
}

/// Returns the world of a clone of another one.
fn clone(env: TestEnvironment, arguments: &[&str]) -> TestEnvironment {
    configure(
        &env,
        &[("uploadpack.allowFilter", "true"), ("uploadpack.allowAnySHA1InWant", "true")],
    );
    let clone = env.base().join("clone");
    let url = format!("file://{}", env.path("").display());
    env.git(&[&["clone", "-q"], arguments, &[&url, text(&clone)]].concat());
    env.moved_to(&clone, &clone)
}

fn with_history() -> TestEnvironment {
    let env = TestEnvironment::new();
    for version in ["second", "third"] {
        fs::write(env.path("tracked.txt"), version).unwrap();
        env.commit(version);
    }
    env
}

#[test]
fn a_shallow_clone_is_as_good_as_any() {
    works(&clone(with_history(), &["--depth", "1"]));
}

#[test]
fn a_partial_clone_fetches_what_a_worktree_needs() {
    let env = clone(with_history(), &["--filter=blob:none"]);
    env.write_task(
        "a",
        &env.doing("a", "git show HEAD~2:tracked.txt > old.txt; cp tracked.txt edit.txt"),
    );
    env.commit("a");
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:edit.txt"]), "third");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:old.txt"]), "second");
}

#[test]
fn state_that_was_never_fetched_is_unknown_and_says_how_to_fetch_it() {
    let env = TestEnvironment::new();
    env.commit_task("a", &working(&env, "a"));
    let env = clone(env, &["--filter=blob:none", "--no-checkout"]);
    let said = is_refused(&env);
    assert!(said.contains("never fetched") && said.contains("git "), "{said}");
    assert!(env.starts("a").is_empty());
    env.git(&["checkout", "-q", "main"]);
    runs(&env);
}

#[test]
fn a_sparse_checkout_is_no_deletion_of_what_it_leaves_out() {
    let env = TestEnvironment::new();
    for path in ["src/lib.txt", "docs/page.txt"] {
        fs::create_dir_all(env.path(path).parent().unwrap()).unwrap();
        fs::write(env.path(path), "here\n").unwrap();
    }
    env.commit("folders");
    env.git(&["sparse-checkout", "set", "--cone", "src", "state"]);
    works(&env);
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:docs/page.txt"]), "here");
    env.write_task("clean", &env.doing("clean", "true"));
    let outside =
        "mkdir -p docs; echo outside > docs/page.txt; echo new > docs/new.txt; rm src/lib.txt";
    env.write_task("outside", &env.doing("outside", outside));
    env.commit("more");
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.git(&["for-each-ref", "refs/reconciler/rescue/clean"]), "", "nothing was done");
    let saved = |path: &str| format!("refs/reconciler/rescue/outside/1:{path}");
    assert_eq!(env.git(&["show", &saved("docs/page.txt")]), "outside");
    assert_eq!(env.git(&["show", &saved("docs/new.txt")]), "new");
    assert_eq!(env.try_git(&["show", &saved("src/lib.txt")]), None, "it was deleted");
}

#[test]
fn submodules_are_kept_with_what_is_in_them() {
    let env = TestEnvironment::new();
    let library = env.base().join("library");
    env.git(&["clone", "-q", ".", text(&library)]);
    configure(&env, &[("protocol.file.allow", "always")]);
    let allowed = ["-c", "protocol.file.allow=always"];
    env.git(&[&allowed[..], &["submodule", "add", "-q", text(&library), "sub"]].concat());
    env.commit("submodule");
    let fetch = "git -c protocol.file.allow=always submodule update -q --init";
    let task = format!("{fetch} && echo inside > sub/inside.txt && echo unsaved > edit.txt");
    env.commit_task("a", &env.doing("a", &task));
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    crate::is_done(&env, said);
    let [trash] = &env.trash("a")[..] else { panic!("{:?}", env.trash("a")) };
    assert_eq!(fs::read_to_string(trash.join("sub/inside.txt")).unwrap(), "inside\n");
}

#[test]
fn a_repository_of_another_user_is_refused_with_what_to_do_and_then_works() {
    let env = TestEnvironment::new();
    env.commit_task("a", &working(&env, "a"));
    if std::os::unix::fs::chown(env.path(""), Some(65534), None).is_err() {
        return skip("only root can give a folder away");
    }
    std::os::unix::fs::chown(env.path(".git"), Some(65534), None).unwrap();
    let said = is_refused(&env);
    assert!(said.contains("git config --global --add safe.directory"), "{said}");
    let root = env.path("").components().as_path().to_owned();
    env.git(&["config", "--global", "--add", "safe.directory", text(&root)]);
    runs(&env);
}

#[test]
fn a_repository_without_a_commit_says_what_is_missing() {
    let env = TestEnvironment::new();
    env.git(&["checkout", "-q", "--orphan", "fresh"]);
    env.git(&["branch", "-qD", "main"]);
    let said = is_refused(&env);
    assert!(said.contains("refs/heads/main does not exist yet: commit"), "{said}");
    env.git(&["branch", "-qm", "main"]);
    env.commit("first");
    works(&env);
}

#[test]
fn a_branch_without_a_commit_that_is_checked_out_is_no_harm() {
    let env = TestEnvironment::new();
    env.commit_task("a", &working(&env, "a"));
    env.git(&["checkout", "-q", "--orphan", "fresh"]);
    runs(&env);
    assert_eq!(env.git(&["symbolic-ref", "HEAD"]), "refs/heads/fresh");
}

#[test]
fn a_repository_that_forgets_at_once_forgets_nothing_of_ours() {
    let env = TestEnvironment::new();
    configure(
        &env,
        &[
            ("gc.auto", "1"),
            ("gc.autoDetach", "false"),
            ("gc.pruneExpire", "now"),
            ("gc.reflogExpire", "now"),
            ("gc.reflogExpireUnreachable", "now"),
            ("gc.worktreePruneExpire", "now"),
            ("maintenance.auto", "true"),
        ],
    );
    works(&env);
    let [trash] = &env.trash("a")[..] else { panic!("{:?}", env.trash("a")) };
    for forget in [&["gc", "-q", "--prune=now"][..], &["worktree", "prune", "--expire=now"]] {
        env.git(forget);
    }
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/1:edit.txt"]), "unsaved");
    env.git(&["-C", text(trash), "status", "--porcelain"]);
}

/// A world with a task that was stopped in the middle of its work, so that its worktree stays.
fn stopped(env: TestEnvironment) -> TestEnvironment {
    env.commit_task("a", &env.waiting("a"));
    let running = env.start_loop();
    env.wait_for_start("a", 1);
    fs::write(env.worktree("a").join("edit.txt"), "unsaved\n").unwrap();
    let mut suspended = env.waiting("a");
    suspended["suspend"] = true.into();
    env.commit_task("a", &suspended);
    env.wait_for_reason("a", reconciler::plan::report::Reason::Suspended);
    env.wait_until("the session to go", || env.sessions().is_empty());
    running.end_by(&env, "TERM");
    env
}

fn moved(env: TestEnvironment) -> TestEnvironment {
    let root = env.base().join("moved");
    fs::rename(env.path(""), &root).unwrap();
    let env = env.moved_to(&root, &root);
    env.let_go("a");
    env
}

fn goes_on(env: &TestEnvironment) {
    env.commit_task("a", &env.waiting("a"));
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.starts("a").len(), 2, "{said:?}");
    assert_eq!(env.git(&["show", "refs/reconciler/rescue/a/2:edit.txt"]), "unsaved", "{said:?}");
    assert!(!is_there(&env.worktree("a")), "{said:?}");
}

#[test]
fn a_repository_that_was_moved_goes_on_where_it_was() {
    goes_on(&moved(stopped(TestEnvironment::new())));
}

#[test]
fn a_moved_repository_with_relative_links_goes_on_where_it_was() {
    let env = TestEnvironment::new();
    configure(&env, &[("worktree.useRelativePaths", "true")]);
    goes_on(&moved(stopped(env)));
}

#[test]
fn a_copy_of_a_repository_has_worktrees_of_its_own_and_leaves_the_first_as_it_is() {
    let env = stopped(TestEnvironment::new());
    let first = env.worktree("a");
    let link = fs::read_to_string(first.join(".git")).unwrap();
    let copy = env.base().join("copy");
    let copied = said(env.command("cp").args(["-a", text(&env.path("")), text(&copy)]));
    assert!(copied.status.success(), "{copied:?}");
    env.let_go("a");
    let env = env.moved_to(&copy, &copy);
    goes_on(&env);
    assert_eq!(fs::read_to_string(first.join(".git")).unwrap(), link);
    assert_eq!(fs::read_to_string(first.join("edit.txt")).unwrap(), "unsaved\n");
}

#[test]
fn what_was_retired_before_a_move_is_still_a_worktree_and_goes_in_its_time() {
    let env = TestEnvironment::new();
    works(&env);
    let env = moved(env);
    env.commit_task("b", &env.doing("b", "true"));
    assert!(env.run_until_settled().status.success());
    let [trash] = &env.trash("a")[..] else { panic!("{:?}", env.trash("a")) };
    env.git(&["-C", text(trash), "status", "--porcelain"]);
    env.commit_policy(&serde_json::json!({"retention": {"trashSeconds": 0}}));
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert!(env.trash("a").is_empty(), "{said:?}");
    assert_eq!(env.git(&["worktree", "list"]).lines().count(), 1);
}

#[test]
fn worktrees_of_people_stay_as_they_are_when_a_repository_is_moved() {
    let env = TestEnvironment::new();
    let mine = env.base().join("mine");
    env.git(&["worktree", "add", "-q", text(&mine)]);
    let link = fs::read_to_string(mine.join(".git")).unwrap();
    let entry = |env: &TestEnvironment| fs::read_to_string(env.path(".git/worktrees/mine/gitdir"));
    let before = entry(&env).unwrap();
    let env = moved(env);
    works(&env);
    assert_eq!(fs::read_to_string(mine.join(".git")).unwrap(), link);
    assert_eq!(entry(&env).unwrap(), before);
}

#[test]
fn relative_links_of_worktrees_are_as_good_as_any() {
    let env = TestEnvironment::new();
    configure(&env, &[("worktree.useRelativePaths", "true")]);
    works(&env);
    let [trash] = &env.trash("a")[..] else { panic!("{:?}", env.trash("a")) };
    env.git(&["-C", text(trash), "status", "--porcelain"]);
}

#[test]
fn what_people_have_among_our_worktrees_is_left_alone() {
    let env = TestEnvironment::new();
    let folder = env.path(".worktrees");
    env.git(&["worktree", "add", "-q", "-b", "mine", text(&folder.join("mine"))]);
    fs::write(folder.join("mine/edit.txt"), "mine").unwrap();
    fs::create_dir(folder.join("notes")).unwrap();
    fs::write(folder.join("notes/one.txt"), "note").unwrap();
    fs::write(folder.join("README"), "read me").unwrap();
    std::os::unix::fs::symlink("/not/there", folder.join("link")).unwrap();
    fs::write(env.path(".git/info/exclude"), ".worktrees\n").unwrap();
    works(&env);
    let read = |path: &Path| fs::read_to_string(path).unwrap();
    assert_eq!(read(&folder.join("mine/edit.txt")), "mine");
    assert_eq!(read(&folder.join("notes/one.txt")), "note");
    assert_eq!(read(&folder.join("README")), "read me");
    assert!(is_there(&folder.join("link")));
}

#[test]
fn who_adds_everything_while_our_folders_are_made_meets_nothing_of_them() {
    let env = TestEnvironment::new();
    std::thread::scope(|scope| {
        let made = scope.spawn(|| {
            for n in 0..300 {
                reconciler::disk::make_ignored_folder(&env.path(&format!("ours-{n}"))).unwrap();
            }
        });
        while !made.is_finished() {
            env.git(&["add", "-A"]);
        }
        made.join().unwrap();
    });
    assert_eq!(env.git(&["status", "--porcelain"]), "");
}
