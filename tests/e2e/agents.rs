//! Agents from the first prompt to the recorded result: scripts that behave as agents do, well and
//! badly, on the built program.

use crate::common::{Loop, Said, TestEnvironment, is_there, said, send};
use reconciler::api::attempt::ExitReason;
use reconciler::plan::report::Reason;
use serde_json::{Value, json};
use std::fs;

pub(crate) fn command(env: &TestEnvironment, arguments: &[&str]) -> Said {
    said(&mut env.reconciler(arguments))
}

/// A repository with a worker whose agent runs this script; `$1` is the prompt, `$2` the conversation.
pub(crate) fn with_agent(script: &str, more: &Value) -> TestEnvironment {
    let env = TestEnvironment::new();
    let mut agent = json!({
        "argv": ["/bin/sh", "-c", script, "agent", "{prompt}", "{conversation}"],
        "stopGraceSeconds": 1,
    });
    agent.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    env.write_object("agents/robot", "Agent", &agent);
    env.write_object("workers/robots", "Worker", &json!({"agent": "robot", "replicas": 3}));
    fs::remove_file(env.path("state/workers/codegen.json")).unwrap();
    env.commit("a robot");
    let said = command(&env, &["trust", "--yes"]);
    assert!(said.status.success(), "{said:?}");
    env
}

pub(crate) fn started(env: &TestEnvironment, name: &str, spec: &Value) -> Loop {
    env.commit_task(name, spec);
    env.start_loop()
}

fn message(env: &TestEnvironment, task: &str) -> String {
    env.report(task).map(|report| report.message).unwrap_or_default()
}

fn out(env: &TestEnvironment, name: &str) -> String {
    fs::read_to_string(env.out(name)).unwrap_or_default()
}

#[test]
fn an_agent_says_how_far_it_is_asks_a_person_and_completes() {
    let script = "reconciler progress 1/2 'reading' && \
        answer=$(reconciler ask 'tabs or spaces?' --option tabs --option spaces) && \
        echo \"$answer\" > style && reconciler complete 'too early'; echo \"status $?\"; \
        git add style && git commit -qm style && reconciler progress 2/2 'committed' && \
        reconciler complete 'styled' --evidence 'cat style' && sleep 600";
    let env = with_agent(script, &json!({ "quit": "x" }));
    let running = started(&env, "a", &json!({ "prompt": "style it" }));
    env.wait_for_reason("a", Reason::NeedsInput);
    assert_eq!(message(&env, "a"), "robots-1 asks: tabs or spaces?");
    let said = command(&env, &["status"]);
    assert!(said.stdout.contains("tabs or spaces?"), "{said:?}");
    let said = command(&env, &["exec", "a", "--", "sh", "-c", "pwd; echo $RECONCILER_TASK"]);
    assert_eq!(said.stdout, format!("{}\na\n", env.worktree("a").display()), "{said:?}");
    let said = command(&env, &["send", "a", "spaces"]);
    assert_eq!(said.stdout, "task/a  answered: tabs or spaces?\n", "{said:?}");
    env.wait_until("the progress", || message(&env, "a").contains("2/2 committed"));
    let id = env.attempts("a").pop().unwrap().id;
    assert_eq!(env.records().queued(&id).unwrap(), [], "it has its answer");
    // It sleeps on after its last word; a person who is in a hurry ends it.
    let said = command(&env, &["send", "a", "more"]);
    assert_eq!(said.stdout, "task/a  queued\n", "{said:?}");
    let log = command(&env, &["logs", "a"]);
    assert!(log.stdout.contains("not everything in your worktree is committed"), "{log:?}");
    assert!(log.stdout.contains("status 1"), "{log:?}");
    send(env.shim("a").unwrap(), "HUP");
    env.wait_for_completed(&["a"]);
    assert_eq!(env.ends("a"), [ExitReason::Succeeded]);
    let events = command(&env, &["events"]);
    assert!(events.stdout.contains("Asked") && events.stdout.contains("Answered"), "{events:?}");
    drop(running);
}

#[test]
fn an_interrupted_conversation_goes_on_and_a_failed_one_begins_anew() {
    let script = "echo \"new $2: $1\" >> \"$O/told\"; [ -e \"$O/fail\" ] && exit 3; sleep 600";
    let resume = "echo \"again $2: $1\" >> \"$O/told\"; [ -e \"$O/fail\" ] && exit 3; sleep 600";
    let env = TestEnvironment::new();
    let place = env.out("").display().to_string();
    let of = |script: &str| format!("O='{place}'; {script}");
    env.write_object(
        "agents/robot",
        "Agent",
        &json!({
            "argv": ["/bin/sh", "-c", of(script), "agent", "{prompt}", "{conversation}"],
            "resume": ["/bin/sh", "-c", of(resume), "agent", "{prompt}", "{conversation}"],
            "stopGraceSeconds": 1,
        }),
    );
    env.write_object("workers/robots", "Worker", &json!({"agent": "robot"}));
    fs::remove_file(env.path("state/workers/codegen.json")).unwrap();
    env.commit_policy(&json!({ "retry": { "baseSeconds": 0, "capSeconds": 0 } }));
    assert!(command(&env, &["trust", "--yes"]).status.success());
    let running = started(&env, "a", &json!({ "prompt": "do it", "retries": 9 }));
    let told = |count: usize| {
        env.wait_for("what the agent is told", || {
            let lines: Vec<String> = out(&env, "told").lines().map(str::to_owned).collect();
            (lines.iter().filter(|line| line.contains(": ")).count() >= count).then_some(lines)
        })
    };
    let first = told(1)[0].clone();
    let conversation = first.strip_prefix("new ").unwrap().split(':').next().unwrap().to_owned();
    assert_eq!(first, format!("new {conversation}: do it"));
    send(env.shim("a").unwrap(), "KILL");
    let second = told(2)[1].clone();
    assert!(
        second
            .starts_with(&format!("again {conversation}: Go on with your task where you stopped.")),
        "{second}"
    );
    fs::write(env.out("fail"), "").unwrap();
    send(env.shim("a").unwrap(), "KILL");
    // The third goes on with it and fails; the fourth begins anew and is told of that.
    let fourth = told(4);
    assert!(fourth[2].starts_with(&format!("again {conversation}")), "{fourth:?}");
    let anew = fourth.iter().skip(3).find(|line| line.starts_with("new ")).unwrap();
    assert!(!anew.contains(&conversation), "{anew}");
    assert!(out(&env, "told").contains("Attempt 3 exited with 3."), "{}", out(&env, "told"));
    drop(running);
}

#[test]
fn an_agent_that_gives_up_is_not_asked_again() {
    let env = with_agent("reconciler fail 'there is no such API'; exit 0", &json!({}));
    let running = started(&env, "a", &json!({ "prompt": "use it", "retries": 5 }));
    env.wait_for_reason("a", Reason::AttemptsUsedUp);
    assert_eq!(env.ends("a").len(), 1);
    assert!(message(&env, "a").contains("there is no such API"), "{}", message(&env, "a"));
    drop(running);
}

#[test]
fn what_keeps_an_agent_from_its_work_is_told_and_uses_up_no_attempt() {
    let signs = json!([{ "pattern": "429", "means": "rate_limited" }]);
    let env = with_agent("echo 'Error: 429'; exit 1", &json!({ "signs": signs }));
    let absent = json!({ "argv": ["no-such-agent", "{prompt}"] });
    env.write_object("agents/absent", "Agent", &absent);
    env.write_object("workers/ghosts", "Worker", &json!({ "agent": "absent" }));
    env.commit("ghosts");
    assert!(command(&env, &["trust", "--yes"]).status.success());
    env.commit_task("b", &json!({ "prompt": "x", "assignedTo": "ghosts", "retries": 0 }));
    let limited = json!({ "prompt": "x", "assignedTo": "robots", "retries": 0 });
    let running = started(&env, "a", &limited);
    env.wait_for_reason("a", Reason::RateLimited);
    env.wait_for_reason("b", Reason::AgentMissing);
    assert!(message(&env, "b").contains("there is no program `no-such-agent`"));
    let said = command(&env, &["status"]);
    assert!(said.stdout.contains("install it"), "{said:?}");
    drop(running);
}

#[test]
fn a_prompt_typed_into_a_terminal_a_marker_and_children_that_outlive_their_agent() {
    let script = "printf 'loading\\n> '; read -r prompt; echo \"$prompt\" > got; \
        git add got; git commit -qm got; (trap '' HUP TERM; sleep 600) & \
        echo \"say $RECONCILER_END_MARKER\"; sleep 0.3; echo \"$RECONCILER_END_MARKER\"; sleep 600";
    let more = json!({ "promptVia": "paste", "ready": "> $", "mustReport": true });
    let env = with_agent(script, &more);
    let running = started(&env, "a", &json!({ "prompt": "type this" }));
    env.wait_for_completed(&["a"]);
    assert_eq!(env.git(&["show", "main:got"]), "type this");
    let sleeps = |pid: u32| {
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep")
    };
    assert!(!env.processes().iter().any(|one| sleeps(one.pid)), "its child is left");
    drop(running);
}

#[test]
fn a_conversation_a_question_and_a_result_outlive_the_loop_and_tmux() {
    let script = "answer=$(reconciler ask 'go on?') && echo \"$answer\" > got && git add got && \
        git commit -qm got && reconciler complete";
    let env = with_agent(script, &json!({}));
    let running = started(&env, "a", &json!({ "prompt": "x" }));
    env.wait_for_reason("a", Reason::NeedsInput);
    running.kill();
    // Without a loop the question is answered all the same, and the answer is found.
    let said = command(&env, &["send", "a", "yes"]);
    assert!(said.stdout.contains("answered"), "{said:?}");
    env.wait_until("the end of the attempt", || env.ends("a") == [ExitReason::Succeeded]);
    let running = env.start_loop_when_free();
    env.wait_for_completed(&["a"]);
    assert!(!is_there(&env.worktree("a")) || env.reason("a") == Some(Reason::Succeeded));
    drop(running);
}
