//! The hooks of agents: a script calls them as Claude Code does, within an attempt on the built
//! program, and finds that it may do what it holds, and nothing around it.

use crate::agents::{command, started, with_agent};
use crate::common::{TestEnvironment, said};
use reconciler::plan::report::Reason;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Calls a hook with what is in a file, and keeps what it says.
const HOOK: &str = "hook() { reconciler agent-hook < \"$HOME/$1\" > \"$HOME/$1.out\" 2>&1; \
    echo $? > \"$HOME/$1.status\"; }; ";

/// What a hook said, and how it ended.
fn answer(env: &TestEnvironment, name: &str) -> (String, String) {
    let read = |end: &str| fs::read_to_string(env.home().join(format!("{name}{end}")));
    (read(".status").unwrap_or_default().trim().to_owned(), read(".out").unwrap_or_default())
}

fn asks(env: &TestEnvironment, name: &str, call: &Value) {
    fs::write(env.home().join(name), call.to_string()).unwrap();
}

fn edit(path: &Path) -> Value {
    json!({ "hook_event_name": "PreToolUse", "tool_name": "Edit", "cwd": "/",
        "tool_input": { "file_path": path } })
}

#[test]
fn an_edit_of_what_others_hold_is_denied_before_it_happens() {
    let script = format!(
        "{HOOK} for one in begin free held held main locks patch bypass words new; do hook $one; done; \
         echo x > new && git add new && git commit -qm new && reconciler complete"
    );
    let env = with_agent(&script, &json!({ "mustReport": true }));
    let place = env.worktree("a");
    let lock = command(&env, &["locks", "acquire", "held.txt", "--reason", "mine"]);
    assert!(lock.status.success(), "{lock:?}");
    asks(&env, "begin", &json!({ "hook_event_name": "SessionStart", "source": "startup" }));
    asks(&env, "free", &edit(&place.join("tracked.txt")));
    asks(&env, "held", &edit(&place.join("held.txt")));
    asks(&env, "main", &edit(&env.path("tracked.txt")));
    asks(&env, "locks", &edit(&env.path(".task-locks/a.lock")));
    let patch = "*** Begin Patch\n*** Update File: held.txt\n*** End Patch";
    let patch = json!({ "hook_event_name": "PreToolUse", "tool_name": "apply_patch", "cwd": place,
        "tool_input": { "command": patch } });
    asks(&env, "patch", &patch);
    let bash = |command: &str| {
        json!({ "hook_event_name": "PreToolUse", "tool_name": "Bash", "cwd": place,
            "tool_input": { "command": command, "description": "x" } })
    };
    asks(&env, "bypass", &bash("git commit --no-verify -m x"));
    asks(&env, "words", &bash("cargo test && git status"));
    let new = json!({ "hook_event_name": "SomethingNew", "tool_name": "Edit" });
    asks(&env, "new", &new);
    let running = started(&env, "a", &json!({ "prompt": "x" }));
    env.wait_for_completed(&["a"]);
    let (status, brief) = answer(&env, "begin");
    let brief: Value = serde_json::from_str(&brief).unwrap();
    let brief = brief["hookSpecificOutput"]["additionalContext"].as_str().unwrap();
    assert_eq!(status, "0");
    assert!(brief.contains("on task/a, attempt 1. You work in"), "{brief}");
    assert!(brief.contains("\nOthers hold now:\n- task/lock-"), "{brief}");
    assert!(brief.contains(" (ada-1): held.txt\nStart: `reconciler context`"), "{brief}");
    for passes in ["free", "words", "new"] {
        assert_eq!(answer(&env, passes), ("0".to_owned(), String::new()), "{passes}");
    }
    for (denied, why) in [
        ("held", "reconciler: change refused. 1 of 1 file is in the lock of another task."),
        ("held", "wait for lock-"),
        ("patch", "(ada-1) holds held.txt"),
        ("main", "lies outside of your worktree"),
        ("locks", "lies outside of your worktree"),
        ("bypass", "leave `--no-verify` and"),
    ] {
        let (status, said) = answer(&env, denied);
        assert_eq!(status, "2", "{denied}: {said}");
        assert!(said.contains(why), "{denied}: {said}");
    }
    let events = env.events().into_iter().filter(|event| event.reason == "EditDenied");
    let events: Vec<String> = events.map(|event| event.message).collect();
    let held = events.iter().filter(|text| text.starts_with("edit denied: held.txt held by lock-"));
    assert_eq!(held.count(), 1, "it is told once a minute: {events:?}");
    drop(running);
}

#[test]
fn what_git_ignores_may_be_edited_whatever_the_files_of_the_task_are() {
    let script = format!("{HOOK} for one in own ignored other; do hook $one; done; sleep 600");
    let env = with_agent(&script, &json!({}));
    let place = env.worktree("a");
    asks(&env, "own", &edit(&place.join("src/a.rs")));
    asks(&env, "ignored", &edit(&place.join("build/:(top)x.ignored")));
    asks(&env, "other", &edit(&place.join("tracked.txt")));
    let running = started(&env, "a", &json!({ "prompt": "x", "files": ["src/"] }));
    env.wait_until("the answers", || !answer(&env, "other").0.is_empty());
    for passes in ["own", "ignored"] {
        assert_eq!(answer(&env, passes), ("0".to_owned(), String::new()), "{passes}");
    }
    let (status, said) = answer(&env, "other");
    assert!(status == "2" && said.contains("tracked.txt"), "{said}");
    drop(running);
}

#[test]
fn who_ends_too_early_is_told_once_and_hears_every_message() {
    let script = format!(
        "{HOOK} echo x > new; hook dirty; git add new && git commit -qm new; hook silent; hook again; \
         touch \"$HOME/ready\"; until [ -e \"$HOME/go\" ]; do sleep 0.05; done; hook sent; \
         reconciler complete; hook done"
    );
    let env = with_agent(&script, &json!({ "mustReport": true }));
    let stop = |again: bool| json!({ "hook_event_name": "Stop", "stop_hook_active": again });
    for (name, again) in
        [("dirty", false), ("silent", false), ("again", true), ("sent", true), ("done", false)]
    {
        asks(&env, name, &stop(again));
    }
    let running = started(&env, "a", &json!({ "prompt": "x" }));
    env.wait_until("the third stop", || env.home().join("ready").is_file());
    assert_eq!(command(&env, &["send", "a", "one thing more"]).stdout, "task/a  queued\n");
    fs::write(env.home().join("go"), "").unwrap();
    env.wait_for_completed(&["a"]);
    let reason = |name: &str| {
        let (status, said) = answer(&env, name);
        assert_eq!(status, "0", "{said}");
        let said: Value = serde_json::from_str(&said).unwrap_or_default();
        (said["decision"] == "block").then(|| said["reason"].as_str().unwrap().to_owned())
    };
    assert!(reason("dirty").unwrap().contains("git status"));
    assert!(reason("silent").unwrap().contains("You did not say whether the task is done."));
    assert_eq!(reason("again"), None);
    assert_eq!(reason("sent").as_deref(), Some("ada says: one thing more"));
    assert_eq!(reason("done"), None);
    drop(running);
}

#[test]
fn what_an_agent_shows_a_person_becomes_a_question_and_is_asked_once() {
    let script = format!("{HOOK} hook ask; hook ask; hook use; sleep 600");
    let env = with_agent(&script, &json!({}));
    let ask = json!({ "hook_event_name": "Notification", "message": "Claude needs you",
        "notification_type": "permission_prompt" });
    asks(&env, "ask", &ask);
    let tool = json!({ "hook_event_name": "PermissionRequest", "tool_name": "Bash",
        "tool_input": { "command": "make" } });
    asks(&env, "use", &tool);
    let running = started(&env, "a", &json!({ "prompt": "x" }));
    env.wait_for_reason("a", Reason::NeedsInput);
    env.wait_until("both questions", || {
        let asked = env.events().into_iter().filter(|event| event.reason == "Asked");
        asked.count() == 2
    });
    let said = command(&env, &["send", "a", "yes"]);
    assert_eq!(said.stdout, "task/a  answered: Claude needs you\n", "{said:?}");
    drop(running);
}

#[test]
fn an_edit_is_refused_where_nobody_can_tell_who_asks() {
    let env = TestEnvironment::new();
    let call = |text: &str| {
        fs::write(env.out("call"), text).unwrap();
        let mut hook = env.reconciler(&["agent-hook"]);
        said(hook.stdin(fs::File::open(env.out("call")).unwrap())).status.code()
    };
    assert_eq!(call(&edit(&env.path("tracked.txt")).to_string()), Some(2));
    assert_eq!(call("no JSON"), Some(2));
    assert_eq!(call(r#"{"hook_event_name": "Stop"}"#), Some(1));
}
