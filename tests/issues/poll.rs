//! How issues are looked for: what is asked, and how often, while people change them.

use crate::github::store::person::Setting;
use crate::github::{Entry, Server};
use crate::scene::{Node, claims, comments, policy, server};
use serde_json::json;
use std::time::Duration;

/// Takes nothing by itself: what is tried is what is asked.
fn watcher(server: &Server) -> Node {
    Node::with(server, 0, &policy(&json!({})), "true")
}

/// Returns what a round asks.
fn asked(server: &Server, node: &mut Node) -> Vec<Entry> {
    let before = server.requests();
    node.round().unwrap();
    server.log().split_off(before)
}

/// Returns the queries of the only request, and how it was answered.
fn only(asked: &[Entry]) -> (Vec<String>, u16) {
    let [one] = asked else { return (asked.iter().map(|one| one.path.clone()).collect(), 0) };
    let queries = one.query.iter().map(|(name, value)| format!("{name}={value}"));
    (queries.collect(), one.status.unwrap_or_default())
}

#[test]
fn an_idle_look_at_issues_is_one_request_that_costs_nothing() {
    let server = server();
    server.store().open_issue("shop", "other", &["bug"]);
    let mut node = watcher(&server);
    node.round().unwrap();
    assert_eq!(only(&asked(&server, &mut node)).1, 304);
    let number = server.store().open_issue("shop", "one", &["cc01"]);
    assert_eq!(only(&asked(&server, &mut node)).1, 200);
    let since = server.store().repository_mut("shop").issues[&number].updated_at.clone();
    let since: jiff::Timestamp = since.parse().unwrap();
    let since = format!("since={:.0}", since - Duration::from_mins(5));
    // From the newest change on, which stays as it is while nothing changes.
    for status in [200, 304, 304] {
        let (queries, answered) = only(&asked(&server, &mut node));
        assert_eq!(answered, status, "{queries:?}");
        for query in ["direction=asc", "sort=updated", "labels=cc01", &since] {
            assert!(queries.contains(&query.to_owned()), "{query}: {queries:?}");
        }
    }
    assert_eq!(server.mutations(), 0);
}

#[test]
fn what_changed_long_after_the_look_before_is_found_and_what_did_not_is_not_read_again() {
    let server = server();
    for number in 0..3 {
        server.store().open_issue("shop", &format!("{number}"), &["cc01"]);
    }
    let mut node = watcher(&server);
    node.round().unwrap();
    server.clock().advance(Duration::from_hours(5));
    server.store().open_issue("shop", "new", &["cc01"]);
    node.round().unwrap();
    server.clock().advance(Duration::from_hours(5));
    server.store().comment("shop", 4, "news");
    // Of four issues one was changed since.
    let last = server.log().len();
    node.round().unwrap();
    assert_eq!(server.log().len() - last, 1);
    assert!(server.log()[last].query.contains_key("since"));
    let seen = node.ask(&["task", "issues", "-o", "name"]);
    assert_eq!(seen.stdout.lines().count(), 4, "{seen:?}");
}

#[test]
fn issues_on_several_pages_are_all_found() {
    let server = server();
    server.limit(crate::github::Limited::No);
    for number in 0..230 {
        server.store().open_issue("shop", &format!("{number}"), &["cc01"]);
    }
    server.store().push("shop", "work", "x");
    server.store().open_pull("shop", "work", "main");
    server.store().label("shop", 231, "cc01");
    let review = policy(&json!({ "proposals": "review" }));
    let mut node = Node::with(&server, 231, &review, "true");
    let before = server.requests();
    node.settle();
    let pages = server.log().split_off(before);
    let pages = pages.iter().filter(|one| one.path.ends_with("/issues"));
    let first: Vec<&str> = pages.take(3).map(|one| one.query["page"].as_str()).collect();
    assert_eq!(first, ["1", "2", "3"]);
    // The pull request is none of them.
    assert_eq!((node.holds().len(), claims(&server).len()), (230, 230));
}

#[test]
fn an_issue_that_lost_its_label_after_the_look_is_not_claimed() {
    let server = server();
    for title in ["one", "two"] {
        server.store().open_issue("shop", title, &["cc01"]);
    }
    let mut node = Node::new(&server, 1);
    node.settle();
    assert_eq!(node.holds(), ["issue-1-cc01"]);
    // What lost its label is not among what changed: it is still known here.
    server.store().unlabel("shop", 2, "cc01");
    server.store().close_issue("shop", 1);
    node.settle();
    node.settle();
    assert_eq!((node.holds().len(), claims(&server).len()), (0, 0));
    assert_eq!(comments(&server, 2).len(), 0);
}

#[test]
fn issues_that_are_switched_off_are_not_asked_for_and_it_is_told() {
    let server = server();
    server.store().set_repository("shop", "hasIssuesEnabled", Setting::Off);
    let mut node = Node::new(&server, 1);
    let told = "acme/shop has issues switched off";
    assert!(node.round().unwrap().notes.iter().any(|note| note.starts_with(told)));
    let before = server.requests();
    assert!(node.round().unwrap().notes.iter().any(|note| note.starts_with(told)));
    assert_eq!(server.requests(), before, "it is not asked again at once");
}

#[test]
fn issues_that_are_switched_off_while_one_is_worked_keep_its_claim() {
    let server = server();
    server.store().open_issue("shop", "one", &["cc01"]);
    let mut node = Node::new(&server, 1);
    node.settle();
    server.store().set_repository("shop", "hasIssuesEnabled", Setting::Off);
    server.clock().advance(Duration::from_mins(25));
    let notes = node.settle().notes;
    assert!(notes.iter().any(|note| note.contains("issues switched off")), "{notes:?}");
    assert_eq!((node.holds().len(), claims(&server).len()), (1, 1));
    let renewed = server.log().iter().filter(|entry| entry.count("updateRefs") > 0).count();
    assert_eq!(renewed, 1);
    let file = node.env.git(&["show", "HEAD:state/tasks/issue-1-cc01.json"]);
    assert!(!file.contains("suspend"), "{file}");
}

#[test]
fn a_repository_that_is_renamed_is_followed_and_it_is_told() {
    let server = server();
    let number = server.store().open_issue("shop", "one", &["cc01"]);
    let mut node = Node::new(&server, 1);
    node.settle();
    server.store().rename_repository("shop", "store");
    // One round finds it out, the next goes on under the new name.
    node.round().unwrap_err();
    let notes = node.settle().notes;
    let told = "acme/shop is called acme/store by now";
    assert!(notes.iter().any(|note| note.starts_with(told)), "{notes:?}");
    let issue = server.store().repository_mut("store").issues[&number].clone();
    assert_eq!(
        (issue.labels, issue.comments.len()),
        (vec!["cc01".to_owned(), "in-progress".to_owned()], 1)
    );
    assert_eq!(node.holds(), ["issue-1-cc01"]);
}

#[test]
fn a_node_that_begins_after_a_repository_was_renamed_finds_it() {
    let server = server();
    server.store().open_issue("shop", "one", &["cc01"]);
    server.store().rename_repository("shop", "store");
    let mut node = Node::new(&server, 1);
    node.settle();
    assert_eq!(node.holds(), ["issue-1-cc01"]);
}
