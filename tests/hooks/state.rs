//! State files in a commit are checked before it, with the messages of `reconciler check`.

use super::scene::Scene;

#[test]
fn a_bad_state_file_is_refused_with_its_message() {
    let scene = Scene::prepared();
    scene.replace("state/tasks/hello.json", "\"command\"", "\"comand\"");
    for args in [&["commit", "-a", "-m", "x"][..], &["commit", "-m", "x", "--", "state"]] {
        let said = scene.try_git(args).fails(1);
        assert!(said.contains("did you mean `command`?"), "{said}");
        assert!(said.contains("reconciler: commit refused: mend the files above"), "{said}");
    }
    assert_eq!(scene.git(&["log", "-1", "--format=%s"]), "prepared");
}

#[test]
fn a_good_state_file_and_unrelated_commits_pass() {
    let scene = Scene::prepared();
    scene.replace("state/tasks/hello.json", "Say hello", "Say good day");
    scene.git(&["commit", "-q", "-a", "-m", "good"]);
    scene.write("state/tasks/bad.json", "{");
    scene.write("a.txt", "a");
    scene.git(&["add", "a.txt"]);
    scene.git(&["commit", "-q", "-m", "unrelated"]);
    scene.run(&["suspend", "hello"]).ok();
}

#[test]
fn a_file_that_the_commit_does_not_touch_is_not_its_fault_but_a_circle_is() {
    let scene = Scene::prepared();
    let waiting = scene.read("state/tasks/hello.json").replace("\"hello\"", "\"next\"");
    let on = |name: &str| {
        waiting.replace("\"spec\": {", &format!("\"spec\": {{ \"dependencies\": [\"{name}\"],"))
    };
    scene.write("state/tasks/next.json", &on("hello"));
    scene.git(&["add", "state"]);
    scene.git(&["commit", "-q", "-m", "next"]);
    let circle = on("next").replace("\"name\": \"next\"", "\"name\": \"hello\"");
    scene.write("state/tasks/hello.json", &circle);
    let said = scene.try_git(&["commit", "-a", "-m", "x"]).fails(1);
    assert!(said.contains("these tasks wait for each other"), "{said}");
    scene.git(&["rm", "-q", "-f", "state/tasks/hello.json"]);
    scene.git(&["commit", "-q", "-m", "next waits for nothing"]);
    scene.write("state/tasks/bad.json", "{");
    scene.commit("bad, by another way");
    scene.write("state/tasks/more.json", &waiting.replace("\"next\"", "\"more\""));
    scene.git(&["add", "state"]);
    scene.git(&["commit", "-q", "-m", "more"]);
}

#[test]
fn the_very_first_commit_is_checked_too() {
    let scene = Scene::new();
    scene.run(&["init"]).ok();
    scene.write("state/tasks/bad.json", "{");
    scene.git(&["add", "state"]);
    scene.try_git(&["commit", "-m", "x"]).fails(1);
    scene.git(&["rm", "-q", "--cached", "state/tasks/bad.json"]);
    scene.git(&["commit", "-q", "-m", "x"]);
}

#[test]
fn init_installs_no_hooks_when_told_so() {
    let scene = Scene::new();
    scene.run(&["init", "--no-hooks"]).ok();
    scene.write("state/tasks/bad.json", "{");
    scene.git(&["add", "state"]);
    scene.git(&["commit", "-q", "-m", "x"]);
}
