//! What a person does with `git lfs`.

use super::{Server, listed, shop};
use serde_json::Value;

#[test]
fn a_file_is_locked_listed_and_unlocked_by_the_stock_client() {
    let scene = shop();
    let server = Server::start(&scene);
    let lfs = |args: &[&str]| scene.git_as("Ada L", &server, &[&["lfs"], args].concat());
    for path in ["art/logo.psd", "art/a[1]{x}* b.psd", "art/not there yet.psd"] {
        assert_eq!(lfs(&["lock", path]).ok(), format!("Locked {path}\n"));
    }
    let mut locks = listed(lfs(&["locks", "--json"]));
    locks.sort_by(|a, b| a.1.cmp(&b.1));
    let paths: Vec<&str> = locks.iter().map(|(_, path, _)| path.as_str()).collect();
    assert_eq!(paths, ["art/a[1]{x}* b.psd", "art/logo.psd", "art/not there yet.psd"]);
    assert!(locks.iter().all(|(id, _, owner)| id.starts_with("lock-") && owner == "ada-l-1"));
    let claims = scene.claims();
    assert_eq!(claims.len(), 3);
    assert!(claims.iter().all(|one| one["workerType"] == "human" && one["worker"] == "ada-l-1"));
    let one = lfs(&["locks", "--path", "art/logo.psd"]).ok();
    assert!(one.contains(&locks[1].0) && one.lines().count() == 1, "{one}");
    let one = lfs(&["locks", "--id", &locks[0].0]).ok();
    assert!(one.starts_with("art/a[1]{x}* b.psd") && one.lines().count() == 1, "{one}");
    for path in ["art/logo.psd", "art/a[1]{x}* b.psd"] {
        assert_eq!(lfs(&["unlock", path]).ok(), format!("Unlocked {path}\n"));
    }
    lfs(&["unlock", "--id", &locks[2].0]).ok();
    assert_eq!(lfs(&["locks"]).ok(), "");
    assert!(scene.claims().is_empty());
    lfs(&["unlock", "art/logo.psd"]).fails(2);
}

#[test]
fn what_another_person_holds_is_unlocked_by_force_alone() {
    let scene = shop();
    let server = Server::start(&scene);
    let ada = |args: &[&str]| scene.git_as("ada", &server, &[&["lfs"], args].concat());
    let bob = |args: &[&str]| scene.git_as("bob", &server, &[&["lfs"], args].concat());
    ada(&["lock", "art/logo.psd"]).ok();
    let said = bob(&["lock", "art/logo.psd"]).fails(2);
    assert!(
        said.contains("Locking art/logo.psd failed: ada-1 holds art/logo.psd until "),
        "{said}"
    );
    let said = ada(&["lock", "art/logo.psd"]).fails(2);
    assert!(said.contains("ada-1 holds art/logo.psd"), "{said}");
    let said = bob(&["unlock", "art/logo.psd"]).fails(2);
    assert!(
        said.contains("ada-1 holds art/logo.psd; take it away: git lfs unlock --force"),
        "{said}"
    );
    assert_eq!(scene.claims().len(), 1);
    bob(&["unlock", "--force", "art/logo.psd"]).ok();
    assert!(scene.claims().is_empty());
    let history = scene.git(&["log", "--format=%B", "refs/reconciler/locks"]);
    assert!(history.contains("forced by bob-1: git lfs unlock --force"), "{history}");
    bob(&["lock", "art/logo.psd"]).ok();
}

#[test]
fn what_a_person_acquired_by_our_own_command_is_theirs_here_as_well() {
    let scene = shop();
    let server = Server::start(&scene);
    scene.run(&["locks", "acquire", "art/logo.psd", "src/code.rs", "--as", "ada"]).ok();
    let ada = |args: &[&str]| scene.git_as("ada", &server, &[&["lfs"], args].concat());
    let locks = listed(ada(&["locks", "--json"]));
    assert_eq!(locks.len(), 2);
    assert!(locks[0].0 != locks[1].0 && locks.iter().all(|(_, _, owner)| owner == "ada-1"));
    scene.git_as("bob", &server, &["lfs", "unlock", "--force", "src/code.rs"]).fails(2);
    ada(&["unlock", "src/code.rs"]).ok();
    assert_eq!(scene.claims()[0]["paths"], serde_json::json!(["art/logo.psd"]));
    // The id that it had beside the other still names it.
    ada(&["unlock", "--id", &locks[0].0]).ok();
    assert!(scene.claims().is_empty());
}

#[test]
fn a_lock_that_a_shared_file_belongs_to_is_unlocked_whole() {
    let scene = shop();
    scene.write(
        "state/policy.json",
        r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Policy", "metadata": {"name": "policy"},
            "spec": {"sharedFiles": ["art/*.psd"]}}"#,
    );
    scene.commit("policy");
    let server = Server::start(&scene);
    let lfs = |args: &[&str]| scene.git_as("ada", &server, &[&["lfs"], args].concat());
    lfs(&["lock", "art/logo.psd"]).ok();
    assert_eq!(scene.claims()[0]["paths"], serde_json::json!(["art/logo.psd", "art/*.psd"]));
    lfs(&["unlock", "art/logo.psd"]).ok();
    assert!(scene.claims().is_empty());
}

#[test]
fn a_push_of_a_file_that_another_holds_is_refused_and_ones_own_is_held_for_longer() {
    let scene = shop();
    let server = Server::start(&scene);
    scene.git_as("ada", &server, &["lfs", "lock", "art/logo.psd"]).ok();
    let renewed = || {
        let file = std::fs::read_dir(scene.root.join(".task-locks")).unwrap().flatten();
        let file = file.map(|one| one.path()).find(|one| one.extension().is_some()).unwrap();
        let claim: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        claim["heartbeat"]["bootMillis"].as_u64().unwrap()
    };
    let before = renewed();
    scene.write("art/logo.psd", "two\n");
    scene.commit("two");
    let said = scene.git_as("bob", &server, &["push", "origin", "main"]).fails(1);
    assert!(said.contains("* art/logo.psd - ada-1"), "{said}");
    assert!(said.contains("Cannot update locked files."), "{said}");
    assert_eq!(renewed(), before, "bob renews nothing of ada's");
    let said = scene.git_as("ada", &server, &["push", "origin", "main"]);
    assert!(said.err.contains("main -> main"), "{said:?}");
    said.ok();
    assert!(renewed() > before);
    let all = scene.git_as("bob", &server, &["lfs", "locks", "--verify"]).ok();
    assert!(all.starts_with("  art/logo.psd"), "{all}");
    let all = scene.git_as("ada", &server, &["lfs", "locks", "--verify"]).ok();
    assert!(all.starts_with("O art/logo.psd"), "{all}");
}

#[test]
fn more_locks_than_one_answer_has_are_all_listed() {
    let scene = shop();
    let files: Vec<String> = (0..250).map(|number| format!("f/{number}.txt")).collect();
    scene.agent_holds("many", &files.iter().map(String::as_str).collect::<Vec<_>>());
    let server = Server::start(&scene);
    let listed = listed(scene.git_as("ada", &server, &["lfs", "locks", "--json"]));
    let mut paths: Vec<&str> = listed.iter().map(|(_, path, _)| path.as_str()).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), 250);
    let some = scene.git_as("ada", &server, &["lfs", "locks", "--limit", "7"]).ok();
    assert_eq!(some.lines().count(), 7, "{some}");
    let said = scene.git_as("ada", &server, &["lfs", "locks", "--verify"]).ok();
    assert_eq!(said.lines().filter(|line| line.starts_with("  f/")).count(), 250);
}
