//! People who claim: what is made for them, and what is never done beside them; and claims that
//! nobody renews.

use super::scene::{NOW, Scene, at, name, scene};
use crate::api::attempt::ExitReason;
use crate::api::claim::Claim;
use crate::plan::observed::Sighting;
use serde_json::json;

/// Lets the claim of a task be changed.
fn claimed(scene: Scene, task: &str, change: impl FnOnce(&mut Claim)) -> Scene {
    scene.with(|_, observed| {
        let Sighting::Known(claims) = &mut observed.claims else { panic!("claims are seen") };
        let Some(Ok(claim)) = claims.get_mut(&name(task)) else { panic!("{task} is claimed") };
        change(claim);
    })
}

fn by_alice(scene: Scene, task: &str) -> Scene {
    claimed(scene.claim(task, &["src/a/"]), task, |claim| {
        claim.seat = "alice-1".to_owned().try_into().unwrap();
        claim.worker_type = crate::api::worker::WorkerType::Human;
    })
}

fn held_by_alice() -> Scene {
    let scene = scene().task("login", json!({ "files": ["src/a/"] })).registered("login", 60);
    by_alice(scene, "login")
}

#[test]
fn who_claims_a_task_gets_its_worktree_and_no_agent_beside_them() {
    held_by_alice()
        .plans(&["create branch fix/login at bbbbbbb", "add worktree login of branch fix/login"]);
    let ready = held_by_alice().branch("fix/login").worktree("login");
    ready.says(
        "login",
        "in_progress HeldByPerson: alice works on it; the claim holds until 1970-01-12T14:46:40Z",
    );
    ready.plans(&[]);
}

#[test]
fn a_task_that_a_person_claimed_before_it_was_known_takes_over_their_uid() {
    let scene = by_alice(scene().task("login", json!({ "files": ["src/a/"] })), "login");
    scene.plans(&["register login as 2d6ce8ed"]);
    assert_eq!(scene.registers().uid, Scene::owner("login").uid);
}

#[test]
fn what_a_person_holds_keeps_others_out() {
    let scene = held_by_alice().branch("fix/login").worktree("login");
    let scene = scene.task("other", json!({ "files": ["src/"] })).registered("other", 60);
    scene.says("other", "pending FilesHeld: login holds src/a/ (both can change src/a)");
}

#[test]
fn paths_that_a_person_holds_without_a_task_keep_others_out_until_they_lapse() {
    let scene = scene().task("other", json!({ "files": ["src/"] })).registered("other", 60);
    let scene = by_alice(scene, "lock-1");
    scene.says("other", "pending FilesHeld: lock-1 holds src/a/ (both can change src/a)");
    scene.plans(&[]);
    scene.later(3600).plans(&["expire the claim of lock-1"]);
}

#[test]
fn an_agent_whose_task_is_taken_over_is_stopped() {
    let scene = scene().task("login", json!({ "files": ["src/a/"] })).registered("login", 60);
    let scene = scene.running("login").worktree("login");
    by_alice(scene, "login").plans(&["stop attempt 1: somebody else holds the task"]);
}

#[test]
fn an_old_look_at_the_claims_takes_nothing_from_who_runs() {
    let scene = scene().task("login", json!({ "files": ["src/a/"] })).registered("login", 60);
    let scene = by_alice(scene.running("login").worktree("login"), "login");
    let last = |observed: &mut crate::plan::observed::Observed| {
        observed.generations.insert(name("login"), 5);
    };
    scene.with(|_, observed| last(observed)).plans(&[]);
}

#[test]
fn a_person_is_warned_before_their_claim_lapses() {
    let scene = held_by_alice().branch("fix/login").worktree("login");
    scene.later(2700).says(
        "login",
        "in_progress HeldByPerson: the claim of alice lapses at 1970-01-12T14:46:40Z: `reconciler renew login`",
    );
}

#[test]
fn a_lapsed_claim_of_a_person_ends_only_when_their_worktree_can_be_seen() {
    let scene = held_by_alice().branch("fix/login").worktree("login").later(3600);
    scene.plans(&["expire the claim of login"]);
    scene.with(|_, observed| observed.worktrees = Sighting::Unknown("torn".to_owned())).plans(&[]);
}

#[test]
fn setting_the_wall_clock_lets_no_claim_lapse() {
    let scene = held_by_alice().branch("fix/login").worktree("login");
    scene.with(|_, observed| observed.now = at(NOW + 90_000)).plans(&[]);
}

#[test]
fn what_a_person_completed_is_recorded_then_saved_and_released() {
    let done = claimed(held_by_alice().branch("fix/login").worktree("login"), "login", |claim| {
        claim.completed_at = Some(at(NOW - 1));
    });
    let done = done.policy(json!({ "merge": { "method": "none" } }));
    done.plans(&["record that alice-1 completed it"]);
    done.ended("login", 1, ExitReason::Succeeded).plans(&[
        "save unsaved work of login",
        "retire worktree login",
        "release the claim of login",
    ]);
}

#[test]
fn a_task_without_a_file_stays_with_the_person_who_holds_it() {
    let scene = held_by_alice().branch("fix/login").worktree("login");
    let scene = scene.with(|desired, _| desired.tasks.clear()).task("other", json!({}));
    scene.says(
        "login",
        "pending HeldByPerson: alice holds it, and it has no valid file: `reconciler release login`",
    );
}

#[test]
fn an_agent_that_does_not_renew_for_a_whole_lease_is_stopped() {
    let running = || {
        let scene = scene().task("login", json!({})).registered("login", 60);
        scene.running("login").worktree("login").claim("login", &[])
    };
    running().later(3500).plans(&[]);
    let scene = running().later(3600);
    scene.plans(&["stop attempt 1: its claim lapsed, because nothing renewed it"]);
    // A machine that slept gives its shims the time to wake up.
    scene.with(|_, observed| observed.awake_since = observed.boot.boot_millis).plans(&[]);
}

#[test]
fn a_lapsed_claim_is_taken_anew_and_never_renewed() {
    let scene = scene().task("login", json!({})).registered("login", 60).branch("fix/login");
    let scene = scene.worktree("login").claim("login", &[]).later(3600);
    scene.plans(&[
        "claim login for codegen-1",
        "prepare attempt 1 on codegen-1",
        "start session login for attempt 1",
    ]);
}

#[test]
fn who_works_under_a_claim_that_was_taken_again_can_commit() {
    let scene = scene().task("login", json!({})).registered("login", 60);
    let scene = scene.running("login").worktree("login").claim("login", &[]);
    claimed(scene, "login", |claim| claim.generation = 5)
        .plans(&["note generation 5 in worktree login"]);
}
