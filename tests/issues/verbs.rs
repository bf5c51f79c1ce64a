//! `reconciler task`: what a manager does and sees.

use crate::github::{Fault, Moment, When};
use crate::scene::{Node, comments, server};
use serde_json::{Value, json};

fn json_of(node: &Node, arguments: &[&str]) -> Value {
    let said = node.ask(&[arguments, &["-o", "json"]].concat());
    assert!(said.status.success(), "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

#[test]
fn words_become_one_issue_however_often_and_whatever_answer_is_lost() {
    for moment in [Moment::Before, Moment::After] {
        let server = server();
        let node = Node::new(&server, 1);
        let words =
            ["task", "push", "--title", "Add login", "--body", "JWT", "--label", "cc01,backend"];
        server.fault(When::Rest("POST", "issues"), Fault::Dropped(moment));
        node.ask(&words);
        let there = json_of(&node, &words);
        assert_eq!(there["number"], 1, "{moment:?}");
        assert_eq!(json_of(&node, &words)["wasThere"], true);
        let mut store = server.store();
        let issues = &store.repository_mut("shop").issues;
        assert_eq!((issues.len(), issues[&1].title.as_str()), (1, "Add login"));
        assert!(issues[&1].body.starts_with("JWT\n\n<!-- reconciler:push="));
        assert_eq!(issues[&1].labels, ["cc01", "backend"]);
    }
}

#[test]
fn a_task_becomes_an_issue_with_its_prompt_and_a_command_does_not() {
    let server = server();
    let node = Node::new(&server, 1);
    node.env
        .commit_task("login", &json!({ "title": "Add login", "prompt": "JWT", "suspend": true }));
    node.env.commit_task("clean", &json!({ "command": "rm -rf target", "suspend": true }));
    let made = json_of(&node, &["task", "push", "login", "--label", "cc01"]);
    assert_eq!((&made["number"], &made["wasThere"]), (&json!(1), &json!(false)));
    let refused = node.ask(&["task", "push", "clean", "--label", "cc01"]);
    assert!(!refused.status.success() && refused.stderr.contains("no prompt"), "{refused:?}");
    assert_eq!(server.store().repository_mut("shop").issues.len(), 1);
}

#[test]
fn a_manager_sees_who_works_on_what() {
    let server = server();
    for title in ["one", "two"] {
        server.store().open_issue("shop", title, &["cc01"]);
    }
    server.store().open_issue("shop", "done", &["cc01", "completed"]);
    let mut node = Node::new(&server, 1);
    node.settle();
    let seen = json_of(&node, &["task", "issues"]);
    let states: Vec<&str> =
        seen.as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["claimed", "open", "completed"]);
    assert_eq!((&seen[0]["worker"], &seen[1]["worker"]), (&json!("cc01"), &Value::Null));
    let table = node.ask(&["task", "issues"]);
    assert!(table.stdout.contains("#1") && table.stdout.contains("claimed"), "{table:?}");
    node.settle();
    assert_eq!(comments(&server, 1).len(), 1);
}

#[test]
fn without_a_token_nothing_is_asked_and_it_says_what_to_do() {
    let server = server();
    let mut node = Node::new(&server, 1);
    node.env.odd.insert("GITHUB_TOKEN".to_owned(), None);
    let said = node.ask(&["task", "issues"]);
    assert!(!said.status.success() && said.stderr.contains("GITHUB_TOKEN is not set"), "{said:?}");
    assert_eq!(server.requests(), 0);
}
