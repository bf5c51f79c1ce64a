//! Killed before and after every request of a cold sync, those of its lease among them: one card of each
//! task, with the right values, although what was just made shows only later.

use crate::github::Moment;
use crate::scene::Scene;
use std::time::Duration;

/// How many tasks there are.
const COUNT: usize = 50;

#[test]
fn a_sync_that_is_killed_at_any_request_makes_no_card_twice() {
    let mut scene = Scene::leased();
    // What was made by who is killed does not show at the next look.
    scene.server.store().rules.scans_behind = 2;
    scene.without_board(|scene| scene.resting(COUNT));
    for at in 1.. {
        let ended = [Moment::Before, Moment::After].map(|moment| {
            scene.forget();
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
    scene.assert_one_each(COUNT, &format!("killed at request {at}"));
    for number in 0..COUNT {
        let task = format!("t{number}");
        let priority = (1 + number % 5).to_string();
        assert_eq!(scene.shown(&task, "Priority"), Some(priority));
        assert_eq!(scene.shown(&task, "Files Modified"), Some(format!("src/{number}.rs")));
        assert_eq!(scene.shown(&task, "Status").as_deref(), Some("Todo"));
    }
}
