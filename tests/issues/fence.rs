//! The fence: work of an issue lands only while its claim is ours, and only one node works on it, whoever
//! reads the task.

use crate::common::{is_there, said};
use crate::github::Server;
use crate::scene::{Node, claims, comments, policy, server};
use reconciler::api::task::TaskState;
use reconciler::plan::report::Reason;
use serde_json::json;
use std::time::Duration;

const TASK: &str = "issue-1-cc01";
/// Commits its work, says so, and ends when it may.
const SCRIPT: &str = "echo a > a.txt && git add a.txt && git commit -q -m work && : > ../../done && \
                      until [ -e ../../go ]; do sleep 0.05; done";

/// Somebody who keeps to no rules takes the claim.
fn steal(server: &Server) {
    let mut store = server.store();
    let repository = store.repository_mut("shop");
    let tip = repository.refs["refs/heads/main"].clone();
    repository.refs.insert(format!("refs/heads/reconciler/claims/{TASK}"), tip);
}

/// As if the time of the claim had passed since it was seen, without an answer from GitHub.
fn let_time_pass(node: &Node) {
    let mut book = node.book();
    for taken in book.taken.values_mut() {
        taken.sure.as_mut().unwrap().left_millis = 0;
    }
    node.env.records().set_issues(&book).unwrap();
}

fn has_landed(node: &Node) -> bool {
    !node.env.git(&["ls-tree", "--name-only", "main", "a.txt"]).is_empty()
}

/// An issue whose task has committed its work and goes on, in a loop that does not reach GitHub.
fn working(server: &Server) -> (Node, crate::common::Loop) {
    server.store().open_issue("shop", "one", &["cc01"]);
    let mut node = Node::with(server, 1, &policy(&json!({})), SCRIPT);
    node.settle();
    node.settle();
    node.env.odd.insert("GITHUB_TOKEN".to_owned(), None);
    let running = node.env.start_loop();
    node.env.wait_until("the work to be committed", || is_there(&node.env.path("done")));
    (node, running)
}

#[test]
fn a_claim_that_is_stolen_while_its_task_works_lands_nothing_and_loses_nothing() {
    let server = server();
    let (mut node, running) = working(&server);
    steal(&server);
    let told = comments(&server, 1);
    let notes = node.settle().notes;
    assert!(
        notes.iter().any(|note| note.contains("another node took its issue over")),
        "{notes:?}"
    );
    std::fs::write(node.env.path("go"), "").unwrap();
    node.env.wait_until("the task to be stopped", || {
        node.env.report(TASK).is_some_and(|one| one.state == TaskState::Pending)
    });
    assert!(!has_landed(&node));
    let branch = node.env.branch(TASK);
    assert_eq!(node.env.git(&["show", &format!("{branch}:a.txt")]), "a", "the work is kept");
    assert_eq!((comments(&server, 1), node.holds().len()), (told, 0));
    running.end_by(&node.env, "INT");
}

#[test]
fn nothing_lands_while_a_claim_could_be_anothers_until_it_is_renewed() {
    let server = server();
    let (mut node, running) = working(&server);
    let_time_pass(&node);
    std::fs::write(node.env.path("go"), "").unwrap();
    node.env.wait_for_reason(TASK, Reason::ClaimUnsure);
    let message = node.env.report(TASK).unwrap().message;
    assert!(
        message.starts_with("done; it lands when the claim of issue #1 is renewed"),
        "{message}"
    );
    assert!(!has_landed(&node));
    // GitHub is there again: the claim is ours still, and is renewed.
    server.clock().advance(Duration::from_mins(25));
    node.round().unwrap();
    node.env.wait_until("the work to land", || has_landed(&node));
    running.end_by(&node.env, "INT");
    assert_eq!(claims(&server), [TASK]);
}

#[test]
fn what_another_took_over_meanwhile_never_lands() {
    let server = server();
    let (mut node, running) = working(&server);
    let_time_pass(&node);
    std::fs::write(node.env.path("go"), "").unwrap();
    node.env.wait_for_reason(TASK, Reason::ClaimUnsure);
    server.clock().advance(Duration::from_mins(66));
    let mut other = Node::new(&server, 1);
    other.settle();
    assert_eq!(other.holds(), [TASK]);
    node.settle();
    node.env.wait_until("the task to rest", || {
        node.env.report(TASK).is_some_and(|one| one.state == TaskState::Pending)
    });
    assert!(!has_landed(&node));
    running.end_by(&node.env, "INT");
}

/// Lets a node read what another reads, as one does that follows the same branch.
fn follow(node: &Node, other: &Node) {
    node.env.git(&["fetch", "-q", other.env.path("").to_str().unwrap(), "main"]);
    node.env.git(&["reset", "-q", "--hard", "FETCH_HEAD"]);
}

fn run(node: &Node) {
    let mut run = node.env.reconciler(&["run", "--until", "settled"]);
    run.env("GITHUB_TOKEN", "");
    said(&mut run);
}

#[test]
fn of_two_nodes_that_read_the_same_tasks_only_the_one_with_the_claim_does_it() {
    let server = server();
    server.store().open_issue("shop", "one", &["cc01"]);
    let script = "echo a > a.txt && git add a.txt && git commit -q -m work";
    let mut one = Node::with(&server, 1, &policy(&json!({})), script);
    let mut two = Node::with(&server, 1, &policy(&json!({})), script);
    one.settle();
    one.settle();
    follow(&two, &one);
    run(&two);
    let report = two.env.report(TASK).unwrap();
    assert_eq!((report.reason, report.attempt), (Reason::HeldElsewhere, None));
    assert!(report.message.contains("issue #1 is done where it is claimed"), "{}", report.message);
    // Nor does it claim it, while who has it lives.
    two.settle();
    assert_eq!((two.holds().len(), one.holds().len()), (0, 1));
    run(&one);
    assert_eq!(one.env.report(TASK).unwrap().state, TaskState::Completed, "{}", one.env.tell());
    assert!(has_landed(&one) && !has_landed(&two));
}

#[test]
fn a_node_that_reads_the_same_tasks_takes_over_from_one_that_is_silent() {
    let server = server();
    server.store().open_issue("shop", "one", &["cc01"]);
    let script = "echo a > a.txt && git add a.txt && git commit -q -m work";
    let mut one = Node::with(&server, 1, &policy(&json!({})), script);
    let mut two = Node::with(&server, 1, &policy(&json!({})), script);
    one.settle();
    one.settle();
    follow(&two, &one);
    server.clock().advance(Duration::from_mins(66));
    two.settle();
    two.settle();
    assert_eq!(two.holds(), [TASK]);
    run(&two);
    assert_eq!(two.env.report(TASK).unwrap().state, TaskState::Completed, "{}", two.env.tell());
    // Who was silent reads so, and neither does it nor stops it for the other.
    follow(&one, &two);
    let told = comments(&server, 1).len();
    one.settle();
    run(&one);
    assert_eq!((one.holds().len(), comments(&server, 1).len()), (0, told));
    assert_eq!(one.env.report(TASK).unwrap().attempt, None);
    let file = one.env.git(&["show", &format!("HEAD:state/tasks/{TASK}.json")]);
    assert!(!file.contains("suspend"), "{file}");
}

#[test]
fn a_node_that_forgot_what_it_claimed_takes_it_anew_when_the_claim_has_lapsed() {
    let server = server();
    server.store().open_issue("shop", "one", &["cc01"]);
    let mut node = Node::new(&server, 1);
    node.settle();
    node.settle();
    std::fs::remove_file(node.env.path(".reconciler/issues.json")).unwrap();
    node.settle();
    assert!(node.holds().is_empty());
    run(&node);
    assert_eq!(node.env.report(TASK).unwrap().reason, Reason::HeldElsewhere);
    server.clock().advance(Duration::from_mins(66));
    node.settle();
    assert_eq!(node.holds(), [TASK]);
    run(&node);
    assert_eq!(node.env.report(TASK).unwrap().state, TaskState::Completed, "{}", node.env.tell());
}
