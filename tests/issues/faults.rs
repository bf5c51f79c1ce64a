//! Every fault at every request of an issue's life: in the end there is one claim, each label and each
//! comment once, and nothing was lost. Each kind of fault strikes each request.

use crate::github::{Fault, Moment, Server, When};
use crate::scene::{Node, claims, comments, labels, policy, server};
use serde_json::json;
use std::process::Stdio;
use std::time::Duration;

/// What a node asks from the first look at an issue until it has told of it, and until it is over.
const REQUESTS: [When; 12] = [
    When::Rest("GET", "/repos/acme/shop/issues"),
    When::Rest("GET", "matching-refs"),
    When::Rest("GET", "issues/1"),
    When::Rest("POST", "git/commits"),
    When::Rest("POST", "git/refs"),
    When::Rest("GET", "git/ref/heads/reconciler"),
    When::Rest("POST", "issues/1/labels"),
    When::Rest("POST", "issues/1/assignees"),
    When::Rest("POST", "issues/1/comments"),
    When::Rest("DELETE", "issues/1/labels"),
    When::Rest("GET", "/pulls"),
    When::Mutation("updateRefs"),
];

/// What goes wrong, by name; made anew for each request.
fn faults() -> Vec<(&'static str, Fault)> {
    vec![
        ("502 before", Fault::BadGateway(Moment::Before)),
        ("502 after", Fault::BadGateway(Moment::After)),
        ("dropped before", Fault::Dropped(Moment::Before)),
        ("dropped after", Fault::Dropped(Moment::After)),
        ("HTML", Fault::Html),
        ("403 with retry-after", Fault::RetryAfter(60)),
        ("403 of the secondary limit", Fault::Secondary),
        ("429", Fault::TooMany),
        ("401", Fault::Unauthorized),
        ("no headers of limits", Fault::NoLimitHeaders),
    ]
}

/// Work that is over as soon as it begins: nothing runs, the task is done by a person.
fn node(server: &Server) -> Node {
    let unmerged = policy(&json!({ "merge": { "method": "none" } }));
    Node::with(server, 1, &unmerged, "true")
}

/// Does so many rounds, whatever becomes of each.
fn rounds(node: &mut Node, count: usize) {
    for _ in 0..count {
        node.round().ok();
    }
}

#[test]
fn whatever_goes_wrong_at_each_request_an_issue_is_claimed_told_and_completed_once() {
    for (what, _) in faults() {
        let server = server();
        let number = server.store().open_issue("shop", "one", &["cc01"]);
        let mut node = node(&server);
        for request in REQUESTS {
            let fault = faults().into_iter().find(|(one, _)| *one == what);
            server.fault(request, fault.unwrap().1);
        }
        // More than there are requests that end a round.
        rounds(&mut node, 14);
        assert_eq!(labels(&server, number), ["cc01", "in-progress"], "{what}");
        assert_eq!(node.holds(), ["issue-1-cc01"], "{what}");
        let mut run = node.env.reconciler(&["run", "--until", "settled"]);
        run.env("GITHUB_TOKEN", "").stdout(Stdio::null()).stderr(Stdio::null());
        assert!(run.status().is_ok());
        rounds(&mut node, 10);
        assert!(server.faults_done(), "{what}: not every request was made {:?}", node.round());
        let expected = ["cc01", "completed", "ready-for-review"];
        assert_eq!(labels(&server, number), expected, "{what}");
        let told = comments(&server, number);
        assert!(told.len() == 2 && told[0].starts_with("Task claimed by CC01"), "{what}: {told:?}");
        assert!(told[1].starts_with("Task completed!"), "{what}: {told:?}");
        assert_eq!((claims(&server).len(), node.holds().len()), (1, 1), "{what}");
        let before = server.mutations();
        node.settle();
        assert_eq!(server.mutations(), before, "{what}: all of it is told");
    }
}

#[test]
fn whatever_goes_wrong_once_an_issue_is_made_once() {
    for (what, fault) in faults() {
        let server = server();
        let node = node(&server);
        server.fault(When::Rest("POST", "issues"), fault);
        let push = ["task", "push", "--title", "one", "--label", "cc01"];
        node.ask(&push);
        assert!(server.faults_done(), "{what}");
        let said = node.ask(&push);
        assert!(said.status.success(), "{what}: {said:?}");
        assert_eq!(server.store().repository_mut("shop").issues.len(), 1, "{what}");
    }
}

#[test]
fn progress_is_told_in_one_comment_whatever_goes_wrong_once() {
    for (what, fault) in faults() {
        let server = server();
        let number = server.store().open_issue("shop", "one", &["cc01"]);
        let script = "reconciler progress 1/2 one && reconciler progress 2/2 two && : > ../../said \
                      && exec sleep 1000";
        let mut node = Node::with(&server, 1, &policy(&json!({})), script);
        node.settle();
        node.settle();
        node.env.odd.insert("GITHUB_TOKEN".to_owned(), None);
        let running = node.env.start_loop();
        node.env.wait_until("the words", || crate::common::is_there(&node.env.path("said")));
        node.settle();
        let mut book = node.book();
        for taken in book.taken.values_mut() {
            taken.progress.lines = vec!["one".to_owned(), "two".to_owned(), "three".to_owned()];
        }
        node.env.records().set_issues(&book).unwrap();
        server.clock().advance(Duration::from_mins(11));
        server.fault(When::Rest("PATCH", "issues/comments"), fault);
        for _ in 0..3 {
            node.round().ok();
        }
        assert!(server.faults_done(), "{what}");
        let told = comments(&server, number);
        assert!(told.len() == 2 && told[1].contains("- one\n- two\n- three"), "{what}: {told:?}");
        running.end_by(&node.env, "INT");
    }
}
