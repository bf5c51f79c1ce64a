//! Two nodes that want the same issues: each is worked once.

use crate::scene::{Node, claims, server};
use std::collections::BTreeSet;

#[test]
fn two_nodes_that_contend_for_two_hundred_issues_work_each_once() {
    const ISSUES: usize = 200;
    let server = server();
    server.limit(crate::github::Limited::No);
    for number in 0..ISSUES {
        server.store().open_issue("shop", &format!("issue {number}"), &["cc01"]);
    }
    // Nothing is accepted: what is tried is who claims.
    let review = crate::scene::policy(&serde_json::json!({ "proposals": "review" }));
    let (mut one, mut two) = (
        Node::with(&server, ISSUES, &review, "true"),
        Node::with(&server, ISSUES, &review, "true"),
    );
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| one.settle());
        let second = two.settle();
        (first.join().unwrap(), second)
    });
    let all: BTreeSet<&String> = first.claimed.iter().chain(&second.claimed).collect();
    assert_eq!(first.claimed.len() + second.claimed.len(), ISSUES, "none was claimed twice");
    assert_eq!((all.len(), claims(&server).len()), (ISSUES, ISSUES));
    let (held, other) = (one.holds(), two.holds());
    let held: BTreeSet<&String> = held.iter().collect();
    assert!(other.iter().all(|task| !held.contains(task)));
    assert_eq!(held.len() + other.len(), ISSUES);
    assert!(!held.is_empty() && !other.is_empty(), "they did contend");
}
