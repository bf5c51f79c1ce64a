//! merge: the queue of done work is shown, held, let go, and told what to leave out or try again.

use crate::scene::Scene;
use serde_json::Value;

/// A repository whose tasks are done and wait: the merge queue is held. No loop runs.
fn with_queue(policy: &str, tasks: &[(&str, &str)]) -> Scene {
    let scene = Scene::prepared();
    // Agents see no other settings than those of the repository.
    for (name, value) in [("user.name", "t"), ("user.email", "t@example.org")] {
        scene.git(&["config", name, value]);
    }
    let object = |spec: &str| {
        let head = r#""apiVersion":"reconciler.dev/v1alpha1","kind":"Policy","metadata":{"name":"policy"}"#;
        format!("{{{head},\"spec\":{spec}}}")
    };
    scene.write("state/policy.json", &object(policy));
    std::fs::remove_file(scene.root.join("state/tasks/hello.json")).unwrap();
    scene.commit("policy");
    for (name, priority) in tasks {
        let work = format!("echo {name} > {name}.txt; git add -A; git commit -qm '{name}'");
        let new = ["new", "task", name, "--command", &work, "--retries", "0"];
        scene.run(&[&new[..], &["--priority", priority]].concat()).ok();
    }
    scene.run(&["trust", "--yes"]).ok();
    scene.run(&["merge", "hold", "--reason", "release 2.0"]).ok();
    scene.run(&["run", "--until", "settled"]);
    scene
}

fn queue(scene: &Scene) -> Value {
    serde_json::from_str(&scene.run(&["merge", "-o", "json"]).ok()).unwrap()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["task"].as_str().unwrap()).collect()
}

#[test]
fn an_empty_queue_says_where_work_lands_and_that_no_loop_runs() {
    let scene = Scene::prepared();
    let said = scene.run(&["merge"]);
    assert!(said.err.contains("reconciler is not running"), "{said:?}");
    let out = said.ok();
    assert!(out.contains("done work lands on main"), "{out}");
    assert!(out.contains("nothing waits to be merged"), "{out}");
    assert_eq!(scene.run(&["merge", "queue"]).ok(), out);
    let json = queue(&scene);
    assert_eq!(json["target"], "main");
    assert_eq!(names(&json["queue"]), [""; 0]);
    assert_eq!(scene.run(&["merge", "-o", "name"]).ok(), "");
    for (verb, task) in [("retry", "hello"), ("eject", "hello"), ("retry", "helo")] {
        let said = scene.run(&["merge", verb, task]).fails(1);
        assert!(said.contains(task) && said.contains("reconciler"), "{said}");
    }
    let odd = scene.run(&["merge", "eject", "A b"]).fails(2);
    assert!(odd.contains("a-z, 0-9"), "{odd}");
}

#[test]
fn a_held_queue_says_by_whom_and_lands_all_in_its_order_when_it_is_let_go() {
    let scene = with_queue("{}", &[("later", "4"), ("first", "1")]);
    let out = scene.run(&["merge"]).ok();
    assert!(out.contains("HELD") && out.contains("release 2.0"), "{out}");
    assert!(out.contains("reconciler merge resume"), "{out}");
    let place = |task: &str| out.find(&format!("  {task} ")).unwrap_or_else(|| panic!("{out}"));
    assert!(place("first") < place("later"), "{out}");
    let json = queue(&scene);
    assert_eq!(names(&json["queue"]), ["first", "later"]);
    assert!(json["held"].as_str().unwrap().contains("release 2.0"), "{json}");
    assert_eq!(scene.run(&["merge", "-o", "name"]).ok(), "task/first\ntask/later\n");
    let said = scene.run(&["describe", "task", "first"]).ok();
    assert!(said.contains("the merge queue is paused") && said.contains("release 2.0"), "{said}");
    assert!(scene.try_git(&["cat-file", "-e", "main:first.txt"]).code != 0);
    let resumed = scene.run(&["merge", "resume"]);
    assert!(resumed.err.contains("reconciler is not running"), "{resumed:?}");
    resumed.ok();
    let again = scene.run(&["merge", "resume"]);
    assert!(again.code != 0 || again.out.contains("merges"), "{again:?}");
    scene.run(&["run", "--until", "settled"]).ok();
    let order = scene.git(&["log", "--format=%s", "-2", "main"]);
    assert_eq!(order, "later\nfirst");
    assert!(scene.run(&["merge"]).ok().contains("nothing waits to be merged"));
}

#[test]
fn ejected_work_leaves_the_queue_stays_on_its_branch_and_lands_when_it_is_retried() {
    let scene = with_queue("{}", &[("login", "3")]);
    let ejected = scene.run(&["merge", "eject", "login", "--reason", "not in this release"]);
    assert!(ejected.err.contains("reconciler merge retry login"), "{ejected:?}");
    ejected.ok();
    let json = queue(&scene);
    assert_eq!((names(&json["queue"]), names(&json["refused"])), (vec![], vec!["login"]));
    let out = scene.run(&["merge"]).ok();
    assert!(out.contains("not in this release"), "{out}");
    let twice = scene.run(&["merge", "eject", "login"]).fails(1);
    assert!(twice.contains("login is not in the merge queue"), "{twice}");
    let said = scene.run(&["describe", "task", "login"]).ok();
    assert!(said.contains("not in this release"), "{said}");
    assert!(said.contains("reconciler merge retry login"), "{said}");
    scene.run(&["merge", "retry", "login"]).ok();
    let nothing = scene.run(&["merge", "retry", "login"]).fails(1);
    assert!(nothing.contains("nothing keeps login from landing"), "{nothing}");
    scene.run(&["merge", "resume"]).ok();
    scene.run(&["run", "--until", "settled"]).ok();
    assert_eq!(scene.git(&["show", "main:login.txt"]), "login");
}

#[test]
fn work_that_fails_its_verification_is_told_with_what_to_do() {
    let scene = with_queue(r#"{"merge":{"verify":"test -e wanted.txt"}}"#, &[("login", "3")]);
    scene.run(&["merge", "resume"]).ok();
    scene.run(&["run", "--until", "settled"]).fails(1);
    let out = scene.run(&["merge"]).ok();
    assert!(out.contains("verified by `test -e wanted.txt`"), "{out}");
    assert!(out.contains("merged, it fails its verification"), "{out}");
    let said = scene.run(&["describe", "task", "login"]).ok();
    assert!(said.contains("reconciler merge retry login"), "{said}");
    // What was missing is there by now.
    scene.write("wanted.txt", "");
    scene.commit("wanted");
    scene.run(&["merge", "retry", "login"]).ok();
    scene.run(&["run", "--until", "settled"]).ok();
    assert_eq!(scene.git(&["show", "main:login.txt"]), "login");
}
