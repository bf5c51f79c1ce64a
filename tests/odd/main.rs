//! Odd worlds: repositories, users, programs and places as they are out there. In each the main job
//! works, or is refused with one clear error that says what to do; and nothing is ever lost.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]

#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "the world is shared with the end-to-end tests")]
mod common;

mod environment;
mod git_calls;
mod hooks;
mod paths;
mod programs;
mod refs;
mod repository;
mod scale;
mod state;
mod tmux;

use common::{Said, TestEnvironment, is_there};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

impl TestEnvironment {
    /// The same world, in which a variable has this value.
    fn set(mut self, name: &str, value: &str) -> Self {
        self.odd.insert(name.to_owned(), Some(value.to_owned()));
        self
    }

    /// The same world, in which a variable is not set.
    fn unset(mut self, name: &str) -> Self {
        self.odd.insert(name.to_owned(), None);
        self
    }

    /// The same world, in which every program is started by this one.
    fn started_by(mut self, argv: &[&str]) -> Self {
        self.starter = argv.iter().map(|word| (*word).to_owned()).collect();
        self
    }
}

/// A task that commits one file and leaves another one uncommitted.
fn working(env: &TestEnvironment, task: &str) -> Value {
    let commit = format!("echo {task} > {task}.txt && git add {task}.txt && git commit -qm work");
    env.doing(task, &format!("{commit} && echo unsaved > edit.txt"))
}

/// The main job: what is committed runs in its worktree; its commits are on main, the rest is
/// in a rescue ref, and nothing else is left.
fn works(env: &TestEnvironment) -> Said {
    env.commit_task("a", &working(env, "a"));
    runs(env)
}

/// The same, of a task that is committed already.
fn runs(env: &TestEnvironment) -> Said {
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.git(&["show", "refs/heads/main:a.txt"]), "a", "{said:?}");
    is_done(env, said)
}

/// The same where nobody can commit: all work is in the rescue ref.
fn rescues(env: &TestEnvironment) -> Said {
    env.commit_task("a", &env.doing("a", "echo unsaved > edit.txt"));
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    is_done(env, said)
}

fn is_done(env: &TestEnvironment, said: Said) -> Said {
    let saved = env.try_git(&["show", "refs/reconciler/rescue/a/1:edit.txt"]);
    assert_eq!(saved.as_deref(), Some("unsaved"), "{said:?}");
    assert_eq!(env.starts("a").len(), 1, "{said:?}");
    assert!(!is_there(&env.worktree("a")), "{said:?}");
    assert!(!is_there(&env.path(".task-locks/a.lock")), "{said:?}");
    env.wait_until("our processes to end", || left(env).is_empty());
    said
}

/// The command lines of shims and of our tmux server.
fn left(env: &TestEnvironment) -> Vec<String> {
    let line = |pid: u32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let processes = env.processes().into_iter();
    let lines = processes.map(|one| String::from_utf8_lossy(&line(one.pid)).replace('\0', " "));
    lines.filter(|line| line.contains(" shim ") || line.contains("-L reconciler-")).collect()
}

/// Runs the loop, which is to end by itself without success, and returns all that it said.
fn is_refused(env: &TestEnvironment) -> String {
    let said = env.run_until_settled();
    assert!(!said.status.success(), "{said:?}");
    format!("{}{}", said.stdout, said.stderr)
}

fn configure(env: &TestEnvironment, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        env.git(&["config", name, value]);
    }
}

/// Writes a program of the shell.
fn script(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[expect(clippy::print_stderr, reason = "whoever reads the tests is told what was not tried")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
