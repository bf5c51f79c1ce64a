//! What could not be seen is neither made nor removed.

use super::scene::{Scene, name, scene};
use crate::api::attempt::ExitReason;
use crate::plan::observed::{Observed, Sighting};
use crate::plan::plan;
use serde_json::json;

fn unknown<T>() -> Sighting<T> {
    Sighting::Unknown("it did not answer".to_owned())
}

/// A world in which something is to be started, revived, retired and deleted.
fn busy() -> Scene {
    scene()
        .task("new", json!({}))
        .task("done", json!({}))
        .registered("done", 60)
        .ended("done", 1, ExitReason::Succeeded)
        .worktree("done")
        .claim("done", &[])
        .registered("deleted", 60)
        .worktree("deleted")
        .session("deleted")
}

#[test]
fn each_blind_section_stops_what_needs_it() {
    type Blind = fn(&mut Observed);
    let blind: [(&str, Blind); 4] = [
        ("sessions", |observed| observed.sessions = unknown()),
        ("worktrees", |observed| observed.worktrees = unknown()),
        ("branches", |observed| observed.branches = unknown()),
        ("leftovers", |observed| observed.leftovers = unknown()),
    ];
    for (what, blind) in blind {
        // `plan` holds it to the law that nothing is done unseen.
        let plan = busy().with(|_, observed| blind(observed)).plan();
        let text = plan.report.notices.join("\n");
        assert!(text.contains("cannot be seen"), "{what}: {text}");
    }
}

#[test]
fn without_records_or_desired_state_nothing_is_done_at_all() {
    busy().with(|_, observed| observed.tasks = unknown()).plans(&[]);
    busy().with(|_, observed| observed.claims = unknown()).plans(&[]);
    let scene = busy();
    let plan = plan(&Sighting::Unknown("no object database".to_owned()), &scene.observed);
    assert_eq!(plan.actions, []);
    assert!(plan.report.notices[0].contains("no object database"));
}

#[test]
fn an_invalid_file_freezes_its_own_object_on_its_last_good_version() {
    let scene =
        scene().task("good", json!({})).task("stale", json!({})).task("never", json!({})).with(
            |desired, _| {
                for name in ["stale", "never"] {
                    let entry = desired.tasks.get_mut(&super::scene::name(name)).unwrap();
                    entry.problems.push(format!("state/tasks/{name}.json:3:1: error: torn"));
                }
                desired.tasks.get_mut(&super::scene::name("never")).unwrap().spec = None;
            },
        );
    scene.says("good", "pending Starting: attempt 1 starts on codegen-1");
    scene.says("stale", "pending Starting: attempt 1 starts on codegen-2");
    scene.says("never", "pending Invalid: its file is not valid");
    let conditions = scene.plan().report.tasks[&super::scene::name("stale")].conditions();
    assert_eq!(conditions[0].reason, "Stale");
}

#[test]
fn a_task_with_a_damaged_record_holds_its_files_also_without_its_claim() {
    let files = json!({ "files": ["src/a/"] });
    let scene = scene().task("login", files.clone()).registered("login", 9);
    let scene = scene.task("other", files).registered("other", 5);
    let scene = scene.with(|_, observed| {
        let Sighting::Known(tasks) = &mut observed.tasks else { panic!("seen") };
        tasks.get_mut(&name("login")).unwrap().record = Err("half a file".to_owned());
    });
    scene.plans(&[]);
    scene.says("other", "pending FilesHeld: login holds src/a/ (both can change src/a)");
}

#[test]
fn a_damaged_record_is_left_alone() {
    let scene =
        scene().task("login", json!({})).registered("login", 9).worktree("login").session("login");
    let scene = scene.with(|_, observed| {
        let Sighting::Known(tasks) = &mut observed.tasks else { panic!("seen") };
        for task in tasks.values_mut() {
            task.record = Err("half a file".to_owned());
        }
    });
    scene.plans(&[]);
    scene.says(
        "login",
        "pending Damaged: its record is damaged, nothing of it is touched: half a file",
    );
}
