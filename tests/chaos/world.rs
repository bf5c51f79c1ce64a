//! The world of one run: the repository, the loop and who keeps it running, the person who commits,
//! and the clock of what is undone later. Whatever becomes of the run, its processes end with it.

use crate::agents;
use crate::common::{TestEnvironment, poll};
use rustix::process::{Pid, Signal};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ends everything of a world whose owner is gone, however it went: its pipe tells.
const KEEPER: &str = r#"
read -r _
for round in 1 2 3 4 5 6 7 8 9 10; do
  found=
  for process in /proc/[0-9]*; do
    grep -qzxF "HOME=$1/home" "$process/environ" 2>/dev/null || continue
    kill -KILL "${process#/proc/}" && found=1
  done
  [ "$found" ] || break
done
chattr -R -i "$1"
rm -rf "$1"
"#;

/// What a run is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) workers: usize,
    pub(crate) lasts: Duration,
    /// How long faults come before all of them stop.
    pub(crate) period: Duration,
}

/// Random numbers by `SplitMix64`.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.next() % count.max(1)
    }

    pub(crate) fn pick<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        let at = usize::try_from(self.below(all.len() as u64)).unwrap();
        &all[at]
    }

    pub(crate) fn time(&mut self, most: Duration) -> Duration {
        Duration::from_millis(self.below(most.as_millis().try_into().unwrap()))
    }
}

/// What is done later, at the latest when the faults stop.
type Later = Box<dyn FnOnce(&mut World)>;

pub(crate) struct World {
    pub(crate) env: TestEnvironment,
    pub(crate) setting: Setting,
    pub(crate) rng: Rng,
    pub(crate) started: Instant,
    the_loop: Option<Child>,
    loop_may_start: Instant,
    later: Vec<(Instant, Later)>,
    /// What happened in this period, for whoever wants to know how it came to that.
    pub(crate) told: Vec<String>,
    pub(crate) broken: Vec<String>,
    /// Tasks with a record that was damaged, and what a person has to remove.
    pub(crate) damaged: BTreeMap<String, BTreeSet<PathBuf>>,
    /// How often the record of a task was removed: by that nobody knows any more whose a branch is.
    pub(crate) forgotten: BTreeMap<String, usize>,
    /// Marks that a person destroyed.
    pub(crate) excused: BTreeSet<String>,
    /// What a person wrote, and when; it counts from one second on.
    pub(crate) fresh: Vec<(Instant, PathBuf, String)>,
    pub(crate) claims_were_removed: bool,
    pub(crate) folder_was_closed: bool,
    pub(crate) count: u64,
    _keeper: Keeper,
}

impl World {
    pub(crate) fn new(setting: Setting) -> Self {
        let env = TestEnvironment::new();
        let keeper = Keeper::of(&env.base());
        agents::install(&env.out(""));
        env.write_object("agents/chaos", "Agent", &agents::agent(&env.base().join("out")));
        // Half of the seats keep their sessions.
        let seats = json!({"agent": "chaos", "replicas": setting.workers - setting.workers / 2});
        env.write_object("workers/codegen", "Worker", &seats);
        let seats = json!({"agent": "chaos", "replicas": setting.workers / 2, "session": "worker"});
        env.write_object("workers/keeping", "Worker", &seats);
        env.commit_policy(&json!({
            "limits": {"maxConcurrentTasks": setting.workers},
            "retry": {"baseSeconds": 1, "capSeconds": 1},
            "restart": {"budget": 1000, "baseSeconds": 0, "capSeconds": 1},
            "intervals": {"resyncSeconds": 5},
        }));
        env.git(&["tag", "base"]);
        let trust = env.reconciler(&["trust", "--yes"]).output().unwrap();
        assert!(trust.status.success(), "{trust:?}");
        let now = Instant::now();
        Self {
            env,
            setting,
            rng: Rng(setting.seed),
            started: now,
            the_loop: None,
            loop_may_start: now,
            later: Vec::new(),
            told: Vec::new(),
            broken: Vec::new(),
            damaged: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            excused: BTreeSet::new(),
            fresh: Vec::new(),
            claims_were_removed: false,
            folder_was_closed: false,
            count: 0,
            _keeper: keeper,
        }
    }

    pub(crate) fn tell(&mut self, what: &str) {
        self.told.push(format!("{:8.3} {what}", self.started.elapsed().as_secs_f64()));
    }

    pub(crate) fn break_property(&mut self, what: String) {
        self.tell(&format!("VIOLATION {what}"));
        self.broken.push(what);
    }

    /// A number that was not used before.
    pub(crate) fn fresh_number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    pub(crate) fn later(&mut self, after: Duration, what: impl FnOnce(&mut World) + 'static) {
        self.later.push((Instant::now() + after, Box::new(what)));
    }

    /// Does what is due, keeps the loop running, and lets others work for a moment.
    pub(crate) fn turn(&mut self) {
        let now = Instant::now();
        let (due, later) =
            std::mem::take(&mut self.later).into_iter().partition(|one| one.0 <= now);
        self.later = later;
        let due: Vec<(Instant, Later)> = due;
        for (_, what) in due {
            what(self);
        }
        self.keep_the_loop();
        poll();
    }

    pub(crate) fn undo_all(&mut self) {
        while let Some((_, what)) = self.later.pop() {
            what(self);
        }
        for pid in self.pids(|_, _| true) {
            signal(pid, Signal::CONT);
        }
        self.loop_may_start = Instant::now();
    }

    fn keep_the_loop(&mut self) {
        if let Some(child) = &mut self.the_loop
            && let Some(status) = child.try_wait().unwrap()
        {
            self.the_loop = None;
            let what = format!("the loop ended by itself: {status}");
            self.tell(&what);
            // Another one may have held the guard for a moment.
            if status.code() != Some(3) && !self.folder_was_closed {
                self.break_property(what);
            }
            self.loop_may_start = Instant::now() + Duration::from_millis(500);
        }
        if self.the_loop.is_none() && Instant::now() >= self.loop_may_start {
            let log = || {
                let file = self.env.out("loop.log");
                OpenOptions::new().create(true).append(true).open(file).unwrap()
            };
            let mut command = self.env.reconciler(&["run"]);
            command.env("RUST_BACKTRACE", "1").stdout(log()).stderr(log());
            self.the_loop = Some(command.spawn().unwrap());
        }
    }

    pub(crate) fn loop_pid(&self) -> Option<u32> {
        self.the_loop.as_ref().map(Child::id)
    }

    /// Ends the loop by a signal that ends it; it is started again after a while.
    pub(crate) fn end_the_loop(&mut self, by: Signal, again_after: Duration) {
        let Some(mut child) = self.the_loop.take() else { return };
        signal(child.id(), by);
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if start.elapsed() > Duration::from_secs(20) {
                self.break_property(format!("the loop does not end by {by:?}"));
                child.kill().unwrap();
            }
            poll();
        }
        self.loop_may_start = Instant::now() + again_after;
    }

    /// The processes of this world whose name and command line are so.
    pub(crate) fn pids(&self, is_so: impl Fn(&str, &str) -> bool) -> Vec<u32> {
        let mut found = Vec::new();
        for process in self.env.processes() {
            let read = |file| fs::read(format!("/proc/{}/{file}", process.pid)).unwrap_or_default();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replace('\0', " ");
            if is_so(text(read("comm")).trim(), &text(read("cmdline"))) {
                found.push(process.pid);
            }
        }
        found
    }

    /// What is committed, or will be: each task that can be understood.
    pub(crate) fn tasks(&self) -> BTreeMap<String, Value> {
        let read = |(name, text): (String, String)| {
            let object: Value = serde_json::from_str(&text).ok()?;
            Some((name, object["spec"].clone()))
        };
        self.task_files().into_iter().filter_map(read).collect()
    }

    pub(crate) fn task_files(&self) -> BTreeMap<String, String> {
        let files = list(&self.env.path("state/tasks"));
        let read = |path: PathBuf| {
            let name = path.file_stem()?.to_str()?.to_owned();
            Some((name, fs::read_to_string(path).ok()?))
        };
        files.into_iter().filter_map(read).collect()
    }

    pub(crate) fn a_task(&mut self) -> Option<String> {
        let names: Vec<String> = self.tasks().into_keys().collect();
        (!names.is_empty()).then(|| self.rng.pick(&names).clone())
    }

    /// Commits as a person does; a lock that somebody left may keep it from that, until later.
    pub(crate) fn commit(&self, message: &str) -> bool {
        self.env.try_git(&["add", "-A", "state"]).is_some()
            && self.env.try_git(&["commit", "-q", "--allow-empty", "-m", message]).is_some()
    }

    /// A worktree in use: its task and its place.
    pub(crate) fn a_worktree(&mut self) -> Option<(String, PathBuf)> {
        let mut all = list(&self.env.path(".worktrees"));
        all.retain(|path| path.join(".git").symlink_metadata().is_ok());
        let path = (!all.is_empty()).then(|| self.rng.pick(&all).clone())?;
        Some((path.file_name()?.to_str()?.to_owned(), path))
    }

    /// What a person writes counts when it is still there after a second.
    pub(crate) fn age_marks(&mut self) {
        let old = Duration::from_secs(1);
        let (aged, fresh) =
            std::mem::take(&mut self.fresh).into_iter().partition(|(at, _, _)| at.elapsed() > old);
        self.fresh = fresh;
        let aged: Vec<(Instant, PathBuf, String)> = aged;
        for (_, path, mark) in aged {
            if fs::read_to_string(path).is_ok_and(|text| text == format!("{mark}\n")) {
                self.append("marks", &mark);
            }
        }
    }

    pub(crate) fn append(&self, file: &str, line: &str) {
        let mut file = OpenOptions::new().append(true).open(self.env.out(file)).unwrap();
        writeln!(file, "{line}").unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.env.out(file)).unwrap_or_default()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.undo_all();
        if let Some(mut child) = self.the_loop.take() {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Who ends everything in the end. It goes last, when nothing should be left for it to do.
struct Keeper(Child);

impl Keeper {
    fn of(folder: &Path) -> Self {
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(folder).env_clear().process_group(0);
        keeper.env("PATH", std::env::var("PATH").unwrap()).current_dir("/");
        let quiet = keeper.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(quiet.spawn().unwrap())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().ok();
    }
}

/// What is in a folder, in order; nothing when it is not there.
pub(crate) fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have ended meanwhile.
        rustix::process::kill_process(pid, signal).ok();
    }
}
