//! Servers that end, well or not: who holds what does not depend on them.

use super::server::{ADA, LFS};
use super::{Scene, Server, listed, shop};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;

#[test]
fn locks_stay_when_the_server_is_started_again() {
    let scene = shop();
    let server = Server::start(&scene);
    scene.git_as("ada", &server, &["lfs", "lock", "art/logo.psd"]).ok();
    let before = listed(scene.git_as("ada", &server, &["lfs", "locks", "--json"]));
    // Who is connected and says nothing does not keep it.
    let mut silent = server.connect();
    silent.write_all(b"GET /lo").unwrap();
    let address = server.address().to_owned();
    assert_eq!(server.end().code(), Some(0));
    let server = Server::with(&scene, &["--listen", &address], &[]);
    assert_eq!(listed(scene.git_as("bob", &server, &["lfs", "locks", "--json"])), before);
    scene.git_as("ada", &server, &["lfs", "unlock", "art/logo.psd"]).ok();
}

#[test]
fn a_server_killed_in_the_middle_of_a_change_leaves_all_of_it_or_nothing() {
    let scene = shop();
    let mut killed = [0, 0];
    for (change, killed) in ["lock", "unlock"].into_iter().zip(&mut killed) {
        for point in 1.. {
            if change == "unlock" {
                lock(&scene);
            }
            if !killed_at(&scene, change, point) {
                break;
            }
            *killed += 1;
            settled(&scene, &format!("{change} killed at {point}"));
        }
        settled(&scene, change);
    }
    assert!(killed.iter().all(|count| *count > 3), "{killed:?}");
    // No generation was used twice, whatever was cut off.
    let told = scene.run(&["locks", "log", "-o", "json"]).ok();
    let all: Vec<serde_json::Value> = serde_json::from_str(&told).unwrap();
    assert!(all.iter().all(|one| !one["releasedAt"].is_null()), "{told}");
}

fn lock(scene: &Scene) {
    let server = Server::start(scene);
    scene.git_as("ada", &server, &["lfs", "lock", "art/logo.psd"]).ok();
}

/// Has a server killed at a point of a change; returns `false` when the change has fewer points.
fn killed_at(scene: &Scene, change: &str, point: u32) -> bool {
    let points = scene.outside("points");
    std::fs::remove_file(points.with_added_extension("fired")).ok();
    let fault = format!("claim:kill:{point}:{}", points.display());
    let server = Server::with(scene, &[], &[("RECONCILER_FAULT", &fault)]);
    let said = scene.git_as("ada", &server, &["lfs", change, "art/logo.psd"]);
    if said.code == 0 {
        return false;
    }
    assert!(said.err.contains("EOF") || said.err.contains("reset by peer"), "{said:?}");
    assert_eq!(server.died().signal(), Some(9));
    true
}

/// Asserts that the file is wholly held by one or by nobody, and gives it back.
fn settled(scene: &Scene, when: &str) {
    let server = Server::start(scene);
    let git = |person: &str, args: &[&str]| scene.git_as(person, &server, args);
    let held = listed(git("ada", &["lfs", "locks", "--json"]));
    let who = held.first().map_or("bob", |_| "ada");
    if let Some((_, path, owner)) = held.first() {
        assert_eq!((path.as_str(), owner.as_str()), ("art/logo.psd", "ada-1"), "{when}");
        assert_eq!(held.len(), 1, "{when}: {held:?}");
        git("bob", &["lfs", "lock", "art/logo.psd"]).fails(2);
    } else {
        git("bob", &["lfs", "lock", "art/logo.psd"]).ok();
    }
    git(who, &["lfs", "unlock", "art/logo.psd"]).ok();
    assert_eq!(git("ada", &["lfs", "locks"]).ok(), "", "{when}");
}

#[test]
fn of_many_who_lock_one_file_at_once_one_does() {
    let scene = shop();
    let server = Server::start(&scene);
    let lock = || server.ask("POST /locks", &[ADA, LFS], r#"{"path": "art/logo.psd"}"#).status;
    let mut answers: Vec<u16> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..40).map(|_| scope.spawn(lock)).collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    answers.sort_unstable();
    assert_eq!(answers[0], 201, "{answers:?}");
    assert!(answers[1..].iter().all(|status| *status == 409), "{answers:?}");
    assert_eq!(scene.claims().len(), 1);
}
