//! `reconciler new`: writes the file of a task or a worker, and commits exactly that file.

use super::context::Context;
use super::editing::{Recording, finish};
use super::say::Done;
use crate::api::key::Key;
use crate::api::name::{TaskName, WorkerName};
use crate::client::spec;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// Create a task or a worker and commit its file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler new task fix-login --command 'make fix'")]
pub(super) struct New {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Task(Box<NewTask>),
    Worker(NewWorker),
}

/// Create a task.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  reconciler new task fix-login --prompt 'Fix the redirect loop' \
                        --files 'src/auth/**' --verify 'cargo test -p auth'"
)]
struct NewTask {
    /// Its name: a-z, 0-9 and -
    name: TaskName,
    #[command(flatten)]
    flags: TaskFlags,
    #[command(flatten)]
    recording: Recording,
}

/// What a task is, by flags.
#[derive(Debug, Args)]
pub(super) struct TaskFlags {
    /// One line for people
    #[arg(long)]
    title: Option<String>,
    /// A shell command, for workers whose agent is shell
    #[arg(long, conflicts_with_all = ["prompt", "argv"])]
    command: Option<String>,
    /// What to tell an AI agent
    #[arg(long, conflicts_with = "argv")]
    prompt: Option<String>,
    /// A program and its arguments, behind --, for workers whose agent is exec
    #[arg(last = true, value_name = "ARGV")]
    argv: Vec<String>,
    /// A glob of files it may change; may be given several times
    #[arg(long, value_name = "GLOB")]
    files: Vec<String>,
    /// A task that must be completed before; may be given several times
    #[arg(long, value_name = "TASK")]
    after: Vec<String>,
    /// 1 is the most urgent, 5 the least [default: 3]
    #[arg(long, value_name = "1-5")]
    priority: Option<u64>,
    /// A skill its worker must have; may be given several times
    #[arg(long)]
    skill: Vec<String>,
    /// The only worker that may take it
    #[arg(long)]
    worker: Option<String>,
    /// A shell command that must succeed before it counts as completed
    #[arg(long, value_name = "COMMAND")]
    verify: Option<String>,
    /// The number of the issue it answers
    #[arg(long, value_name = "NUMBER")]
    issue: Option<u64>,
    /// issue, pr, fix, feat, refactor, test, doc or chore [default: issue]
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// execution works in a worktree, decision changes nothing [default: execution]
    #[arg(long)]
    class: Option<String>,
    /// How many more attempts may follow a failed one [default: 2]
    #[arg(long, value_name = "COUNT")]
    retries: Option<u64>,
    /// How long one attempt may take, in seconds; 0 is without limit [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
}

/// Create a worker.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler new worker codegen --agent shell --replicas 3")]
struct NewWorker {
    /// Its name: a-z, 0-9 and -
    name: WorkerName,
    /// What it runs: a file in state/agents, or the built-in shell or exec
    #[arg(long, default_value = "shell")]
    agent: String,
    /// How many of it there are [default: 1]
    #[arg(long, value_name = "COUNT")]
    replicas: Option<u64>,
    /// What it can do, separated by commas
    #[arg(long, value_delimiter = ',')]
    skills: Vec<String>,
    /// execution works in worktrees, decision changes nothing [default: execution]
    #[arg(long)]
    class: Option<String>,
    #[command(flatten)]
    recording: Recording,
}

impl New {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let (key, spec, recording) = match self.what {
            What::Task(task) => (Key::Task(task.name), task.flags.spec(), task.recording),
            What::Worker(worker) => worker.object(),
        };
        let edited = client.create(&key, spec, recording.record()).await?;
        finish("wrote", &edited)
    }
}

fn list(values: &[String]) -> Option<Value> {
    (!values.is_empty()).then(|| json!(values))
}

impl TaskFlags {
    /// Returns the spec that the flags say.
    pub(super) fn spec(self) -> Value {
        let text = |value: Option<String>| value.map(Value::from);
        let number = |value: Option<u64>| value.map(Value::from);
        spec([
            ("title", text(self.title)),
            ("type", text(self.kind)),
            ("class", text(self.class)),
            ("priority", number(self.priority)),
            ("dependencies", list(&self.after)),
            ("files", list(&self.files)),
            ("requiredSkills", list(&self.skill)),
            ("issueNumber", number(self.issue)),
            ("assignedTo", text(self.worker)),
            ("prompt", text(self.prompt)),
            ("command", text(self.command)),
            ("argv", list(&self.argv)),
            ("verify", text(self.verify)),
            ("timeoutSeconds", number(self.timeout)),
            ("retries", number(self.retries)),
        ])
    }
}

impl NewWorker {
    fn object(self) -> (Key, Value, Recording) {
        let spec = spec([
            ("class", self.class.map(Value::from)),
            ("agent", Some(self.agent.into())),
            ("skills", list(&self.skills)),
            ("replicas", self.replicas.map(Value::from)),
        ]);
        (Key::Worker(self.name), spec, self.recording)
    }
}
