//! One machine at a time writes to a board.

use crate::github::store::Store;
use crate::github::{Fault, Moment, When};
use crate::scene::{LEASE, Scene};
use jiff::{SignedDuration, Timestamp};
use reconciler::board::lease::Lease;
use reconciler::locks::{Guard, Holder, Taken};
use serde_json::{Value, json};
use std::time::Duration;

const CREATE: &str = "addProjectV2DraftIssue";
const SET: &str = "updateProjectV2ItemFieldValue";

/// Two machines with the same tasks that were never shown.
fn cold(count: usize) -> (Scene, Scene) {
    let mut scene = Scene::leased();
    scene.without_board(|scene| scene.resting(count));
    let twin = scene.twin();
    (scene, twin)
}

/// The first of them makes cards, and waits for the answer.
fn half_way(scene: &Scene) -> std::process::Child {
    scene.server.fault(When::Mutation(CREATE), Fault::Held);
    let first = scene.start(&["board", "sync"]);
    scene.env.wait_until("cards to be made", || scene.asked(CREATE) > 0);
    first
}

/// Lets a machine that is nobody's have the board.
fn taken(store: &mut Store) {
    let until: Timestamp = store.clock.now() + SignedDuration::from_mins(10);
    let lease = Lease { node: "elsewhere".to_owned(), nonce: "1".to_owned(), until: Some(until) };
    let (id, tree) = {
        let repository = store.repository_mut("shop");
        (repository.id.clone(), repository.trees.keys().next().unwrap().clone())
    };
    let commit = store.create_commit(&id, &lease.message(), tree, Vec::new()).unwrap();
    store.move_branch("shop", LEASE, Some(&commit));
}

fn spec(scene: &Scene, task: &str) -> Value {
    let text = scene.env.git(&["show", &format!("main:state/tasks/{task}.json")]);
    serde_json::from_str::<Value>(&text).unwrap()["spec"].clone()
}

fn edit(scene: &Scene, task: &str, field: &str, value: &Value) {
    let mut spec = spec(scene, task);
    spec[field] = value.clone();
    scene.env.commit_task(task, &spec);
}

#[test]
fn two_machines_at_one_cold_board_make_one_card_of_each_task() {
    let (scene, twin) = cold(30);
    let first = half_way(&scene);
    let before = scene.server.mutations();
    let refused = twin.ask(&["board", "sync"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains(" writes to the board, until 20"), "{refused:?}");
    assert_eq!(scene.server.mutations(), before, "who has no lease writes nothing");
    scene.server.release();
    let first = first.wait_with_output().unwrap();
    assert!(first.status.success(), "{first:?}");
    assert!(scene.lease().contains("Until: released"), "{}", scene.lease());
    assert_eq!(twin.sync()["created"], 0);
    scene.assert_one_each(30, "both synced");
}

#[test]
fn whoever_of_two_machines_is_first_there_is_one_card_of_each_task() {
    let (scene, twin) = cold(30);
    for round in 0..4 {
        scene.forget();
        twin.forget();
        let both = [&scene, &twin].map(|one| one.start(&["board", "sync", "-q"]));
        let both = both.map(|child| child.wait_with_output().unwrap());
        assert!(both.iter().any(|one| one.status.success()), "{round}: {both:?}");
        for one in both.iter().filter(|one| !one.status.success()) {
            let stderr = String::from_utf8_lossy(&one.stderr);
            assert!(stderr.contains("writes to the board"), "{round}: {stderr}");
        }
        scene.sync();
        twin.sync();
        scene.assert_one_each(30, &round.to_string());
    }
}

#[test]
fn the_lease_of_a_machine_that_was_killed_lapses() {
    let (scene, twin) = cold(30);
    let mut first = half_way(&scene);
    first.kill().unwrap();
    first.wait().unwrap();
    for minutes in [0, 9] {
        scene.server.clock().advance(Duration::from_mins(minutes));
        let refused = twin.ask(&["board", "sync"]);
        assert!(refused.stderr.contains("writes to the board"), "{refused:?}");
    }
    scene.server.clock().advance(Duration::from_mins(3));
    assert_eq!(twin.sync()["created"], 10, "twenty were made when the first was killed");
    scene.assert_one_each(30, "the other went on");
    assert_eq!(scene.sync()["created"], 0);
    scene.assert_one_each(30, "the first came back");
}

#[test]
fn a_lease_whose_answer_is_lost_is_had_or_not_and_never_twice() {
    let (scene, twin) = cold(3);
    let made = [When::Rest("POST", "git/commits"), When::Rest("POST", "git/refs")];
    for when in made.into_iter().chain([When::Mutation("updateRefs")]) {
        for fault in [
            Fault::BadGateway(Moment::Before),
            Fault::BadGateway(Moment::After),
            Fault::Dropped(Moment::Before),
            Fault::Dropped(Moment::After),
        ] {
            has_it_once((&scene, &twin), when, fault);
        }
    }
}

fn has_it_once((scene, twin): (&Scene, &Scene), when: When, fault: Fault) {
    scene.forget();
    if when == When::Mutation("updateRefs") {
        // There is one to be moved.
        twin.forget();
        twin.sync();
        twin.clear();
    }
    scene.server.fault(when, fault);
    scene.sync();
    assert!(scene.server.faults_done(), "{when:?}");
    scene.assert_one_each(3, &format!("{when:?}"));
    assert!(scene.lease().contains("Until: "), "{when:?}: {}", scene.lease());
    scene.sync();
    scene.assert_one_each(3, &format!("{when:?}"));
}

#[test]
fn what_another_machine_wrote_is_not_taken_for_an_edit_of_a_person() {
    let (scene, twin) = cold(3);
    scene.sync();
    let commits = scene.env.git(&["rev-parse", "main"]);
    edit(&twin, "t0", "priority", &json!(4));
    edit(&twin, "t1", "title", &json!("Another title"));
    edit(&twin, "t2", "files", &json!(["elsewhere.rs"]));
    twin.sync();
    assert_eq!(scene.shown("t0", "Priority").as_deref(), Some("4"));
    let done = scene.sync();
    let nothing = (&done["adopted"], &done["reverted"], &done["notes"]);
    assert_eq!(nothing, (&json!(0), &json!(0), &json!([])), "{done}");
    assert_eq!(scene.env.git(&["rev-parse", "main"]), commits, "nothing is taken into git");
    assert_eq!(scene.shown("t0", "Priority").as_deref(), Some("1"));
    assert_eq!(scene.shown("t2", "Files Modified").as_deref(), Some("src/2.rs"));
    assert_eq!(scene.titles(), ["Task 0", "Task 1", "Task 2"]);
    // Nobody came in between: what differs now was written by a person.
    let item = scene.item("t0");
    scene.server.store().edit(&item, "Priority", Some("5"));
    assert_eq!(scene.sync()["adopted"], 1);
    assert_eq!(spec(&scene, "t0")["priority"], 5);
}

#[test]
fn who_lost_the_lease_in_the_middle_of_a_sync_stops_at_once() {
    let (scene, _) = cold(50);
    let lost = Fault::meanwhile(|store| {
        store.clock.advance(Duration::from_mins(12));
        taken(store);
    });
    scene.server.fault(When::Mutation(CREATE), lost);
    let stopped = scene.ask(&["board", "sync"]);
    assert!(stopped.stderr.contains("`elsewhere` writes to the board"), "{stopped:?}");
    assert_eq!((scene.titles().len(), scene.asked(SET)), (20, 0), "one request was under way");
    scene.server.clock().advance(Duration::from_mins(12));
    scene.sync();
    scene.assert_one_each(50, "it went on when that was over");
}

#[test]
fn a_long_sync_renews_its_lease_before_it_lapses() {
    let (scene, _) = cold(60);
    scene.server.clock().set_step(Duration::from_secs(30));
    scene.sync();
    scene.assert_one_each(60, "");
    // Three creations and eighteen writes, half a minute each; the last move gives it back.
    let moves = scene.asked("updateRefs");
    assert!((2..=4).contains(&moves), "{moves}");
}

#[test]
fn while_the_lease_is_held_a_change_is_one_request_and_nothing_is_none() {
    let scene = Scene::leased();
    scene.resting(3);
    let running = scene.env.start_loop();
    edit(&scene, "t0", "priority", &json!(2));
    scene.env.wait_until("a first change", || scene.shown("t0", "Priority") == Some("2".into()));
    let before = scene.server.mutations();
    edit(&scene, "t1", "priority", &json!(5));
    scene.env.wait_until("a second change", || scene.shown("t1", "Priority") == Some("5".into()));
    assert_eq!(scene.server.mutations() - before, 1);
    assert!(!scene.lease().contains("released"), "{}", scene.lease());
    let ended = running.end_by(&scene.env, "TERM");
    assert!(ended.success(), "{ended:?}");
    assert!(scene.lease().contains("Until: released"), "{}", scene.lease());
    let requests = scene.server.mutations();
    scene.sync();
    assert_eq!(scene.server.mutations(), requests, "who writes nothing asks for no lease");
}

#[test]
fn a_loop_waits_for_another_machine_and_says_so_once() {
    let scene = Scene::leased();
    taken(&mut scene.server.store());
    scene.env.commit_task("t0", &json!({ "command": "true", "suspend": true }));
    let running = scene.env.start_loop();
    let said = || std::fs::read_to_string(scene.env.out("loop.stdout")).unwrap();
    let note = "the board is not up to date: `elsewhere` writes to the board";
    scene.env.wait_until("it to be told", || said().contains(note));
    assert_eq!((scene.titles().len(), said().matches(note).count()), (0, 1));
    assert_eq!(scene.asked(CREATE), 0);
    drop(running);
}

#[test]
fn without_a_right_to_write_there_the_board_is_not_written_and_it_is_told() {
    let (scene, _) = cold(1);
    scene.server.store().set_permission("shop", "READ");
    let before = scene.server.mutations();
    let refused = scene.ask(&["board", "sync"]);
    assert!(refused.stderr.contains("the token may not write to acme/shop"), "{refused:?}");
    assert_eq!(scene.server.mutations(), before);
    let doctor = scene.ask(&["doctor", "--for", "github"]);
    assert!(doctor.stdout.contains("acme/shop"), "{doctor:?}");
    let alone = Scene::new().ask(&["doctor", "--for", "github"]);
    assert!(alone.stdout.contains("names no `repository`"), "{alone:?}");
}

#[test]
fn of_one_clone_one_process_at_a_time_is_at_the_board() {
    let (scene, _) = cold(1);
    let holder = Holder { pid: 1, since: Timestamp::UNIX_EPOCH };
    let taken = Guard::take_board(&scene.env.path(".git"), &holder).unwrap();
    assert!(matches!(taken, Taken::Yes(_)));
    let requests = scene.server.requests();
    let refused = scene.ask(&["board", "sync"]);
    assert!(refused.stderr.contains("process 1 on this machine"), "{refused:?}");
    assert_eq!(scene.server.requests(), requests);
    drop(taken);
    assert_eq!(scene.sync()["created"], 1);
}

#[test]
fn clones_that_know_the_tasks_by_other_identities_show_them_on_the_same_cards() {
    let mut scene = Scene::leased();
    scene.without_board(|scene| scene.resting(5));
    let other = scene.other_clone();
    assert_eq!(scene.sync()["created"], 5);
    assert_eq!(other.sync()["created"], 0);
    edit(&other, "t1", "priority", &json!(5));
    other.sync();
    assert_eq!(scene.shown("t1", "Priority").as_deref(), Some("5"));
    // Who forgot all that was written finds them as well.
    std::fs::remove_file(other.env.path(".reconciler/board.json")).unwrap();
    assert_eq!(other.sync()["created"], 0);
    scene.assert_one_each(5, "both clones synced");
}
