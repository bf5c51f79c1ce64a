//! claim, release, renew, and locks acquire, release and renew: what a person holds, and is refused.

use crate::scene::{Said, Scene, said};
use reconciler::locks::TableLock;
use serde_json::{Value, json};

const LOCKS: &str = "refs/reconciler/locks";

/// A repository with two tasks that meet, and some files.
fn shop() -> Scene {
    let scene = Scene::prepared();
    for (task, files) in [("login", json!(["src/auth/", "Cargo.toml"])), ("auth", json!(["src/"]))]
    {
        let spec = json!({ "command": "true", "files": files });
        let task_file = json!({ "apiVersion": "reconciler.dev/v1alpha1", "kind": "Task",
            "metadata": { "name": task }, "spec": spec });
        scene.write(&format!("state/tasks/{task}.json"), &task_file.to_string());
    }
    for path in ["src/auth/a.rs", "docs/d.md", "docs/[id].ts", "docs/e f.md"] {
        scene.write(path, "x\n");
    }
    scene.commit("shop");
    scene
}

fn lock(scene: &Scene, task: &str) -> Value {
    serde_json::from_str(&scene.read(&format!(".task-locks/{task}.lock"))).unwrap()
}

/// Returns what a person holds without a task.
fn path_locks(scene: &Scene, person: &str) -> Vec<Value> {
    let all = std::fs::read_dir(scene.root.join(".task-locks")).unwrap();
    let names = all.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let locks = names.filter_map(|name| Some(lock(scene, name.strip_suffix(".lock")?)));
    let mine = locks.filter(|one| {
        one["workerId"] == person && one["taskId"].as_str().unwrap().starts_with("lock-")
    });
    mine.collect()
}

fn history(scene: &Scene) -> Vec<String> {
    let text = scene.git(&["log", "--reverse", "--format=%s", LOCKS]);
    text.lines().map(str::to_owned).collect()
}

fn acquired(scene: &Scene, paths: &[&str]) -> Value {
    let said = scene.run(&[&["locks", "acquire", "-o", "json"], paths].concat()).ok();
    let said: Value = serde_json::from_str(&said).unwrap();
    said["claim"].clone()
}

#[test]
fn a_person_takes_a_task_with_what_it_shares_and_is_told_what_comes_next() {
    let scene = shop();
    let said = scene.run(&["claim", "login"]).ok();
    assert!(said.starts_with("claimed login for t-1 until "), "{said}");
    assert!(said.contains("no loop runs: start `reconciler run`, which makes .worktrees/login"));
    assert!(said.contains("reconciler release login --done"), "{said}");
    assert!(said.lines().count() <= 4, "{said}");
    let held = lock(&scene, "login");
    assert_eq!(held["lockedFiles"], json!(["src/auth/", "Cargo.toml"]));
    assert_eq!((&held["workerType"], &held["generation"]), (&json!("human"), &json!(1)));
    let again = scene.run(&["claim", "login"]).ok();
    assert!(again.starts_with("held already, renewed: login for t-1"), "{again}");
    assert_eq!(lock(&scene, "login")["nonce"], held["nonce"]);
    assert_ne!(lock(&scene, "login")["expiresAt"], held["expiresAt"]);
    assert_eq!(history(&scene), ["t-1 claims login, generation 1"]);
    let table = scene.run(&["locks"]).ok();
    assert!(table.contains("login  t-1") && table.contains("src/auth/ Cargo.toml"), "{table}");
    assert_eq!(scene.git(&["status", "--porcelain"]), "");
}

#[test]
fn who_holds_a_task_or_its_files_is_told_with_what_can_be_done_and_nothing_is_taken() {
    let scene = shop();
    scene.run(&["claim", "login", "--as", "ada"]).ok();
    let workers = scene.run(&["status"]).ok();
    let ada = workers.lines().find(|line| line.starts_with("ada ")).unwrap_or_default();
    assert!(ada.contains("Working") && ada.contains("login"), "{workers}");
    assert!(!ada.contains("file is gone"), "people need no file: {workers}");
    let said = scene.run(&["claim", "login", "--as", "bob"]).fails(6);
    assert!(said.contains("nothing was claimed:\n  task/login (ada-1, a person) holds it, since "));
    assert!(said.contains(", until "), "{said}");
    assert!(said.contains("reconciler wait lock/login --for released"), "{said}");
    assert!(said.contains("reconciler claim login --force --reason TEXT"), "{said}");
    let said = scene.run(&["claim", "auth", "--as", "ada"]).fails(6);
    assert!(said.contains("holds src/auth/, with src/auth in it"), "{said}");
    let json = scene.run(&["claim", "auth", "--as", "bob", "-o", "json"]);
    assert_eq!(json.code, 6);
    let json: Value = serde_json::from_str(&json.out).unwrap();
    let obstacle = &json["obstacles"][0];
    assert_eq!((&json["outcome"], &obstacle["worker"]), (&json!("refused"), &json!("ada-1")));
    assert_eq!((&obstacle["asked"], &obstacle["held"]), (&json!("src/"), &json!("src/auth/")));
    assert_eq!(history(&scene), ["ada-1 claims login, generation 1"]);
    assert!(!scene.root.join(".task-locks/auth.lock").try_exists().unwrap());
}

#[test]
fn a_task_that_is_not_declared_cannot_be_claimed() {
    let scene = shop();
    let said = scene.run(&["claim", "logn"]).fails(1);
    assert!(said.contains("there is no task `logn` on main"), "{said}");
    assert!(said.contains("did you mean `login`?"), "{said}");
    let unborn = Scene::new().run(&["claim", "login"]).fails(1);
    assert!(unborn.contains("refs/heads/main does not exist"), "{unborn}");
}

#[test]
fn only_the_holder_gives_back_and_who_takes_away_says_why_for_the_history() {
    let scene = shop();
    scene.run(&["claim", "login", "--as", "ada"]).ok();
    let said = scene.run(&["release", "login", "--as", "bob"]).fails(6);
    assert!(said.contains("nothing was released:\n  task/login (ada-1, a person)"), "{said}");
    scene.run(&["release", "login", "--force"]).fails(2);
    scene.run(&["release", "login", "--force", "--reason", "  "]).fails(2);
    let args = ["release", "login", "--as", "bob", "--force", "--reason", "she is\non holiday"];
    let said = scene.run(&args).ok();
    assert!(said.contains("released login, which ada-1 held"), "{said}");
    scene.run(&["claim", "login", "--as", "bob"]).ok();
    assert_eq!(lock(&scene, "login")["generation"], 2);
    assert_eq!(
        history(&scene),
        [
            "ada-1 claims login, generation 1",
            "ada-1 releases login, generation 1: forced by bob-1: she is on holiday",
            "bob-1 claims login, generation 2",
        ]
    );
    let events = scene.run(&["events"]).ok();
    assert!(events.contains("LockForced") && events.contains("bob-1 took its lock"), "{events}");
    scene.run(&["release", "login", "--as", "bob"]).ok();
    let said = scene.run(&["release", "login", "--as", "bob"]).ok();
    assert!(said.contains("nobody holds login"), "{said}");
}

#[test]
fn what_is_done_is_marked_so_and_stays_held_for_the_loop() {
    let scene = shop();
    scene.run(&["claim", "login"]).ok();
    let before = lock(&scene, "login");
    scene.run(&["release", "login", "--done", "--as", "eve"]).fails(6);
    scene.run(&["release", "login", "--done"]).ok();
    let done = lock(&scene, "login");
    assert!(done["completedAt"].is_string() && done["nonce"] == before["nonce"], "{done}");
    scene.run(&["release", "login", "--done"]).ok();
    scene.run(&["renew"]).ok();
    assert_eq!(lock(&scene, "login")["completedAt"], done["completedAt"]);
}

#[test]
fn paths_are_meant_from_where_one_stands_and_a_file_that_is_there_is_itself() {
    let scene = shop();
    let docs = scene.root.join("docs");
    let here = |args: &[&str]| {
        let mut command = scene.program(env!("CARGO_BIN_EXE_reconciler"));
        said(command.args(args).current_dir(&docs).output().unwrap())
    };
    here(&["locks", "acquire", "[id].ts", "e f.md", "../src", "new.md", "../top/*.md"]).ok();
    let held = path_locks(&scene, "t-1");
    assert_eq!(
        held[0]["lockedFiles"],
        json!(["docs/?id?.ts", "docs/e f.md", "src/", "docs/new.md", "top/*.md"])
    );
    let said = here(&["locks", "acquire", "../../out"]).fails(1);
    assert!(said.contains("`../../out` does not lie in this work tree"), "{said}");
    let said = here(&["locks", "acquire", "a[.md"]).fails(1);
    assert!(said.contains("is not a path pattern"), "{said}");
    let linked = scene.outside("linked");
    scene.git(&["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    let said = scene.run(&["-C", linked.to_str().unwrap(), "locks", "acquire", "src/x"]).fails(6);
    assert!(said.contains("holds src/"), "{said}");
    here(&["locks", "acquire", "--as", "bob", "d.md"]).ok();
}

#[test]
fn a_person_gives_back_paths_one_by_one_or_all_and_no_others() {
    let scene = shop();
    let first = acquired(&scene, &["docs/", "free.txt", "package.json"]);
    let name = first["taskId"].as_str().unwrap().to_owned();
    assert_eq!(acquired(&scene, &["docs/", "free.txt", "package.json"])["taskId"], first["taskId"]);
    acquired(&scene, &["other.txt"]);
    scene.run(&["locks", "acquire", "theirs.txt", "--as", "bob"]).ok();
    scene.run(&["locks", "release", "docs"]).ok();
    let rest = lock(&scene, &name);
    assert_eq!(rest["lockedFiles"], json!(["free.txt"]));
    assert_eq!((&rest["generation"], &rest["uid"]), (&json!(2), &first["uid"]));
    let said = scene.run(&["locks", "release", "theirs.txt"]).fails(1);
    assert!(said.contains("t-1 holds no theirs.txt"), "{said}");
    scene.run(&["locks", "release", &format!("lock/{name}")]).ok();
    assert_eq!(path_locks(&scene, "t-1").len(), 1);
    scene.run(&["locks", "release", "--all"]).ok();
    assert_eq!(path_locks(&scene, "t-1").len(), 0);
    let theirs = path_locks(&scene, "bob-1")[0]["taskId"].as_str().unwrap().to_owned();
    let force = ["locks", "release", &theirs, "--force", "--reason", "stale"];
    scene.run(&force).ok();
    assert_eq!(path_locks(&scene, "bob-1").len(), 0);
    // The ledger does not grow by names that are never used again.
    scene.run(&["claim", "login"]).ok();
    assert_eq!(scene.git(&["ls-tree", "--name-only", LOCKS]), "login.lock");
}

#[test]
fn a_lock_that_cannot_be_understood_stops_those_it_may_stop_until_it_is_taken_away() {
    let scene = shop();
    scene.run(&["claim", "login", "--as", "ada"]).ok();
    scene.write(".task-locks/login.lock", "{\"taskId\": \"lo");
    let said = scene.run(&["claim", "auth"]).fails(6);
    assert!(said.contains("the lock of task/login cannot be understood: it may hold src/auth/"));
    scene.run(&["claim", "login", "--as", "ada"]).fails(6);
    scene.run(&["release", "login", "--as", "ada"]).fails(6);
    scene.run(&["locks", "acquire", "docs/"]).ok();
    assert_eq!(scene.read(".task-locks/login.lock"), "{\"taskId\": \"lo", "nobody wrote over it");
    scene.run(&["release", "login", "--force", "--reason", "the disk was full"]).ok();
    scene.run(&["claim", "login"]).ok();
    assert_eq!(lock(&scene, "login")["generation"], 2);
    let last = history(&scene);
    assert!(last.iter().any(|one| one.ends_with(": forced by t-1: the disk was full")), "{last:?}");
}

#[test]
fn a_file_or_a_ledger_that_was_removed_never_brings_a_generation_back() {
    let scene = shop();
    scene.run(&["claim", "login", "--as", "ada"]).ok();
    std::fs::remove_file(scene.root.join(".task-locks/login.lock")).unwrap();
    scene.run(&["claim", "login", "--as", "bob"]).ok();
    assert_eq!(lock(&scene, "login")["generation"], 2);
    scene.git(&["update-ref", "-d", LOCKS]);
    scene.run(&["renew", "--as", "bob"]).ok();
    assert_eq!(history(&scene), ["bob-1 claims login, generation 2"]);
    scene.run(&["release", "login", "--as", "bob"]).ok();
    scene.run(&["claim", "login"]).ok();
    assert_eq!(lock(&scene, "login")["generation"], 3);
}

#[test]
fn without_a_home_in_a_bare_repository_and_under_odd_names_people_hold_paths() {
    let scene = Scene::with(&["init", "-q", "--bare", "-b", "main"]);
    let bare = |args: &[&str], user: Option<&str>| -> Said {
        let mut command = scene.program(env!("CARGO_BIN_EXE_reconciler"));
        command.env_remove("HOME").env_remove("XDG_STATE_HOME").env_remove("LC_ALL");
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").envs(user.map(|user| ("USER", user)));
        said(command.args(args).output().unwrap())
    };
    let nobody = bare(&["locks", "acquire", "a"], None).fails(1);
    assert!(nobody.contains("nobody can tell who you are") && nobody.contains("--as ada"));
    bare(&["locks", "acquire", "a"], Some("Ada.L")).ok();
    let said = bare(&["locks", "acquire", "a"], Some("bob")).fails(6);
    assert!(said.contains("(ada-l-1, a person) holds a"), "{said}");
    let said = bare(&["locks", "acquire", "b", "--as", "Bob B"], None).fails(1);
    assert!(said.contains("`Bob B` is not a name that a claim can bear"), "{said}");
    bare(&["locks", "release", "--all"], Some("Ada.L")).ok();
    bare(&["locks", "acquire", "a", "--as", "bob-2"], None).ok();
    assert_eq!(path_locks(&scene, "bob-2").len(), 1);
}

#[test]
fn a_disk_that_refuses_leaves_nothing_half_held_and_the_next_command_goes_on() {
    let scene = shop();
    let points = scene.outside("points");
    for (kind, point) in
        ["EIO", "ENOSPC", "lost"].into_iter().flat_map(|k| (1..12).map(move |n| (k, n)))
    {
        std::fs::remove_file(points.with_added_extension("fired")).ok();
        let mut command = scene.program(env!("CARGO_BIN_EXE_reconciler"));
        command.env("RECONCILER_FAULT", format!("claim:{kind}:{point}:{}", points.display()));
        let told = said(command.args(["claim", "login"]).output().unwrap());
        assert!(matches!(told.code, 0 | 1), "{kind} at {point}: {told:?}");
        scene.run(&["claim", "login"]).ok();
        let recorded: Value =
            serde_json::from_str(&scene.git(&["show", &format!("{LOCKS}:login.lock")])).unwrap();
        assert_eq!(recorded["nonce"], lock(&scene, "login")["nonce"], "{kind} at {point}");
        scene.run(&["release", "login"]).ok();
    }
    let said = history(&scene);
    let generations: Vec<&str> =
        said.iter().filter(|one| one.contains("claims")).map(String::as_str).collect();
    let mut once = generations.clone();
    once.dedup();
    assert_eq!(generations, once, "each claim is one generation");
}

#[test]
fn a_lock_is_waited_for_until_it_is_released() {
    let scene = shop();
    scene.run(&["claim", "login", "--as", "ada"]).ok();
    let said = scene.run(&["wait", "lock/login", "--for", "released", "--timeout", "0s"]).fails(8);
    assert!(said.contains("not yet: lock/login  held by ada-1"), "{said}");
    let wrong = scene.run(&["wait", "login", "--for", "released"]).fails(2);
    assert!(wrong.contains("say lock/login"), "{wrong}");
    scene.run(&["wait", "lock/login", "--for", "done"]).fails(2);
    let mut waiting = scene.program(env!("CARGO_BIN_EXE_reconciler"));
    let waiting = waiting.args(["wait", "lock/login", "--for", "released"]);
    let waiting = waiting.stdout(std::process::Stdio::piped()).spawn().unwrap();
    scene.run(&["release", "login", "--as", "ada"]).ok();
    assert_eq!(said_by(waiting).ok(), "lock/login  released\n");
}

fn said_by(child: std::process::Child) -> Said {
    said(child.wait_with_output().unwrap())
}

#[test]
fn whoever_keeps_the_table_is_named() {
    let scene = shop();
    let _kept = TableLock::try_take(&scene.root.join(".git")).unwrap().unwrap();
    let said = scene.run(&["claim", "login"]).fails(1);
    let who = format!("was not to be had within 10 s: process {} has it", std::process::id());
    assert!(said.contains(&who), "{said}");
}
