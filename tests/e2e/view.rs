//! What a decision worker can do to the repository: read it and speak. On a machine that does not
//! allow that, it is told.

use crate::agents::command;
use crate::common::TestEnvironment;
use reconciler::api::attempt::ExitReason;
use reconciler::plan::report::Reason;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;

/// A repository with a worker for decisions, whose agent runs this script, in which `try` notes what
/// came of a command; and one for execution.
fn deciding(script: &str) -> TestEnvironment {
    let env = TestEnvironment::new();
    let script = format!(
        "try() {{ if \"$@\" >>\"$HOME/said\" 2>&1; then echo \"did $*\"; else echo \"failed $*\"; fi \
         >>\"$HOME/tried\"; }}\n{script}"
    );
    let agent =
        json!({ "argv": ["/bin/sh", "-c", script, "agent", "{prompt}"], "mustReport": true });
    env.write_object("agents/judge", "Agent", &agent);
    let worker = json!({ "agent": "judge", "class": "decision" });
    env.write_object("workers/judges", "Worker", &worker);
    env.commit("a judge");
    let said = command(&env, &["trust", "--yes"]);
    assert!(said.status.success(), "{said:?}");
    env
}

/// Returns what became of each command that was tried.
fn tried(env: &TestEnvironment) -> BTreeMap<String, String> {
    let text = fs::read_to_string(env.home().join("tried")).unwrap_or_default();
    let parts = text.lines().filter_map(|line| line.split_once(' '));
    parts.map(|(how, what)| (what.to_owned(), how.to_owned())).collect()
}

fn is_allowed(env: &TestEnvironment) -> bool {
    let said = command(env, &["doctor"]);
    assert!(said.stdout.contains("decision workers"), "{said:?}");
    said.stdout.contains("decision workers see the repository read-only")
}

const WRITES: [&str; 14] = [
    "sh -c echo x > tracked.txt",
    "sh -c echo x > new.txt",
    "sh -c cd / && echo x > \"$RECONCILER_REPO/new.txt\"",
    "sh -c echo x > .git/refs/heads/evil",
    "sh -c echo x > .git/index",
    "rm -rf .git/objects",
    "sh -c echo x > .worktrees/other/new.txt",
    "sh -c echo x > ../elsewhere/new.txt",
    "sh -c echo x > .reconciler/holds/all.json",
    "git commit --allow-empty --no-verify -m evil",
    "git update-ref refs/heads/evil HEAD",
    "mount -o remount,rw,bind .",
    "umount .",
    "unshare -Urm mount -o remount,rw,bind .",
];
const READS: [&str; 8] = [
    "git log --oneline",
    "git diff --exit-code",
    "git status",
    "cat .worktrees/other/tracked.txt",
    "sh -c echo x > \"$HOME/x\"",
    "sh -c echo x > \"$RECONCILER_ATTEMPT_FOLDER/x\"",
    "sh -c echo x > /dev/tty",
    "sh -c test $(stat -c %u $HOME) = $(id -u)",
];
const WORDS: [&str; 5] = [
    "reconciler progress 1/2 looking",
    "reconciler ask how? --no-wait",
    "reconciler decide which? --choice a --why because --confidence 80",
    "reconciler propose-task found --command true --why look",
    "reconciler complete judged",
];

/// Returns a line of the script; what `sh -c` is given is one word.
fn line(command: &str) -> String {
    match command.strip_prefix("sh -c ") {
        Some(script) => format!("try sh -c '{script}'\n"),
        None => format!("try {command}\n"),
    }
}

#[test]
fn a_decision_worker_reads_and_speaks_and_changes_nothing() {
    let lines: String = WRITES.iter().chain(&READS).chain(&WORDS).map(|one| line(one)).collect();
    let env = deciding(&lines);
    if !is_allowed(&env) {
        return;
    }
    env.git(&["worktree", "add", "-q", "-b", "elsewhere", "../elsewhere"]);
    env.commit_task("other", &json!({ "command": "sleep 600" }));
    let running = env.start_loop();
    env.wait_for_reason("other", Reason::Running);
    let before = env.git(&["for-each-ref", "refs/heads"]);
    env.commit_task("judge", &json!({ "prompt": "judge it", "class": "decision" }));
    let commit = env.git(&["rev-parse", "HEAD"]);
    env.wait_for_completed(&["judge"]);
    assert_eq!(env.ends("judge"), [ExitReason::Succeeded]);
    let tried = tried(&env);
    let said = fs::read_to_string(env.home().join("said")).unwrap();
    for (commands, how) in [(&WRITES[..], "failed"), (&READS[..], "did"), (&WORDS[..], "did")] {
        for one in commands {
            assert_eq!(tried.get(*one).map(String::as_str), Some(how), "{one}\n{said}");
        }
    }
    assert_eq!(env.git(&["for-each-ref", "refs/heads"]).lines().count(), before.lines().count());
    assert_eq!(env.git(&["rev-parse", "HEAD"]), commit);
    assert_eq!(env.git(&["status", "--porcelain"]), "");
    let said = command(&env, &["proposals"]);
    assert!(said.stdout.contains("found"), "{said:?}");
    let said = command(&env, &["decisions"]);
    assert!(said.stdout.contains("which?") && said.stdout.contains("because"), "{said:?}");
    let said = command(&env, &["events"]);
    assert!(said.stdout.contains("Asked") && said.stdout.contains("Proposed"), "{said:?}");
    drop(running);
}

#[test]
fn a_program_that_is_not_there_is_told_from_one_that_fails() {
    let env = deciding("exit 0");
    let agent = json!({ "argv": ["no-such-judge", "{prompt}"] });
    env.write_object("agents/judge", "Agent", &agent);
    env.commit("another judge");
    assert!(command(&env, &["trust", "--yes"]).status.success());
    env.commit_task("judge", &json!({ "prompt": "judge it", "class": "decision" }));
    let running = env.start_loop();
    env.wait_for_reason("judge", Reason::AgentMissing);
    drop(running);
}

#[test]
fn where_the_system_allows_no_view_the_worker_runs_and_its_task_says_so() {
    let script = format!("{}read answer\n", line("sh -c echo x > new.txt"));
    let mut env = deciding(&script);
    // As on a system where only the administrator makes namespaces.
    let closed = "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"";
    let starter = ["unshare", "-r", "sh", "-c", closed, "sh"].map(str::to_owned);
    env.starter = starter.to_vec();
    let said = command(&env, &["doctor"]);
    if said.stderr.contains("unshare") {
        return;
    }
    assert!(said.stdout.contains("decision workers could write"), "{said:?}");
    assert!(said.stdout.contains("max_user_namespaces"), "{said:?}");
    env.commit_task("judge", &json!({ "prompt": "judge it", "class": "decision" }));
    let running = env.start_loop();
    env.wait_until("its word", || {
        env.report("judge").is_some_and(|one| one.message.contains("without a read-only view: "))
    });
    env.wait_until("its try", || !tried(&env).is_empty());
    assert!(tried(&env).values().all(|how| how == "did"));
    drop(running);
}
