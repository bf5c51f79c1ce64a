//! An attempt as the loop prepares it, with its lock and its worktree; and an agent in it, whose MCP
//! client started our server. Nothing of it lives when it is dropped.

use super::scene::{Said, Scene, said};
use reconciler::api::attempt::{
    Attempt, AttemptId, Beginning, Dialogue, Exit, ExitReason, Program, ShimRecord, TaskRecord,
};
use reconciler::api::name::{Owner, Uid};
use reconciler::api::task::Class;
use reconciler::disk::Published;
use reconciler::git::GENERATION_FILE;
use reconciler::process::{clock, identity};
use reconciler::records::Records;
use rmcp::model::CallToolRequestParams;
use rmcp::service::RunningService;
use rmcp::{RoleClient, ServiceExt as _};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A repository in which the attempt of a task is under way.
pub(crate) struct World {
    pub(crate) scene: Scene,
    pub(crate) records: Records,
    pub(crate) attempt: Attempt,
    shim: Child,
}

/// An agent that speaks to our server.
pub(crate) struct Agent {
    client: RunningService<RoleClient, ()>,
    server: tokio::process::Child,
}

fn uid(task: &str) -> Uid {
    Uid::derive(1, task)
}

pub(crate) fn owner(task: &str) -> Owner {
    Owner { task: task.parse().unwrap(), uid: uid(task) }
}

/// The file of a task.
pub(crate) fn task(name: &str, spec: &Value) -> String {
    json!({ "apiVersion": "reconciler.dev/v1alpha1", "kind": "Task",
        "metadata": { "name": name }, "spec": spec })
    .to_string()
}

impl World {
    /// `docs` is worked on by an agent and holds `docs/`; somebody else holds `src/auth/`.
    pub(crate) fn new() -> Self {
        Self::with(Class::Execution, &json!({}))
    }

    pub(crate) fn with(class: Class, policy: &Value) -> Self {
        let scene = Scene::prepared();
        for path in ["docs/a.md", "src/auth/token.rs", "b.txt"] {
            scene.write(path, "one\n");
        }
        let spec = json!({ "title": "Write docs", "prompt": "Say how it works", "files": ["docs/"],
            "class": class.to_string() });
        scene.write("state/tasks/docs.json", &task("docs", &spec));
        let mut whole: Value = serde_json::from_str(&scene.read("state/policy.json")).unwrap();
        whole["spec"].as_object_mut().unwrap().extend(policy.as_object().unwrap().clone());
        scene.write("state/policy.json", &whole.to_string());
        scene.commit("task");
        lock(&scene, "docs", &["docs/"]);
        lock(&scene, "login", &["src/auth/"]);
        let directory = match class {
            Class::Execution => worktree(&scene, "docs"),
            Class::Decision => scene.root.clone(),
        };
        let records = Records::at(&scene.root);
        let attempt = attempt(class, directory);
        let owner = attempt.id.owner.clone();
        let branch = (class == Class::Execution).then(|| "docs".to_owned().try_into().unwrap());
        let (task, uid) = (owner.task, owner.uid);
        let record = TaskRecord { task, uid, created_at: clock::now(), branch };
        assert_eq!(records.register(&record).unwrap(), Published::New);
        assert_eq!(records.prepare(&attempt).unwrap(), Published::New);
        let mut sleep = command("sleep");
        let shim = sleep.arg("600").stdin(Stdio::null()).spawn().unwrap();
        let process = identity::of(shim.id()).unwrap().unwrap();
        let taken = ShimRecord { process, started_at: clock::now() };
        assert_eq!(records.take(&attempt.id, &taken).unwrap(), Published::New);
        Self { scene, records, attempt, shim }
    }

    /// Starts an agent in the attempt.
    pub(crate) async fn agent(&self) -> Agent {
        Agent::start(self.environed(env!("CARGO_BIN_EXE_reconciler"))).await
    }

    /// Starts a client of our server that is no worker.
    pub(crate) async fn person(&self) -> Agent {
        Agent::start(self.scene.program(env!("CARGO_BIN_EXE_reconciler"))).await
    }

    /// Runs a verb in the environment of the attempt.
    pub(crate) fn as_worker(&self, args: &[&str]) -> Said {
        let mut command = self.environed(env!("CARGO_BIN_EXE_reconciler"));
        said(command.args(args).stdin(Stdio::null()).output().unwrap())
    }

    /// Runs git in the worktree, as the agent does.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = self.environed("git").args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn close(&self) {
        let (started_at, ended_at) = (None, clock::now());
        let exit = Exit { started_at, ended_at, reason: ExitReason::Succeeded, class: None };
        assert_eq!(self.records.close(&self.attempt.id, &exit).unwrap(), Published::New);
    }

    /// Prepares a program in the environment of the attempt.
    pub(crate) fn environed(&self, program: &str) -> Command {
        let mut command = self.scene.program(program);
        command.envs(&self.attempt.program.env).current_dir(&self.attempt.directory);
        command
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.shim.kill().ok();
        self.shim.wait().ok();
    }
}

impl Agent {
    async fn start(mut command: Command) -> Self {
        command.arg("mcp").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut command = tokio::process::Command::from(command);
        let mut server = command.kill_on_drop(true).spawn().unwrap();
        let pipes = (server.stdout.take().unwrap(), server.stdin.take().unwrap());
        Self { client: ().serve(pipes).await.unwrap(), server }
    }

    pub(crate) async fn tools(&self) -> Vec<rmcp::model::Tool> {
        self.client.list_all_tools().await.unwrap()
    }

    pub(crate) fn instructions(&self) -> String {
        self.client.peer_info().unwrap().instructions.clone().unwrap()
    }

    /// Calls a tool and returns whether it did it, and what it answered.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> (bool, Value) {
        let arguments = arguments.as_object().unwrap().clone();
        let asked = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let answer = self.client.call_tool(asked).await.unwrap();
        (answer.is_error != Some(true), answer.structured_content.expect("it is structured"))
    }

    pub(crate) async fn ok(&self, tool: &str, arguments: Value) -> Value {
        let (is_done, answer) = self.call(tool, arguments).await;
        assert!(is_done, "{tool}: {answer}");
        answer
    }

    /// Calls a tool that refuses, and returns the code, and all that it says.
    pub(crate) async fn refused(&self, tool: &str, arguments: Value) -> (String, String) {
        let (is_done, answer) = self.call(tool, arguments).await;
        assert!(!is_done, "{tool}: {answer}");
        for field in ["code", "message", "next"] {
            assert!(answer[field].as_str().is_some_and(|text| !text.is_empty()), "{answer}");
        }
        (answer["code"].as_str().unwrap().to_owned(), answer.to_string())
    }

    /// Lets the client go, and returns how the server ended.
    pub(crate) async fn go(mut self) -> std::process::ExitStatus {
        self.client.cancel().await.unwrap();
        self.server.wait().await.unwrap()
    }
}

fn attempt(class: Class, directory: PathBuf) -> Attempt {
    let id = AttemptId { owner: owner("docs"), number: 1 };
    let env = [
        ("RECONCILER", "1".to_owned()),
        ("RECONCILER_OWNER", id.owner.to_string()),
        ("RECONCILER_ATTEMPT", "1".to_owned()),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value));
    let program = Program {
        argv: vec!["true".to_owned()],
        env: BTreeMap::from(env),
        timeout_seconds: 3600,
        stop_grace_seconds: 10,
        dialogue: Dialogue::default(),
        ..Program::default()
    };
    Attempt {
        id,
        seat: "codegen-1".to_owned().try_into().unwrap(),
        class,
        run_hash: "abc".to_owned(),
        prepared_at: clock::now(),
        directory,
        program,
        heartbeat_seconds: 10,
        lease_seconds: 3600,
        beginning: Beginning { history: "Nothing before.".to_owned(), ..Beginning::default() },
    }
}

/// Lets a task hold files.
fn lock(scene: &Scene, task: &str, files: &[&str]) {
    let time = "2026-01-01T00:00:00Z";
    let beat = json!({ "at": time, "bootId": "boot", "bootMillis": 0 });
    let claim = json!({
        "taskId": task, "uid": uid(task), "workerId": "codegen-1", "workerType": "ai_agent",
        "claimedAt": time, "lockedFiles": files, "expiresAt": time, "heartbeat": beat,
        "generation": 1, "nonce": uid(task), "node": "here",
    });
    scene.write(".task-locks/.gitignore", "*\n");
    scene.write(&format!(".task-locks/{task}.lock"), &claim.to_string());
}

/// Adds the worktree of a task, on a branch of its name, at the first generation.
fn worktree(scene: &Scene, task: &str) -> PathBuf {
    let path = scene.root.join(".worktrees").join(task);
    scene.write(".worktrees/.gitignore", "*\n");
    let mark = owner(task).to_string();
    let add = ["worktree", "add", "-q", "--lock", "--reason", &mark, "-b", task];
    scene.git(&[&add[..], &[path.to_str().unwrap()]].concat());
    let git_dir = scene.git(&["-C", path.to_str().unwrap(), "rev-parse", "--absolute-git-dir"]);
    std::fs::write(Path::new(&git_dir).join(GENERATION_FILE), "1\n").unwrap();
    path
}

#[expect(clippy::disallowed_methods, reason = "it stands in for a shim")]
fn command(program: &str) -> Command {
    Command::new(program)
}
