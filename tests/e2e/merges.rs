//! Done work lands on the target branch: in order, verified, and with nobody's checkout hurt.

use crate::common::{TestEnvironment, is_there};
use reconciler::api::attempt::ExitReason;
use reconciler::plan::report::Reason;
use serde_json::{Value, json};
use std::fs;

/// Returns a task that writes a file and commits it.
fn writing(file: &str, text: &str) -> Value {
    json!({ "command": format!("mkdir -p $(dirname {file}); echo {text} > {file}; git add -A; git commit -qm '{file}'") })
}

fn message(env: &TestEnvironment, task: &str) -> String {
    env.report(task).map(|report| report.message).unwrap_or_default()
}

fn is_linear(env: &TestEnvironment) -> bool {
    env.git(&["rev-list", "--merges", "main"]).is_empty()
}

#[test]
fn tasks_with_separate_files_all_land_in_a_line_and_leave_nothing() {
    let env = TestEnvironment::new();
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 4}));
    let names: Vec<String> = (0..8).map(|number| format!("t{number}")).collect();
    for name in &names {
        env.write_task(name, &writing(&format!("src/{name}.txt"), name));
    }
    env.commit("eight tasks");
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    for name in &names {
        assert_eq!(env.git(&["show", &format!("main:src/{name}.txt")]), *name);
        let trailer = "--format=%(trailers:key=Reconciler-Task,valueonly,separator=)";
        let file = format!("src/{name}.txt");
        assert_eq!(env.git(&["log", "-1", trailer, "main", "--", &file]), *name);
        assert!(!is_there(&env.worktree(name)));
    }
    assert!(is_linear(&env));
    assert_eq!(env.git(&["status", "--porcelain"]), "", "the checkout of main followed");
    assert_eq!(env.git(&["for-each-ref", "refs/heads", "--format=%(refname:short)"]), "main");
    assert_eq!(env.git(&["for-each-ref", "refs/reconciler/candidates"]), "");
}

#[test]
fn each_is_verified_on_top_of_the_others_and_the_one_that_breaks_them_is_refused() {
    let env = TestEnvironment::new();
    // Each is well alone; together they are not.
    env.commit_policy(&json!({
        "merge": { "verify": "test $(ls parts | wc -l) -le 2", "batch": 4 },
        "retry": { "baseSeconds": 0, "capSeconds": 0 },
    }));
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 1}));
    for (priority, name) in (1..).zip(["a", "b", "c"]) {
        let mut spec = writing(&format!("parts/{name}"), name);
        spec["priority"] = json!(priority);
        spec["retries"] = json!(0);
        env.write_task(name, &spec);
    }
    env.commit("three tasks");
    let said = env.run_until_settled();
    // One that an effect failed for is passed by the others.
    let refused = |name: &&str| env.reason(name) == Some(Reason::AttemptsUsedUp);
    let refused: Vec<&str> = ["a", "b", "c"].into_iter().filter(refused).collect();
    let [last] = refused.as_slice() else { panic!("{refused:?}, {said:?}") };
    let landed = env.git(&["ls-tree", "--name-only", "main", "parts/"]);
    let others = ["a", "b", "c"].into_iter().filter(|name| name != last);
    let others: Vec<String> = others.map(|name| format!("parts/{name}")).collect();
    assert_eq!(landed, others.join("\n"), "{said:?}");
    let said = message(&env, last);
    assert!(said.contains("merged, it fails its verification"), "{said}");
    // Its work is not lost.
    assert_eq!(env.git(&["show", &format!("{}:parts/{last}", env.branch(last))]), *last);
}

#[test]
fn what_conflicts_goes_back_to_its_worker_who_is_told_and_lands_then() {
    let env = TestEnvironment::new();
    env.commit_policy(&json!({ "retry": { "baseSeconds": 0, "capSeconds": 0 } }));
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 2}));
    let first = "echo first > shared.txt; git add -A; git commit -qm first";
    env.write_task("first", &json!({ "command": first, "priority": 1 }));
    // The second time it does what it is told: it begins on top of main.
    let second = "if [ $RECONCILER_ATTEMPT = 1 ]; then \
            until git -C $RECONCILER_REPO cat-file -e main:shared.txt; do sleep 0.02; done 2> /dev/null; \
        else git rebase -q main || { echo both > shared.txt; git add -A; GIT_EDITOR=: git rebase --continue; }; \
        git log -1 --format=%s; exit; fi; \
        echo second > shared.txt; git add -A; git commit -qm second";
    env.write_task("second", &json!({ "command": second }));
    env.commit("two tasks");
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    assert_eq!(env.git(&["show", "main:shared.txt"]), "both");
    assert_eq!(env.ends("second"), [ExitReason::Succeeded, ExitReason::Succeeded]);
    let told = &env.attempts("second")[1].beginning.history;
    assert!(told.contains("it conflicts with main in shared.txt"), "{told}");
}

#[test]
fn a_person_at_work_in_the_way_is_told_and_loses_nothing_and_others_land_meanwhile() {
    let env = TestEnvironment::new();
    fs::write(env.path("tracked.txt"), "mine").unwrap();
    env.write_task("in-the-way", &writing("tracked.txt", "theirs"));
    env.write_task("beside", &writing("beside.txt", "theirs"));
    env.git(&["add", "state"]);
    env.git(&["commit", "-q", "-m", "two tasks"]);
    let running = env.start_loop();
    env.wait_for_completed(&["beside"]);
    env.wait_for_reason("in-the-way", Reason::EffectFailed);
    let said = message(&env, "in-the-way");
    assert!(said.contains("what is not committed there is in the way"), "{said}");
    assert!(said.contains("tracked.txt"), "{said}");
    assert_eq!(fs::read_to_string(env.path("tracked.txt")).unwrap(), "mine");
    assert_eq!(fs::read_to_string(env.path("beside.txt")).unwrap(), "theirs\n");
    env.git(&["stash", "-q"]);
    env.wait_for_completed(&["in-the-way"]);
    assert_eq!(fs::read_to_string(env.path("tracked.txt")).unwrap(), "theirs\n");
    drop(running);
}

#[test]
fn work_outside_of_a_claim_and_orders_to_other_workers_do_not_land() {
    let env = TestEnvironment::new();
    env.commit_policy(&json!({ "retry": { "baseSeconds": 0, "capSeconds": 0 } }));
    let bypass = |file: &str| {
        format!(
            "mkdir -p $(dirname {file}); echo x > {file}; git add -A; git commit -q --no-verify -m x"
        )
    };
    env.write_task(
        "outside",
        &json!({
            "command": bypass("other/x"), "files": ["src/"], "retries": 0,
        }),
    );
    env.write_task(
        "orders",
        &json!({
            "command": bypass("state/tasks/evil.json"), "retries": 0,
        }),
    );
    env.commit("two tasks");
    env.run_until_settled();
    let said = message(&env, "outside");
    assert!(said.contains("other/x is not among the files of its claim"), "{said}");
    let said = message(&env, "orders");
    assert!(said.contains("state/tasks/evil.json says what is wanted"), "{said}");
    assert_eq!(env.try_git(&["cat-file", "-e", "main:other/x"]), None);
}

#[test]
fn a_loop_killed_at_any_moment_of_a_landing_lands_each_task_once() {
    let env = TestEnvironment::new();
    env.commit_policy(&json!({ "merge": { "verify": "sleep 0.1", "batch": 2 } }));
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 3}));
    let names: Vec<String> = (0..6).map(|number| format!("t{number}")).collect();
    for name in &names {
        env.write_task(name, &writing(&format!("src/{name}.txt"), name));
    }
    env.commit("six tasks");
    for _ in 0..8 {
        let running = env.start_loop();
        let before = env.events().len();
        env.wait_until("something to happen", || {
            env.events().len() > before + 3 || env.reason("t5") == Some(Reason::Succeeded)
        });
        running.kill();
    }
    let said = env.run_until_settled();
    assert!(said.status.success(), "{said:?}");
    for name in &names {
        let file = format!("src/{name}.txt");
        assert_eq!(env.git(&["show", &format!("main:{file}")]), *name);
        assert_eq!(env.git(&["rev-list", "--count", "main", "--", &file]), "1");
        assert_eq!(env.ends(name).first(), Some(&ExitReason::Succeeded));
    }
    assert!(is_linear(&env));
    assert_eq!(env.git(&["status", "--porcelain"]), "");
}
