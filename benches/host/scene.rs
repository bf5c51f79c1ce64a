//! A scratch repository with the loop on it, and the same jobs by plain git and tmux beside it.
//! Its servers and its folder are gone when it is dropped.

use crate::took;
use reconciler::agents;
use reconciler::api::attempt::TaskRecord;
use reconciler::api::name::{Owner, Uid};
use reconciler::engine;
use reconciler::git::Repository;
use reconciler::plan::desired::Desired;
use reconciler::plan::observed::EmptyState;
use reconciler::records::Records;
use reconciler::store::Trust;
use reconciler::world::host::{HostWorld, Role, Setting, socket_name};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

/// How long anything may take.
const DEADLINE: Duration = Duration::from_mins(2);
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_reconciler");

pub(crate) struct Scene {
    folder: tempfile::TempDir,
    pub(crate) runtime: tokio::runtime::Runtime,
    the_loop: Option<Child>,
}

impl Scene {
    /// Makes a repository of so many files, with one worker and no task.
    pub(crate) fn new(files: usize) -> Self {
        let folder = tempfile::Builder::new().prefix("bench-").tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let scene = Self { folder, runtime, the_loop: None };
        for name in ["repo", "raw", "out", "tmux", "xdg"] {
            fs::create_dir(scene.path(name)).unwrap();
        }
        scene.git(&["init", "--quiet", "--initial-branch=main"]);
        for (key, value) in [("user.name", "bench"), ("user.email", "bench@localhost")] {
            scene.git(&["config", key, value]);
        }
        for number in 0..files {
            let folder = scene.repo().join(format!("src/m{}", number % 20));
            fs::create_dir_all(&folder).unwrap();
            let text = format!("line of file {number}\n").repeat(40);
            fs::write(folder.join(format!("f{number}.txt")), text).unwrap();
        }
        let worker = r#"{ "agent": "shell", "replicas": 100 }"#;
        scene.write("workers/w.json", &object("Worker", "w", worker));
        let policy = r#"{ "limits": { "maxConcurrentTasks": 100 } }"#;
        scene.write("policy.json", &object("Policy", "policy", policy));
        scene.git(&["add", "--all"]);
        scene.git(&["commit", "--quiet", "--message=Files"]);
        scene.approve();
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn repo(&self) -> PathBuf {
        self.path("repo")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.repo().join("state").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits another policy.
    pub(crate) fn policy(&self, spec: &serde_json::Value) {
        self.write("policy.json", &object("Policy", "policy", &spec.to_string()));
        self.git(&["commit", "--quiet", "--all", "--message=policy"]);
    }

    fn approve(&self) {
        let repository = self.repository();
        let built_in = agents::built_in().iter();
        let digests = built_in.map(|(name, spec)| Desired::trust_digest(name, spec)).collect();
        Trust::at(Some(&self.path("xdg")), repository.root()).approve(digests).unwrap();
    }

    pub(crate) fn repository(&self) -> Repository {
        self.runtime.block_on(Repository::discover(&self.repo())).unwrap()
    }

    /// Prepares a call with sockets and approvals of its own.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("TMUX_TMPDIR", self.path("tmux")).env("XDG_STATE_HOME", self.path("xdg"));
        command.env_remove("TMUX").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.current_dir(self.repo()).stdin(Stdio::null());
        command
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let out = self.command("git").args(args).output().unwrap();
        assert!(out.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    /// Lets so many tasks hold a folder each, and installs the hooks.
    pub(crate) fn hold(&self, locks: usize) {
        self.ok(&["hooks", "install"]);
        let folder = self.repo().join(".task-locks");
        fs::create_dir_all(&folder).unwrap();
        // Where the loop runs this is there, and the index of the locks in it.
        fs::create_dir_all(self.repo().join(".reconciler")).unwrap();
        fs::write(folder.join(".gitignore"), "*\n").unwrap();
        let time = "2026-01-01T00:00:00Z";
        for number in 0..locks {
            let task = format!("t{number}");
            let claim = serde_json::json!({
                "taskId": task, "uid": Uid::derive(1, &task), "workerId": "w-1",
                "workerType": "ai_agent", "claimedAt": time,
                "lockedFiles": [format!("held/{task}/")], "expiresAt": time, "heartbeat": { "at": time, "bootId": "boot", "bootMillis": 0 },
                "generation": 1, "nonce": Uid::derive(2, &task), "node": "here",
            });
            fs::write(folder.join(format!("{task}.lock")), claim.to_string()).unwrap();
        }
    }

    /// Returns how long a commit takes, in milliseconds.
    pub(crate) fn commit_with_hooks(&self, name: &str) -> f64 {
        self.commit_edit(name, &[])
    }

    /// Returns how long a commit takes without any hook, in milliseconds.
    pub(crate) fn commit_without_hooks(&self, name: &str) -> f64 {
        self.commit_edit(name, &["-c", "core.hooksPath=/dev/null"])
    }

    fn commit_edit(&self, text: &str, options: &[&str]) -> f64 {
        fs::write(self.repo().join("src/m0/f0.txt"), format!("{text} {options:?}")).unwrap();
        let commit = ["commit", "--quiet", "--all", "--message=edit"];
        took(|| self.git(&[options, &commit].concat()))
    }

    /// Makes so many live worktrees, as the loop does, each with a commit on its branch: in a file that
    /// one other changes too, and maybe in one that all change.
    pub(crate) fn branch_off(&self, count: usize, common: Option<&str>) {
        for number in 0..count {
            let (task, path) = (format!("t{number}"), format!(".worktrees/t{number}"));
            let owner = Owner { task: task.parse().unwrap(), uid: Uid::derive(1, &task) };
            let (mark, branch) = (owner.to_string(), format!("fix/{task}"));
            let add = ["worktree", "add", "--quiet", "--lock", "--reason", &mark, "-b", &branch];
            self.git(&[&add[..], &[&path, "main"]].concat());
            let half = number % (count / 2);
            let own = format!("src/m{}/f{half}.txt", half % 20);
            for file in [Some(own.as_str()), common].into_iter().flatten() {
                self.commit_in(&path, file, &task);
            }
        }
    }

    fn commit_in(&self, worktree: &str, file: &str, text: &str) {
        fs::write(self.repo().join(worktree).join(file), text).unwrap();
        self.git(&["-C", worktree, "add", file]);
        self.git(&["-C", worktree, "commit", "--quiet", "--message=work"]);
    }

    /// Returns how long it takes to try the merge of every pair of branches by hand.
    pub(crate) fn merge_all(&self, count: usize) -> f64 {
        let options = ["merge-tree", "--write-tree", "--name-only", "-z"];
        let pairs = (0..count).flat_map(|one| (0..one).map(move |other| [other, one]));
        let merge = |pair: [usize; 2]| {
            let branches = pair.map(|number| format!("fix/t{number}"));
            self.command("git").args(options).args(branches).output().unwrap()
        };
        took(|| pairs.for_each(|pair| drop(merge(pair))))
    }

    /// Returns how long a forecast takes.
    pub(crate) fn forecast(&self) -> f64 {
        took(|| self.ok(&["locks", "forecast"]))
    }

    /// Returns how long a forecast takes that remembers nothing.
    pub(crate) fn first_forecast(&self) -> f64 {
        fs::remove_file(self.repo().join(".reconciler/forecast.json")).unwrap();
        self.forecast()
    }

    /// Returns how long a forecast takes when one branch has moved since the last.
    pub(crate) fn forecast_after_a_commit(&self, round: usize) -> f64 {
        self.commit_in(".worktrees/t0", "src/m0/f0.txt", &format!("round {round}"));
        self.forecast()
    }

    /// Makes so many branches of a commit each, and returns how long a shell takes to put one after the
    /// other onto main, try it there and merge it.
    pub(crate) fn raw_merges(&self, count: usize) -> f64 {
        let place = self.path("raw").join("merges");
        let place = place.to_str().unwrap();
        self.git(&["worktree", "add", "--quiet", "--detach", place, "main"]);
        for number in 0..count {
            let branch = format!("raw/m{number}");
            self.git(&["-C", place, "checkout", "--quiet", "-b", &branch, "main"]);
            self.commit_in(place, &format!("raw-{number}.txt"), &branch);
        }
        let script = "for branch in $(git branch --list --format='%(refname:short)' 'raw/m*'); do \
            git -C \"$1\" checkout --quiet $branch && git -C \"$1\" rebase --quiet main && \
            (cd \"$1\" && sh -c true) && git merge --quiet --ff-only $branch || exit 1; done";
        let mut shell = self.command("sh");
        shell.args(["-c", script, "sh", place]);
        took(|| assert!(shell.status().unwrap().success()))
    }

    /// Waits until so many tasks are done and wait in the merge queue.
    pub(crate) fn until_queued(&self, count: usize) {
        let records = Records::at(&self.repo());
        let is_done = |record: &TaskRecord| {
            let attempts = records.attempts_of(&record.owner()).unwrap();
            attempts.first().is_some_and(|one| one.exit.is_some())
        };
        let start = Instant::now();
        while records.tasks().unwrap().values().flatten().filter(|one| is_done(one)).count() < count
        {
            let log = || fs::read_to_string(self.path("loop.log")).unwrap_or_default();
            assert!(start.elapsed() < DEADLINE, "not all are done:\n{}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Lets what waits land; returns how long it took until the last did.
    pub(crate) fn merges(&self, count: usize) -> f64 {
        let landed = || {
            let trailers = "--format=%(trailers:key=Reconciler-Task,valueonly,separator=)";
            self.git(&["log", trailers, "main"]).lines().filter(|line| !line.is_empty()).count()
        };
        took(|| {
            self.ok(&["merge", "resume"]);
            let start = Instant::now();
            while landed() < count {
                let log = || fs::read_to_string(self.path("loop.log")).unwrap_or_default();
                assert!(start.elapsed() < DEADLINE, "not all landed:\n{}", log());
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    }

    pub(crate) fn ok(&self, args: &[&str]) {
        let out = self.command(PROGRAM).args(args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    }

    fn raw_tmux(&self, args: &[&str]) {
        let done = self.command("tmux").args(["-L", "raw"]).args(args).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    /// Starts the loop; it ends with [`Self::stop_loop`].
    pub(crate) fn start_loop(&mut self) {
        let mut run = self.command(PROGRAM);
        let log = fs::File::create(self.path("loop.log")).unwrap();
        run.arg("run").stdout(log.try_clone().unwrap()).stderr(log);
        self.the_loop = Some(run.spawn().unwrap());
    }

    /// Ends the loop; workers go on.
    pub(crate) fn stop_loop(&mut self) {
        let Some(mut child) = self.the_loop.take() else { return };
        let pid = child.id().to_string();
        Command::new("kill").args(["-INT", &pid]).status().unwrap();
        child.wait().unwrap();
    }

    /// The command of every task: writes when it started, its pid and its parent's, and stays.
    fn job(&self, name: &str) -> String {
        let out = self.path("out").join(name);
        format!("echo $(date +%s%N) $$ $PPID >>{}; sleep 300", out.display())
    }

    /// Returns the lines that the starts of a job wrote, when there are so many.
    fn starts(&self, name: &str, count: usize) -> Vec<Vec<u128>> {
        let out = self.path("out").join(name);
        let start = Instant::now();
        loop {
            let text = fs::read_to_string(&out).unwrap_or_default();
            let whole = text.matches('\n').count();
            if whole >= count {
                let numbers =
                    |line: &str| line.split(' ').map(|one| one.parse().unwrap()).collect();
                return text.lines().map(numbers).collect();
            }
            let log = || fs::read_to_string(self.path("loop.log")).unwrap_or_default();
            assert!(start.elapsed() < DEADLINE, "{name} did not start:\n{}", log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Returns the milliseconds from a moment to the start of a job.
    fn until_start(&self, name: &str, count: usize, since: u128) -> f64 {
        let at = self.starts(name, count)[count - 1][0];
        millis(Duration::from_nanos(u64::try_from(at.saturating_sub(since)).unwrap()))
    }

    /// Waits for the spare worktree that the loop makes when it has nothing else to do: its cost is
    /// paid then, and it is not in the time of a start.
    pub(crate) fn until_spare(&self) {
        let (start, place) = (Instant::now(), self.repo().join(".reconciler/spare"));
        let repository = self.repository();
        while !repository.has_spare(&place).unwrap() {
            assert!(start.elapsed() < DEADLINE, "no spare worktree");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Removes the worktree of a raw job, whose session goes on elsewhere.
    pub(crate) fn raw_retire(&self, name: &str) -> f64 {
        let path = self.path("raw").join(name);
        took(|| self.git(&["worktree", "remove", path.to_str().unwrap()]))
    }

    /// Retires a worktree as the loop does: looks for unsaved work, then moves it away.
    pub(crate) fn retire(&self, name: &str) -> f64 {
        let repository = self.repository();
        let (root, owner) =
            (self.repo(), Owner { task: name.parse().unwrap(), uid: Uid::derive(1, name) });
        let (path, branch) = (root.join(".worktrees").join(name), format!("retire/{name}"));
        self.git(&["branch", &branch, "main"]);
        let branch = branch.try_into().unwrap();
        self.runtime.block_on(repository.add_worktree(&path, &branch, &owner)).unwrap();
        let trash = root.join(".reconciler/trash").join(name);
        let work = async {
            repository.rescue(&path, "refs/reconciler/rescue/bench/1", "bench").await.unwrap();
            repository.retire(&path, &owner, &trash, None).await.unwrap();
        };
        let time = took(|| self.runtime.block_on(work));
        self.runtime.block_on(repository.discard(&trash, &owner)).unwrap();
        time
    }

    /// Commits a task; returns how long after the ref began to move its command ran.
    pub(crate) fn ours(&self, name: &str) -> f64 {
        self.ours_at_once(&[name.to_owned()])
    }

    /// Commits tasks at once.
    pub(crate) fn commit_tasks(&self, tasks: &[(&str, serde_json::Value)]) {
        for (name, spec) in tasks {
            self.write(&format!("tasks/{name}.json"), &object("Task", name, &spec.to_string()));
        }
        self.git(&["add", "state"]);
        self.git(&["commit", "--quiet", "--message=tasks"]);
    }

    /// Returns where a task can write something down.
    pub(crate) fn out(&self, name: &str) -> PathBuf {
        self.path("out").join(name)
    }

    /// Returns the number that a task wrote down, once it did.
    pub(crate) fn number_in(&self, name: &str) -> u128 {
        self.starts(name, 1)[0][0]
    }

    /// Returns when the first attempt of a task ended, in nanoseconds since 1970, once it did.
    pub(crate) fn ended_at(&self, name: &str) -> u128 {
        let records = Records::at(&self.repo());
        let start = Instant::now();
        loop {
            let tasks = records.tasks().unwrap();
            let owner = tasks[&name.parse().unwrap()].as_ref().unwrap().owner();
            let exit = records.attempts_of(&owner).unwrap()[0].exit.clone();
            if let Some(exit) = exit {
                return u128::try_from(exit.unwrap().ended_at.as_nanosecond()).unwrap();
            }
            assert!(start.elapsed() < DEADLINE, "{name} did not end");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Commits tasks at once; returns how long after the ref began to move the last command ran.
    pub(crate) fn ours_at_once(&self, names: &[String]) -> f64 {
        for name in names {
            let files = [format!("{name}.x")];
            let job = serde_json::json!({ "command": self.job(name), "files": files });
            let task = format!("t-{name}");
            self.write(&format!("tasks/{task}.json"), &object("Task", &task, &job.to_string()));
        }
        self.git(&["add", "state"]);
        let tree = self.git(&["write-tree"]);
        let commit = self.git(&["commit-tree", "-p", "refs/heads/main", "-m", "tasks", &tree]);
        let since = nanos();
        self.git(&["update-ref", "refs/heads/main", &commit]);
        names.iter().map(|name| self.until_start(name, 1, since)).fold(0.0, f64::max)
    }

    /// The same by plain git and tmux.
    pub(crate) fn raw(&self, name: &str) -> f64 {
        self.raw_in_turn(&[name.to_owned()])
    }

    /// The same by plain git and tmux, one after the other; the commands start meanwhile.
    pub(crate) fn raw_in_turn(&self, names: &[String]) -> f64 {
        let since = nanos();
        for name in names {
            let path = self.path("raw").join(name);
            let path = path.to_str().unwrap();
            let (branch, job) = (format!("raw/{name}"), format!("raw-{name}"));
            self.git(&["worktree", "add", "--quiet", "-b", &branch, path, "main"]);
            self.raw_tmux(&["new-session", "-d", "-s", name, "-c", path, &self.job(&job)]);
        }
        let last = |name| self.until_start(&format!("raw-{name}"), 1, since);
        names.iter().map(last).fold(0.0, f64::max)
    }

    /// Returns how long a program takes to say its version: the start of its process.
    pub(crate) fn version(&self, program: &str) -> f64 {
        took(|| self.command(program).arg("--version").output().unwrap())
    }

    /// Returns what the loop costs while nothing happens for so long: the percentage of a core, and
    /// the megabytes it holds.
    pub(crate) fn idle(&self, time: Duration) -> (f64, f64) {
        let pid = self.the_loop.as_ref().unwrap().id();
        // After the name, which may hold blanks: the ticks in user mode and in the kernel, 100 a second.
        let ticks = || {
            let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
            let fields = line.rsplit(") ").next().unwrap().split(' ');
            fields.skip(11).take(2).map(|field| field.parse::<f64>().unwrap()).sum::<f64>()
        };
        let before = ticks();
        std::thread::sleep(time);
        let used = ticks() - before;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kilobytes: f64 = line.split_whitespace().next().unwrap().parse().unwrap();
        (used / time.as_secs_f64(), kilobytes / 1024.0)
    }

    /// Starts a session in a worktree that is there.
    pub(crate) fn raw_session(&self, name: &str) -> f64 {
        let path = self.path("raw").join(name);
        let (session, job) = (format!("{name}-again"), format!("raw-{name}"));
        let since = nanos();
        let path = path.to_str().unwrap();
        self.raw_tmux(&["new-session", "-d", "-s", &session, "-c", path, &self.job(&job)]);
        self.until_start(&job, 2, since)
    }

    /// Kills what runs for a task; returns how long after that it ran again.
    pub(crate) fn kill(&self, name: &str) -> f64 {
        let pid = self.starts(name, 1)[0][1];
        let since = nanos();
        Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap();
        self.until_start(name, 2, since)
    }

    /// What a person would type to see the same.
    pub(crate) fn raw_look(&self) -> f64 {
        took(|| {
            self.raw_tmux(&["list-sessions"]);
            self.git(&["worktree", "list", "--porcelain"])
        })
    }

    /// Returns how long `status` takes to say everything.
    pub(crate) fn status(&self) -> f64 {
        took(|| {
            let output = self.command(PROGRAM).arg("status").output().unwrap();
            assert!(output.status.success(), "{output:?}");
        })
    }

    /// Returns the world as the loop has it.
    pub(crate) fn world(&self) -> HostWorld {
        let setting = Setting {
            program: PROGRAM.into(),
            environment: BTreeMap::new(),
            state_home: Some(self.path("xdg")),
            tmux_tmpdir: Some(self.path("tmux")),
            empty_state: EmptyState::Doubted,
            role: Role::Loop,
        };
        HostWorld::new(self.repository(), "refs/heads/main".to_owned(), setting)
    }

    /// Returns how long each of so many looks and plans takes, once everything is connected.
    pub(crate) fn ticks(&self, count: usize) -> Vec<f64> {
        let world = self.world();
        let tick = || {
            let tick = self.runtime.block_on(engine::tick(&world, 16));
            assert!(!tick.made_progress(), "{:?}", tick.deeds);
        };
        for _ in 0..3 {
            self.runtime.block_on(engine::tick(&world, 16));
        }
        (0..count).map(|_| took(tick)).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.stop_loop();
        for socket in ["raw".to_owned(), socket_name(&self.repository())] {
            // One that is gone already is as wanted.
            self.command("tmux").args(["-L", &socket, "kill-server"]).output().ok();
        }
        let out = fs::read_dir(self.path("out")).unwrap();
        let left = out.flatten().flat_map(|file| pids(&file.path()));
        for pid in left {
            Command::new("kill").args(["-KILL", &pid]).stderr(Stdio::null()).status().ok();
        }
        // A checkout that the end of the loop cut off, and shims whose sessions went, write meanwhile.
        let start = Instant::now();
        let is_there = || self.folder.path().symlink_metadata().is_ok();
        while is_there() && start.elapsed() < DEADLINE {
            fs::remove_dir_all(self.folder.path()).ok();
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Returns the shells that a job started and that still are: a pid alone is not trusted.
fn pids(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let pids = text.lines().filter_map(|line| line.split(' ').nth(1));
    let is_ours = |pid: &&str| {
        let line = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.contains(file.to_str().unwrap())
    };
    pids.filter(is_ours).map(str::to_owned).collect()
}

fn object(kind: &str, name: &str, spec: &str) -> String {
    format!(
        r#"{{ "apiVersion": "reconciler.dev/v1alpha1", "kind": "{kind}",
  "metadata": {{ "name": "{name}" }}, "spec": {spec} }}"#
    )
}

fn nanos() -> u128 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos()
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
