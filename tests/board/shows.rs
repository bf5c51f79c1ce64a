//! What the board shows, and what it costs.

use crate::common::is_there;
use crate::github::{Flavor, Server};
use crate::scene::Scene;
use serde_json::json;

#[test]
fn cards_show_where_tasks_are_and_follow_them_to_the_end() {
    let scene = Scene::new();
    scene
        .env
        .write_task("login", &json!({ "command": "true", "title": "Fix login", "priority": 2 }));
    scene.env.write_task("later", &json!({ "command": "true", "suspend": true }));
    scene.env.commit("two tasks");
    let said = scene.env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(scene.titles(), ["later", "Fix login"]);
    assert_eq!(scene.shown("login", "Status").as_deref(), Some("Done"));
    assert_eq!(scene.shown("login", "Worker").as_deref(), Some("codegen-1"));
    assert_eq!(scene.shown("login", "Worker Type").as_deref(), Some("AI Agent"));
    assert_eq!(scene.shown("login", "Priority").as_deref(), Some("2"));
    assert_eq!(scene.shown("login", "Lock Status").as_deref(), Some("Unlocked"));
    assert_eq!(scene.shown("later", "Status").as_deref(), Some("Todo"));
    let requests = scene.server.mutations();
    let done = scene.sync();
    assert_eq!((done["written"].as_u64(), scene.server.mutations()), (Some(0), requests));
    // Its task is gone, and so is its card.
    let item = scene.item("later");
    scene.env.delete_task("later");
    scene.env.run_until_settled();
    scene.sync();
    assert!(scene.server.store().item(&item).unwrap().is_archived);
}

#[test]
fn a_plan_tells_what_a_sync_would_do_and_does_nothing() {
    let scene = Scene::new();
    scene.env.write_task("login", &json!({ "command": "true", "suspend": true }));
    scene.env.commit("a task");
    let requests = scene.server.mutations();
    let mut once = scene.env.reconciler(&["run", "--once"]);
    assert!(crate::common::said(once.env_remove("GITHUB_TOKEN")).status.success());
    let plan = scene.ask(&["board"]);
    assert!(plan.stdout.contains("login  its card is made"), "{plan:?}");
    assert!(plan.stdout.contains("do it: reconciler board sync"), "{plan:?}");
    assert!(plan.stdout.contains(" of 5000 points are left until "), "{plan:?}");
    assert_eq!(scene.server.mutations(), requests);
    assert!(!is_there(&scene.env.path(".reconciler/board.json")));
    scene.sync();
    let plan = scene.ask(&["board"]);
    assert!(plan.stdout.contains("up to date"), "{plan:?}");
}

#[test]
fn an_issue_is_the_card_of_its_task() {
    let scene = Scene::new();
    let number = {
        let mut store = scene.server.store();
        store.add_repository("acme", "shop");
        store.open_issue("shop", "Login is broken", &[])
    };
    scene.env.commit_policy(&json!({
        "github": { "board": { "owner": "acme", "number": 1 }, "repository": "acme/shop" },
    }));
    scene
        .env
        .write_task("login", &json!({ "command": "true", "issueNumber": number, "suspend": true }));
    scene.env.commit("a task");
    scene.env.run(&["run", "--once"]);
    scene.sync();
    assert_eq!(scene.titles(), ["Login is broken"]);
    assert_eq!(scene.shown("login", "Status").as_deref(), Some("Todo"));
}

#[test]
fn a_thousand_tasks_cost_what_is_promised_and_nothing_when_nothing_changed() {
    let scene = Scene::new();
    let (before, count) = (scene.server.mutations(), 1000);
    scene.resting(count);
    // The loop that knew them has shown them already.
    let cold = scene.server.mutations() - before;
    assert!(cold <= 450, "{cold} requests");
    assert_eq!(scene.titles().len(), count);
    assert!(scene.server.usage().busiest_minute <= 300, "{:?}", scene.server.usage());
    let warm = scene.server.requests();
    assert_eq!(scene.sync()["requests"], 0);
    assert!(scene.server.requests() - warm <= 13, "{}", scene.server.requests() - warm);
    for number in 0..10 {
        scene.env.write_task(
            &format!("t{number}"),
            &json!({
                "title": format!("Task {number}"), "command": "true", "suspend": true,
                "files": [format!("src/{number}.rs")], "priority": 5 - number % 5,
                "estimatedDurationMinutes": 31,
            }),
        );
    }
    scene.env.commit("ten tasks of another priority and estimate");
    let before = scene.server.mutations();
    assert!(scene.sync()["requests"].as_u64().unwrap() <= 1);
    assert_eq!(scene.server.mutations() - before, 1);
}

#[test]
fn an_enterprise_server_is_asked_at_its_own_address_and_for_what_it_knows() {
    let scene = Scene::on(Server::with(Flavor::Ghes));
    scene.resting(3);
    assert_eq!(scene.titles().len(), 3);
}

#[test]
fn what_was_asked_in_one_round_counts_in_the_next() {
    let mut scene = Scene::new();
    scene.env.commit_policy(&json!({
        "github": { "board": { "owner": "acme", "number": 1 }, "intervalSeconds": 1 },
    }));
    scene.without_board(|scene| scene.resting(3));
    scene.env.odd.insert("RECONCILER_TEST_HOURLY".to_owned(), Some("3".to_owned()));
    let before = scene.server.mutations();
    let running = scene.env.start_loop();
    // One request makes the cards, one fills them: the third is that of another round.
    scene.env.wait_until("the cards", || scene.server.mutations() - before == 2);
    let changed = |number: usize| {
        let spec = json!({
            "title": format!("Task {number}"), "command": "true", "suspend": true,
            "files": [format!("src/{number}.rs")], "priority": 5, "estimatedDurationMinutes": 30,
        });
        scene.env.commit_task(&format!("t{number}"), &spec);
    };
    changed(0);
    scene.env.wait_until("a third request", || scene.server.mutations() - before == 3);
    changed(1);
    let said = || std::fs::read_to_string(scene.env.out("loop.stdout")).unwrap();
    scene.env.wait_until("the loop to wait", || said().contains("GitHub asks to wait for 3"));
    assert_eq!(scene.server.mutations() - before, 3);
    drop(running);
}
