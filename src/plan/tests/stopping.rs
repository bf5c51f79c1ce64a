//! How a running attempt is stopped, and by what.

use super::scene::scene;
use crate::api::attempt::StopReason;
use serde_json::json;

fn running(spec: serde_json::Value) -> super::scene::Scene {
    scene()
        .task("login", spec)
        .registered("login", 60)
        .running("login")
        .worktree("login")
        .claim("login", &[])
}

#[test]
fn a_running_task_is_left_alone() {
    running(json!({})).plans(&[]);
    running(json!({})).says("login", "in_progress Running: attempt 1 runs on codegen-1");
}

#[test]
fn what_does_not_change_what_runs_does_not_stop_it() {
    let scene = running(json!({}));
    let scene = scene.task("login", json!({ "priority": 1, "files": ["src/"], "retries": 9 }));
    scene.plans(&[]);
}

#[test]
fn a_changed_command_stops_the_attempt() {
    let scene = running(json!({})).task("login", json!({ "command": "make other" }));
    scene.plans(&["stop attempt 1: the committed task runs something else"]);
}

#[test]
fn suspending_deleting_and_taking_the_worker_away_stop_it() {
    let suspended = running(json!({})).task("login", json!({ "suspend": true }));
    suspended.plans(&["stop attempt 1: the task is suspended"]);
    let deleted = running(json!({})).with(|desired, _| desired.tasks.clear());
    deleted.plans(&["stop attempt 1: the task is deleted"]);
    for worker in
        [json!({ "agent": "shell", "replicas": 0 }), json!({ "agent": "shell", "suspend": true })]
    {
        running(json!({})).worker("codegen", worker).plans(&["stop attempt 1: its worker is gone"]);
    }
}

#[test]
fn what_does_not_stop_when_asked_is_killed() {
    let base = |ago| {
        let scene = scene().task("login", json!({ "suspend": true })).registered("login", 60);
        scene.asked_to_stop("login", ago, StopReason::Suspended)
    };
    base(5).plans(&[]);
    base(30).plans(&["kill 42"]);
}

#[test]
fn a_suspended_task_rests_and_lets_go_of_its_files() {
    let why = crate::api::attempt::ExitReason::Stopped { why: StopReason::Suspended };
    let scene = scene()
        .task("login", json!({ "suspend": true }))
        .registered("login", 60)
        .ended("login", 1, why)
        .worktree("login")
        .claim("login", &["src/"]);
    scene.plans(&["release the claim of login"]);
    scene.says("login", "pending Suspended: suspended; its worktree and branch stay");
    let resumed = scene.task("login", json!({ "files": ["src/"] }));
    resumed.plans(&["prepare attempt 2 on codegen-1", "start session login for attempt 2"]);
}

#[test]
fn an_attempt_that_runs_claims_its_files_again_when_its_claim_is_gone() {
    let scene = || {
        let scene = scene().task("login", json!({ "files": ["src/"] })).registered("login", 60);
        scene.running("login").worktree("login")
    };
    scene().plans(&["claim login for codegen-1"]);
    let other = scene().task("docs", json!({ "files": ["src/a.rs"] })).registered("docs", 60);
    other.running("docs").worktree("docs").claim("docs", &["src/a.rs"]).plans(&[]);
}
