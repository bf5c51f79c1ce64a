//! check, diff, doctor, schema, completion.

use crate::scene::Scene;

#[test]
fn check_tells_every_error_of_every_file_at_once() {
    let scene = Scene::prepared();
    scene.replace("state/tasks/hello.json", "\"command\"", "\"comand\"");
    scene.replace("state/workers/shell.json", "\"replicas\": 2", "\"replicas\": \"two\"");
    scene.write("state/task/lost.json", "{}");
    let said = scene.run(&["check"]);
    assert!(said.err.contains("checked 4 files in") && said.err.contains("errors"), "{said:?}");
    let out = said.fails(1);
    assert!(out.contains("state/tasks/hello.json:") && out.contains("did you mean `command`?"));
    assert!(out.contains("state/workers/shell.json:") && out.contains("whole number"), "{out}");
    assert!(out.contains("state/task/lost.json:1:1: error: unknown folder"), "{out}");
}

#[test]
fn check_reads_the_work_tree_the_index_or_a_commit() {
    let scene = Scene::prepared();
    scene.write("state/tasks/bad.json", "{");
    scene.run(&["check"]).fails(1);
    scene.run(&["check", "--staged"]).ok();
    scene.git(&["add", "state"]);
    scene.write(
        "state/tasks/bad.json",
        &scene.read("state/tasks/hello.json").replace("hello\"", "bad\""),
    );
    scene.run(&["check"]).ok();
    scene.run(&["check", "--staged"]).fails(1);
    scene.run(&["check", "--rev", "main"]).ok();
    let said = scene.run(&["check", "--rev", "nothing"]).fails(1);
    assert!(said.contains("nothing: it is no commit here"), "{said}");
}

#[test]
fn diff_tells_what_a_commit_would_do() {
    let scene = Scene::prepared();
    let none = scene.run(&["diff"]).ok();
    assert!(none.contains("no differences"), "{none}");
    scene.replace("state/workers/shell.json", "\"replicas\": 2", "\"replicas\": 1");
    scene
        .run(&["new", "task", "next", "--command", "true", "--after", "hello", "--no-commit"])
        .ok();
    let said = scene.run(&["diff"]).fails(1);
    for line in [
        "1 to add, 1 to change, 0 to remove",
        "+ task/next  state/tasks/next.json (new)",
        "=> it waits: needs hello",
        "~ worker/shell  state/workers/shell.json",
        "/spec/replicas  2 -> 1",
        "git add state && git commit",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let one = scene.run(&["diff", "next"]).fails(1);
    assert!(one.contains("task/next") && !one.contains("replicas"), "{one}");
    let json: serde_json::Value =
        serde_json::from_str(&scene.run(&["diff", "-o", "json"]).out).unwrap();
    assert_eq!(json["changes"][0]["fields"][0]["new"], 1, "{json}");
}

#[test]
fn diff_of_an_invalid_file_says_that_the_last_good_version_stays() {
    let scene = Scene::prepared();
    scene.write("state/tasks/hello.json", "{");
    std::fs::remove_file(scene.root.join("state/workers/shell.json")).unwrap();
    let said = scene.run(&["diff"]).fails(1);
    assert!(said.contains("! task/hello  state/tasks/hello.json (not valid)"), "{said}");
    assert!(said.contains("=> not applied: the last good version stays"), "{said}");
    assert!(said.contains("- worker/shell  state/workers/shell.json (deleted)"), "{said}");
    let fresh = Scene::new();
    let unborn = fresh.run(&["diff"]).fails(2);
    assert!(unborn.contains("refs/heads/main does not exist yet"), "{unborn}");
}

#[test]
fn doctor_looks_for_the_program_that_a_shell_is_only_to_start() {
    let scene = Scene::prepared();
    let said = scene.run(&["doctor", "--for", "aider"]).fails(1);
    assert!(said.contains("there is no program `aider` on the PATH"), "{said}");
    assert!(!said.contains("/bin/sh"), "{said}");
}

#[test]
fn doctor_names_what_is_wrong_and_what_mends_it() {
    let outside = Scene::new();
    let unborn = outside.run(&["doctor"]).fails(1);
    assert!(unborn.contains("FAIL  nothing can be read from refs/heads/main"), "{unborn}");
    let scene = Scene::prepared();
    let well = scene.run(&["doctor"]).ok();
    assert!(well.contains("ok    tmux ") && well.contains("3 files at refs/heads/main, all valid"));
    assert!(well.contains("warn  reconciler is not running"), "{well}");
    scene.write("state/tasks/hello.json", "{");
    scene.commit("broken");
    scene.write(".task-locks/hello.lock", "{");
    scene.run(&["trust", "--revoke"]).ok();
    let ill = scene.run(&["doctor"]).fails(1);
    assert!(ill.contains("FAIL  state/tasks/hello.json:1:"), "{ill}");
    assert!(ill.contains("FAIL  agent shell is not approved here"), "{ill}");
    assert!(ill.contains("FAIL  the lock of hello is damaged"), "{ill}");
    assert!(ill.contains("fix: "), "{ill}");
}

#[test]
fn doctor_says_what_one_agent_lacks() {
    let scene = Scene::prepared();
    let said = scene.run(&["doctor", "--for", "shell"]).ok();
    assert!(said.contains("/bin/sh is /bin/sh") && said.contains("workers that run it: shell"));
    let robot = r#"{"apiVersion": "reconciler.dev/v1alpha1", "kind": "Agent",
        "metadata": {"name": "robot"},
        "spec": {"argv": ["no-such-robot", "{prompt}"], "secretEnv": ["ROBOT_KEY"]}}"#;
    scene.write("state/agents/robot.json", robot);
    scene.commit("a robot");
    let said = scene.run(&["doctor", "--for", "robot"]).fails(1);
    for lack in [
        "FAIL  there is no program `no-such-robot` on the PATH",
        "warn  none of these is set here: ROBOT_KEY",
        "FAIL  it is not approved on this machine",
        "warn  no worker runs it",
    ] {
        assert!(said.contains(lack), "{lack}: {said}");
    }
    let said = scene.run(&["doctor", "--for", "nobody"]).fails(1);
    assert!(said.contains("there is no agent nobody") && said.contains("claude"), "{said}");
}

#[test]
fn doctor_outside_of_a_repository_still_looks_at_the_machine() {
    let scene = Scene::new();
    let home = scene.outside("home");
    let said = scene.run(&["-C", home.to_str().unwrap(), "doctor"]).fails(1);
    assert!(said.contains("is not in a git repository") && said.contains("ok    tmux"), "{said}");
}

#[test]
fn schema_and_completion_need_no_repository() {
    let scene = Scene::new();
    let home = scene.outside("home");
    let schema = scene.run(&["-C", home.to_str().unwrap(), "schema", "worker"]).ok();
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert_eq!(schema["title"], "Worker");
    let bash = scene.run(&["completion", "bash"]).ok();
    assert!(bash.contains("reconciler") && bash.contains("doctor"));
}
