//! tmux as people have it: their configuration, their shell, their sessions.

use crate::common::TestEnvironment;
use crate::{script, text, works};
use std::fs;

const SETTINGS: &str = "set -g base-index 1
set -wg pane-base-index 1
set -g default-shell /bin/false
set -g default-command false
set -s exit-empty off
set -wg remain-on-exit on
set -g destroy-unattached on
set -g update-environment ''
set -g detach-on-destroy off
set -g status off
set-hook -g after-new-session 'kill-server'
set-hook -g session-created 'rename-session mine'
";

#[test]
fn the_configuration_of_the_user_is_not_read() {
    let env = TestEnvironment::new();
    let read = env.out("was-read");
    let text = format!("{SETTINGS}run-shell \"touch '{}'\"\n", read.display());
    fs::write(env.home().join(".tmux.conf"), &text).unwrap();
    fs::create_dir_all(env.home().join(".config/tmux")).unwrap();
    fs::write(env.home().join(".config/tmux/tmux.conf"), &text).unwrap();
    works(&env);
    assert!(!crate::is_there(&read));
}

#[test]
fn a_shell_that_refuses_to_work_is_not_needed() {
    let env = TestEnvironment::new();
    let shell = env.base().join("shell");
    script(&shell, "exit 1");
    works(&env.set("SHELL", text(&shell)));
}

#[test]
fn a_shell_that_is_not_there_is_not_needed() {
    works(&TestEnvironment::new().set("SHELL", "/not/there"));
}

#[test]
fn sessions_of_the_same_names_on_the_server_of_the_user_are_left_alone() {
    let env = TestEnvironment::new();
    let own = |arguments: &[&str]| {
        let mut command = env.command("tmux");
        crate::common::said(command.args(["-f", "/dev/null"]).args(arguments))
    };
    for name in ["a", "_keeper"] {
        let made = own(&["new-session", "-d", "-s", name, "sleep 1000"]);
        assert!(made.status.success(), "{made:?}");
    }
    let list = ["list-sessions", "-F", "#{session_name} #{session_created} #{session_activity}"];
    let before = own(&list).stdout;
    let inside = own(&["display-message", "-p", "-t", "=a:", "#{socket_path},#{pid},0"]).stdout;
    let env = env.set("TMUX", inside.trim()).set("TMUX_PANE", "%0");
    works(&env);
    let own = crate::common::said(env.command("tmux").args(list)).stdout;
    assert_eq!(own, before);
}

#[test]
fn a_variable_of_a_tmux_that_is_gone_is_no_harm() {
    works(&TestEnvironment::new().set("TMUX", "/not/there,1,0").set("TMUX_PANE", "%7"));
}

#[test]
fn options_that_somebody_set_on_our_server_do_not_keep_sessions_or_end_them() {
    let env = TestEnvironment::new();
    env.commit_task("b", &env.waiting("b"));
    let running = env.start_loop();
    env.wait_for_start("b", 1);
    let harsh = |line: &&str| line.starts_with("set-hook") || line.contains("destroy-unattached");
    for line in SETTINGS.lines().filter(|line| !harsh(line)) {
        let words: Vec<&str> = line.split(' ').map(|word| word.trim_matches('\'')).collect();
        env.tmux(&words).unwrap();
    }
    running.kill();
    let _running = env.start_loop_when_free();
    env.commit_task("a", &env.committing("a"));
    env.wait_for_completed(&["a"]);
    assert_eq!(env.starts("a").len(), 1);
    assert_eq!(env.starts("b").len(), 1);
    env.let_go("b");
    env.wait_for_completed(&["b"]);
}
