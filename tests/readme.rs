//! The README is true: its commands are run as they stand, its example is valid, its demo shows what
//! it says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "verbs/scene.rs"]
#[expect(dead_code, reason = "the scene is shared with the verbs")]
mod scene;

use reconciler::api::admission::admit;
use scene::Scene;
use std::process::{Child, Stdio};

const README: &str = include_str!("../README.md");

/// Returns the commands under a heading, without their remarks.
fn commands(heading: &str) -> Vec<&'static str> {
    let section = README.split("\n## ").find(|section| section.starts_with(heading)).unwrap();
    let section = section.split("```").next().unwrap();
    let lines = section.lines().filter_map(|line| line.strip_prefix("    "));
    let bare = lines.map(|line| line.split("  #").next().unwrap_or(line).trim());
    bare.filter(|line| !line.is_empty()).collect()
}

/// A loop that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_first_five_minutes_are_as_they_are_told() {
    let scene = Scene::new();
    let mut running = None;
    let commands = commands("Five minutes");
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        match command {
            "reconciler run" => {
                let mut run = scene.program("reconciler");
                let child = run.arg("run").stdout(Stdio::null()).stderr(Stdio::null()).spawn();
                running = Some(Running(child.unwrap()));
            }
            // It needs a person at a terminal.
            "reconciler attach fix-login" => {
                scene.run(&["attach", "fix-login"]).fails(1);
            }
            // A person who types it is slower than the first line of the log.
            "reconciler logs fix-login" => {
                let mut looks = 0;
                while scene.run(&["logs", "fix-login"]).code != 0 {
                    looks += 1;
                    assert!(looks < 30, "it has no log");
                    scene.run(&["wait", "fix-login", "--for", "done", "--timeout", "1s"]);
                }
            }
            "reconciler delete fix-login" => {
                scene.run(&["delete", "fix-login", "--yes"]).ok();
            }
            command => {
                let output = scene.program("sh").args(["-c", command]).output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success(), "{command}: {said}");
            }
        }
    }
    drop(running);
    // What the loop left to itself is settled: nothing of the deleted task is left.
    scene.run(&["run", "--until", "settled"]).ok();
    assert_eq!(scene.run(&["get", "tasks", "-o", "name"]).ok(), "task/hello\n");
}

#[test]
fn the_example_is_a_valid_task() {
    let json = README.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    admit("state/tasks/fix-login.json", json.as_bytes()).unwrap();
}

#[test]
fn the_demo_shows_what_the_readme_says_and_leaves_nothing_behind() {
    let scene = Scene::new();
    let temporary = scene.outside("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let output =
        scene.program("reconciler").arg("demo").env("TMPDIR", &temporary).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for shown in [
        "build and login run",
        "token waits: login holds src/auth/**",
        "attempt 2 runs in the same worktree",
        "did you mean `priority`?",
        "left behind: 0 tmux sessions, 0 worktrees",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let left = std::fs::read_dir(&temporary).unwrap().map(|one| one.unwrap().path());
    let left: Vec<_> = left.collect();
    assert!(left.is_empty(), "{left:?} of {text}");
}
