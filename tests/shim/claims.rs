//! The shim and the claim of its attempt: renewed while the program can go on, left alone when it
//! cannot, and obeyed when it is another's.

use crate::scene::{Scene, scene, send, wait_for};
use reconciler::api::attempt::{ExitReason, StopReason};
use reconciler::api::claim::{BootTime, Claim};
use reconciler::api::name::Uid;
use reconciler::locks::{Claims, TableLock};
use reconciler::process::clock;
use serde_json::json;
use std::process::Command;

/// A scene whose task is claimed for its seat; the claim was renewed so many seconds ago.
fn claimed(script: &str, (lease, ago): (u32, u64)) -> (Scene, Claim) {
    let mut scene = scene(script);
    scene.attempt.lease_seconds = lease;
    let id = &scene.attempt.id.owner;
    let BootTime { boot_id, boot_millis } = clock::boot_time().unwrap();
    let at = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    let claim: Claim = serde_json::from_value(json!({
        "taskId": id.task, "uid": id.uid, "workerId": "codegen-1", "workerType": "ai_agent",
        "claimedAt": at, "lockedFiles": ["src/"], "expiresAt": at + jiff::SignedDuration::from_secs(lease.into()),
        "heartbeat": { "at": at, "bootId": boot_id, "bootMillis": boot_millis - ago * 1000 },
        "generation": 3, "nonce": Uid::derive(1, "nonce"), "node": "here",
    }))
    .unwrap();
    publish(&scene, &claim);
    (scene, claim)
}

fn publish(scene: &Scene, claim: &Claim) {
    let lock = TableLock::take_blocking(scene.folder.path()).unwrap();
    Claims::at(scene.folder.path()).publish(&lock, claim).unwrap();
}

fn held(scene: &Scene) -> Claim {
    Claims::at(scene.folder.path()).get(&scene.attempt.id.owner.task).unwrap().unwrap()
}

#[test]
fn a_shim_says_that_it_lives_by_the_claim_and_renews_it_in_time() {
    let (scene, before) = claimed("echo ready; sleep 60", (3, 0));
    let shim = scene.start();
    let first = wait_for("the shim in the claim", || {
        Some(held(&scene)).filter(|one| one.process.is_some())
    });
    assert_eq!(first.process.as_ref().unwrap().pid, shim.id());
    assert_eq!(first.attempt, Some(1));
    assert!(before.is_continued_by(&first), "the same generation and nonce");
    let beat = |claim: &Claim| claim.heartbeat.boot.boot_millis;
    let again = wait_for("a renewal", || Some(held(&scene)).filter(|one| beat(one) > beat(&first)));
    assert_eq!(again.lease(), jiff::SignedDuration::from_secs(3));
    assert!(again.time_left(clock::now(), &clock::boot_time().unwrap()).is_positive());
    send(&shim, "HUP");
    scene.end_of(shim);
}

#[test]
fn an_attempt_whose_task_somebody_else_took_ends_by_itself() {
    let (scene, mut claim) = claimed("echo ready; sleep 60", (3600, 0));
    let shim = scene.start();
    scene.wait_for_log("ready");
    claim.seat = "alice-1".to_owned().try_into().unwrap();
    claim.generation = 4;
    publish(&scene, &claim);
    let exit = scene.end_of(shim);
    assert_eq!(exit.reason, ExitReason::Stopped { why: StopReason::TakenOver });
    assert_eq!(held(&scene), claim, "what is another's is left alone");
}

#[test]
fn the_claim_of_a_program_that_stands_still_is_not_renewed() {
    let (scene, _) = claimed("echo ready $$; exec sleep 60", (3, 0));
    let shim = scene.start();
    let log = wait_for("its pid", || Some(scene.log()).filter(|log| log.contains("ready")));
    let pid = log.split_whitespace().nth(1).unwrap().to_owned();
    let kill = |signal: &str| {
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    };
    kill("-STOP");
    // It lapses: two beats or more have found the program standing still.
    wait_for("the claim to lapse", || {
        let left = held(&scene).time_left(clock::now(), &clock::boot_time().unwrap());
        (!left.is_positive()).then_some(())
    });
    kill("-CONT");
    wait_for("a renewal", || {
        let left = held(&scene).time_left(clock::now(), &clock::boot_time().unwrap());
        left.is_positive().then_some(())
    });
    send(&shim, "HUP");
    scene.end_of(shim);
}
