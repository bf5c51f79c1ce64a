//! What people do to issues that are worked: each is stopped without a word, and what strangers write is
//! never taken for ours.

use crate::common::is_there;
use crate::github::{Fault, Moment, Server, When};
use crate::scene::{Node, claims, comments, labels, policy, server};
use reconciler::api::task::TaskState;
use serde_json::{Value, json};

/// What a person does to an issue, and how it is called.
type Way = (&'static str, fn(&Server, u64));

/// An issue whose task runs until it is stopped; and the loop.
fn running(server: &Server) -> (u64, Node, crate::common::Loop) {
    let number = server.store().open_issue("shop", "one", &["cc01"]);
    let script = ": > ../../runs && exec sleep 1000";
    let mut node = Node::with(server, 1, &policy(&json!({})), script);
    node.settle();
    node.env.odd.insert("GITHUB_TOKEN".to_owned(), None);
    let running = node.env.start_loop();
    node.env.wait_until("the task to run", || is_there(&node.env.path("runs")));
    node.settle();
    (number, node, running)
}

/// Waits until the task is stopped, with its worktree left where it is.
fn is_stopped(node: &Node) {
    node.env.wait_until("the task to be stopped", || {
        node.env.report("issue-1-cc01").is_some_and(|one| one.state == TaskState::Pending)
    });
    let file = node.env.git(&["show", "HEAD:state/tasks/issue-1-cc01.json"]);
    assert!(file.contains("\"suspend\": true"), "{file}");
    assert!(is_there(&node.env.path(".worktrees/issue-1-cc01")));
}

#[test]
fn work_is_stopped_without_a_word_when_a_person_takes_its_issue_away() {
    let ways: [Way; 4] = [
        ("label", |server, number| server.store().unlabel("shop", number, "cc01")),
        ("closed", |server, number| server.store().close_issue("shop", number)),
        ("deleted", |server, number| server.store().delete_issue("shop", number)),
        ("moved", |server, number| {
            server.store().add_repository("acme", "other");
            server.store().transfer_issue("shop", number, "other");
        }),
    ];
    for (what, person) in ways {
        let server = server();
        let (number, mut node, running) = running(&server);
        let before = comments(&server, number);
        person(&server, number);
        let written = server.mutations();
        let notes = node.settle().notes;
        assert!(
            notes.iter().any(|note| note.contains("is suspended: its issue")),
            "{what}: {notes:?}"
        );
        is_stopped(&node);
        assert_eq!((claims(&server).len(), node.holds().len()), (0, 0), "{what}");
        // Its label of ours goes, where it can be seen, and its claim; nothing is said.
        let done = server.mutations() - written;
        assert!(done <= 2, "{what}: {done}");
        if server.store().repository_mut("shop").issues.contains_key(&number) {
            assert_eq!(comments(&server, number), before, "{what}");
        }
        running.end_by(&node.env, "INT");
    }
}

#[test]
fn who_is_not_shown_as_assignee_is_told_and_its_claim_holds() {
    let server = server();
    server.store().rules.assigns_nobody = true;
    let number = server.store().open_issue("shop", "one", &["cc01"]);
    let mut node = Node::new(&server, 1);
    let notes = node.settle().notes;
    let told = "issue #1 is claimed here, and GitHub does not show ada as its assignee";
    assert!(notes.contains(&told.to_owned()), "{notes:?}");
    assert!(node.settle().notes.is_empty(), "it is told once");
    assert_eq!(labels(&server, number), ["cc01", "in-progress"]);
    assert_eq!((node.holds().len(), comments(&server, number).len()), (1, 1));
}

fn pushed(node: &Node) -> Value {
    let words = ["task", "push", "--title", "Add login", "--body", "JWT", "--label", "cc01"];
    let said = node.ask(&[&words[..], &["-o", "json"]].concat());
    assert!(said.status.success(), "{said:?}");
    serde_json::from_str(&said.stdout).unwrap()
}

#[test]
fn a_mark_that_a_stranger_wrote_keeps_no_issue_from_being_made() {
    let server = server();
    let node = Node::new(&server, 1);
    assert_eq!(pushed(&node)["number"], 1);
    let body = server.store().repository_mut("shop").issues[&1].body.clone();
    server.store().close_issue("shop", 1);
    let number = server.store().open_as_stranger("shop", "mine", &body);
    server.store().label("shop", number, "cc01");
    let made = pushed(&node);
    assert_eq!((&made["number"], &made["wasThere"]), (&json!(3), &json!(false)));
    assert_eq!(pushed(&node)["number"], 3);
}

#[test]
fn an_issue_of_who_asks_is_known_again_although_they_may_not_work_there() {
    let server = server();
    let node = Node::new(&server, 1);
    assert_eq!(pushed(&node)["number"], 1);
    server.store().set_permission("shop", "READ");
    let again = pushed(&node);
    assert_eq!((&again["number"], &again["wasThere"]), (&json!(1), &json!(true)));
}

#[test]
fn a_mark_of_ours_that_a_stranger_copied_is_no_comment_of_ours() {
    let server = server();
    let number = server.store().open_issue("shop", "one", &["cc01"]);
    let mut node = Node::new(&server, 1);
    let copy = Fault::meanwhile(move |store| {
        let claims = &store.repository_mut("shop").commits;
        let nonce = claims.values().find_map(|one| one.message.split_once("Nonce: "));
        let nonce = nonce.unwrap().1.lines().next().unwrap().to_owned();
        let mark = format!("hello\n\n<!-- reconciler:claim={nonce} claimed -->");
        store.comment_as_stranger("shop", number, &mark);
    });
    // Both: the copy is there when it is looked for what became of ours.
    server.fault(When::Rest("POST", "labels"), copy);
    server.fault(When::Rest("POST", "comments"), Fault::Dropped(Moment::Before));
    node.settle();
    node.settle();
    assert!(server.faults_done());
    let told = comments(&server, number);
    assert!(told.len() == 2 && told[1].starts_with("Task claimed by CC01"), "{told:?}");
}
