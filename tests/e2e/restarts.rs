//! Restarts of the loop, of tmux and of the machine: whatever was counted, waited for, asked, sent or
//! done before is so after it.

use crate::agents::{command, with_agent};
use crate::common::{Loop, TestEnvironment, is_there, said, send};
use jiff::Timestamp;
use reconciler::api::attempt::{Attempt, ExitReason};
use reconciler::plan::report::Reason;
use reconciler::process::signal::{self, Ask};
use reconciler::records::AttemptFiles;
use serde_json::json;
use std::fs;

/// Each prompt is written down, with the task's name; then its agent does what that is for.
const LIVES: &str = r#"OUT="$HOME/../out"; printf '%s: %s\n' "$RECONCILER_TASK" "$1" >> "$OUT/prompts"
case "$RECONCILER_TASK" in
fails) exit 3 ;;
asks) reconciler ask 'which one?' > answer && git add answer && git commit -qm answer && reconciler complete ;;
waits) stty -echo; echo ready; read -r line; echo "$line" > got; git add got; git commit -qm got ;;
says) reconciler complete 'all of it'; touch "$OUT/said"; sleep 600 ;;
gives-up) reconciler fail 'no such API'; touch "$OUT/gave-up"; sleep 600 ;;
ends) true ;;
esac"#;

const TASKS: [&str; 6] = ["fails", "asks", "waits", "says", "gives-up", "ends"];

/// A world with one task in backoff, one that asks, one with a message that waits, two that have just
/// said how they end, and one that is done. It is looked at by its files alone, for its programs may
/// believe to be in another boot than this one.
fn in_the_midst_of_it(starter: &[String]) -> (TestEnvironment, Loop) {
    let mut env = with_agent(LIVES, &json!({ "listens": true }));
    starter.clone_into(&mut env.starter);
    env.write_object("workers/robots", "Worker", &json!({"agent": "robot", "replicas": 6}));
    let policy = json!({ "retry": { "baseSeconds": 3600, "capSeconds": 3600 } });
    env.write_object("policy", "Policy", &policy);
    for task in TASKS {
        env.write_task(task, &json!({ "prompt": format!("do {task}"), "retries": 5 }));
    }
    env.commit("all");
    let running = env.start_loop();
    env.wait_until("the failure", || env.ends("fails") == [ExitReason::Failed { status: 3 }]);
    env.wait_until("the question", || {
        files(&env, "asks").is_some_and(|one| one.words.question.is_some())
    });
    let said = || is_there(&env.out("said")) && is_there(&env.out("gave-up"));
    env.wait_until("two last words", said);
    env.wait_until("the done task to be done", || !is_there(&env.worktree("ends")));
    env.wait_until("the one that waits", || {
        log(&env, "waits").is_some_and(|text| text.contains("ready"))
    });
    let paused = command(&env, &["pause", "waits", "--reason", "a moment"]);
    assert!(paused.status.success(), "{paused:?}");
    let sent = command(&env, &["send", "waits", "hello"]);
    assert!(sent.status.success(), "{sent:?}");
    assert_eq!(env.records().queued(&last(&env, "waits").unwrap().id).unwrap().len(), 1);
    (env, running)
}

/// The last attempt of a task, once there is one.
fn last(env: &TestEnvironment, task: &str) -> Option<Attempt> {
    env.attempts_folder(task)?;
    env.attempts(task).pop()
}

fn files(env: &TestEnvironment, task: &str) -> Option<AttemptFiles> {
    env.records().attempt(&last(env, task)?.id).unwrap()
}

fn log(env: &TestEnvironment, task: &str) -> Option<String> {
    fs::read_to_string(env.records().log_path(&last(env, task)?)).ok()
}

/// What each task's agent was told, one after the other.
fn prompts(env: &TestEnvironment, task: &str) -> Vec<String> {
    let text = fs::read_to_string(env.out("prompts")).unwrap();
    let mut found: Vec<String> = Vec::new();
    for line in text.lines() {
        match line.split_once(": do ") {
            Some((one, what)) => found.push(format!("{one}: {what}")),
            None => found.last_mut().unwrap().push_str(line),
        }
    }
    found.retain(|line| line.starts_with(&format!("{task}: ")));
    found
}

/// Everything is as it was, and goes on from there.
fn nothing_was_lost(env: &TestEnvironment) {
    env.wait_for_reason("fails", Reason::RetryBackOff);
    let report = env.report("fails").unwrap();
    assert!(report.message.contains("1 so far"), "{}", report.message);
    let failed = files(env, "fails").unwrap().exit.unwrap().unwrap();
    let (_, due) = report.message.rsplit_once(" at ").unwrap();
    let wait = due.parse::<Timestamp>().unwrap().duration_since(failed.ended_at).as_secs();
    assert!((2600..=3600).contains(&wait), "it waits {wait} s");

    env.wait_for_reason("asks", Reason::NeedsInput);
    let said = command(env, &["send", "asks", "this one"]);
    assert!(said.stdout.contains("answered: which one?"), "{said:?}");
    env.wait_for_completed(&["asks"]);
    assert_eq!(env.git(&["show", "main:answer"]), "this one");

    let said = command(env, &["unpause", "waits"]);
    assert!(said.status.success(), "{said:?}");
    env.wait_for_completed(&["waits"]);
    assert_eq!(env.git(&["show", "main:got"]), "hello");

    // Who has said it may take a minute for its last words; a person who is in a hurry ends it.
    for task in ["says", "gives-up"] {
        if let Some(shim) = env.shim(task).filter(|pid| TestEnvironment::is_alive(*pid)) {
            send(shim, "HUP");
        }
    }
    env.wait_for_completed(&["says", "ends"]);
    env.wait_for_reason("gives-up", Reason::AttemptsUsedUp);
    let gave_up = env.report("gives-up").unwrap().message;
    assert!(gave_up.contains("said that it failed: no such API"), "{gave_up}");
    for task in ["fails", "says", "gives-up", "ends"] {
        assert_eq!(prompts(env, task).len(), 1, "{task} was started again\n{}", env.tell());
    }
    assert_eq!(files(env, "says").unwrap().words.report.unwrap().summary, "all of it");
}

#[test]
fn a_restart_of_the_loop_loses_nothing_that_was_counted_asked_sent_or_said() {
    let (env, running) = in_the_midst_of_it(&[]);
    running.kill();
    let _running = env.start_loop_when_free();
    nothing_was_lost(&env);
    assert_eq!(prompts(&env, "asks").len(), 1);
    assert_eq!(prompts(&env, "waits").len(), 1);
}

/// Who was cut off is told what is open; the message came to the attempt that lived to hear it.
fn the_next_attempts_know(env: &TestEnvironment) {
    let asked = prompts(env, "asks");
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].contains("nobody has answered it yet: which one?"), "{asked:?}");
    assert_eq!(prompts(env, "waits").len(), 2);
}

#[test]
fn a_restart_of_tmux_loses_nothing_that_was_counted_asked_sent_or_said() {
    let (env, _running) = in_the_midst_of_it(&[]);
    env.tmux(&["kill-server"]);
    nothing_was_lost(&env);
    the_next_attempts_know(&env);
}

/// Starts a program in another boot, as far as it can see.
const OTHER_BOOT: &str = "id=/proc/sys/kernel/random/boot_id; printf '%s\n' \
    0af1c3d5-0000-4000-8000-000000000001 > \"$HOME/boot_id\" && mount --bind \"$HOME/boot_id\" $id \
    && exec \"$@\"";

#[test]
fn a_power_cut_loses_nothing_that_was_counted_asked_sent_or_said() {
    let words = ["unshare", "--map-root-user", "--mount", "sh", "-c", OTHER_BOOT, "sh"];
    let starter = words.map(str::to_owned).to_vec();
    let mut probe = TestEnvironment::new();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    starter.clone_into(&mut probe.starter);
    let other = said(probe.command("cat").arg("/proc/sys/kernel/random/boot_id"));
    if !other.status.success() {
        return eprintln!("skipped: no file can be mounted over another here");
    }
    assert_ne!(other.stdout, boot);
    let (mut env, running) = in_the_midst_of_it(&starter);
    let shim = files(&env, "asks").unwrap().shim.unwrap().unwrap();
    assert_ne!(shim.process.boot_id, boot.trim());
    running.kill();
    // Whoever is killed may have forked in the last moment.
    env.wait_until("all to be dead", || {
        let left = env.processes();
        for one in &left {
            signal::send(one, Ask::Kill).ok();
        }
        left.is_empty()
    });
    env.starter.clear();
    let _running = env.start_loop();
    nothing_was_lost(&env);
    the_next_attempts_know(&env);
}
