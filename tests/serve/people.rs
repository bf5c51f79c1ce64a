//! People and agents side by side: whoever holds a file holds it against all others, however they
//! came to hold it.

use super::{Scene, Server, listed, shop};
use reconciler::api::name::Owner;

#[test]
fn what_an_agent_holds_is_refused_with_who_holds_it_for_which_task() {
    let scene = shop();
    scene.agent_holds("login", &["art/**", "docs/a.md"]);
    let server = Server::start(&scene);
    let lfs = |args: &[&str]| scene.git_as("ada", &server, &[&["lfs"], args].concat());
    let said = lfs(&["lock", "art/logo.psd"]).fails(2);
    assert!(said.contains("codegen-1 (task/login) holds art/logo.psd by art/** until"), "{said}");
    lfs(&["lock", "src/code.rs"]).ok();
    let locks = listed(lfs(&["locks", "--json"]));
    let pattern = locks.iter().find(|(_, path, _)| path == "art/**").unwrap();
    assert!(
        pattern.0.starts_with("login.") && pattern.2 == "codegen-1 (task/login)",
        "{pattern:?}"
    );
    for force in [&[][..], &["--force"]] {
        let said = lfs(&[&["unlock", "--id", &pattern.0], force].concat()).fails(2);
        assert!(said.contains("reconciler release login --force --reason TEXT"), "{said}");
    }
    assert_eq!(scene.claims().len(), 2);
}

#[test]
fn a_lock_that_cannot_be_understood_is_in_everybodys_way_until_somebody_looks() {
    let scene = shop();
    scene.agent_holds("login", &["docs/a.md"]);
    scene.write(".task-locks/login.lock", "half a lo");
    let server = Server::start(&scene);
    for args in
        [&["lfs", "lock", "art/logo.psd"][..], &["lfs", "locks"], &["lfs", "locks", "--verify"]]
    {
        let said = scene.git_as("ada", &server, args).fails(2);
        assert!(said.contains("task/login") && said.contains("reconciler doctor"), "{said}");
    }
    scene.write("art/logo.psd", "two\n");
    scene.commit("two");
    scene.git_as("ada", &server, &["push", "origin", "main"]).fails(1);
}

#[test]
fn a_file_that_a_person_locked_is_refused_to_an_agent_by_the_hooks() {
    let scene = shop();
    scene.run(&["hooks", "install"]).ok();
    let server = Server::start(&scene);
    scene.git_as("ada", &server, &["lfs", "lock", "art/logo.psd"]).ok();
    let worktree = agents_worktree(&scene);
    let in_it = |args: &[&str]| scene.try_git(&[&["-C", &worktree], args].concat());
    std::fs::write(format!("{worktree}/art/logo.psd"), "of the agent\n").unwrap();
    let said = in_it(&["commit", "-qam", "mine"]).fails(1);
    assert!(said.contains("art/logo.psd") && said.contains("ada-1"), "{said}");
    scene.git_as("ada", &server, &["lfs", "unlock", "--force", "art/logo.psd"]).ok();
    let said = in_it(&["commit", "-qam", "mine"]).fails(1);
    assert!(!said.contains("ada-1"), "{said}");
}

#[test]
fn who_locked_a_file_commits_and_pushes_it_through_the_hooks() {
    let scene = shop();
    scene.run(&["hooks", "install"]).ok();
    let server = Server::start(&scene);
    // The name that git has for this person is `t`.
    scene.git_as("t", &server, &["lfs", "lock", "art/logo.psd"]).ok();
    scene.write("art/logo.psd", "two\n");
    scene.git(&["commit", "-qam", "two"]);
    let pushed = scene.git_as("t", &server, &["push", "origin", "main"]);
    assert!(pushed.err.contains("main -> main"), "{pushed:?}");
    pushed.ok();
    scene.git_as("bob", &server, &["lfs", "lock", "src/code.rs"]).ok();
    scene.write("src/code.rs", "two\n");
    let said = scene.try_git(&["commit", "-qam", "of bob"]).fails(1);
    assert!(said.contains("(bob-1) holds src/code.rs"), "{said}");
}

/// Adds the worktree of an agent that holds another file.
fn agents_worktree(scene: &Scene) -> String {
    scene.agent_holds("login", &["docs/a.md"]);
    let path = scene.outside("login");
    let path = path.to_str().unwrap();
    let uid = "1".repeat(32).into();
    let mark = Owner { task: "login".parse().unwrap(), uid }.to_string();
    let add = ["worktree", "add", "-q", "--lock", "--reason", &mark, "-b", "login", path];
    scene.git(&add);
    let git_dir = scene.git(&["-C", path, "rev-parse", "--absolute-git-dir"]);
    let generation = std::path::Path::new(&git_dir).join(reconciler::git::GENERATION_FILE);
    std::fs::write(generation, "1\n").unwrap();
    path.to_owned()
}

#[test]
fn where_case_does_not_count_a_file_is_locked_by_whatever_spelling() {
    let scene = shop();
    let server = Server::start(&scene);
    scene.git_as("ada", &server, &["lfs", "lock", "art/logo.psd"]).ok();
    scene.git(&["config", "core.ignorecase", "true"]);
    let said = scene.git_as("bob", &server, &["lfs", "lock", "ART/Logo.psd"]).fails(2);
    assert!(said.contains("ada") && said.contains("by art/logo.psd"), "{said}");
    let find = ["lfs", "locks", "--path", "ART/LOGO.psd", "--json"];
    assert_eq!(listed(scene.git_as("bob", &server, &find)).len(), 1);
    scene.git(&["config", "core.ignorecase", "false"]);
    assert_eq!(listed(scene.git_as("bob", &server, &find)).len(), 0);
}
