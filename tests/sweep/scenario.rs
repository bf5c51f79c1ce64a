//! What is going on while the fault comes, and what the end must look like: the same as without it.

use crate::common::{TestEnvironment, is_there, name, send};
use reconciler::api::attempt::ExitReason;
use reconciler::plan::report::Reason;
use reconciler::records::AttemptFiles;
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// What the loop, or a shim, has to do while it meets the fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// A task is committed, runs and is done.
    Create,
    /// A loop finds a task that runs.
    Adopt,
    /// It finds one whose agent was killed.
    Revive,
    /// It finds that the tmux server was killed.
    ReviveServer,
    /// A task that runs is suspended.
    Suspend,
    /// A task with unsaved work is deleted.
    Delete,
    /// A task begins in the session that its seat kept from the task before.
    Keep,
    /// Trash, records and a half-made worktree are over.
    CleanUp,
    /// The shim of a task meets the fault.
    Shim,
    /// The shim of a task that is suspended meets it.
    ShimStop,
}

/// The session that the one seat keeps.
const KEPT: &str = "worker/codegen-1";

impl Scenario {
    pub(crate) const ALL: [Self; 10] = [
        Self::Create,
        Self::Adopt,
        Self::Revive,
        Self::ReviveServer,
        Self::Suspend,
        Self::Delete,
        Self::Keep,
        Self::CleanUp,
        Self::Shim,
        Self::ShimStop,
    ];

    /// Which process meets the fault.
    pub(crate) fn who(self) -> &'static str {
        match self {
            Self::Shim | Self::ShimStop => "shim",
            Self::Create
            | Self::Adopt
            | Self::Revive
            | Self::ReviveServer
            | Self::Suspend
            | Self::Delete
            | Self::Keep
            | Self::CleanUp => "run",
        }
    }

    /// Brings the world to where the fault is to come.
    pub(crate) fn prepare(self, env: &TestEnvironment) {
        // No wait between two tries: the sweep would only be longer.
        let mut policy = json!({
            "restart": {"baseSeconds": 0}, "retry": {"baseSeconds": 0}
        });
        if self == Self::CleanUp {
            policy["retention"] = json!({"trashSeconds": 0, "attemptsSeconds": 0});
        }
        match self {
            Self::Create | Self::Shim => {
                env.commit_policy(&policy);
                env.commit_task("a", &committing(env));
            }
            Self::ShimStop => {
                env.commit_policy(&policy);
                env.commit_task("a", &env.waiting("a"));
            }
            Self::Adopt | Self::Revive | Self::ReviveServer | Self::Suspend | Self::Delete => {
                env.commit_policy(&policy);
                self.with_a_running_task(env);
            }
            Self::Keep => {
                let worker = json!({"agent": "shell", "session": "worker"});
                env.write_object("workers/codegen", "Worker", &worker);
                env.commit_policy(&policy);
                env.commit_task("b", &env.doing("b", "true"));
                env.run_until_settled();
                assert_eq!(env.sessions(), [KEPT], "{}", env.tell());
                env.commit_task("a", &committing(env));
            }
            Self::CleanUp => {
                env.commit_policy(&json!({"restart": {"baseSeconds": 0}}));
                self.with_a_running_task(env);
                env.delete_task("a");
                env.run_until_settled();
                env.commit_task("b", &env.waiting("b"));
                let running = env.start_loop();
                env.wait_for_start("b", 1);
                running.kill();
                // As a crash in the middle of `git worktree add` leaves it.
                kill_all(env, "b");
                let link = fs::read_to_string(env.worktree("b").join(".git")).unwrap();
                let entry = link.trim_end().strip_prefix("gitdir: ").unwrap();
                fs::remove_file(std::path::Path::new(entry).join("index")).unwrap();
                env.let_go("b");
                env.commit_policy(&policy);
            }
        }
    }

    fn with_a_running_task(self, env: &TestEnvironment) {
        env.commit_task("a", &env.waiting("a"));
        let running = env.start_loop();
        let pid = env.wait_for_start("a", 1);
        fs::write(env.worktree("a").join("edit.txt"), "unsaved").unwrap();
        fs::write(env.worktree("a").join("tracked.txt"), "changed").unwrap();
        running.kill();
        match self {
            Self::Revive => send(pid, "KILL"),
            Self::ReviveServer => send(env.tmux_server().unwrap(), "KILL"),
            Self::Suspend => {
                let mut spec = env.waiting("a");
                spec["suspend"] = json!(true);
                env.commit_task("a", &spec);
            }
            Self::Delete => env.delete_task("a"),
            Self::Create
            | Self::Adopt
            | Self::Keep
            | Self::CleanUp
            | Self::Shim
            | Self::ShimStop => {}
        }
    }

    /// Does what has to be done while the faulty loop runs.
    pub(crate) fn meanwhile(self, env: &TestEnvironment) {
        match self {
            Self::Adopt | Self::Revive | Self::ReviveServer => env.let_go("a"),
            Self::ShimStop => {
                // The fault may come before the program starts; then there is another attempt.
                env.wait_for_start("a", 1);
                let mut spec = env.waiting("a");
                spec["suspend"] = json!(true);
                env.commit_task("a", &spec);
            }
            Self::Create
            | Self::Suspend
            | Self::Delete
            | Self::Keep
            | Self::CleanUp
            | Self::Shim => {}
        }
    }

    /// Looks whether all is as it is without a fault.
    pub(crate) fn check(self, env: &TestEnvironment) {
        let told = || env.tell();
        if self == Self::Keep {
            assert_eq!(env.sessions(), [KEPT], "{}", told());
            env.write_object("workers/codegen", "Worker", &json!({"agent": "shell"}));
            env.commit("no sessions are kept");
            env.run_until_settled();
        }
        env.wait_until("all sessions to go", || env.sessions().is_empty());
        assert!(!is_there(&env.path(".task-locks/a.lock")), "{}", told());
        if matches!(self, Self::Create | Self::Adopt | Self::Suspend | Self::Keep) {
            assert_eq!(vanished(env, "a"), 0, "nobody kills a shim here: {}", told());
        }
        match self {
            Self::Create | Self::Shim | Self::Keep => {
                assert_eq!(env.reason("a"), Some(Reason::Succeeded), "{}", told());
                assert_eq!(env.git(&["show", "main:a.txt"]), "a");
                self.gone(env);
            }
            Self::Adopt | Self::Revive | Self::ReviveServer => {
                assert_eq!(env.reason("a"), Some(Reason::Succeeded), "{}", told());
                self.gone(env);
                saved(env);
            }
            Self::Suspend | Self::ShimStop => {
                assert_eq!(env.reason("a"), Some(Reason::Suspended), "{}", told());
                assert!(env.starts("a").iter().all(|pid| !TestEnvironment::is_alive(*pid)));
                if self == Self::Suspend {
                    let read = |name| fs::read_to_string(env.worktree("a").join(name)).unwrap();
                    assert_eq!(
                        (read("edit.txt"), read("tracked.txt")),
                        ("unsaved".to_owned(), "changed".to_owned())
                    );
                }
            }
            Self::Delete => {
                assert_eq!(env.branch_of("a"), None, "{}", told());
                assert!(env.starts("a").iter().all(|pid| !TestEnvironment::is_alive(*pid)));
                assert_eq!(env.git(&["for-each-ref", "refs/heads/fix"]), "", "{}", told());
                self.gone(env);
                saved(env);
                assert_eq!(env.trash("a").len(), 1, "{}", told());
                assert_eq!(
                    fs::read_to_string(env.trash("a")[0].join("edit.txt")).unwrap(),
                    "unsaved"
                );
            }
            Self::CleanUp => {
                assert_eq!(env.reason("b"), Some(Reason::Succeeded), "{}", told());
                self.gone(env);
                saved(env);
                assert!(env.trash("a").is_empty() && env.trash("b").is_empty(), "{}", told());
                assert_eq!(entries_but_the_spare(env), Vec::<PathBuf>::new(), "{}", told());
            }
        }
    }

    fn gone(self, env: &TestEnvironment) {
        for task in ["a", "b"] {
            assert!(!is_there(&env.worktree(task)), "{}", env.tell());
        }
        let rescued = env.git(&["for-each-ref", "refs/reconciler/rescue"]).lines().count();
        let expected = usize::from(!matches!(self, Self::Create | Self::Shim | Self::Keep));
        assert_eq!(rescued, expected, "{}", env.tell());
    }
}

fn saved(env: &TestEnvironment) {
    let format = "--format=%(refname)";
    let rescue = env.git(&["for-each-ref", format, "refs/reconciler/rescue/a"]);
    let rescue = rescue.lines().next().unwrap_or("no-rescue");
    assert_eq!(env.git(&["show", &format!("{rescue}:edit.txt")]), "unsaved");
    assert_eq!(env.git(&["show", &format!("{rescue}:tracked.txt")]), "changed");
}

/// How many attempts of a task that a shim took are said to have ended without a word.
fn vanished(env: &TestEnvironment, task: &str) -> usize {
    let records = env.records();
    let tasks = records.tasks().unwrap();
    let Some(record) = tasks.get(&name(task)) else { return 0 };
    let attempts = records.attempts_of(&record.as_ref().unwrap().owner()).unwrap();
    let is_lost = |one: &AttemptFiles| {
        let exit = one.exit.as_ref().and_then(|exit| exit.as_ref().ok());
        one.shim.is_some() && exit.is_some_and(|exit| exit.reason == ExitReason::Lost)
    };
    attempts.iter().filter(|one| is_lost(one)).count()
}

/// What git keeps of linked worktrees. Idle time's spare is nobody's: whether a loop got so far as to
/// make it before it was killed is another in each run.
fn entries_but_the_spare(env: &TestEnvironment) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(env.path(".git/worktrees")) else { return Vec::new() };
    let spare = format!("{}\n", env.path(".reconciler/spare/.git").display());
    let is_spare = |entry: &PathBuf| {
        fs::read_to_string(entry.join("gitdir")).is_ok_and(|place| place == spare)
    };
    entries.map(|entry| entry.unwrap().path()).filter(|entry| !is_spare(entry)).collect()
}

/// A task that commits a file, also when it was cut short before.
fn committing(env: &TestEnvironment) -> serde_json::Value {
    env.doing(
        "a",
        "echo a > a.txt && git add a.txt && { git diff --cached --quiet || git commit -qm a; }",
    )
}

fn kill_all(env: &TestEnvironment, task: &str) {
    let shim = env.shim(task).unwrap();
    let pid = env.starts(task)[0];
    send(shim, "KILL");
    send(pid, "KILL");
    env.wait_until("it to be gone", || {
        !TestEnvironment::is_alive(shim) && !TestEnvironment::is_alive(pid)
    });
}
