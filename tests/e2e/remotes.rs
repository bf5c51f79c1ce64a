//! A target that is shared by a remote: what others pushed is taken first, and work lands by a push.

use crate::common::TestEnvironment;
use reconciler::plan::report::Reason;
use serde_json::{Value, json};
use std::path::PathBuf;

struct Shared {
    env: TestEnvironment,
    remote: PathBuf,
    /// Where somebody else works.
    clone: PathBuf,
}

impl Shared {
    fn new(merge: Value) -> Self {
        let env = TestEnvironment::new();
        let (remote, clone) = (env.out("shared.git"), env.out("clone"));
        let (at, elsewhere) = (remote.display().to_string(), clone.display().to_string());
        env.git(&["init", "-q", "--bare", "-b", "main", &at]);
        env.git(&["remote", "add", "origin", &at]);
        let mut policy = json!({ "merge": { "remote": "origin" } });
        policy["retry"] = json!({ "baseSeconds": 0, "capSeconds": 0 });
        if let (Some(all), Value::Object(more)) = (policy["merge"].as_object_mut(), merge) {
            all.extend(more);
        }
        env.commit_policy(&policy);
        env.git(&["push", "-q", "origin", "main"]);
        env.git(&["clone", "-q", &at, &elsewhere]);
        Self { env, remote, clone }
    }

    fn there(&self, arguments: &[&str]) -> String {
        let at = self.remote.display().to_string();
        self.env.git(&[&["--git-dir", &at], arguments].concat())
    }

    /// Somebody else commits a file and pushes it; `false` when they were too slow.
    fn somebody_pushes(&self, file: &str) -> bool {
        let clone = self.clone.display().to_string();
        let theirs = |arguments: &[&str]| self.env.try_git(&[&["-C", &clone], arguments].concat());
        std::fs::write(self.clone.join(file), file).unwrap();
        theirs(&["pull", "-q", "--rebase", "origin", "main"]).unwrap();
        theirs(&["add", "-A"]).unwrap();
        theirs(&["commit", "-q", "-m", file]).unwrap();
        let pushed = theirs(&["push", "-q", "origin", "HEAD:main"]).is_some();
        if !pushed {
            theirs(&["reset", "-q", "--hard", "HEAD~1"]).unwrap();
        }
        pushed
    }

    fn writes(&self, name: &str) {
        let command = format!("echo {name} > {name}.txt; git add -A; git commit -qm {name}");
        self.env.write_task(name, &json!({ "command": command }));
    }

    fn are_one(&self) -> bool {
        self.there(&["rev-parse", "main"]) == self.env.git(&["rev-parse", "main"])
    }
}

#[test]
fn what_others_pushed_is_taken_first_and_work_lands_there_as_here() {
    let shared = Shared::new(json!({}));
    shared.writes("ours");
    shared.env.commit("a task");
    shared.env.git(&["push", "-q", "origin", "main"]);
    assert!(shared.somebody_pushes("theirs.txt"));
    let said = shared.env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    let log = shared.there(&["log", "--format=%s", "-3", "main"]);
    assert_eq!(log.lines().collect::<Vec<_>>(), ["ours", "theirs.txt", "a task"]);
    assert!(shared.are_one());
    assert_eq!(shared.env.git(&["status", "--porcelain"]), "");
}

#[test]
fn a_remote_that_cannot_be_reached_is_told_and_nothing_lands_here_alone() {
    let shared = Shared::new(json!({}));
    shared.writes("ours");
    shared.env.commit("a task");
    let before = shared.env.git(&["rev-parse", "main"]);
    let gone = shared.remote.with_extension("gone");
    std::fs::rename(&shared.remote, &gone).unwrap();
    let running = shared.env.start_loop();
    shared.env.wait_for_reason("ours", Reason::EffectFailed);
    let said = shared.env.report("ours").unwrap().message;
    assert!(said.contains("shared.git"), "{said}");
    assert_eq!(shared.env.git(&["rev-parse", "main"]), before);
    std::fs::rename(&gone, &shared.remote).unwrap();
    shared.env.wait_for_completed(&["ours"]);
    assert!(shared.are_one());
    drop(running);
}

#[test]
fn branches_that_went_different_ways_are_told_and_wait_for_a_person() {
    let shared = Shared::new(json!({}));
    shared.writes("ours");
    shared.env.commit("a task");
    assert!(shared.somebody_pushes("theirs.txt"));
    let running = shared.env.start_loop();
    shared.env.wait_for_reason("ours", Reason::EffectFailed);
    let said = shared.env.report("ours").unwrap().message;
    assert!(said.contains("git pull --rebase origin main"), "{said}");
    shared.env.git(&["pull", "-q", "--rebase", "origin", "main"]);
    shared.env.wait_for_completed(&["ours"]);
    assert!(shared.are_one());
    drop(running);
}

#[test]
fn a_checkout_in_the_way_is_found_before_the_push() {
    let shared = Shared::new(json!({}));
    shared.writes("ours");
    shared.env.commit("a task");
    shared.env.git(&["push", "-q", "origin", "main"]);
    let before = shared.there(&["rev-parse", "main"]);
    std::fs::write(shared.env.path("ours.txt"), "mine").unwrap();
    let running = shared.env.start_loop();
    shared.env.wait_for_reason("ours", Reason::EffectFailed);
    let said = shared.env.report("ours").unwrap().message;
    assert!(said.contains("is in the way") && said.contains("ours.txt"), "{said}");
    assert_eq!(shared.there(&["rev-parse", "main"]), before);
    std::fs::remove_file(shared.env.path("ours.txt")).unwrap();
    shared.env.wait_for_completed(&["ours"]);
    assert!(shared.are_one());
    drop(running);
}

#[test]
fn a_killed_loop_and_somebody_who_pushes_lose_nothing_and_land_each_once() {
    let shared = Shared::new(json!({ "verify": "true", "batch": 2 }));
    let env = &shared.env;
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 3}));
    let names: Vec<String> = (0..6).map(|number| format!("t{number}")).collect();
    for name in &names {
        shared.writes(name);
    }
    env.commit("six tasks");
    env.git(&["push", "-q", "origin", "main"]);
    let mut theirs = Vec::new();
    for round in 0..6 {
        let running = env.start_loop();
        let before = env.events().len();
        env.wait_until("something to happen", || {
            env.events().len() > before + 3 || env.reason("t5") == Some(Reason::Succeeded)
        });
        let file = format!("theirs{round}.txt");
        if shared.somebody_pushes(&file) {
            theirs.push(file);
        }
        running.kill();
    }
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert!(!theirs.is_empty());
    for file in names.iter().map(|name| format!("{name}.txt")).chain(theirs) {
        assert_eq!(shared.there(&["rev-list", "--count", "main", "--", &file]), "1", "{file}");
    }
    assert_eq!(shared.there(&["rev-list", "--merges", "main"]), "");
    // Who pushed last is taken when there is work to land.
    env.git(&["fetch", "-q", "origin"]);
    env.git(&["merge-base", "--is-ancestor", "main", "origin/main"]);
}

#[test]
fn work_under_a_lock_lands_though_our_own_hooks_watch_what_is_moved_and_pushed() {
    for strictly in [vec![], vec!["--strict"]] {
        let shared = Shared::new(json!({}));
        let install = [vec!["hooks", "install"], strictly].concat();
        let said = crate::common::said(&mut shared.env.reconciler(&install));
        assert!(said.status.success(), "{said:?}");
        let command = "mkdir src; echo ours > src/a.txt; git add -A; git commit -qm ours";
        shared.env.write_task("ours", &json!({ "command": command, "files": ["src/"] }));
        shared.env.commit("a task");
        shared.env.git(&["push", "-q", "origin", "main"]);
        let said = shared.env.run_until_settled();
        assert!(said.status.success(), "{said:?}");
        assert_eq!(shared.there(&["log", "--format=%s", "-1", "main"]).trim(), "ours");
        assert!(shared.are_one());
    }
}
