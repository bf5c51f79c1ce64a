//! A scene for the shim: an attempt in a folder of its own, processes that carry its mark, and a
//! private tmux server where it needs one. Nothing of it lives when it is dropped.

use reconciler::api::attempt::{
    Attempt, AttemptId, Beginning, Dialogue, Exit, ExitReason, Program, StopReason, StopRequest,
};
use reconciler::api::name::{Owner, Uid};
use reconciler::api::task::Class;
use reconciler::disk::Published;
use reconciler::process::signal::{self, Ask};
use reconciler::process::{clock, identity};
use reconciler::records::Records;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) const MARK: &str = "RECONCILER_OWNER";
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Scene {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) records: Records,
    pub(crate) attempt: Attempt,
}

/// An attempt that runs a shell script.
pub(crate) fn scene(script: &str) -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let task = "fix-login".parse().unwrap();
    // The folder's name makes it the only one among all tests that run.
    let uid = Uid::derive(0, &folder.path().to_string_lossy());
    let id = AttemptId { owner: Owner { task, uid }, number: 1 };
    let env = BTreeMap::from([(MARK.to_owned(), id.owner.to_string())]);
    let program = Program {
        argv: sh(script),
        verify: None,
        env,
        env_allow: Vec::new(),
        secret_env: Vec::new(),
        timeout_seconds: 0,
        stop_grace_seconds: 10,
        dialogue: Dialogue::default(),
    };
    let attempt = Attempt {
        id,
        seat: "codegen-1".to_owned().try_into().unwrap(),
        class: Class::Execution,
        run_hash: "abc".to_owned(),
        prepared_at: clock::now(),
        directory: folder.path().to_owned(),
        program,
        heartbeat_seconds: 1,
        lease_seconds: 3600,
        beginning: Beginning::default(),
    };
    Scene { records: Records::at(folder.path()), folder, attempt }
}

pub(crate) fn sh(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).to_vec()
}

pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain for {what}");
        std::thread::yield_now();
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

impl Scene {
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(crate) fn attempt_folder(&self) -> PathBuf {
        let folder = AttemptId::folder(&self.attempt.id.owner);
        self.path(".reconciler/attempts").join(folder).join("1")
    }

    pub(crate) fn prepare(&self) {
        assert_eq!(self.records.prepare(&self.attempt).unwrap(), Published::New);
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reconciler"));
        command.arg("shim").arg(self.attempt_folder()).arg(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Prepares the attempt and starts a shim for it.
    pub(crate) fn start(&self) -> Child {
        self.prepare();
        self.command().stdout(Stdio::null()).spawn().unwrap()
    }

    /// Prepares the attempt, runs a shim to its end and returns what it recorded.
    pub(crate) fn run(&self) -> Exit {
        self.end_of(self.start())
    }

    pub(crate) fn end_of(&self, mut shim: Child) -> Exit {
        wait_for("the shim to end", || shim.try_wait().unwrap());
        assert_eq!(self.alive(), 0, "processes of the attempt outlived the shim");
        self.exit().expect("a shim that ends has recorded the end")
    }

    pub(crate) fn reason(&self) -> ExitReason {
        self.run().reason
    }

    pub(crate) fn exit(&self) -> Option<Exit> {
        Some(self.records.attempt(&self.attempt.id).unwrap()?.exit?.unwrap())
    }

    pub(crate) fn log(&self) -> String {
        let log = fs::read(self.records.log_path(&self.attempt)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    pub(crate) fn wait_for_log(&self, text: &str) {
        wait_for(text, || self.log().contains(text).then_some(()));
    }

    pub(crate) fn alive(&self) -> usize {
        identity::with_mark(MARK, &self.attempt.id.owner.to_string()).unwrap().len()
    }

    pub(crate) fn ask_to_stop(&self, why: StopReason) {
        let stop = StopRequest { asked_at: clock::now(), why };
        assert_eq!(self.records.ask_to_stop(&self.attempt.id, &stop).unwrap(), Published::New);
    }
}

impl Drop for Scene {
    /// Also when a test failed, nothing is left behind.
    fn drop(&mut self) {
        for process in
            identity::with_mark(MARK, &self.attempt.id.owner.to_string()).unwrap_or_default()
        {
            signal::send(&process, Ask::Kill).ok();
        }
    }
}

pub(crate) fn send(shim: &Child, signal: &str) {
    let done = Command::new("kill").args(["-s", signal, &shim.id().to_string()]).status().unwrap();
    assert!(done.success());
}

/// A private tmux server in whose only pane the shim of a scene runs.
pub(crate) struct Tmux<'a> {
    scene: &'a Scene,
}

impl<'a> Tmux<'a> {
    pub(crate) fn start(scene: &'a Scene) -> Self {
        scene.prepare();
        let tmux = Self { scene };
        let folder = scene.attempt_folder();
        let common_dir = scene.folder.path().to_str().unwrap();
        let shim = [env!("CARGO_BIN_EXE_reconciler"), "shim", folder.to_str().unwrap(), common_dir];
        tmux.ask(
            &[&["new-session", "-d", "-s", "it", "-x", "100", "-y", "30"][..], &shim].concat(),
        );
        tmux
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.scene.path("tmux")).args(["-f", "/dev/null"]).args(arguments);
        let output = command.env_remove("TMUX").output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn wait_for_screen(&self, text: &str) {
        wait_for(text, || {
            self.ask(&["capture-pane", "-p", "-t", "it"]).contains(text).then_some(())
        });
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.scene.path("tmux")).arg("kill-server");
        command.stderr(Stdio::null()).status().ok();
    }
}
