//! Which tasks will meet on files.

use super::scene::{Scene, name, scene};
use crate::plan::forecast::forecast;
use crate::plan::observed::Sighting;
use serde_json::json;

impl Scene {
    /// Says each collision in a line.
    fn foresees(&self, expected: &[&str]) {
        let report = self.plan().report;
        let found = forecast(&self.desired, &self.observed, &report);
        let line = |one: &crate::plan::forecast::Collision| {
            let (own, other) = (&one.pattern, &one.other_pattern);
            format!("{} {own}, {} {} {other}: {}", one.task, one.with, one.other, one.path)
        };
        let found: Vec<String> = found.known().unwrap().iter().map(line).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_task_meets_who_holds_its_files_and_who_comes_first() {
    let scene = scene()
        .policy(json!({ "limits": { "maxConcurrentTasks": 1 }, "sharedFiles": ["*.lock"] }))
        .task("held", json!({ "files": ["src/auth/"] }))
        .registered("held", 40)
        .running("held")
        .claim("held", &["src/auth/"])
        .task("late", json!({ "files": ["src/**/token.rs", "a.lock"], "priority": 3 }))
        .registered("late", 30)
        .task("first", json!({ "files": ["docs/", "x.lock"], "priority": 1 }))
        .registered("first", 20)
        .task("far", json!({ "files": ["far/"] }))
        .registered("far", 10);
    scene.foresees(&[
        "late src/**/token.rs, held holds src/auth/: src/auth/token.rs",
        "late a.lock, first comes first *.lock: a.lock",
    ]);
}

#[test]
fn who_waits_for_another_never_meets_it() {
    let scene = scene()
        .task("one", json!({ "files": ["src/"] }))
        .registered("one", 40)
        .running("one")
        .claim("one", &["src/"])
        .task("two", json!({ "dependencies": ["one"] }))
        .registered("two", 30)
        .task("three", json!({ "files": ["src/a.rs"], "dependencies": ["two"] }))
        .registered("three", 20)
        .task("other", json!({ "files": ["src/a.rs"] }))
        .registered("other", 10);
    scene.foresees(&[
        "other src/a.rs, one holds src/: src/a.rs",
        "other src/a.rs, three comes first src/a.rs: src/a.rs",
    ]);
}

#[test]
fn what_runs_rests_or_is_done_meets_nobody_and_a_torn_lock_is_held() {
    let scene = scene()
        .task("torn", json!({ "files": ["src/"] }))
        .registered("torn", 40)
        .running("torn")
        .task("rests", json!({ "files": ["src/"], "suspend": true }))
        .registered("rests", 30)
        .task("waits", json!({ "files": ["src/b.rs"] }))
        .registered("waits", 20)
        .with(|_, observed| {
            let Sighting::Known(claims) = &mut observed.claims else { panic!("it is known") };
            claims.insert(name("torn"), Err("torn".to_owned()));
        });
    scene.foresees(&["waits src/b.rs, torn holds src/: src/b.rs"]);
    let blind = scene.with(|_, observed| observed.claims = Sighting::Unknown("eio".to_owned()));
    let report = blind.plan().report;
    let found = forecast(&blind.desired, &blind.observed, &report);
    assert_eq!(found.why_unknown(), Some("eio"));
}
