//! What becomes of finished and deleted tasks, and of things that belong to nobody.

use super::scene::{NOW, Scene, at, scene};
use crate::api::attempt::ExitReason;
use crate::api::report::Outcome;
use crate::plan::action::Action;
use crate::plan::desired::Desired;
use crate::plan::observed::{EmptyState, Leftovers, Observed, Sighting, WorktreeState};
use serde_json::json;

#[test]
fn a_finished_task_keeps_its_branch_and_loses_its_worktree() {
    let scene = scene()
        .policy(json!({ "merge": { "method": "none" } }))
        .task("login", json!({}))
        .registered("login", 60)
        .ended("login", 1, ExitReason::Succeeded)
        .worktree("login")
        .claim("login", &[]);
    scene.plans(&[
        "save unsaved work of login",
        "retire worktree login",
        "release the claim of login",
    ]);
    scene.says("login", "completed Succeeded: done; its work is on branch fix/login");
}

#[test]
fn what_a_finished_task_did_not_commit_is_told_to_be_saved() {
    let scene = scene()
        .task("login", json!({}))
        .registered("login", 60)
        .ended("login", 1, ExitReason::Succeeded)
        .with(|_, observed| {
            let refs = ["login/1", "login/1-2", "login/11", "other/1"].map(str::to_owned);
            observed.rescues = Sighting::Known(refs.into());
        });
    scene.says(
        "login",
        "completed Succeeded: done; its work is on branch fix/login; what it did not commit is saved: `reconciler rescue show login/1-2`",
    );
}

#[test]
fn a_finished_task_runs_again_when_its_command_changes() {
    let scene = scene()
        .task("login", json!({}))
        .registered("login", 60)
        .ended("login", 1, ExitReason::Succeeded)
        .branch("fix/login")
        .task("login", json!({ "command": "make more" }));
    scene.plans(&[
        "claim login for codegen-1",
        "add worktree login of branch fix/login",
        "prepare attempt 2 on codegen-1",
        "start session login for attempt 2",
    ]);
}

#[test]
fn a_deleted_task_leaves_after_its_work_is_saved() {
    let scene = scene()
        .registered("login", 60)
        .ended("login", 1, ExitReason::Succeeded)
        .worktree("login")
        .session("login")
        .claim("login", &[]);
    scene.plans(&[
        "remove session login",
        "save unsaved work of login",
        "retire worktree login",
        "drop branch fix/login if it has no commits of its own",
        "release the claim of login",
        "forget login",
    ]);
}

#[test]
fn an_empty_state_folder_deletes_nothing_until_it_is_meant() {
    let gone = || scene().registered("login", 60).with(|desired, _| desired.workers.clear());
    gone().plans(&[]);
    assert!(gone().plan().report.notices[0].starts_with("state/ is empty at bbbbbbb: 1 known"));
    let meant = gone().with(|_, observed| observed.empty_state = EmptyState::Meant);
    meant.plans(&["forget login"]);
}

#[test]
fn what_has_our_mark_and_no_task_goes_and_what_has_not_stays() {
    let scene = scene()
        .session("ghost")
        .worktree("ghost")
        .claim("ghost", &["src/"])
        .worktree_in("mine", WorktreeState::Ready, None)
        .with(|_, observed| {
            let Sighting::Known(sessions) = &mut observed.sessions else { panic!("seen") };
            let mut foreign = sessions[0].clone();
            foreign.id = "$9".to_owned();
            foreign.owner = None;
            sessions.push(foreign);
        });
    scene.plans(&[
        "remove session ghost",
        "save unsaved work of ghost",
        "retire worktree ghost",
        "release the claim of ghost",
    ]);
}

#[test]
fn trash_and_records_are_kept_for_their_time() {
    let scene = scene().registered("login", 60).task("login", json!({ "suspend": true })).with(
        |_, observed| {
            let days = |days: i64| at(NOW - days * 86_400);
            let folder = crate::api::attempt::AttemptId::folder(&Scene::owner("login"));
            observed.leftovers = Sighting::Known(Leftovers {
                trash: vec![("old".to_owned(), days(8)), ("new".to_owned(), days(6))],
                attempts: vec![
                    ("gone.12345678".to_owned(), days(31)),
                    ("late.12345678".to_owned(), days(29)),
                    (folder, days(90)),
                ],
            });
        },
    );
    scene.plans(&["delete old from the trash", "delete the records of gone.12345678"]);
}

/// Found by the simulation: the attempts of a task whose record had been removed were deleted in the
/// plan that registered it anew.
#[test]
fn attempts_that_a_session_or_a_worktree_still_names_are_kept() {
    let old = |_: &mut Desired, observed: &mut Observed| {
        let folder = crate::api::attempt::AttemptId::folder(&Scene::owner("login"));
        let attempts = vec![(folder, at(NOW - 90 * 86_400))];
        observed.leftovers = Sighting::Known(Leftovers { trash: Vec::new(), attempts });
    };
    let sweeps = |scene: Scene| {
        let plan = scene.with(old).plan();
        plan.actions.iter().any(|one| matches!(one, Action::SweepAttempts { .. }))
    };
    assert!(sweeps(scene()));
    assert!(!sweeps(scene().task("login", json!({})).worktree("login")));
    assert!(!sweeps(scene().task("login", json!({})).session("login")));
    let blind = |_: &mut Desired, observed: &mut Observed| {
        observed.sessions = Sighting::Unknown("tmux hangs".to_owned());
    };
    assert!(!sweeps(scene().with(blind)));
}

#[test]
fn a_claim_that_no_shim_renews_is_renewed_after_a_third_of_its_time() {
    let waits = || {
        let retry = json!({ "retry": { "baseSeconds": 7200, "capSeconds": 7200 } });
        let scene = scene().policy(retry).task("login", json!({ "retries": 3 }));
        let scene =
            scene.registered("login", 60).ended("login", 5, ExitReason::Failed { status: 1 });
        scene.worktree("login").claim("login", &[])
    };
    waits().later(1100).plans(&[]);
    waits().with(|_, observed| observed.now = at(NOW + 2000)).plans(&[]);
    waits().later(1200).plans(&["renew the claim of login"]);
    let running = scene().task("login", json!({})).registered("login", 60).running("login");
    running.worktree("login").claim("login", &[]).later(1200).plans(&[]);
}

#[test]
fn the_last_word_of_a_worker_whose_shim_could_not_record_it_stands() {
    let lost = |outcome: Outcome| {
        scene()
            .task("login", json!({ "retries": 9 }))
            .registered("login", 60)
            .lost("login", Sighting::Known(Vec::new()))
            .with(|_, observed| {
                let Sighting::Known(tasks) = &mut observed.tasks else { return };
                let last = tasks.values_mut().find_map(|task| task.attempts.last_mut()).unwrap();
                last.said.outcome = Some(outcome);
                "no such API".clone_into(&mut last.said.summary);
            })
    };
    // Its end is recorded first, and nothing follows from it before.
    lost(Outcome::Completed).says("login", "in_progress Ending: it is done");
    lost(Outcome::Failed { retryable: false }).says(
        "login",
        "failed AttemptsUsedUp: 1 of 1 attempts failed; the last one said that it failed: no such API",
    );
}
