//! How the shim talks with programs: prompts, messages, the last word, and what is heard in their
//! output. Real programs on a real terminal.

use crate::scene::{Scene, scene, send, wait_for};
use jiff::SignedDuration;
use reconciler::api::attempt::{ExitReason, FailureClass};
use reconciler::api::hold::{Hold, HoldKind, Target};
use reconciler::api::report::{Message, Outcome, Question, Report, SilenceKind, Source};
use reconciler::disk::Published;
use reconciler::process::clock;
use serde_json::{Value, json};
use std::fs;

const MARKER: &str = "---END-OF-OUTPUT-0a1b---";

/// A scene whose program is talked with as this says.
fn talking(script: &str, dialogue: Value) -> Scene {
    let mut scene = scene(script);
    scene.attempt.program.dialogue = serde_json::from_value(dialogue).unwrap();
    scene
}

fn message(text: &str) -> Message {
    Message { at: clock::now(), by: "ada".to_owned(), text: text.to_owned() }
}

fn report(outcome: Outcome, summary: &str) -> Report {
    let summary = summary.to_owned();
    Report { at: clock::now(), by: Source::Command, outcome, summary, evidence: Vec::new() }
}

fn say(scene: &Scene, report: &Report) {
    assert_eq!(scene.records.report(&scene.attempt.id, report).unwrap(), Published::New);
}

#[test]
fn a_prompt_is_pasted_when_the_program_is_ready_for_it_and_not_before() {
    let script = r"stty -echo; printf 'loading\n'; sleep 0.3; printf '\033[?2004h'; printf 'READY> '; \
        head -n 2 > got; printf 'got it\n'";
    let prompt = "line one\nline two\u{1b}[31m";
    let dialogue = json!({ "paste": prompt, "ready": "READY> $" });
    let scene = talking(script, dialogue);
    assert_eq!(scene.run().reason, ExitReason::Succeeded);
    let got = fs::read_to_string(scene.path("got")).unwrap();
    assert_eq!(got, "\u{1b}[200~line one\nline two[31m\u{1b}[201~\n");
}

#[test]
fn a_program_that_says_nothing_of_pastes_is_typed_to() {
    let scene = talking("stty -echo; echo hello; head -n 2 > got", json!({ "paste": "a\nb" }));
    assert_eq!(scene.run().reason, ExitReason::Succeeded);
    assert_eq!(fs::read_to_string(scene.path("got")).unwrap(), "a\nb\n");
}

#[test]
fn a_prompt_on_standard_input_ends_there() {
    let scene = talking("cat > got; test -t 1", json!({ "stdin": "all of it" }));
    assert_eq!(scene.run().reason, ExitReason::Succeeded);
    assert_eq!(fs::read_to_string(scene.path("got")).unwrap(), "all of it");
}

#[test]
fn messages_are_typed_in_order_and_once() {
    let script = "stty -echo; echo ready; while read -r line; do echo \"got $line\"; done";
    let scene = talking(script, json!({ "listens": true }));
    let shim = scene.start();
    scene.wait_for_log("ready");
    for text in ["first", "second"] {
        scene.records.send(&scene.attempt.id, &message(text)).unwrap();
    }
    send(&shim, "USR1");
    scene.wait_for_log("got second");
    assert!(scene.records.is_delivered(&scene.attempt.id, 2).unwrap());
    send(&shim, "USR1");
    scene.records.send(&scene.attempt.id, &message("third\u{1b}[201~")).unwrap();
    send(&shim, "USR1");
    scene.wait_for_log("got third[201~");
    assert_eq!(scene.log().matches("got first").count(), 1);
    send(&shim, "HUP");
    scene.end_of(shim);
}

#[test]
fn a_message_waits_while_the_task_is_paused() {
    let script = "stty -echo; echo ready; while read -r line; do echo \"got $line\"; done";
    let scene = talking(script, json!({ "listens": true }));
    let (by, reason) = ("ada".to_owned(), String::new());
    let (since, until) = (clock::now(), clock::now() + SignedDuration::from_secs(2));
    let hold = Hold { kind: HoldKind::Pause, by, since, until: Some(until), reason };
    scene.records.set_hold(&Target::All, &hold).unwrap();
    let shim = scene.start();
    scene.wait_for_log("ready");
    scene.records.send(&scene.attempt.id, &message("first")).unwrap();
    wait_for("the message to be typed", || {
        send(&shim, "USR1");
        scene.log().contains("got first").then_some(())
    });
    assert!(clock::now() >= until, "it was typed before the pause was over");
    send(&shim, "HUP");
    scene.end_of(shim);
}

#[test]
fn an_answer_is_typed_when_its_asker_waits_no_longer_and_what_came_after_it_then() {
    let script = "stty -echo; echo ready; while read -r line; do echo \"got $line\"; done";
    let scene = talking(script, json!({ "listens": true }));
    let shim = scene.start();
    scene.wait_for_log("ready");
    let (id, records) = (&scene.attempt.id, &scene.records);
    let question = Question { at: clock::now(), text: "which?".to_owned(), options: Vec::new() };
    for (number, text) in [(1, "heard"), (2, "this one")] {
        let answer = message(text);
        assert_eq!(records.ask(id, &question).unwrap(), number);
        assert_eq!(records.answer(id, number, &answer).unwrap(), Published::New);
        assert_eq!(records.send(id, &answer).unwrap(), number);
    }
    records.send(id, &message("later")).unwrap();
    let said = records.queued(id).unwrap()[1].1.at;
    send(&shim, "USR1");
    // The command that asked first still waits, and has its answer.
    assert_eq!(records.deliver(id, 1).unwrap(), Published::New);
    wait_for("the rest to be typed", || {
        send(&shim, "USR1");
        scene.log().contains("got later").then_some(())
    });
    assert!(clock::now() >= said + SignedDuration::from_secs(2), "it was typed at once");
    let log = scene.log();
    assert!(!log.contains("got heard"), "{log}");
    assert!(log.find("got this one") < log.find("got later"), "{log}");
    send(&shim, "HUP");
    scene.end_of(shim);
}

#[test]
fn messages_to_a_program_that_does_not_listen_wait() {
    let scene = talking("echo ready; sleep 60", json!({}));
    let shim = scene.start();
    scene.wait_for_log("ready");
    scene.records.send(&scene.attempt.id, &message("hello")).unwrap();
    send(&shim, "USR1");
    // A word that is heard after it shows that it was passed over.
    say(&scene, &report(Outcome::Completed, ""));
    send(&shim, "HUP");
    scene.end_of(shim);
    assert_eq!(scene.records.queued(&scene.attempt.id).unwrap().len(), 1);
}

#[test]
fn the_end_marker_ends_a_program_and_its_text_does_not() {
    let script = format!(
        "echo 'I shall print {MARKER} when done'; echo MARKER={MARKER}; echo working; read -r on; \
         echo on; read -r go; echo '{MARKER}'; sleep 600"
    );
    let scene = talking(&script, json!({ "marker": MARKER, "listens": true, "mustReport": true }));
    let shim = scene.start();
    scene.wait_for_log("working");
    // What it types shows that it looked again since, and took none of that for a word.
    scene.records.send(&scene.attempt.id, &message("onward")).unwrap();
    send(&shim, "USR1");
    scene.wait_for_log("onward");
    assert_eq!(scene.records.reported(&scene.attempt.id).unwrap(), None);
    scene.records.send(&scene.attempt.id, &message("go")).unwrap();
    send(&shim, "USR1");
    assert_eq!(scene.end_of(shim).reason, ExitReason::Succeeded);
    let report = scene.records.reported(&scene.attempt.id).unwrap().unwrap();
    assert_eq!((report.by, report.outcome), (Source::Marker, Outcome::Completed));
}

#[test]
fn a_program_that_said_it_is_done_is_asked_to_quit_and_verified() {
    let script = "echo ready; while read -r line; do test \"$line\" = /exit && exit 9; done";
    let mut scene = talking(script, json!({ "quit": "/exit" }));
    scene.attempt.program.verify = Some(crate::scene::sh("echo checked; exit 4"));
    let shim = scene.start();
    scene.wait_for_log("ready");
    say(&scene, &report(Outcome::Completed, "all done"));
    send(&shim, "USR1");
    assert_eq!(scene.end_of(shim).reason, ExitReason::VerifyFailed { status: 4 });
    assert!(scene.log().contains("checked"));
}

#[test]
fn the_word_of_a_program_counts_more_than_its_exit() {
    let said = |script: &str, outcome| {
        let scene = talking(script, json!({}));
        scene.prepare();
        say(&scene, &report(outcome, "no such API"));
        scene.end_of(scene.command().spawn().unwrap()).reason
    };
    assert_eq!(said("exit 3", Outcome::Completed), ExitReason::Succeeded);
    let message = "no such API".to_owned();
    let failed = Outcome::Failed { retryable: false };
    assert_eq!(said("exit 0", failed), ExitReason::SaidFailed { message, retryable: false });
    let silent = talking("exit 0", json!({ "mustReport": true }));
    assert_eq!(silent.reason(), ExitReason::Unreported);
    let failing = talking("exit 3", json!({ "mustReport": true }));
    assert_eq!(failing.reason(), ExitReason::Failed { status: 3 });
}

#[test]
fn the_reason_of_a_failure_is_heard_in_the_end_of_the_output() {
    let signs = json!({ "signs": [
        { "pattern": "(?i)please run /login", "means": "not_logged_in" },
        { "pattern": "API Error: 429", "means": "rate_limited" },
    ] });
    let class = |script: &str| talking(script, signs.clone()).run().class;
    let limited = "printf '\\033[31mAPI Error: \\033[1m429\\033[0m\\n'; exit 1";
    assert_eq!(class(limited), Some(FailureClass::RateLimited));
    assert_eq!(class("echo 'Please run /login'; exit 1"), Some(FailureClass::NotLoggedIn));
    assert_eq!(class("echo 'API Error: 429'; exit 0"), None, "it went on, and succeeded");
    assert_eq!(class("echo other; exit 1"), None);
    let mut absent = talking("", json!({}));
    absent.attempt.program.argv = vec!["no-such-agent".to_owned()];
    assert_eq!(absent.run().class, Some(FailureClass::AgentMissing));
}

#[test]
fn a_conversation_is_written_down_and_the_files_are_there() {
    let script = "echo 'session id: 0199-ab'; cat \"$RECONCILER_ATTEMPT_FOLDER/agent-settings.json\"; \
        command -v reconciler";
    let dialogue = json!({
        "conversation": "session id: (\\S+)",
        "files": { "agent-settings.json": "{\"hooks\": 1}" },
    });
    let mut scene = talking(script, dialogue);
    let folder = scene.attempt_folder();
    let variable = ("RECONCILER_ATTEMPT_FOLDER".to_owned(), folder.display().to_string());
    scene.attempt.program.env.extend([variable]);
    assert_eq!(scene.run().reason, ExitReason::Succeeded);
    let named = scene.records.conversation(&scene.attempt.id).unwrap();
    assert_eq!(named.as_deref(), Some("0199-ab"));
    let log = scene.log();
    assert!(log.contains(r#"{"hooks": 1}"#), "{log}");
    assert!(log.contains(&folder.join("bin/reconciler").display().to_string()), "{log}");
}

#[test]
fn a_program_that_neither_writes_nor_changes_anything_is_stalled_until_it_goes_on() {
    let script = "stty -echo; echo ready; read -r go; echo gone on; read -r end";
    let scene = talking(script, json!({ "stallSeconds": 1, "listens": true }));
    let shim = scene.start();
    scene.wait_for_log("ready");
    let stalled = || {
        let files = scene.records.attempt(&scene.attempt.id).unwrap();
        files.and_then(|files| files.words.silence).map(|one| one.since)
    };
    let since = wait_for("the stall", || {
        // The shim looks whenever it is told something.
        send(&shim, "USR1");
        stalled()
    });
    assert!(since <= clock::now());
    scene.records.send(&scene.attempt.id, &message("go")).unwrap();
    send(&shim, "USR1");
    scene.wait_for_log("gone on");
    wait_for("the end of the stall", || {
        send(&shim, "USR1");
        stalled().is_none().then_some(())
    });
    send(&shim, "HUP");
    scene.end_of(shim);
}

#[test]
fn a_silent_program_that_changes_files_or_asks_is_not_stalled() {
    // It writes to its log in its folder for two seconds, and then waits.
    let script = "echo ready; for n in 1 2 3 4 5 6 7 8 9 10; do echo $n > work/file; sleep 0.2; done; sleep 60";
    let scene = talking(script, json!({ "stallSeconds": 1 }));
    fs::create_dir(scene.path("work")).unwrap();
    let shim = scene.start();
    scene.wait_for_log("ready");
    let stalled = || {
        let files = scene.records.attempt(&scene.attempt.id).unwrap();
        files.and_then(|files| files.words.silence).map(|one| one.since)
    };
    wait_for("the work to end", || {
        send(&shim, "USR1");
        let done = fs::read_to_string(scene.path("work/file")).unwrap_or_default();
        let over = done.trim() == "10";
        assert!(over || stalled().is_none(), "it works");
        over.then_some(())
    });
    wait_for("the stall", || {
        send(&shim, "USR1");
        stalled()
    });
    send(&shim, "HUP");
    scene.end_of(shim);
}

/// Waits until the shim, which looks whenever it is told something, says this of a silence.
fn wait_for_silence(scene: &Scene, shim: &std::process::Child, kind: Option<SilenceKind>) {
    wait_for(&format!("{kind:?}"), || {
        send(shim, "USR1");
        let files = scene.records.attempt(&scene.attempt.id).unwrap();
        let found = files.and_then(|files| files.words.silence).map(|one| one.kind);
        (found == kind).then_some(())
    });
}

#[test]
fn a_program_that_waits_at_its_prompt_is_idle_and_one_that_has_not_answered_yet_is_not() {
    let script = "stty -echo; printf '> '; while read -r line; do echo on it; read -r go; \
        printf '> '; done";
    let dialogue = json!({ "paste": "do it", "ready": "> $", "listens": true, "stallSeconds": 2 });
    let scene = talking(script, dialogue);
    let shim = scene.start();
    scene.wait_for_log("on it");
    // The prompt that it showed before is not one at which it waits.
    wait_for_silence(&scene, &shim, Some(SilenceKind::Idle));
    scene.records.send(&scene.attempt.id, &message("go")).unwrap();
    wait_for_silence(&scene, &shim, Some(SilenceKind::AtPrompt));
    send(&shim, "HUP");
    scene.end_of(shim);
}

#[test]
fn a_program_that_is_stopped_or_reads_nothing_is_found_by_that_and_then_goes_on() {
    let script = "stty -echo; echo $$ > pid; echo ready; until [ -e open ]; do sleep 0.05; done; \
        read -r line; echo \"got $line\"; read -r end";
    let scene = talking(script, json!({ "listens": true, "stallSeconds": 4 }));
    let shim = scene.start();
    scene.wait_for_log("ready");
    scene.records.send(&scene.attempt.id, &message("hello")).unwrap();
    wait_for_silence(&scene, &shim, Some(SilenceKind::Deaf));
    fs::write(scene.path("open"), "").unwrap();
    scene.wait_for_log("got hello");
    wait_for_silence(&scene, &shim, None);
    let pid = fs::read_to_string(scene.path("pid")).unwrap();
    let signal = |name: &str| {
        let done = std::process::Command::new("kill").args(["-s", name, pid.trim()]).status();
        assert!(done.unwrap().success());
    };
    signal("STOP");
    wait_for_silence(&scene, &shim, Some(SilenceKind::Stopped));
    signal("CONT");
    send(&shim, "HUP");
    scene.end_of(shim);
}

#[test]
fn the_word_and_the_stall_of_a_program_that_is_never_ready_count_all_the_same() {
    let script = "echo hello; read -r quit";
    let dialogue = json!({ "paste": "do it", "ready": "NEVER", "stallSeconds": 1, "quit": "x" });
    let scene = talking(script, dialogue);
    let shim = scene.start();
    scene.wait_for_log("hello");
    wait_for_silence(&scene, &shim, Some(SilenceKind::Idle));
    say(&scene, &report(Outcome::Failed { retryable: true }, "nobody talks to me"));
    send(&shim, "USR1");
    wait_for("its last words", || {
        send(&shim, "USR1");
        scene.exit().is_some().then_some(())
    });
    let reason = scene.end_of(shim).reason;
    let message = "nobody talks to me".to_owned();
    assert_eq!(reason, ExitReason::SaidFailed { message, retryable: true });
}
