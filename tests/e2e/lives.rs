//! Whole lives of agents that behave as badly as programs can: each ends right and says why, nothing
//! of them is left running, and the others go on.

use crate::agents::{command, with_agent};
use crate::common::{TestEnvironment, is_there, poll, said, send};
use reconciler::api::attempt::ExitReason;
use reconciler::plan::report::Reason;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What each agent of the long run does.
const LIVES: &str = r#"case "$1" in
crash) kill -SEGV $$ ;;
hang) trap '' HUP INT TERM; while :; do sleep 1; done ;;
flood*) yes 'all work and no play' | head -c "${1#flood}" ;;
marker) echo "I print $RECONCILER_END_MARKER at the end"; sleep 0.2; echo "$RECONCILER_END_MARKER"; sleep 600 ;;
ask) reconciler ask 'which one?' > answer && git add answer && git commit -qm answer ;;
fork) for n in 1 2 3; do (trap '' HUP TERM; setsid sh -c '(sleep 600 &)' &) ; done; echo forked ;;
close) exec <&- >&- 2>&-; sleep 1; echo unseen > work; git add work; git commit -qm work ;;
stop) kill -STOP $$ ;;
wrong) echo wrong > wrong ;;
refused) echo "reconciler: refused: src/a.rs is held" >&2; exit 1 ;;
give-up) reconciler fail 'the API is gone' ;;
esac"#;

/// Which agents run, and what their tasks say of them in the end.
const ENDS: [(&str, &str); 11] = [
    ("crash", "the last one was ended by signal 11"),
    ("hang", "the last one ran out of its 3 s"),
    ("flood", "done"),
    ("marker", "done"),
    ("ask", "done"),
    ("fork", "done"),
    ("close", "done"),
    ("stop", "the last one ran out of its 3 s"),
    ("wrong", "the last one failed its verification, which exited with 1"),
    ("refused", "the last one exited with 1"),
    ("give-up", "the last one said that it failed: the API is gone"),
];

/// The longest log that is kept, and what it says of the rest.
const LOG_MAX: u64 = 64 * 1024 * 1024;

fn message(env: &TestEnvironment, task: &str) -> String {
    env.report(task).map(|report| report.message).unwrap_or_default()
}

/// Runs all of them at once to their ends; one of them writes so many bytes.
fn all_end_right(flood: u64) -> TestEnvironment {
    let signs = json!([{ "pattern": "reconciler: refused", "means": "refused_by_lock" }]);
    let env = with_agent(LIVES, &json!({ "signs": signs }));
    env.write_object("workers/robots", "Worker", &json!({"agent": "robot", "replicas": 11}));
    for (name, _) in ENDS {
        let mut spec = json!({ "prompt": name, "retries": 0 });
        match name {
            "flood" => spec["prompt"] = json!(format!("flood{flood}")),
            "hang" | "stop" => spec["timeoutSeconds"] = json!(3),
            "wrong" => spec["verify"] = json!("test ! -e wrong"),
            _ => {}
        }
        env.write_task(name, &spec);
    }
    env.commit("all of them");
    let running = env.start_loop();
    env.wait_for_reason("ask", Reason::NeedsInput);
    assert!(command(&env, &["send", "ask", "this one"]).status.success());
    // However long it writes, it is at work meanwhile.
    while matches!(env.reason("flood"), Some(Reason::Starting | Reason::Running | Reason::Ending)) {
        poll();
    }
    for (name, words) in ENDS {
        let over = || matches!(env.reason(name), Some(Reason::Succeeded | Reason::AttemptsUsedUp));
        env.wait_until(&format!("{name} to be over"), over);
        assert!(message(&env, name).contains(words), "{name}: {}", message(&env, name));
    }
    assert_eq!(sleepers(&env), 0, "a child is left\n{}", env.tell());
    assert_eq!(env.git(&["show", "main:answer"]), "this one");
    assert_eq!(env.git(&["show", "main:work"]), "unseen");
    drop(running);
    env
}

/// How many processes of a world sleep or are stopped: agents, and what they left.
fn sleepers(env: &TestEnvironment) -> usize {
    let of_agent = |pid: u32| {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        ["sleep", "sh", "yes"].contains(&name.trim())
    };
    env.processes().iter().filter(|one| of_agent(one.pid)).count()
}

#[test]
fn agents_that_behave_badly_all_end_right_and_say_why() {
    let env = all_end_right(20_000_000);
    let log = command(&env, &["logs", "flood"]);
    assert!(log.stdout.len() >= 20_000_000, "{}", log.stdout.len());
}

#[test]
#[ignore = "writes a gigabyte: make lives"]
fn an_agent_that_floods_its_terminal_with_a_gigabyte_hinders_nobody() {
    let env = all_end_right(1_000_000_000);
    let log = env.records().log_path(&env.attempts("flood")[0]);
    let size = fs::metadata(&log).unwrap().len();
    assert!((LOG_MAX..LOG_MAX + 100).contains(&size), "{size}");
}

/// A small disk in a world, until it is dropped.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` when this user may not mount.
    fn at(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let disk = Self(path);
        disk.mount("size=64m").then_some(disk)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn grow(&self) {
        assert!(self.mount("remount,size=256m"));
    }

    fn mount(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        said(mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(&self.0)).status.success()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Who works there keeps it while they live.
        said(Command::new("umount").arg("-l").arg(&self.0));
    }
}

/// The same world, with its repository on a small disk.
pub(crate) fn on_a_small_disk(env: TestEnvironment) -> Option<(TestEnvironment, SmallDisk)> {
    let disk = SmallDisk::at(env.base().join("small"))?;
    let place = disk.0.join("r");
    assert!(said(env.command("cp").arg("-a").arg(env.path("")).arg(&place)).status.success());
    Some((env.moved_to(&place, &place), disk))
}

/// One fills the disk until there is room; one says that it is done when that is refused; one ends,
/// one loses its shim, one comes after, and one is paused. A worktree needs more than a moment gives.
fn commit_tasks_of_a_full_disk(env: &TestEnvironment) {
    let fill = "until [ -e \"$O/room\" ]; do cat /dev/zero >> big; done 2> /dev/null; \
        rm big; echo work > work; git add work; git commit -qm work";
    let says = "while reconciler progress 1/2 filling 2>> \"$O/errors\"; do sleep 0.05; done; \
        touch \"$O/refused\"; until reconciler complete done 2>> \"$O/errors\"; do sleep 0.1; done";
    env.write_task("fill", &env.doing("fill", fill));
    env.write_task("says", &env.doing("says", says));
    env.write_task("ends", &env.waiting("ends"));
    env.write_task("killed", &env.waiting("killed"));
    let mut after = env.doing("after", "true");
    after["dependencies"] = json!(["ends"]);
    env.write_task("after", &after);
    env.write_task("late", &env.doing("late", "true"));
    fs::write(env.path("large"), vec![b'x'; 4_000_000]).unwrap();
    env.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 6}));
    env.commit("all");
}

/// Every record in this folder and below, whole and published.
fn assert_whole(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(!name.starts_with(".tmp-"), "{} is left", path.display());
        // The trash and the spare worktree hold files of the repository.
        if path.is_dir() && !["trash", "spare", "bin"].contains(&name) {
            assert_whole(&path);
        } else if path.extension().is_some_and(|kind| kind == "json") {
            let text = fs::read(&path).unwrap();
            serde_json::from_slice::<Value>(&text).expect(name);
        }
    }
}

#[test]
fn a_full_disk_costs_no_record_and_all_goes_on_when_there_is_room() {
    let Some((env, disk)) = on_a_small_disk(TestEnvironment::new()) else {
        return eprintln!("skipped: no disk can be mounted here");
    };
    commit_tasks_of_a_full_disk(&env);
    let loop_is_refused = || {
        let said = fs::read_to_string(env.out("loop.stdout")).unwrap();
        said.lines().any(|line| line.contains("task/late") && line.contains("No space left"))
    };
    assert!(command(&env, &["pause", "late", "--reason", "until it is full"]).status.success());
    let running = env.start_loop();
    let programs = ["ends", "killed"].map(|task| env.wait_for_start(task, 1));
    env.wait_until("a word to be refused", || is_there(&env.out("refused")));
    send(env.shim("killed").unwrap(), "KILL");
    env.let_go("ends");
    env.wait_until("two programs to end", || {
        !programs.iter().any(|pid| TestEnvironment::is_alive(*pid))
    });
    assert!(command(&env, &["unpause", "late"]).status.success());
    env.wait_until("the loop to be refused room for a task", loop_is_refused);
    env.wait_until("status to say why", || {
        let said = command(&env, &["status"]);
        format!("{}{}", said.stdout, said.stderr).contains("is full: nothing can be recorded")
    });
    running.kill();
    let _running = env.start_loop_when_free();
    env.wait_until("the next loop to be refused it as well", loop_is_refused);
    disk.grow();
    fs::write(env.out("room"), "").unwrap();
    env.let_go("killed");
    let tasks = ["fill", "says", "ends", "killed", "after", "late"];
    env.wait_for_completed(&tasks);
    assert_eq!(tasks.map(|task| env.starts(task).len()), [1, 1, 1, 2, 1, 1]);
    // An attempt that the disk let begin, but not be taken, is lost as well: it started nothing.
    let mut ends = env.ends("killed");
    assert_eq!(ends.pop(), Some(ExitReason::Succeeded));
    assert!(!ends.is_empty() && ends.iter().all(|one| *one == ExitReason::Lost), "{ends:?}");
    assert_eq!(env.git(&["show", "main:work"]), "work");
    let errors = fs::read_to_string(env.out("errors")).unwrap();
    assert!(errors.contains("No space left on device"), "{errors}");
    env.assert_no_doubles();
    assert_whole(&env.path(".reconciler"));
    assert_whole(&env.path(".task-locks"));
}
