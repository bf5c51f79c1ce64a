//! The MCP server as an agent meets it: a real client of the protocol, the built binary, a real attempt
//! with its lock and its worktree.
#![cfg(feature = "mcp")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod agent;
mod proposals;
#[path = "../verbs/scene.rs"]
#[expect(dead_code, reason = "the scene is shared with the verbs")]
mod scene;

use agent::World;
use reconciler::api::report::Message;
use reconciler::api::task::Class;
use reconciler::disk::Published;
use reconciler::process::clock;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;

fn message(text: &str) -> Message {
    Message { at: clock::now(), by: "ada".to_owned(), text: text.to_owned() }
}

#[tokio::test]
async fn an_agent_is_told_all_that_it_has_to_know_at_once() {
    let world = World::new();
    world.records.send(&world.attempt.id, &message("be brief")).unwrap();
    let agent = world.agent().await;
    assert!(agent.instructions().contains("get_context"), "{}", agent.instructions());
    let tools = agent.tools().await;
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    let expected = [
        "acquire_locks",
        "check_locks",
        "complete_task",
        "fail_task",
        "get_context",
        "get_task",
        "list_tasks",
        "propose_task",
        "read_messages",
        "record_decision",
        "release_locks",
        "report_progress",
        "request_input",
    ];
    assert_eq!(names, expected);
    for tool in &tools {
        assert!(tool.description.as_ref().is_some_and(|text| text.len() > 30), "{tool:?}");
    }
    let context = agent.ok("get_context", json!({})).await;
    let at = |pointer: &str| context.pointer(pointer).unwrap_or(&Value::Null).clone();
    for (pointer, expected) in [
        ("/task", json!("docs")),
        ("/number", json!(1)),
        ("/worker", json!("codegen-1")),
        ("/spec/prompt", json!("Say how it works")),
        ("/branch", json!("docs")),
        ("/worktree", json!(world.attempt.directory)),
        ("/ownLock/paths", json!(["docs/"])),
        ("/otherLocks/0/task", json!("login")),
        ("/otherLocks/0/paths", json!(["src/auth/"])),
        ("/history", json!("Nothing before.")),
        ("/messages/0/text", json!("be brief")),
    ] {
        assert_eq!(at(pointer), expected, "{pointer} of {context}");
    }
    assert!(at("/base").as_str().unwrap().starts_with("refs/heads/main@"), "{context}");
    assert!(at("/deadline").is_string() && at("/rules/7").is_string(), "{context}");
    let said = world.as_worker(&["context"]).ok();
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["spec"], context["spec"], "the verb says the same");
    assert!(agent.go().await.success());
}

#[tokio::test]
async fn tasks_are_listed_page_by_page_and_shown_whole() {
    let world = World::new();
    let agent = world.agent().await;
    let all = agent.ok("list_tasks", json!({})).await;
    assert_eq!((&all["total"], &all["nextOffset"]), (&json!(2), &Value::Null), "{all}");
    let first = agent.ok("list_tasks", json!({ "limit": 1 })).await;
    assert_eq!((&first["total"], &first["nextOffset"]), (&json!(2), &json!(1)), "{first}");
    let rest = agent.ok("list_tasks", json!({ "offset": 1, "limit": 1 })).await;
    assert_ne!(first["items"][0]["name"], rest["items"][0]["name"]);
    let none = agent.ok("list_tasks", json!({ "status": "completed" })).await;
    assert_eq!(none["total"], 0, "{none}");
    let docs = agent.ok("get_task", json!({ "name": "docs" })).await;
    assert_eq!(docs["spec"]["title"], "Write docs");
    let (code, said) = agent.refused("get_task", json!({ "name": "dosc" })).await;
    assert!(code == "not_found" && said.contains("list_tasks"), "{said}");
}

#[tokio::test]
async fn an_agent_acquires_what_is_free_and_is_told_who_holds_the_rest() {
    let world = World::new();
    world.scene.run(&["hooks", "install"]).ok();
    let agent = world.agent().await;
    let paths = ["docs/a.md", "b.txt", "src/auth/token.rs"];
    let judged = agent.ok("check_locks", json!({ "paths": paths })).await;
    let standing = |index: usize| judged["paths"][index]["standing"].clone();
    assert_eq!(
        [standing(0), standing(1), standing(2)],
        ["mine", "free", "refused"].map(Value::from)
    );
    assert_eq!(judged["paths"][2]["objections"][0]["task"], "login", "{judged}");

    let wish = json!({ "paths": ["b.txt", "src/auth/"], "reason": "the index names it" });
    let (code, said) = agent.refused("acquire_locks", wish).await;
    assert_eq!(code, "held");
    assert!(said.contains("task/login (codegen-1) holds src/auth/"), "{said}");
    let held =
        || -> Value { serde_json::from_str(&world.scene.read(".task-locks/docs.lock")).unwrap() };
    assert_eq!(held()["lockedFiles"], json!(["docs/"]), "all or none");

    let wish = json!({ "paths": ["b.txt"], "reason": "the index names it" });
    assert_eq!(agent.ok("acquire_locks", wish).await["held"], json!(["docs/", "b.txt"]));
    assert_eq!(held()["reason"], "the index names it");
    std::fs::write(world.attempt.directory.join("b.txt"), "two\n").unwrap();
    world.git(&["commit", "-qam", "b"]);
    assert_eq!(agent.ok("release_locks", json!({})).await["released"], true);
    assert_eq!(held()["lockedFiles"], json!(["docs/"]));
    let (code, said) = agent.refused("release_locks", json!({ "paths": ["docs/"] })).await;
    assert!(code == "refused" && said.contains("paths of task/docs itself"), "{said}");
    let (_, said) = agent.refused("check_locks", json!({ "paths": ["../../b.txt"] })).await;
    assert!(said.contains("does not lie in this work tree"), "{said}");
}

#[tokio::test]
async fn a_server_that_was_started_elsewhere_acts_in_the_worktree_of_its_attempt() {
    let mut world = World::new();
    let worktree = std::mem::replace(&mut world.attempt.directory, world.scene.root.clone());
    let agent = world.agent().await;
    let wish = json!({ "paths": ["b.txt"], "reason": "r" });
    assert_eq!(agent.ok("acquire_locks", wish.clone()).await["held"], json!(["docs/", "b.txt"]));
    // What git finds there now is the repository of people.
    std::fs::remove_file(worktree.join(".git")).unwrap();
    let (_, said) = agent.refused("acquire_locks", wish).await;
    assert!(said.contains("is not the worktree of this attempt any more"), "{said}");
    world.as_worker(&["locks", "acquire", "b.txt"]).fails(1);
}

#[tokio::test]
async fn a_decision_holds_nothing_and_nobody_holds_anything_for_it() {
    let world = World::with(Class::Decision, &json!({}));
    let agent = world.agent().await;
    let (_, said) =
        agent.refused("acquire_locks", json!({ "paths": ["b.txt"], "reason": "r" })).await;
    assert!(said.contains("a decision changes no files"), "{said}");
    let judged = agent.ok("check_locks", json!({ "paths": ["b.txt", "src/auth/"] })).await;
    assert_eq!(judged["paths"][0]["standing"], "free", "{judged}");
    assert_eq!(judged["paths"][1]["standing"], "refused", "{judged}");
    let said = world.as_worker(&["locks", "acquire", "b.txt", "--as", "ada"]).fails(1);
    assert!(said.contains("a worker holds paths only in the worktree of its task"), "{said}");

    let decided = json!({ "question": "429 or 503?", "options": ["429", "503"], "choice": "429",
        "why": "RFC 6585", "confidence": 80, "tasks": ["limit-login"] });
    agent.ok("record_decision", decided.clone()).await;
    let said = world.scene.run(&["decisions", "--since", "1h", "-o", "json"]).ok();
    let said: Value = serde_json::from_str(&said).unwrap();
    for field in ["question", "options", "choice", "why", "confidence", "tasks"] {
        assert_eq!(said[0][field], decided[field], "{said}");
    }
    assert_eq!(
        (&said[0]["attempt"]["task"], &said[0]["seat"]),
        (&json!("docs"), &json!("codegen-1"))
    );
    let table = world.scene.run(&["decisions"]).ok();
    assert!(table.contains("docs#1") && table.contains("80%"), "{table}");
    let (_, said) = agent
        .refused(
            "record_decision",
            json!({ "question": "q", "choice": "c",
        "why": "w", "confidence": 101 }),
        )
        .await;
    assert!(said.contains("more than 100 percent"), "{said}");
    let last = world.scene.run(&["decisions", "--since", "0s", "-o", "json"]).ok();
    assert_eq!(last.trim(), "[]");
}

#[tokio::test]
async fn a_question_waits_for_its_answer_and_messages_are_read_once() {
    let world = World::new();
    let agent = world.agent().await;
    let asked = json!({ "question": "429 or 503?", "options": ["429", "503"] });
    let said = agent.ok("request_input", asked).await;
    assert_eq!((&said["question"], &said["answer"]), (&json!(1), &Value::Null), "{said}");
    let sent = world.scene.run(&["send", "docs", "429, please"]);
    assert!(sent.code == 0, "{sent:?}");
    let read = agent.ok("read_messages", json!({ "wait_seconds": 10 })).await;
    assert_eq!(read["messages"][0]["text"], "429, please", "{read}");
    assert_eq!(agent.ok("read_messages", json!({})).await, json!({ "messages": [] }));

    let asked = json!({ "question": "And a body?", "blocking": true, "wait_seconds": 60 });
    let answered = async {
        while world.records.exchanges(&world.attempt.id).unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        let answered = world.records.answer(&world.attempt.id, 2, &message("none")).unwrap();
        assert_eq!(answered, Published::New);
    };
    let (said, ()) = tokio::join!(agent.ok("request_input", asked), answered);
    assert_eq!(said["answer"]["text"], "none", "{said}");
    let asked = json!({ "question": "Anybody?", "blocking": true, "wait_seconds": 0 });
    let said = agent.ok("request_input", asked).await;
    assert!(said["answer"].is_null() && said["next"].is_string(), "{said}");
}

#[tokio::test]
async fn done_is_refused_while_something_is_not_committed_and_the_first_word_stands() {
    let world = World::new();
    let agent = world.agent().await;
    agent.ok("report_progress", json!({ "done": 3, "total": 8, "note": "tests" })).await;
    let progress = world.records.progress(&world.attempt.id).unwrap().unwrap();
    assert_eq!((progress.percent(), progress.current_step.as_str()), (Some(37), "tests"));
    std::fs::write(world.attempt.directory.join("docs/new.md"), "new\n").unwrap();
    let done = json!({ "summary": "written", "evidence": ["mdl: 0 findings"] });
    let (code, said) = agent.refused("complete_task", done.clone()).await;
    assert!(code == "refused" && said.contains("git status"), "{said}");
    world.git(&["add", "docs/new.md"]);
    world.git(&["commit", "-qm", "docs"]);
    let said = agent.ok("complete_task", done.clone()).await;
    assert_eq!(said["recorded"]["by"], "mcp", "{said}");
    let report = world.records.reported(&world.attempt.id).unwrap().unwrap();
    assert_eq!(report.evidence, ["mdl: 0 findings"]);
    agent.ok("complete_task", done).await;
    let failed = json!({ "reason": "no", "retryable": true });
    assert_eq!(agent.refused("fail_task", failed).await.0, "said_already");
    world.close();
    let (code, said) = agent.refused("report_progress", json!({ "note": "late" })).await;
    assert!(code == "no_attempt" && said.contains("is over"), "{said}");
}

#[tokio::test]
async fn who_says_its_progress_without_end_is_slowed_down_and_its_last_word_stands() {
    let world = World::new();
    let agent = world.agent().await;
    let start = clock::now();
    for done in 1..=9 {
        agent.ok("report_progress", json!({ "done": done, "total": 9, "note": "on" })).await;
    }
    let took = clock::now().duration_since(start).as_millis();
    // Eight pauses of 100 ms, each shorter by as much as the time of a file is behind the clock.
    assert!(took >= 8 * 90, "{took} ms");
    let progress = world.records.progress(&world.attempt.id).unwrap().unwrap();
    assert_eq!(progress.steps_completed, Some(9));
}

#[tokio::test]
async fn a_person_reads_by_it_and_says_nothing() {
    let world = World::new();
    let person = world.person().await;
    assert_eq!(person.ok("list_tasks", json!({})).await["total"], 2);
    person.ok("get_task", json!({ "name": "docs" })).await;
    for (tool, arguments) in [
        ("get_context", json!({})),
        ("check_locks", json!({ "paths": ["b.txt"] })),
        ("acquire_locks", json!({ "paths": ["b.txt"], "reason": "r" })),
        ("release_locks", json!({})),
        ("report_progress", json!({ "note": "n" })),
        ("request_input", json!({ "question": "q" })),
        ("read_messages", json!({})),
        ("complete_task", json!({ "summary": "s" })),
        ("fail_task", json!({ "reason": "r" })),
        ("record_decision", json!({ "question": "q", "choice": "c", "why": "w" })),
        ("propose_task", json!({ "name": "a", "command": "true" })),
    ] {
        let (code, said) = person.refused(tool, arguments).await;
        assert!(code == "no_attempt" && said.contains("only a worker"), "{tool}: {said}");
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_read_are_refused_in_the_same_form() {
    let world = World::new();
    let agent = world.agent().await;
    for (tool, arguments) in [
        ("acquire_locks", json!({ "paths": "b.txt", "reason": "r" })),
        ("acquire_locks", json!({ "paths": [], "reason": "r" })),
        ("complete_task", json!({ "summary": "s", "task": "login" })),
        ("record_decision", json!({ "question": "q" })),
        ("propose_task", json!({ "name": "No Name" })),
    ] {
        let (code, said) = agent.refused(tool, arguments).await;
        assert_eq!(code, "invalid_arguments", "{tool}: {said}");
    }
}

#[test]
fn nothing_but_the_protocol_is_on_stdout_whatever_is_on_stdin() {
    let world = World::new();
    for (input, answers) in [("", 0), ("hello\n{\n", 0), (GREETING, 2)] {
        let mut server = world.environed(env!("CARGO_BIN_EXE_reconciler"));
        server.args(["mcp", "-vv"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = server.stderr(Stdio::piped()).spawn().unwrap();
        server.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = server.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        let each = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let ids: Vec<Value> = each.map(|answer| answer["id"].clone()).collect();
        assert_eq!(ids.len(), answers, "{input}: {lines}");
    }
}

/// What a client says first, with noise in between.
const GREETING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}
noise
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
"#;
