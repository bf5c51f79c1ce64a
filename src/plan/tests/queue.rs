//! Who goes first, and why the others wait.

use super::scene::scene;
use crate::api::attempt::ExitReason;
use crate::api::path::Case;
use crate::plan::observed::AttemptState;
use serde_json::json;

#[test]
fn urgent_tasks_go_first_and_within_one_priority_the_oldest() {
    let scene = scene()
        .worker("codegen", json!({ "agent": "shell" }))
        .task("a-young", json!({ "priority": 2 }))
        .task("b-old", json!({ "priority": 2 }))
        .task("c-relaxed", json!({ "priority": 3 }))
        .registered("a-young", 10)
        .registered("b-old", 20)
        .registered("c-relaxed", 99);
    scene.says("b-old", "pending Starting: attempt 1 starts on codegen-1");
    scene.says("a-young", "pending WorkersBusy: every seat of codegen is taken");
}

#[test]
fn tasks_whose_files_meet_never_run_at_once() {
    let scene = scene()
        .task("auth", json!({ "files": ["src/auth/**"] }))
        .task("token", json!({ "files": ["src/**/token.rs"] }))
        .registered("auth", 20)
        .registered("token", 10);
    scene.says("auth", "pending Starting: attempt 1 starts on codegen-1");
    scene.says(
        "token",
        "pending FilesHeld: auth holds src/auth/** (both can change src/auth/token.rs)",
    );
}

#[test]
fn tasks_whose_files_differ_in_case_alone_meet_where_that_does_not_count() {
    let scene = scene()
        .policy(json!({ "sharedFiles": ["cargo.toml"] }))
        .task("one", json!({ "files": ["Src/**", "Cargo.toml"] }))
        .task("two", json!({ "files": ["src/a.rs"] }))
        .task("three", json!({ "files": ["CARGO.toml"] }))
        .registered("one", 30)
        .registered("two", 20)
        .registered("three", 10);
    scene.says("two", "pending Starting: attempt 1 starts on codegen-2");
    let scene = scene.with(|desired, _| {
        let shared = desired.policy.spec.iter_mut().flat_map(|spec| &mut spec.shared_files);
        let specs = desired.tasks.values_mut().flat_map(|task| task.spec.iter_mut());
        for pattern in specs.flat_map(|spec| &mut spec.files).chain(shared) {
            *pattern = pattern.clone().on(Case::Insensitive);
        }
    });
    scene.says("one", "pending Starting: attempt 1 starts on codegen-1");
    scene.says("two", "pending FilesHeld: one holds Src/** (both can change src/a.rs)");
    scene.says("three", "pending FilesHeld: one holds Cargo.toml (both can change CARGO.toml)");
}

#[test]
fn a_task_that_waits_for_files_is_not_overtaken_for_ever() {
    let scene = scene()
        .task("small", json!({ "files": ["src/a.rs"] }))
        .registered("small", 30)
        .running("small")
        .claim("small", &["src/a.rs"])
        .task("big", json!({ "files": ["src/"] }))
        .registered("big", 20)
        .task("late", json!({ "files": ["src/b.rs"] }))
        .registered("late", 10);
    scene.says("late", "pending FilesHeld: big holds src/ (both can change src/b.rs)");
}

#[test]
fn a_running_task_holds_its_files_also_without_its_lock() {
    let scene = scene()
        .task("small", json!({ "files": ["src/a.rs"] }))
        .registered("small", 30)
        .running("small")
        .task("big", json!({ "files": ["src/"] }))
        .registered("big", 20);
    scene.says("big", "pending FilesHeld: small holds src/a.rs (both can change src/a.rs)");
}

#[test]
fn a_damaged_lock_is_held() {
    let scene = scene()
        .task("auth", json!({ "files": ["src/auth/"] }))
        .registered("auth", 30)
        .task("token", json!({ "files": ["src/auth/token.rs"] }))
        .registered("token", 20)
        .with(|_, observed| {
            let damaged = Err("half a file".to_owned());
            let claims = [("auth".parse().unwrap(), damaged)].into();
            observed.claims = crate::plan::observed::Sighting::Known(claims);
        });
    scene.plans(&[]);
    scene.says("auth", "pending Damaged: its lock is damaged, so it is held: half a file");
}

#[test]
fn shared_files_are_for_one_task_at_a_time() {
    let scene = scene()
        .task("one", json!({ "files": [".github/workflows/a.yml"] }))
        .registered("one", 20)
        .task("two", json!({ "files": [".github/workflows/b.yml"] }))
        .registered("two", 10);
    scene.says(
        "two",
        "pending FilesHeld: one holds .github/workflows/** (both can change .github/workflows/b.yml)",
    );
}

#[test]
fn dependencies_come_first_and_say_what_is_missing() {
    let scene = scene()
        .task("build", json!({}))
        .task("test", json!({ "dependencies": ["build"] }))
        .task("ship", json!({ "dependencies": ["nothing"] }))
        .task("egg", json!({ "dependencies": ["hen"] }))
        .task("hen", json!({ "dependencies": ["egg"] }))
        .registered("build", 9)
        .ended("build", 1, ExitReason::Failed { status: 1 });
    scene.says("test", "pending DependencyPending: needs build (claimed)");
    scene.says("ship", "pending DependencyUnmet: needs nothing, which does not exist");
    scene.says("egg", "pending DependencyCycle: egg -> hen -> egg");
}

#[test]
fn a_completed_dependency_lets_go() {
    let scene = scene()
        .task("build", json!({}))
        .registered("build", 9)
        .ended("build", 1, ExitReason::Succeeded)
        .task("test", json!({ "dependencies": ["build"] }));
    scene.says("test", "pending Starting: attempt 1 starts on codegen-1");
}

#[test]
fn why_no_worker_takes_a_task_is_said() {
    let base = || scene().worker("alice", json!({ "type": "human", "class": "decision" }));
    base()
        .task("a", json!({ "requiredSkills": ["rust"] }))
        .says("a", "pending NoWorker: no worker fits: class execution, skill rust");
    base()
        .task("a", json!({ "prompt": "do it" }))
        .says("a", "pending NoWorker: agent shell of worker codegen needs spec.command");
    base()
        .task("a", json!({ "assignedTo": "bob" }))
        .says("a", "pending NoWorker: no worker fits: class execution, called bob");
    base().task("a", json!({})).untrusted().says(
        "a",
        "pending NotTrusted: agent shell is not approved on this machine: `reconciler trust`",
    );
    let limited = base().policy(json!({ "limits": { "maxConcurrentTasks": 0 } }));
    limited
        .task("a", json!({}))
        .says("a", "pending LimitReached: 0 attempts run, as many as the policy allows");
}

#[test]
fn a_policy_for_another_ref_starts_nothing() {
    let scene = scene().policy(json!({ "stateRef": "refs/heads/state" })).task("a", json!({}));
    scene.says(
        "a",
        "pending OnHold: the policy is meant for refs/heads/state, this clone reads \
         refs/heads/main: nothing starts; `reconciler init --ref refs/heads/state` corrects the clone",
    );
}

#[test]
fn a_task_whose_effect_fails_leaves_its_seat_to_others() {
    let scene = scene()
        .worker("codegen", json!({ "agent": "shell" }))
        .task("stuck", json!({}))
        .registered("stuck", 30)
        .failure("stuck", "add worktree stuck of branch fix/stuck", 0, 2)
        .task("next", json!({}))
        .registered("next", 20);
    scene.says("next", "pending Starting: attempt 1 starts on codegen-1");
    assert!(scene.plan().wake_at.is_some(), "the stuck one is tried again");
}

/// Found by seed 13512: two attempts would have run on one seat.
#[test]
fn a_seat_is_not_free_while_the_closing_of_its_attempt_is_held_back() {
    let scene = scene()
        .worker("codegen", json!({ "agent": "shell" }))
        .task("held", json!({}))
        .registered("held", 30)
        .attempt("held", AttemptState::Prepared)
        .failure("held", "close attempt 1: it was never started", 0, 2)
        .task("next", json!({}))
        .registered("next", 20);
    scene.says("next", "pending WorkersBusy: every seat of codegen is taken");
}

#[test]
fn a_task_in_back_off_leaves_its_seat_to_others_and_keeps_its_files() {
    let scene = scene()
        .worker("codegen", json!({ "agent": "shell" }))
        .task("flaky", json!({ "files": ["src/"] }))
        .registered("flaky", 30)
        .claim("flaky", &["src/"])
        .ended("flaky", 1, ExitReason::Failed { status: 1 })
        .task("next", json!({}))
        .registered("next", 20)
        .task("same", json!({ "files": ["src/a.rs"] }))
        .registered("same", 10);
    scene.says("next", "pending Starting: attempt 1 starts on codegen-1");
    scene.says("same", "pending FilesHeld: flaky holds src/ (both can change src/a.rs)");
}
