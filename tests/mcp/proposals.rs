//! Tasks that agents propose: judged as `check` does, kept apart from what is wanted, and taken up by
//! people or by the policy alone.

use super::agent::{World, task};
use super::scene::said;
use reconciler::api::task::Class;
use serde_json::{Value, json};

fn refs(world: &World) -> String {
    world.scene.git(&["for-each-ref", "--format=%(refname)", "refs/reconciler/proposals/"])
}

#[tokio::test]
async fn a_proposal_changes_nothing_before_a_person_accepts_it() {
    let world = World::with(Class::Decision, &json!({}));
    let agent = world.agent().await;
    let tip = || world.scene.git(&["rev-parse", "main"]);
    let before = tip();
    let wish = json!({ "name": "fix-logout", "title": "Fix logout", "command": "make fix",
        "files": ["src/logout/**"], "priority": 2, "why": "found while deciding" });
    let said = agent.ok("propose_task", wish.clone()).await;
    assert_eq!(said["outcome"], "proposed", "{said}");
    assert_eq!(
        (tip(), refs(&world)),
        (before.clone(), "refs/reconciler/proposals/fix-logout".into())
    );
    assert_eq!(world.scene.git(&["status", "--porcelain"]), "");
    let parent = world.scene.git(&["rev-parse", "refs/reconciler/proposals/fix-logout^"]);
    assert_eq!(parent, before, "on top of the pinned ref");

    let (_, said) = agent.refused("propose_task", wish).await;
    assert!(said.contains("task/fix-logout is proposed already"), "{said}");
    let wish = json!({ "name": "docs", "command": "true" });
    let (_, said) = agent.refused("propose_task", wish).await;
    assert!(said.contains("task/docs is there already"), "{said}");

    let table = world.scene.run(&["proposals"]).ok();
    assert!(table.contains("codegen-1 in docs#1") && table.contains("Fix logout"), "{table}");
    let status = world.scene.run(&["status"]).ok();
    assert!(status.contains("fix-logout  proposed: it becomes a task when"), "{status}");
    let json = world.scene.run(&["proposals", "-o", "json"]).ok();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["object"]["spec"]["files"], json!(["src/logout/**"]));

    let said = world.as_worker(&["accept", "fix-logout"]).fails(1);
    assert!(said.contains("a worker does not decide about proposals"), "{said}");
    world.as_worker(&["reject", "fix-logout"]).fails(1);
    let said = world.scene.run(&["accept", "fix-logout", "--reason", "yes"]).ok();
    assert!(said.contains("wrote state/tasks/fix-logout.json, committed"), "{said}");
    assert_eq!(refs(&world), "");
    assert!(world.scene.git(&["show", "main:state/tasks/fix-logout.json"]).contains("make fix"));
    world.scene.run(&["accept", "fix-logout"]).fails(1);
}

#[tokio::test]
async fn what_check_would_refuse_is_never_proposed() {
    let world = World::with(Class::Decision, &json!({}));
    let agent = world.agent().await;
    for (wish, expected) in [
        (json!({ "name": "a", "command": "true", "priority": 9 }), "priority"),
        (json!({ "name": "a", "command": "true", "dependencies": ["nobody"] }), "nobody"),
        (json!({ "name": "a", "command": "true", "files": ["/etc/passwd"] }), "/etc/passwd"),
        (json!({ "name": "a", "command": "true", "type": "wish" }), "wish"),
    ] {
        let (code, said) = agent.refused("propose_task", wish).await;
        assert!(code == "invalid" && said.contains(expected), "{said}");
    }
    assert_eq!(refs(&world), "");
    // A task may wait for another that is only proposed.
    agent.ok("propose_task", json!({ "name": "first", "command": "true" })).await;
    let second = json!({ "name": "second", "command": "true", "dependencies": ["first"] });
    agent.ok("propose_task", second).await;
    let said = world.scene.run(&["accept", "second"]).fails(1);
    assert!(said.contains("first"), "{said}");
    world.scene.run(&["accept", "first"]).ok();
    world.scene.run(&["accept", "second"]).ok();
}

#[tokio::test]
async fn a_policy_that_accepts_proposals_has_them_committed_at_once() {
    let world = World::with(Class::Decision, &json!({ "proposals": "accept" }));
    let agent = world.agent().await;
    let said = agent.ok("propose_task", json!({ "name": "a", "command": "true" })).await;
    assert_eq!(said["outcome"], "accepted", "{said}");
    assert_eq!(said["commit"], world.scene.git(&["rev-parse", "main"]), "{said}");
    assert_eq!(refs(&world), "");
    // Where nothing can be committed, a proposal waits as any other.
    world.scene.git(&["switch", "-qc", "elsewhere"]);
    let said = agent.ok("propose_task", json!({ "name": "b", "command": "true" })).await;
    assert_eq!(said["outcome"], "proposed", "{said}");
    assert!(said["waitsBecause"].as_str().unwrap().contains("is on elsewhere"), "{said}");
    world.scene.git(&["switch", "-q", "main"]);
    world.scene.run(&["accept", "b"]).ok();
}

#[tokio::test]
async fn an_attempt_proposes_twenty_tasks_and_no_more_whatever_became_of_them() {
    let world = World::with(Class::Decision, &json!({}));
    let agent = world.agent().await;
    for number in 1..=20 {
        let name = format!("t-{number}");
        agent.ok("propose_task", json!({ "name": name, "command": "true" })).await;
        world.scene.run(&["reject", &name]).ok();
    }
    let (_, said) =
        agent.refused("propose_task", json!({ "name": "more", "command": "true" })).await;
    assert!(said.contains("20 tasks, which is the limit"), "{said}");
}

#[test]
fn the_verb_takes_flags_or_a_whole_file() {
    let world = World::new();
    let file = world.scene.outside("task.json");
    std::fs::write(&file, task("whole", &json!({ "command": "true" }))).unwrap();
    let file = file.to_str().unwrap();
    world.as_worker(&["propose-task", "whole", "--file", file]).ok();
    let said = world.as_worker(&["propose-task", "other", "--file", file]).fails(1);
    assert!(said.contains("whole"), "the name within is another: {said}");
    world.as_worker(&["propose-task", "both", "--file", file, "--title", "x"]).fails(2);
    world.as_worker(&["propose-task", "flags", "--prompt", "Do it", "--files", "src/**"]).ok();
    assert_eq!(refs(&world).lines().count(), 2);
    let said = world.scene.run(&["propose-task", "mine", "--command", "true"]).fails(1);
    assert!(said.contains("only a worker"), "{said}");
}

#[test]
fn a_worker_does_nothing_that_is_for_people() {
    let world = World::new();
    let claims = world.scene.read(".task-locks/login.lock");
    let tip = world.scene.git(&["rev-parse", "main"]);
    for (args, expected) in [
        (&["new", "task", "mine", "--command", "true"][..], "does not change what is wanted"),
        (&["suspend", "hello"], "does not change what is wanted"),
        (&["delete", "hello", "--yes"], "does not change what is wanted"),
        (&["claim", "hello", "--as", "ada"], "takes no task but its own"),
        (&["release", "login", "--force", "--reason", "r"], "gives no task back"),
        (&["locks", "release", "login", "--force", "--reason", "r"], "gives no task back"),
    ] {
        let said = world.as_worker(args).fails(1);
        assert!(said.contains(expected), "{args:?}: {said}");
    }
    assert_eq!(world.scene.read(".task-locks/login.lock"), claims);
    assert_eq!(world.scene.git(&["rev-parse", "main"]), tip);
    // Elsewhere it is a person as any other.
    let mut elsewhere = world.environed(env!("CARGO_BIN_EXE_reconciler"));
    elsewhere.env("RECONCILER_REPO", world.scene.outside("another")).current_dir(&world.scene.root);
    let said = said(elsewhere.args(["claim", "hello", "--as", "ada"]).output().unwrap());
    said.ok();
}
