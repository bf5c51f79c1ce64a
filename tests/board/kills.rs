//! Killed before and after every request of a cold sync: one card of each task, with the right values.

use crate::common::is_there;
use crate::github::Moment;
use crate::scene::Scene;
use std::time::Duration;

/// How many tasks there are.
const COUNT: usize = 50;

#[test]
fn a_sync_that_is_killed_at_any_request_makes_no_card_twice() {
    let mut scene = Scene::new();
    scene.without_board(|scene| scene.resting(COUNT));
    for at in 1.. {
        let ended = [Moment::Before, Moment::After].map(|moment| {
            forget(&scene);
            let ended = killed_at(&scene, (at, moment));
            scene.sync();
            assert_shown_once(&scene, at);
            ended
        });
        if ended == [true, true] {
            assert!(at > 15, "after {at} requests all was done");
            return;
        }
    }
}

/// Nothing was ever shown.
fn forget(scene: &Scene) {
    let board = scene.board();
    let mut store = scene.server.store();
    let items: Vec<_> = store.items_of(&board).iter().map(|item| item.id.clone()).collect();
    for item in items {
        store.delete_item(&board, &item).unwrap();
    }
    let shadow = scene.env.path(".reconciler/board.json");
    if is_there(&shadow) {
        std::fs::remove_file(shadow).unwrap();
    }
}

/// Syncs, and kills it at a request; returns whether it had ended before.
fn killed_at(scene: &Scene, (at, moment): (usize, Moment)) -> bool {
    scene.server.stop_at(scene.server.requests() + at, moment);
    let mut sync = scene.env.reconciler(&["board", "sync", "-q"]);
    let mut child = sync.stdout(std::process::Stdio::null()).spawn().unwrap();
    let ended = loop {
        if scene.server.stopped(Duration::from_millis(20)) {
            child.kill().unwrap();
            break false;
        }
        if child.try_wait().unwrap().is_some() {
            break true;
        }
    };
    let status = child.wait().unwrap();
    assert!(!ended || status.success());
    scene.server.resume();
    ended
}

fn assert_shown_once(scene: &Scene, at: usize) {
    let mut titles = scene.titles();
    titles.sort();
    titles.dedup();
    assert_eq!((titles.len(), scene.titles().len()), (COUNT, COUNT), "killed at request {at}");
    for number in 0..COUNT {
        let task = format!("t{number}");
        let priority = (1 + number % 5).to_string();
        assert_eq!(scene.shown(&task, "Priority"), Some(priority));
        assert_eq!(scene.shown(&task, "Files Modified"), Some(format!("src/{number}.rs")));
        assert_eq!(scene.shown(&task, "Status").as_deref(), Some("Todo"));
    }
}
