//! The shim as tmux starts it: the built binary, real programs, real signals. Each scene has a
//! folder of its own, and nothing of it lives when it is dropped.
#![expect(clippy::disallowed_methods, reason = "a test starts the binary, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]

mod claims;
mod scene;
mod talk;

use reconciler::api::attempt::{Exit, ExitReason, ShimRecord, StopReason};
use reconciler::disk::Published;
use reconciler::process::{clock, identity};
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use scene::{MARK, Tmux, scene, send, sh, wait_for};

#[test]
fn the_exit_status_of_the_program_is_recorded() {
    let exit = scene("exit 0").run();
    assert_eq!(exit.reason, ExitReason::Succeeded);
    assert!(exit.started_at.unwrap() <= exit.ended_at);
    assert_eq!(scene("exit 3").reason(), ExitReason::Failed { status: 3 });
    assert_eq!(scene("kill -SEGV $$").reason(), ExitReason::Signalled { signal: 11 });
    assert_eq!(scene("kill -KILL $$").reason(), ExitReason::Signalled { signal: 9 });
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let mut scene = scene("");
    scene.attempt.program.argv = vec!["no-such-program".to_owned()];
    let exit = scene.run();
    let ExitReason::NotStarted { message } = exit.reason else { panic!("{exit:?}") };
    assert!(message.contains("`no-such-program`"), "{message}");
    assert_eq!(exit.started_at, None);
}

#[test]
fn a_directory_that_is_not_there_is_named() {
    let mut scene = scene("true");
    scene.attempt.directory = scene.path("gone");
    let reason = scene.reason();
    let ExitReason::NotStarted { message } = reason else { panic!("{reason:?}") };
    assert!(message.contains("there is no") && message.ends_with("gone"), "{message}");
}

#[test]
fn a_verification_decides_after_a_program_that_succeeded() {
    let mut good = scene("echo work");
    good.attempt.program.verify = Some(sh("echo check"));
    assert_eq!(good.reason(), ExitReason::Succeeded);
    let log = good.log();
    let at = |text: &str| log.find(text).expect(text);
    assert!(at("work") < at("reconciler: verifying: sh -c echo check\r\n"), "{log}");
    assert!(at("verifying") < at("check\r\n"), "{log}");

    let mut bad = scene("true");
    bad.attempt.program.verify = Some(sh("exit 4"));
    assert_eq!(bad.reason(), ExitReason::VerifyFailed { status: 4 });

    let mut unneeded = scene("exit 3");
    unneeded.attempt.program.verify = Some(sh("touch verified"));
    assert_eq!(unneeded.reason(), ExitReason::Failed { status: 3 });
    assert!(!unneeded.path("verified").try_exists().unwrap());
}

#[test]
fn the_time_limit_holds_for_program_and_verification_together() {
    let mut scene = scene("sleep 0.7");
    scene.attempt.program.timeout_seconds = 1;
    scene.attempt.program.verify = Some(sh("sleep 60"));
    let start = Instant::now();
    assert_eq!(scene.reason(), ExitReason::TimedOut { after_seconds: 1 });
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn the_loop_stops_an_attempt_for_the_reason_it_wrote_down() {
    let scene = scene("echo ready; sleep 60");
    let shim = scene.start();
    scene.wait_for_log("ready");
    scene.ask_to_stop(StopReason::Suspended);
    send(&shim, "TERM");
    let stopped = ExitReason::Stopped { why: StopReason::Suspended };
    assert_eq!(scene.end_of(shim).reason, stopped);
}

#[test]
fn a_sigterm_nobody_asked_for_is_an_interruption() {
    let scene = scene("echo ready; sleep 60");
    let shim = scene.start();
    scene.wait_for_log("ready");
    send(&shim, "TERM");
    assert_eq!(scene.end_of(shim).reason, ExitReason::Signalled { signal: 15 });
}

#[test]
fn keyboard_signals_to_the_shim_do_nothing_and_a_hangup_ends_it() {
    let scene = scene("echo ready; sleep 60");
    let shim = scene.start();
    scene.wait_for_log("ready");
    for signal in ["INT", "QUIT", "HUP"] {
        send(&shim, signal);
    }
    assert_eq!(scene.end_of(shim).reason, ExitReason::HungUp);
}

#[test]
fn a_program_that_ignores_sigterm_is_killed_after_its_grace() {
    let mut scene = scene("trap '' TERM HUP; echo ready; while :; do sleep 0.1; done");
    scene.attempt.program.stop_grace_seconds = 1;
    let shim = scene.start();
    scene.wait_for_log("ready");
    scene.ask_to_stop(StopReason::Deleted);
    let start = Instant::now();
    send(&shim, "TERM");
    let stopped = ExitReason::Stopped { why: StopReason::Deleted };
    assert_eq!(scene.end_of(shim).reason, stopped);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_program_that_ends_on_sigterm_says_its_last_words() {
    let scene = scene("trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.1; done");
    let shim = scene.start();
    scene.wait_for_log("ready");
    scene.ask_to_stop(StopReason::Suspended);
    send(&shim, "TERM");
    let stopped = ExitReason::Stopped { why: StopReason::Suspended };
    assert_eq!(scene.end_of(shim).reason, stopped);
    assert!(scene.log().ends_with("saved\r\n"), "{}", scene.log());
}

#[test]
fn a_grandchild_that_left_the_session_is_dead_before_the_end_is_recorded() {
    let daemon = "trap '' TERM HUP; echo > daemon; while :; do sleep 0.1; done";
    let scene = scene(&format!(
        "(setsid sh -c \"{daemon}\" </dev/null >/dev/null 2>&1 &) ; \
         while ! [ -e daemon ]; do sleep 0.05; done"
    ));
    let mut shim = scene.start();
    let exit = wait_for("the exit record", || {
        let exit = scene.exit();
        // Looked at after the record was there: whoever lives then outlived it.
        exit.inspect(|_| assert_eq!(scene.alive(), 0))
    });
    assert!(scene.path("daemon").try_exists().unwrap());
    assert_eq!(exit.reason, ExitReason::Succeeded);
    wait_for("the shim to end", || shim.try_wait().unwrap());
}

#[test]
fn of_two_shims_one_starts_the_program() {
    let scene = scene("echo x >> started; echo ready; sleep 60");
    let shim = scene.start();
    scene.wait_for_log("ready");
    let second = scene.command().output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(said.contains("fix-login#1 is taken by another shim"), "{said}");
    assert_eq!(scene.exit(), None);
    send(&shim, "HUP");
    scene.end_of(shim);
    assert_eq!(fs::read_to_string(scene.path("started")).unwrap(), "x\n");
}

#[test]
fn a_closed_attempt_starts_nothing() {
    let scene = scene("touch started");
    scene.prepare();
    let exit =
        Exit { started_at: None, ended_at: clock::now(), reason: ExitReason::Lost, class: None };
    assert_eq!(scene.records.close(&scene.attempt.id, &exit).unwrap(), Published::New);
    let shim = scene.command().output().unwrap();
    assert_eq!(shim.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&shim.stderr).contains("is closed already"));
    assert_eq!(scene.exit(), Some(exit));
    assert!(!scene.path("started").try_exists().unwrap());
}

#[test]
fn an_attempt_that_was_asked_to_stop_is_closed_unstarted() {
    let scene = scene("touch started");
    scene.prepare();
    scene.ask_to_stop(StopReason::WorkerGone);
    let shim = scene.command().spawn().unwrap();
    let exit = scene.end_of(shim);
    assert_eq!(exit.reason, ExitReason::Stopped { why: StopReason::WorkerGone });
    assert_eq!(exit.started_at, None);
    assert!(!scene.path("started").try_exists().unwrap());
}

#[test]
fn the_shim_record_names_the_process_that_was_started() {
    let scene = scene("echo ready; sleep 60");
    let shim = scene.start();
    scene.wait_for_log("ready");
    let files = scene.records.attempt(&scene.attempt.id).unwrap().unwrap();
    let record: ShimRecord = files.shim.unwrap().unwrap();
    assert_eq!(Some(record.process), identity::of(shim.id()).unwrap());
    send(&shim, "HUP");
    scene.end_of(shim);
}

#[test]
fn the_log_keeps_colours_and_hides_secrets() {
    let mut scene = scene(
        "printf '\\033[31mred\\033[0m %s|' \"$TOKEN\"; printf '%s' hunter; sleep 0.3; echo 2-tail; \
         echo ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    );
    scene.attempt.program.secret_env = vec!["TOKEN".to_owned()];
    scene.prepare();
    let shim = scene.command().env("TOKEN", "hunter2-tail").output().unwrap();
    assert_eq!(scene.log(), "\u{1b}[31mred\u{1b}[0m ***|***\r\n***\r\n");
    assert!(String::from_utf8_lossy(&shim.stdout).contains("hunter2-tail"));
}

#[test]
fn the_program_has_the_environment_that_is_named_and_no_more() {
    let mut scene = scene("");
    scene.attempt.program.argv = vec!["env".to_owned()];
    scene.attempt.program.env_allow = vec!["NAMED".to_owned()];
    scene.prepare();
    let mut command = scene.command();
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", "/h").env("TERM", "dumb");
    let shim = command.env("NAMED", "1").env("OTHER", "2").spawn().unwrap();
    assert_eq!(scene.end_of(shim).reason, ExitReason::Succeeded);
    let log = scene.log();
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_unstable();
    let mark = format!("{MARK}={}", scene.attempt.id.owner);
    // Our own program, in the version that runs the attempt, comes first.
    let path = format!("PATH={}:/usr/bin:/bin", scene.attempt_folder().join("bin").display());
    assert_eq!(lines, ["HOME=/h", "NAMED=1", &path, &mark, "TERM=dumb"]);
}

#[test]
fn ten_megabytes_pass_through_whole() {
    let scene = scene("yes 0123456789abcde | head -c 10000000");
    scene.prepare();
    let shim = scene.command().output().unwrap();
    assert!(shim.status.success());
    let log = fs::read(scene.records.log_path(&scene.attempt)).unwrap();
    // The terminal ends each of the 625,000 lines by two bytes.
    assert_eq!((shim.stdout.len(), log.len()), (10_625_000, 10_625_000));
    assert!(shim.stdout == log, "pane and log differ");
}

#[test]
fn output_right_before_the_end_is_not_lost() {
    for _ in 0..20 {
        let scene = scene("seq 1 1000");
        scene.run();
        assert!(scene.log().ends_with("\r\n999\r\n1000\r\n"), "{}", scene.log());
    }
}

#[test]
fn the_program_has_a_terminal_of_the_classic_size_when_the_shim_has_none() {
    let scene = scene("tty; stty size </dev/tty");
    assert_eq!(scene.reason(), ExitReason::Succeeded);
    let log = scene.log();
    assert!(log.starts_with("/dev/pts/") && log.ends_with("24 80\r\n"), "{log}");
}

#[test]
fn the_heartbeat_goes_on_while_the_program_runs() {
    let scene = scene("echo ready; sleep 60");
    let shim = scene.start();
    scene.wait_for_log("ready");
    let beat = || scene.records.last_beat(&scene.attempt.id).unwrap();
    let first = wait_for("a heartbeat", beat);
    wait_for("another heartbeat", || beat().filter(|at| *at > first));
    send(&shim, "HUP");
    scene.end_of(shim);
}

#[test]
fn a_shim_that_cannot_write_the_end_tries_until_it_can() {
    let mut scene = scene("mv \"$0\" away && touch \"$0\"");
    let folder = scene.attempt_folder();
    scene.attempt.program.argv.push(folder.to_string_lossy().into_owned());
    let mut shim = scene.start();
    wait_for("the program to be over", || {
        (scene.path("away").try_exists().unwrap() && scene.alive() == 0).then_some(())
    });
    // Long enough for the first tries to have failed.
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(500) {
        assert_eq!(shim.try_wait().unwrap(), None, "it ended without an exit record");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    fs::remove_file(&folder).unwrap();
    fs::rename(scene.path("away"), &folder).unwrap();
    wait_for("the shim to end", || shim.try_wait().unwrap());
    assert_eq!(scene.exit().unwrap().reason, ExitReason::Succeeded);
}

#[test]
fn a_killed_shim_leaves_no_exit_record() {
    let scene = scene("echo ready; sleep 60");
    let mut shim = scene.start();
    scene.wait_for_log("ready");
    shim.kill().unwrap();
    assert_eq!(shim.wait().unwrap().signal(), Some(9));
    assert_eq!(scene.exit(), None);
}

#[test]
fn keys_and_sizes_of_the_pane_reach_the_program() {
    let scene = scene(
        "stty size; read line; echo got $line; trap 'echo interrupted' INT; \
         trap 'stty size' WINCH; while :; do sleep 0.1; done",
    );
    let tmux = Tmux::start(&scene);
    tmux.wait_for_screen("30 100");
    tmux.ask(&["send-keys", "-t", "it", "hello", "Enter"]);
    tmux.wait_for_screen("got hello");
    tmux.ask(&["send-keys", "-t", "it", "C-c"]);
    tmux.wait_for_screen("interrupted");
    tmux.ask(&["resize-window", "-t", "it", "-x", "90", "-y", "20"]);
    tmux.wait_for_screen("20 90");
    assert_eq!(scene.exit(), None);
    tmux.ask(&["kill-session", "-t", "it"]);
    let exit = wait_for("the exit record", || scene.exit());
    assert_eq!(exit.reason, ExitReason::HungUp);
}

#[test]
fn a_pane_that_vanishes_ends_a_program_that_does_not_want_to() {
    let mut scene = scene("trap '' HUP TERM; echo ready; while :; do echo on; sleep 0.01; done");
    scene.attempt.program.stop_grace_seconds = 1;
    let tmux = Tmux::start(&scene);
    tmux.wait_for_screen("on");
    tmux.ask(&["kill-server"]);
    let exit = wait_for("the exit record", || scene.exit());
    assert_eq!(exit.reason, ExitReason::HungUp);
    assert_eq!(scene.alive(), 0);
}

#[test]
fn a_terminal_is_given_back_as_it_was() {
    let scene = scene("stty raw; echo over");
    scene.prepare();
    let script = "before=$(stty -g); \"$0\" shim \"$1\" /nowhere; test \"$before\" = \"$(stty -g)\" && echo same";
    let mut command = Command::new("script");
    let line = format!(
        "sh -c '{script}' {} {}",
        env!("CARGO_BIN_EXE_reconciler"),
        scene.attempt_folder().display()
    );
    command.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("over") && said.contains("same"), "{said}");
}
