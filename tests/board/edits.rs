//! What people do on the board: what is theirs is taken into git, what is ours is undone, and their fields
//! are never touched.

use crate::github::store::Subject;
use crate::scene::Scene;
use serde_json::{Value, json};

fn spec(scene: &Scene, task: &str) -> Value {
    let text = scene.env.git(&["show", &format!("main:state/tasks/{task}.json")]);
    let file: Value = serde_json::from_str(&text).unwrap();
    file["spec"].clone()
}

#[test]
fn priority_estimate_and_title_are_taken_into_git() {
    let scene = Scene::new();
    scene.resting(1);
    let item = scene.item("t0");
    {
        let mut store = scene.server.store();
        store.edit(&item, "Priority", Some("5"));
        store.edit(&item, "Estimated Duration", Some("90"));
    }
    let body = body(&scene, &item);
    scene.server.store().edit_draft(&item, "A better title", &body);
    let done = scene.sync();
    assert_eq!(done["adopted"], 3, "{done}");
    let spec = spec(&scene, "t0");
    assert_eq!(
        (&spec["priority"], &spec["estimatedDurationMinutes"], &spec["title"]),
        (&json!(5), &json!(90), &json!("A better title"))
    );
    let subject = scene.env.git(&["log", "-1", "--format=%B"]);
    assert!(subject.contains("changed on the board"), "{subject}");
    let before = scene.server.mutations();
    scene.sync();
    assert_eq!(scene.server.mutations(), before, "nothing is written back");
}

fn body(scene: &Scene, item: &str) -> String {
    let store = scene.server.store();
    let subject = store.item(item).unwrap().subject.clone();
    let Subject::Draft { body, .. } = subject else { return String::new() };
    body
}

#[test]
fn what_no_file_may_hold_is_changed_back_and_told() {
    let scene = Scene::new();
    scene.resting(1);
    let item = scene.item("t0");
    scene.server.store().edit(&item, "Priority", Some("9"));
    let done = scene.sync();
    assert!(done["notes"].to_string().contains("changed back"), "{done}");
    assert_eq!(scene.shown("t0", "Priority").as_deref(), Some("1"));
    assert_eq!(spec(&scene, "t0")["priority"], 1);
}

#[test]
fn what_is_ours_is_undone_and_after_three_times_left_alone() {
    let scene = Scene::new();
    scene.resting(1);
    let item = scene.item("t0");
    for time in 1..=3 {
        scene.server.store().edit(&item, "Worktree Path", Some("elsewhere"));
        let done = scene.sync();
        assert_eq!(done["reverted"], 1, "{time}: {done}");
        assert_eq!(scene.shown("t0", "Worktree Path"), None);
    }
    scene.server.store().edit(&item, "Worktree Path", Some("elsewhere"));
    let done = scene.sync();
    assert_eq!(done["reverted"], 0, "{done}");
    assert_eq!(scene.shown("t0", "Worktree Path").as_deref(), Some("elsewhere"));
}

#[test]
fn when_both_sides_changed_git_stays_and_it_is_told() {
    let scene = Scene::new();
    scene.resting(1);
    let item = scene.item("t0");
    scene.server.store().edit(&item, "Priority", Some("4"));
    let mut spec = spec(&scene, "t0");
    spec["priority"] = json!(2);
    scene.env.commit_task("t0", &spec);
    let done = scene.sync();
    assert!(done["notes"].to_string().contains("git's stays"), "{done}");
    assert_eq!(scene.shown("t0", "Priority").as_deref(), Some("2"));
}

#[test]
fn a_renamed_field_is_still_ours_and_a_dropped_one_is_told() {
    let scene = Scene::new();
    scene.resting(1);
    let board = scene.board();
    scene.server.store().rename_field(&board, "Worker", "Who");
    scene.server.store().drop_field(&board, "Progress");
    let done = scene.sync();
    let notes = done["notes"].to_string();
    assert!(notes.contains("has no field `Progress`") && !notes.contains("`Worker`"), "{notes}");
}

#[test]
fn a_card_that_a_person_archived_is_left_alone_and_one_that_is_deleted_comes_again() {
    let scene = Scene::new();
    scene.resting(2);
    let (board, first, second) = (scene.board(), scene.item("t0"), scene.item("t1"));
    scene.server.store().archive(&board, &first).unwrap();
    scene.server.store().delete_item(&board, &second).unwrap();
    for task in ["t0", "t1"] {
        let mut spec = spec(&scene, task);
        spec["priority"] = json!(3);
        scene.env.write_task(task, &spec);
    }
    scene.env.commit("another priority");
    let done = scene.sync();
    assert_eq!(done["created"], 1, "{done}");
    assert_eq!(scene.server.store().shown(&first, "Priority").as_deref(), Some("1"));
    assert_eq!(scene.shown("t1", "Priority").as_deref(), Some("3"));
}
