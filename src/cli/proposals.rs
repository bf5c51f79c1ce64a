//! `reconciler propose-task`, `proposals`, `accept` and `reject`: tasks that workers would have, and
//! what people say to them.

use super::context::{Context, Output};
use super::editing::{Recording, finish};
use super::exit::{Code, Failure};
use super::new::TaskFlags;
use super::print::{self, Long, Row, Table, Tone, printable};
use super::say::{self, Done};
use crate::api::name::TaskName;
use crate::client::{Proposal, Proposed, task_text};
use clap::Args;
use serde_json::json;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes; admission takes less.
const SIZE_MAX: u64 = 2 << 20;

/// Propose a new task: a worker, which cannot make one itself.
#[derive(Debug, Args)]
#[command(after_help = "\
It waits for a person (reconciler proposals), unless the policy accepts proposals at once.

Examples:
  reconciler propose-task fix-logout --prompt 'Logout loops as login did' --files 'src/auth/**'
  reconciler propose-task fix-logout --file task.json --why 'found while fixing login'")]
pub(super) struct ProposeTask {
    /// Its name: a-z, 0-9 and -
    name: TaskName,
    /// The whole file of the task, as in state/tasks/; - is stdin
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Why it is needed
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    #[command(flatten)]
    flags: Box<TaskFlags>,
}

/// Show the tasks that workers propose.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler proposals
  reconciler proposals -o json            with their files")]
pub(super) struct Proposals;

/// Accept a task that a worker proposed: commit its file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler accept fix-logout")]
pub(super) struct Accept {
    /// The name of the task
    name: TaskName,
    #[command(flatten)]
    recording: Recording,
}

/// Reject a task that a worker proposed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler reject fix-logout")]
pub(super) struct Reject {
    /// The name of the task
    name: TaskName,
}

impl ProposeTask {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let own = client.own_attempt()?;
        let spec = self.flags.spec();
        let text = match &self.file {
            None => task_text(&self.name, &spec),
            Some(_) if spec.as_object().is_some_and(|spec| !spec.is_empty()) => {
                return Err(Failure::usage("--file has the whole task: leave out its other flags"));
            }
            Some(file) => read(file)?,
        };
        match client.propose(&own, (&self.name, &text), &self.why).await? {
            Proposed::Accepted(edited) => finish("accepted", &edited),
            Proposed::Waits { why } => {
                let why = why.map(|why| format!("; not accepted at once: {why}"));
                let why = why.unwrap_or_default();
                context.note(&format!("proposed task/{}: a person decides{why}", self.name));
                Ok(Code::Success.into())
            }
        }
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let cannot = |error| Failure::new(format!("cannot read {}: {error}", file.display()));
    if file == Path::new("-") {
        std::io::stdin().take(SIZE_MAX).read_to_string(&mut text).map_err(cannot)?;
    } else {
        let open = std::fs::File::open(file).map_err(cannot)?;
        open.take(SIZE_MAX).read_to_string(&mut text).map_err(cannot)?;
    }
    Ok(text)
}

impl Proposals {
    pub(super) async fn run(self, context: &Context) -> Done {
        let all = context.client().await?.proposals().await?;
        match context.output {
            Output::Json => print::out(&print::json(&json!(all))?)?,
            Output::Name => {
                let names = all.iter().map(|one| format!("task/{}\n", one.task));
                print::out(&names.collect::<String>())?;
            }
            Output::Table | Output::Wide if all.is_empty() => {
                context.note("nothing is proposed");
            }
            Output::Table | Output::Wide => {
                let header = vec!["TASK", "PROPOSED", "BY", "TITLE"];
                let rows = all.iter().map(row).collect();
                print::out(&Table { header, rows }.draw(context.look, Long::Cut, 0))?;
                let first = all.first().map(|one| one.task.to_string()).unwrap_or_default();
                context
                    .note(&format!("read it, then: reconciler accept {first}, or reject {first}"));
            }
        }
        Ok(Code::Success.into())
    }
}

fn row(one: &Proposal) -> Row {
    let said = |field: &str| one.object.pointer(&format!("/spec/{field}"))?.as_str();
    let words = said("title").or(said("prompt")).or(said("command")).unwrap_or_default();
    let by = one.subject.split_once(": ").map_or("", |(_, by)| by);
    let at = one.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let cells = vec![one.task.to_string(), at, printable(by), printable(words)];
    Row { tone: Tone::Plain, cells }
}

impl Accept {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let edited = client.accept(&self.name, self.recording.record()).await?;
        finish("wrote", &edited)
    }
}

impl Reject {
    pub(super) async fn run(self, context: &Context) -> Done {
        context.client().await?.reject(&self.name).await?;
        say::out(format!("rejected task/{}", self.name))?;
        Ok(Code::Success.into())
    }
}
