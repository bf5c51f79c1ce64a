//! conflicts: what cannot land is shown with whom it meets, and each way out that is named works.

use crate::scene::Scene;
use serde_json::{Value, json};

/// A repository whose task changed a line that somebody changed on main since: its work was refused,
/// and no attempt is left.
fn refused() -> Scene {
    let scene = Scene::prepared();
    // Agents see no other settings than those of the repository.
    for (name, value) in [("user.name", "t"), ("user.email", "t@example.org")] {
        scene.git(&["config", name, value]);
    }
    std::fs::remove_file(scene.root.join("state/tasks/hello.json")).unwrap();
    scene.write("a.txt", "one\ntwo\nthree\n");
    scene.write("b.txt", "b\n");
    scene.commit("files");
    let work = "sed -i s/two/login/ a.txt; git commit -qam 'login: two'; echo x >x; git add x; \
                git commit -qm 'login: more'";
    scene.run(&["new", "task", "login", "--command", work, "--retries", "0"]).ok();
    scene.run(&["trust", "--yes"]).ok();
    scene.run(&["merge", "hold"]).ok();
    scene.run(&["run", "--until", "settled"]);
    scene.write("a.txt", "one\nTWO\nthree\n");
    scene.commit("two in capitals");
    scene.run(&["merge", "resume"]).ok();
    scene.run(&["run", "--until", "settled"]);
    scene
}

fn found(scene: &Scene, args: &[&str]) -> Value {
    let all = [&["conflicts", "-o", "json"], args].concat();
    serde_json::from_str(&scene.run(&all).ok()).unwrap()
}

/// Does what the screen says by hand, but for what is to be written into the file.
fn mend(scene: &Scene) {
    let place = ".worktrees/login";
    let stopped = scene.try_git(&["-C", place, "rebase", "main"]);
    assert_eq!(stopped.code, 1, "{stopped:?}");
    scene.write(&format!("{place}/a.txt"), "one\nTWO login\nthree\n");
    scene.git(&["-C", place, "add", "a.txt"]);
    scene.git(&["-C", place, "-c", "core.editor=true", "rebase", "--continue"]);
}

#[test]
fn where_nothing_collides_the_screen_says_so() {
    let scene = Scene::prepared();
    let said = scene.run(&["conflicts"]);
    assert!(said.err.contains("tried on main@"), "{said:?}");
    assert_eq!(said.ok(), "nothing collides\n");
    assert_eq!(found(&scene, &[])["landings"], json!([]));
    let unknown = scene.run(&["conflicts", "helo"]).fails(1);
    assert!(unknown.contains("there is no task `helo`"), "{unknown}");
}

#[test]
fn refused_work_names_file_commit_lines_and_ways_and_a_person_can_mend_it_without_a_loop() {
    let scene = refused();
    let status = scene.run(&["status"]).ok();
    assert!(status.contains("=> reconciler conflicts login"), "{status}");
    let out = scene.run(&["conflicts"]).ok();
    let own = scene.git(&["rev-parse", "--short=7", "fix/login~1"]);
    for part in ["CANNOT LAND\n  login  fix/login@", " meets main in a.txt, by its commit ", &own] {
        assert!(out.contains(part), "{part}: {out}");
    }
    assert!(out.contains("two in capitals  (t, "), "{out}");
    assert!(out.contains("reconciler retry login") && !out.contains("<<<<<<<"), "{out}");
    assert_eq!(scene.run(&["conflicts", "-o", "name"]).ok(), "task/login\n");
    let one = scene.run(&["conflicts", "login"]).ok();
    let lines = "a.txt, line 2:\n      <<<<<<< main\n      TWO\n      =======\n      login\n      \
                 >>>>>>> fix/login\n";
    assert!(one.contains(lines), "{one}");
    let json = found(&scene, &["login"]);
    let clash = &json["landings"][0];
    assert_eq!((&clash["state"], &clash["paths"]), (&json!("refused"), &json!(["a.txt"])));
    assert_eq!(clash["with"][0]["subject"], "two in capitals");
    // Looking writes nothing into the repository.
    let before = scene.git(&["count-objects", "-v"]);
    scene.run(&["conflicts", "login"]).ok();
    assert_eq!(scene.git(&["count-objects", "-v"]), before);
    let claimed = scene.run(&["claim", "login"]).ok();
    assert!(claimed.contains("work in .worktrees/login"), "{claimed}");
    mend(&scene);
    let mended = scene.run(&["conflicts", "login"]).ok();
    assert!(mended.contains("reconciler release login --done"), "{mended}");
    scene.run(&["release", "login", "--done"]).ok();
    scene.run(&["run", "--until", "settled"]).ok();
    assert_eq!(scene.git(&["show", "main:a.txt"]), "one\nTWO login\nthree");
    assert_eq!(scene.run(&["conflicts"]).ok(), "nothing collides\n");
    let said = scene.run(&["conflicts", "login"]);
    assert!(said.err.contains("merged into main as"), "{said:?}");
}

#[test]
fn refused_work_that_would_land_by_now_is_told_so_and_lands_when_it_is_retried() {
    let scene = refused();
    scene.git(&["revert", "--no-edit", "HEAD"]);
    let out = scene.run(&["conflicts"]).ok();
    assert!(out.contains("COULD NOT LAND, AND WOULD NOW\n  login  fix/login@"), "{out}");
    assert!(out.contains("reconciler merge retry login"), "{out}");
    scene.run(&["merge", "retry", "login"]).ok();
    scene.run(&["run", "--until", "settled"]).ok();
    assert_eq!(scene.git(&["show", "main:a.txt"]), "one\nlogin\nthree");
}

#[test]
fn work_that_waits_for_a_candidate_before_it_names_the_task_it_meets() {
    let scene = refused();
    scene.git(&["branch", "before", "main"]);
    scene.git(&["checkout", "-q", "before"]);
    scene.write("a.txt", "one\nbefore\nthree\n");
    scene.commit("before\n\nReconciler-Task: token");
    scene.git(&["checkout", "-q", "main"]);
    let record = ".reconciler/landings/login.json";
    let mut landing: Value = serde_json::from_str(&scene.read(record)).unwrap();
    landing["stage"] = json!({ "kind": "waiting", "paths": ["a.txt"] });
    landing["onto"] = json!(scene.git(&["rev-parse", "before"]));
    landing["refused"] = json!({});
    scene.write(record, &landing.to_string());
    let out = scene.run(&["conflicts", "login"]).ok();
    assert!(out.contains("WAITS FOR WHAT IS MERGED BEFORE IT"), "{out}");
    assert!(out.contains("meets what is before it in a.txt"), "{out}");
    assert!(out.contains("task/token)") && out.contains("      before\n"), "{out}");
    assert!(out.contains("reconciler merge eject login"), "{out}");
}

#[test]
fn work_that_is_not_done_and_would_be_refused_is_told_before() {
    let scene = Scene::prepared();
    std::fs::remove_file(scene.root.join("state/tasks/hello.json")).unwrap();
    scene.write("a.txt", "one\ntwo\nthree\n");
    scene.commit("files");
    scene.run(&["new", "task", "login", "--command", "true", "--files", "a.txt"]).ok();
    scene.run(&["claim", "login"]).ok();
    scene.run(&["run", "--until", "settled"]);
    scene.write(".worktrees/login/a.txt", "one\nlogin\nthree\n");
    scene.git(&["-C", ".worktrees/login", "commit", "-qam", "login"]);
    assert_eq!(scene.run(&["conflicts"]).ok(), "nothing collides\n");
    scene.write("a.txt", "one\nTWO\nthree\n");
    scene.commit("two in capitals");
    let out = scene.run(&["conflicts"]).ok();
    assert!(out.contains("NOT DONE, AND IN CONFLICT WITH main\n  login  fix/login@"), "{out}");
    assert!(out.contains("cd .worktrees/login && git rebase main"), "{out}");
    let one = scene.run(&["conflicts", "login"]).ok();
    assert!(one.contains("<<<<<<< main\n      TWO\n"), "{one}");
}
