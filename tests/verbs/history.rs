//! history: the life of an object over its commits, events, attempts, claims and landings.

use crate::scene::Scene;
use serde_json::Value;

fn life(scene: &Scene, name: &str) -> Vec<Value> {
    let said = scene.run(&["history", name, "-o", "json"]).ok();
    let said: Value = serde_json::from_str(&said).unwrap();
    said["items"].as_array().unwrap().clone()
}

fn reasons(life: &[Value], source: &str) -> Vec<String> {
    let of = life.iter().filter(|one| one["source"] == source);
    of.map(|one| one["reason"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_task_tells_who_changed_it_when_it_ran_who_held_it_and_what_landed_also_when_it_is_gone() {
    let scene = Scene::prepared();
    for (name, value) in [("user.name", "t"), ("user.email", "t@example.org")] {
        scene.git(&["config", name, value]);
    }
    let work = "echo 1 >a.txt; git add a.txt; git commit -qm 'the work'";
    scene.run(&["new", "task", "login", "--command", work]).ok();
    scene.replace("state/tasks/login.json", "\"spec\": {", "\"spec\": {\n    \"priority\": 1,");
    scene.git(&["commit", "-q", "--author", "Ada <a@example.org>", "-am", "it is urgent"]);
    scene.run(&["trust", "--yes"]).ok();
    scene.run(&["run", "--until", "settled"]).ok();
    let all = life(&scene, "login");
    assert_eq!(reasons(&all, "state"), ["Added", "Changed"]);
    assert_eq!(reasons(&all, "lock"), ["Claimed", "Released"]);
    assert_eq!(reasons(&all, "attempt"), ["AttemptEnded"]);
    assert_eq!(reasons(&all, "landing"), ["Landed"]);
    assert!(reasons(&all, "event").contains(&"Succeeded".to_owned()), "{all:?}");
    assert!(!reasons(&all, "event").contains(&"Claimed".to_owned()), "{all:?}");
    let times: Vec<&str> = all.iter().map(|one| one["time"].as_str().unwrap()).collect();
    let parsed: Vec<jiff::Timestamp> = times.iter().map(|one| one.parse().unwrap()).collect();
    assert!(parsed.is_sorted(), "{times:?}");
    let changed = all.iter().find(|one| one["reason"] == "Changed").unwrap();
    assert_eq!((&changed["who"], &changed["fields"][0]["new"]), (&"Ada".into(), &1.into()));
    let out = scene.run(&["history", "task/login"]).ok();
    assert!(out.contains("it is urgent; /spec/priority  (none) -> 1"), "{out}");
    assert!(out.contains("on main: the work"), "{out}");
    scene.run(&["delete", "login", "--yes"]).ok();
    scene.run(&["run", "--until", "settled"]).ok();
    let gone = life(&scene, "login");
    assert_eq!(reasons(&gone, "state"), ["Added", "Changed", "Deleted"]);
    assert_eq!(reasons(&gone, "landing"), ["Landed"]);
}

#[test]
fn workers_the_policy_and_files_that_were_not_valid_have_a_history() {
    let scene = Scene::prepared();
    scene.replace("state/workers/shell.json", "\"spec\": {", "\"spec\": {{");
    scene.commit("torn");
    let all = life(&scene, "shell");
    assert_eq!(reasons(&all, "state"), ["Added", "Changed"]);
    let message = all.last().unwrap()["message"].as_str().unwrap();
    assert!(message.contains("torn; not valid: "), "{message}");
    assert_eq!(scene.run(&["history", "worker/shell", "-o", "name"]).ok(), "worker/shell\n");
    assert_eq!(reasons(&life(&scene, "policy"), "state"), ["Added"]);
}

#[test]
fn a_name_that_never_was_is_refused_with_the_one_that_may_be_meant() {
    let scene = Scene::prepared();
    let said = scene.run(&["history", "helo"]).fails(1);
    assert!(said.contains("nothing was ever called `helo`") && said.contains("`hello`?"), "{said}");
    let said = scene.run(&["history", "lock/hello"]).fails(2);
    assert!(said.contains("locks have no file"), "{said}");
}
