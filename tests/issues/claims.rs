//! Claims when something goes wrong: each issue is held by one node, whatever answer was lost.

use crate::github::{Fault, Moment, When};
use crate::scene::{Node, claims, comments, labels, policy, server};
use serde_json::json;
use std::time::Duration;

#[test]
fn a_claim_whose_answer_is_lost_is_found_and_not_made_twice() {
    for moment in [Moment::Before, Moment::After] {
        for path in ["git/refs", "git/commits"] {
            claims_once(path, Fault::BadGateway(moment));
            claims_once(path, Fault::Dropped(moment));
        }
    }
}

fn claims_once(path: &'static str, fault: Fault) {
    let server = server();
    let number = server.store().open_issue("shop", "one", &["cc01"]);
    server.fault(When::Rest("POST", path), fault);
    let mut node = Node::new(&server, 1);
    node.settle();
    assert!(server.faults_done(), "{path}");
    assert_eq!(node.holds(), ["issue-1-cc01"], "{path}");
    assert_eq!(claims(&server), ["issue-1-cc01"]);
    node.settle();
    let told = comments(&server, number);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("Task claimed by CC01\nStarted: "), "{told:?}");
}

#[test]
fn a_node_that_is_killed_at_any_request_says_and_makes_everything_once() {
    let mut at = 1;
    loop {
        for moment in [Moment::Before, Moment::After] {
            let server = server();
            let number = server.store().open_issue("shop", "one", &["cc01"]);
            let mut node = Node::new(&server, 1);
            server.stop_at(at, moment);
            for _ in 0..3 {
                node.round().ok();
            }
            let was_stopped = server.stopped(Duration::ZERO);
            server.resume();
            node.restart();
            node.settle();
            node.settle();
            assert_eq!(labels(&server, number), ["cc01", "in-progress"], "{at} {moment:?}");
            let told = comments(&server, number);
            assert_eq!(told.len(), 1, "{at} {moment:?}: {told:?}");
            assert_eq!(node.holds(), ["issue-1-cc01"]);
            if !was_stopped {
                assert!(at > 10, "only {at} requests");
                return;
            }
        }
        at += 1;
    }
}

#[test]
fn a_claim_is_taken_over_when_it_has_lapsed_and_who_had_it_stops() {
    let server = server();
    let number = server.store().open_issue("shop", "one", &["cc01"]);
    let mut one = Node::new(&server, 1);
    let mut two = Node::new(&server, 1);
    one.settle();
    server.clock().advance(Duration::from_mins(59));
    two.settle();
    assert_eq!((one.holds().len(), two.holds().len()), (1, 0));
    server.clock().advance(Duration::from_mins(8));
    two.settle();
    two.settle();
    assert_eq!(two.holds(), ["issue-1-cc01"]);
    let told = comments(&server, number);
    let notes = one.settle().notes;
    assert_eq!(one.holds(), Vec::<String>::new());
    assert!(
        notes.iter().any(|note| note.contains("another node took its issue over")),
        "{notes:?}"
    );
    let file = one.env.git(&["show", "HEAD:state/tasks/issue-1-cc01.json"]);
    assert!(file.contains("\"suspend\": true"), "{file}");
    assert_eq!(comments(&server, number), told, "who lost it says nothing");
    assert_eq!(told.len(), 2);
}

#[test]
fn a_claim_is_renewed_while_its_node_lives() {
    let server = server();
    server.store().open_issue("shop", "one", &["cc01"]);
    let mut one = Node::new(&server, 1);
    let mut two = Node::new(&server, 1);
    one.settle();
    for _ in 0..6 {
        server.clock().advance(Duration::from_mins(25));
        one.restart();
        one.settle();
        two.settle();
    }
    assert_eq!((one.holds().len(), two.holds().len()), (1, 0));
    let moved = server.log().iter().filter(|entry| entry.count("updateRefs") > 0).count();
    assert_eq!(moved, 6);
}

#[test]
fn a_renewal_whose_answer_is_lost_loses_nothing() {
    for moment in [Moment::Before, Moment::After] {
        let server = server();
        let number = server.store().open_issue("shop", "one", &["cc01"]);
        let mut node = Node::new(&server, 1);
        node.settle();
        node.settle();
        server.clock().advance(Duration::from_mins(25));
        server.fault(When::Mutation("updateRefs"), Fault::Dropped(moment));
        for _ in 0..3 {
            node.round().ok();
            node.restart();
        }
        assert_eq!(node.holds(), ["issue-1-cc01"], "{moment:?}");
        assert_eq!(comments(&server, number).len(), 1);
    }
}

#[test]
fn a_claim_that_is_taken_between_a_look_and_a_renewal_stops_the_task() {
    let server = server();
    let number = server.store().open_issue("shop", "one", &["cc01"]);
    let mut node = Node::new(&server, 1);
    node.settle();
    node.settle();
    server.clock().advance(Duration::from_mins(25));
    let steal = Fault::meanwhile(|store| {
        let repository = store.repository_mut("shop");
        let tip = repository.refs["refs/heads/main"].clone();
        repository.refs.insert("refs/heads/reconciler/claims/issue-1-cc01".to_owned(), tip);
    });
    server.fault(When::Mutation("updateRefs"), steal);
    node.settle();
    assert_eq!((node.holds().len(), comments(&server, number).len()), (0, 1));
    let file = node.env.git(&["show", "HEAD:state/tasks/issue-1-cc01.json"]);
    assert!(file.contains("\"suspend\": true"), "{file}");
}

#[test]
fn a_proposal_whose_claim_is_lost_is_withdrawn() {
    let server = server();
    server.store().open_issue("shop", "one", &["cc01"]);
    let review = policy(&json!({ "proposals": "review" }));
    let mut node = Node::with(&server, 1, &review, "true");
    node.settle();
    {
        let mut store = server.store();
        let repository = store.repository_mut("shop");
        let tip = repository.refs["refs/heads/main"].clone();
        repository.refs.insert("refs/heads/reconciler/claims/issue-1-cc01".to_owned(), tip);
    }
    node.settle();
    let refused = node.ask(&["accept", "issue-1-cc01"]);
    assert!(!refused.status.success() && node.holds().is_empty(), "{refused:?}");
}

#[test]
fn a_claim_that_somebody_else_wrote_is_held() {
    let server = server();
    server.store().open_issue("shop", "one", &["cc01"]);
    {
        let mut store = server.store();
        let repository = store.repository_mut("shop");
        let tip = repository.refs["refs/heads/main"].clone();
        repository.refs.insert("refs/heads/reconciler/claims/issue-1-cc01".to_owned(), tip);
    }
    let mut node = Node::new(&server, 1);
    server.clock().advance(Duration::from_hours(1000));
    node.settle();
    assert_eq!(node.holds(), Vec::<String>::new());
}

#[test]
fn the_limits_of_github_and_a_revoked_token_end_a_round_and_lose_nothing() {
    for fault in [
        || Fault::RetryAfter(60),
        || Fault::Secondary,
        || Fault::TooMany,
        || Fault::Unauthorized,
        || Fault::Html,
    ] {
        let server = server();
        let number = server.store().open_issue("shop", "one", &["cc01"]);
        let mut node = Node::new(&server, 1);
        server.fault(When::Rest("POST", "labels"), fault());
        node.settle();
        node.settle();
        assert!(server.faults_done());
        assert_eq!(labels(&server, number), ["cc01", "in-progress"]);
        assert_eq!(comments(&server, number).len(), 1);
    }
}

#[test]
fn a_token_that_may_not_write_is_told_of_before_anything_is_claimed() {
    let server = server();
    server.store().open_issue("shop", "one", &["cc01"]);
    server.store().set_permission("shop", "READ");
    let mut node = Node::new(&server, 1);
    let error = node.round().unwrap_err();
    assert!(error.to_string().contains("may not write to acme/shop"), "{error}");
    let said = node.ask(&["doctor", "--for", "github"]);
    assert!(said.stdout.contains("may not write to acme/shop"), "{said:?}");
    assert_eq!(server.mutations(), 0);
}

#[test]
fn several_labels_of_one_issue_are_several_tasks() {
    let server = server();
    let number = server.store().open_issue("shop", "one", &["cc01", "cc02"]);
    let both =
        json!([{ "label": "cc01", "worker": "cc01" }, { "label": "cc02", "worker": "cc02" }]);
    let github = json!({ "repository": "acme/shop", "pull": both });
    let mut node = Node::with(&server, 1, &policy(&json!({ "github": github })), "true");
    node.settle();
    node.settle();
    assert_eq!(node.holds(), ["issue-1-cc01", "issue-1-cc02"]);
    assert_eq!(claims(&server), ["issue-1-cc01", "issue-1-cc02"]);
    assert_eq!(comments(&server, number).len(), 2);
    for (task, worker) in [("issue-1-cc01", "cc01"), ("issue-1-cc02", "cc02")] {
        let file = node.env.git(&["show", &format!("HEAD:state/tasks/{task}.json")]);
        let file: serde_json::Value = serde_json::from_str(&file).unwrap();
        assert_eq!(file["spec"]["assignedTo"], worker);
        assert_eq!(file["spec"]["issueNumber"], 1);
        assert!(file["spec"].get("command").is_none());
    }
}
