//! A world for one test: a home, a repository, a place for tmux and a folder outside of all, in one
//! temporary folder. Nothing that was started in it lives when it is dropped.

mod wait;
mod work;

use reconciler::api::event::Event;
use reconciler::api::name::TaskName;
use reconciler::client::{Client, Environment, LoopState, Snapshot};
use reconciler::plan::desired::Desired;
use reconciler::plan::report::{Reason, TaskReport};
use reconciler::process::signal::{self, Ask};
use reconciler::process::{clock, identity};
use reconciler::records::Records;
use reconciler::store::Trust;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

pub(crate) use wait::{is_there, poll};

/// One world.
pub(crate) struct TestEnvironment {
    folder: tempfile::TempDir,
    repository: PathBuf,
    root: PathBuf,
    /// Variables that are otherwise than usual; `None` is not set.
    pub(crate) odd: BTreeMap<String, Option<String>>,
    /// The program that starts all others.
    pub(crate) starter: Vec<String>,
}

/// What a command that ended said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl TestEnvironment {
    /// A repository with one file, three seats of `codegen` and approved agents.
    pub(crate) fn new() -> Self {
        Self::with("r", &[])
    }

    /// The same, at a path within the world, made by `git init` with these arguments.
    pub(crate) fn with(path: &str, init: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        for one in ["home", "t", "out"] {
            fs::create_dir(base.join(one)).unwrap();
        }
        let config = "[user]\nname = Ada\nemail = ada@example.org\n[init]\ndefaultBranch = main\n";
        fs::write(base.join("home/.gitconfig"), config).unwrap();
        let repository = base.join(path);
        fs::create_dir_all(&repository).unwrap();
        let (odd, starter) = (BTreeMap::new(), Vec::new());
        let this = Self { folder, root: repository.clone(), repository, odd, starter };
        this.git(&[&["init", "-q"], init].concat());
        fs::write(this.path("tracked.txt"), "first\n").unwrap();
        fs::write(this.path(".gitignore"), "*.ignored\n").unwrap();
        this.write_object("workers/codegen", "Worker", &json!({"agent": "shell", "replicas": 3}));
        this.commit("first");
        this.approve();
        this
    }

    /// The same world, whose loop runs in another directory and has another root.
    pub(crate) fn moved_to(mut self, directory: &Path, root: &Path) -> Self {
        directory.clone_into(&mut self.repository);
        root.clone_into(&mut self.root);
        self.approve();
        self
    }

    pub(crate) fn base(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    /// A path in the repository.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// A path outside of it, for what tasks leave behind to be looked at.
    pub(crate) fn out(&self, path: &str) -> PathBuf {
        self.base().join("out").join(path)
    }

    pub(crate) fn worktree(&self, task: &str) -> PathBuf {
        self.path(".worktrees").join(task)
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.base().join("home")
    }

    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let of = |(name, value): (&str, String)| (name.to_owned(), value);
        let set = [
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", text(self.home())),
            ("XDG_STATE_HOME", text(self.home().join("state"))),
            // Short: the path of a socket has at most 107 bytes.
            ("TMUX_TMPDIR", text(self.base().join("t"))),
            ("GIT_CONFIG_GLOBAL", text(self.home().join(".gitconfig"))),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("LC_ALL", "C".to_owned()),
        ];
        let mut set: BTreeMap<_, _> = set.into_iter().map(of).collect();
        for (name, value) in &self.odd {
            match value {
                Some(value) => set.insert(name.clone(), value.clone()),
                None => set.remove(name),
            };
        }
        set
    }

    pub(crate) fn command(&self, program: &str) -> Command {
        let words: Vec<&str> = self.starter.iter().map(String::as_str).chain([program]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command.current_dir(&self.repository).env_clear().envs(self.variables());
        command.stdin(Stdio::null());
        command
    }

    /// Runs git in the repository and returns what it printed.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let said = said(self.command("git").args(arguments));
        assert!(said.status.success(), "git {arguments:?}: {}", said.stderr);
        said.stdout.trim_end().to_owned()
    }

    /// Returns what git printed, or `None` when it failed.
    pub(crate) fn try_git(&self, arguments: &[&str]) -> Option<String> {
        let said = said(self.command("git").args(arguments));
        said.status.success().then(|| said.stdout.trim_end().to_owned())
    }

    pub(crate) fn write_object(&self, path: &str, kind: &str, spec: &Value) {
        let name = path.rsplit('/').next().unwrap();
        let object = json!({"apiVersion": "reconciler.dev/v1alpha1", "kind": kind,
            "metadata": {"name": name}, "spec": spec});
        self.write_state(&format!("{path}.json"), &object.to_string());
    }

    pub(crate) fn write_state(&self, path: &str, text: &str) {
        let path = self.repository.join("state").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn write_task(&self, name: &str, spec: &Value) {
        self.write_object(&format!("tasks/{name}"), "Task", spec);
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
    }

    pub(crate) fn commit_task(&self, name: &str, spec: &Value) {
        self.write_task(name, spec);
        self.commit(name);
    }

    pub(crate) fn commit_policy(&self, spec: &Value) {
        self.write_object("policy", "Policy", spec);
        self.commit("policy");
    }

    pub(crate) fn delete_task(&self, name: &str) {
        self.git(&["rm", "-q", &format!("state/tasks/{name}.json")]);
        self.git(&["commit", "-q", "-m", "delete"]);
    }

    fn trust(&self) -> Trust {
        Trust::at(Some(&self.home().join("state")), &self.root)
    }

    /// Approves the built-in agents.
    pub(crate) fn approve(&self) {
        let built_in = reconciler::agents::built_in().iter();
        let digests = built_in.map(|(name, spec)| Desired::trust_digest(name, spec)).collect();
        self.trust().approve(digests).unwrap();
    }

    pub(crate) fn approve_nothing(&self) {
        self.trust().approve(std::collections::BTreeSet::new()).unwrap();
    }

    pub(crate) fn reconciler(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_reconciler"));
        command.args(arguments);
        command
    }

    /// Runs the loop until it says that nothing is left to do.
    pub(crate) fn run_until_settled(&self) -> Said {
        self.run(&["run", "--until", "settled"])
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        let mut child = self.spawn(arguments);
        let status = self.wait_for("the loop to end", || child.try_wait().unwrap());
        let read = |name| fs::read_to_string(self.out(name)).unwrap();
        Said { status, stdout: read("loop.stdout"), stderr: read("loop.stderr") }
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        // To files: a pipe that nobody reads would stop the loop.
        let file = |name| File::create(self.out(name)).unwrap();
        let mut command = self.reconciler(arguments);
        command.stdout(file("loop.stdout")).stderr(file("loop.stderr")).spawn().unwrap()
    }

    /// Starts the loop, to go on until it is told to end.
    pub(crate) fn start_loop(&self) -> Loop {
        Loop { child: self.spawn(&["run"]) }
    }

    /// The same, after the loop before it was killed: a git command of that one may still work.
    pub(crate) fn start_loop_when_free(&self) -> Loop {
        let free = || self.snapshot().loop_state == LoopState::NotRunning;
        self.wait_until("the guard to be free", free);
        self.start_loop()
    }

    pub(crate) fn records(&self) -> Records {
        Records::at(&self.root)
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.records().events().unwrap()
    }

    /// Looks as any command does; whether or not a loop runs.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_reconciler"));
        let environment = Environment { program, variables: self.variables() };
        run_async(async {
            let client = Client::open(&self.repository, environment).await.unwrap();
            client.snapshot().await
        })
    }

    pub(crate) fn report(&self, task: &str) -> Option<TaskReport> {
        self.snapshot().plan.report.tasks.remove(&name(task))
    }

    /// What cannot be seen at the moment, as when the tmux server is just leaving, is looked at again.
    pub(crate) fn reason(&self, task: &str) -> Option<Reason> {
        self.wait_for("what there is to be seen", || {
            let reason = self.report(task).map(|report| report.reason);
            (reason != Some(Reason::Unknown)).then_some(reason)
        })
    }

    /// The sessions of the repository's tmux server, the keeper left out.
    pub(crate) fn sessions(&self) -> Vec<String> {
        let list = self.tmux(&["list-sessions", "-F", "#{session_name}"]).unwrap_or_default();
        list.lines().filter(|name| !name.starts_with('_')).map(str::to_owned).collect()
    }

    /// Asks the repository's tmux server; `None` when it refuses or is not there.
    pub(crate) fn tmux(&self, arguments: &[&str]) -> Option<String> {
        let place = run_async(reconciler::git::Repository::discover(&self.repository)).unwrap();
        let socket = reconciler::world::host::socket_name(&place);
        let mut command = self.command("tmux");
        command.args(["-f", "/dev/null", "-L", &socket]).args(arguments);
        let said = said(&mut command);
        said.status.success().then_some(said.stdout)
    }

    pub(crate) fn tmux_server(&self) -> Option<u32> {
        self.tmux(&["display-message", "-p", "#{pid}"])?.trim().parse().ok()
    }

    /// The processes that were started in this world, whoever is their parent.
    pub(crate) fn processes(&self) -> Vec<reconciler::api::attempt::ProcessId> {
        let of = |name, path: PathBuf| identity::with_mark(name, path.to_str().unwrap()).unwrap();
        let found = [of("HOME", self.home()), of("TMUX_TMPDIR", self.base().join("t"))].concat();
        // Whoever has both marks is one.
        found.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }
}

impl Drop for TestEnvironment {
    fn drop(&mut self) {
        // They may fork while they are killed.
        for _ in 0..100 {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            for process in left {
                signal::send(&process, Ask::Kill).ok();
            }
            poll();
        }
    }
}

/// A loop that runs. Dropped, it is killed.
pub(crate) struct Loop {
    child: Child,
}

impl Loop {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn end_by(mut self, env: &TestEnvironment, signal: &str) -> ExitStatus {
        send(self.pid(), signal);
        env.wait_for("the loop to end", || self.child.try_wait().unwrap())
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

pub(crate) fn send(pid: u32, signal: &str) {
    let done = Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap();
    assert!(done.success(), "kill {pid}");
}

pub(crate) fn name(task: &str) -> TaskName {
    task.parse().unwrap()
}

pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { status: output.status, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn run_async<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(future)
}

/// The clock of diagnostics.
fn now() -> String {
    clock::now().strftime("%H:%M:%S%.3f").to_string()
}
