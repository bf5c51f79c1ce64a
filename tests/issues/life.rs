//! The life of an issue, to the letter of the founding document: with real tasks on a real repository.

use crate::common::{is_there, name};
use crate::github::Server;
use crate::scene::{Node, claims, comments, labels, policy, server};
use reconciler::api::task::TaskState;
use serde_json::json;

/// Runs what there is to run, without the rounds of the loop.
fn work(node: &Node) {
    let mut run = node.env.reconciler(&["run", "--until", "settled"]);
    run.env("GITHUB_TOKEN", "");
    let status =
        run.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).status();
    assert!(status.is_ok());
}

fn state(node: &Node, task: &str) -> Option<TaskState> {
    node.env.report(task).map(|report| report.state)
}

fn one_issue(server: &Server) -> u64 {
    server.store().open_issue("shop", "Create login component", &["cc01", "frontend"])
}

#[test]
fn an_issue_is_claimed_worked_and_completed() {
    let server = server();
    let number = one_issue(&server);
    let script = "echo \"$1\" > prompt.txt && git add prompt.txt && git commit -q -m work";
    let mut node = Node::with(&server, 1, &policy(&json!({})), script);
    node.settle();
    node.settle();
    assert_eq!(labels(&server, number), ["cc01", "frontend", "in-progress"]);
    let store = server.store().repository_mut("shop").issues[&number].clone();
    assert_eq!(store.assignees, ["ada"]);
    drop(store);
    let told = comments(&server, number);
    let started = told[0].strip_prefix("Task claimed by CC01\nStarted: ").unwrap();
    assert!(started.len() == "2025-01-24 10:00:00".len() && started.starts_with("20"), "{told:?}");
    work(&node);
    assert_eq!(state(&node, "issue-1-cc01"), Some(TaskState::Completed), "{}", node.env.tell());
    node.settle();
    assert_eq!(labels(&server, number), ["cc01", "completed", "frontend", "ready-for-review"]);
    let told = comments(&server, number);
    assert_eq!(told.len(), 2, "{told:?}");
    let tip = node.env.git(&["rev-parse", "HEAD"]);
    assert_eq!(told[1], format!("Task completed!\nCommit: {tip}"));
    assert!(node.env.git(&["show", "HEAD:prompt.txt"]).contains("Title: Create login component"));
    // Said once, and nobody takes it again.
    let before = server.mutations();
    node.settle();
    let mut other = Node::new(&server, 1);
    other.settle();
    assert_eq!((server.mutations(), other.holds().len()), (before, 0));
    // A person closes it: the claim goes, and nothing more is said.
    server.store().close_issue("shop", number);
    node.settle();
    assert_eq!((claims(&server).len(), node.holds().len()), (0, 0));
    assert_eq!(comments(&server, number).len(), 2);
}

#[test]
fn work_with_a_pull_request_names_it() {
    let server = server();
    let number = one_issue(&server);
    let unmerged = policy(&json!({ "merge": { "method": "none" } }));
    let script = "echo a > a.txt && git add a.txt && git commit -q -m work";
    let mut node = Node::with(&server, 1, &unmerged, script);
    node.settle();
    work(&node);
    let branch = node.env.branch("issue-1-cc01");
    server.store().push("shop", &branch, "work");
    let pull = server.store().open_pull("shop", &branch, "main");
    node.settle();
    node.settle();
    assert_eq!(comments(&server, number)[1], format!("Task completed!\nPR: #{pull}"));
}

#[test]
fn work_that_fails_says_why() {
    let server = server();
    let number = one_issue(&server);
    let mut node = Node::with(&server, 1, &policy(&json!({})), "exit 3");
    node.settle();
    node.env.git(&["config", "user.name", "Ada"]);
    // One attempt is enough.
    let file = node.env.path("state/tasks/issue-1-cc01.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"issueNumber\"", "\"retries\": 0, \"issueNumber\""))
        .unwrap();
    node.env.commit("one attempt");
    work(&node);
    assert_eq!(state(&node, "issue-1-cc01"), Some(TaskState::Failed), "{}", node.env.tell());
    node.settle();
    node.settle();
    assert_eq!(labels(&server, number), ["cc01", "failed", "frontend"]);
    let told = comments(&server, number);
    assert!(told[1].starts_with("Task failed.\nReason: "), "{told:?}");
}

#[test]
fn an_issue_that_a_person_unlabels_is_stopped_without_a_word() {
    let server = server();
    let number = one_issue(&server);
    let mut node = Node::new(&server, 1);
    node.settle();
    node.settle();
    server.store().unlabel("shop", number, "cc01");
    let told = comments(&server, number);
    node.settle();
    assert_eq!(labels(&server, number), ["frontend"]);
    assert_eq!(comments(&server, number), told);
    assert_eq!((claims(&server).len(), node.holds().len()), (0, 0));
    let file = node.env.git(&["show", "HEAD:state/tasks/issue-1-cc01.json"]);
    assert!(file.contains("\"suspend\": true"), "{file}");
}

#[test]
fn what_the_policy_does_not_accept_waits_for_a_person() {
    let server = server();
    let number = one_issue(&server);
    let review = policy(&json!({ "proposals": "review" }));
    let mut node = Node::with(&server, 1, &review, "true");
    let notes = node.settle().notes;
    assert!(notes.iter().any(|note| note.ends_with("reconciler accept issue-1-cc01")), "{notes:?}");
    assert_eq!(comments(&server, number).len(), 0);
    let accepted = node.ask(&["accept", "issue-1-cc01"]);
    assert!(accepted.status.success(), "{accepted:?}");
    node.settle();
    assert_eq!(comments(&server, number).len(), 1);
}

#[test]
fn what_a_person_rejects_is_given_up_and_not_taken_again() {
    let server = server();
    let number = one_issue(&server);
    let review = policy(&json!({ "proposals": "review" }));
    let mut node = Node::with(&server, 1, &review, "true");
    node.settle();
    assert!(node.ask(&["reject", "issue-1-cc01"]).status.success());
    node.settle();
    node.settle();
    assert_eq!((claims(&server).len(), node.holds().len()), (0, 0));
    assert_eq!((labels(&server, number).len(), comments(&server, number).len()), (2, 0));
}

#[test]
fn an_issue_that_a_person_says_to_work_on_is_left_alone() {
    let server = server();
    server.store().open_issue("shop", "mine", &["cc01", "in-progress"]);
    let mut node = Node::new(&server, 1);
    node.settle();
    assert_eq!((node.holds().len(), server.mutations()), (0, 0));
}

#[test]
fn a_node_takes_no_more_than_its_worker_has_seats() {
    let server = server();
    for number in 0..5 {
        server.store().open_issue("shop", &format!("{number}"), &["cc01"]);
    }
    let mut node = Node::new(&server, 2);
    node.settle();
    assert_eq!(node.holds(), ["issue-1-cc01", "issue-2-cc01"]);
}

#[test]
fn what_a_worker_says_of_its_progress_is_one_comment_that_grows() {
    let server = server();
    let number = one_issue(&server);
    let script = "reconciler progress 1/2 'Component structure created' && : > ../../said && \
         until [ -e ../../go ]; do sleep 0.05; done; \
         reconciler progress 2/2 'Working on styling' && : > ../../again && \
         until [ -e ../../end ]; do sleep 0.05; done";
    let mut node = Node::with(&server, 1, &policy(&json!({})), script);
    node.settle();
    node.settle();
    node.env.odd.insert("GITHUB_TOKEN".to_owned(), None);
    let running = node.env.start_loop();
    node.env.wait_until("the first word", || is_there(&node.env.path("said")));
    node.settle();
    let first = "Progress Update:\n- Component structure created";
    assert_eq!(comments(&server, number)[1], first);
    std::fs::write(node.env.path("go"), "").unwrap();
    node.env.wait_until("the second word", || is_there(&node.env.path("again")));
    node.settle();
    assert_eq!(comments(&server, number)[1], first, "not so soon");
    server.clock().advance(std::time::Duration::from_mins(10));
    node.settle();
    let told = comments(&server, number);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[1], format!("{first}\n- Working on styling"));
    std::fs::write(node.env.path("end"), "").unwrap();
    running.end_by(&node.env, "INT");
}

#[test]
fn the_loop_itself_takes_issues_and_tells_of_them() {
    let server = server();
    let number = one_issue(&server);
    let script = "echo a > a.txt && git add a.txt && git commit -q -m work";
    let node = Node::with(&server, 1, &policy(&json!({})), script);
    let running = node.env.start_loop();
    node.env.wait_until("the issue to be completed", || {
        labels(&server, number).contains(&"completed".to_owned())
    });
    assert_eq!(comments(&server, number).len(), 2);
    assert!(node.env.report(name("issue-1-cc01").as_str()).is_some());
    running.end_by(&node.env, "INT");
}
