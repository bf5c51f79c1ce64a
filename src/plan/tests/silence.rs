//! What is said of an attempt that lives and is silent, or runs without something.

use super::scene::{NOW, Scene, at, scene};
use crate::api::report::{Silence, SilenceKind};
use crate::plan::observed::{Said, Sighting};
use serde_json::json;

fn saying(said: &Said) -> Scene {
    scene()
        .task("login", json!({}))
        .registered("login", 60)
        .running("login")
        .claim("login", &[])
        .worktree("login")
        .with(|_, observed| {
            let Sighting::Known(tasks) = &mut observed.tasks else { return };
            let attempts = tasks.values_mut().flat_map(|task| &mut task.attempts);
            attempts.for_each(|attempt| attempt.said = said.clone());
        })
}

fn silent(kind: SilenceKind) -> Scene {
    let silence = Silence { since: at(NOW - 600), kind };
    saying(&Said { silence: Some(silence), ..Said::default() })
}

#[test]
fn a_silence_is_told_by_what_it_means_and_ends_nothing() {
    let told = [
        (SilenceKind::Idle, "Stalled: codegen-1 has written and changed nothing"),
        (SilenceKind::Stopped, "Stalled: codegen-1 is stopped, by a signal or a debugger,"),
        (SilenceKind::Deaf, "Stalled: codegen-1 reads nothing of what is typed and writes nothing"),
        (
            SilenceKind::AtPrompt,
            "Idle: codegen-1 waits at its prompt, without a word that it is done,",
        ),
    ];
    for (kind, message) in told {
        let scene = silent(kind);
        scene.says("login", &format!("in_progress {message} for 10 minutes"));
        scene.plans(&[]);
    }
}

#[test]
fn what_an_attempt_runs_without_is_told() {
    let lacks = vec!["a read-only view: cannot make a user namespace: no".to_owned()];
    saying(&Said { lacks, ..Said::default() }).says(
        "login",
        "in_progress Running: attempt 1 runs on codegen-1 without a read-only view: cannot make a user \
         namespace: no",
    );
}
