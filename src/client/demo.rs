//! The demo: the main job on a throw-away repository, with no account and no network. What it shows
//! is seen, not claimed: each line waits for the thing it tells.

use super::{Client, Environment, Error, IfEmpty, RunError, Snapshot, Until};
use crate::api::admission;
use crate::api::name::TaskName;
use crate::api::task::TaskState;
use crate::disk;
use crate::git::Repository;
use crate::plan::desired::Desired;
use crate::plan::observed::AttemptState;
use crate::plan::report::Reason;
use crate::process::signal::{self, Ask};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long each thing is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(40);

/// The desired state of the demo: the `state/` folder of this project.
const STATE: [(&str, &str); 10] = [
    ("policy.json", include_str!("../../state/policy.json")),
    ("agents/scribe.json", include_str!("../../state/agents/scribe.json")),
    ("workers/alice.json", include_str!("../../state/workers/alice.json")),
    ("workers/builder.json", include_str!("../../state/workers/builder.json")),
    ("workers/writer.json", include_str!("../../state/workers/writer.json")),
    ("tasks/build.json", include_str!("../../state/tasks/build.json")),
    ("tasks/login.json", include_str!("../../state/tasks/login.json")),
    ("tasks/notes.json", include_str!("../../state/tasks/notes.json")),
    ("tasks/test.json", include_str!("../../state/tasks/test.json")),
    ("tasks/token.json", include_str!("../../state/tasks/token.json")),
];

/// A file that admission refuses.
const BAD: &str = r#"{
  "apiVersion": "reconciler.dev/v1alpha1",
  "kind": "Task",
  "metadata": { "name": "bad" },
  "spec": {
    "command": "make",
    "priorty": 1
  }
}
"#;

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The repository could not be used.
    #[error(transparent)]
    Client(#[from] Error),
    /// git refused.
    #[error(transparent)]
    Git(#[from] crate::git::Error),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// The approval could not be kept.
    #[error(transparent)]
    Trust(#[from] crate::store::TrustError),
    /// The loop did not run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The system refused.
    #[error("cannot {0}")]
    System(&'static str, #[source] std::io::Error),
    /// Something did not come.
    #[error("waited {} s for this, and it did not come: {what}; the world then:\n{world}", PATIENCE.as_secs())]
    Patience {
        /// What was waited for.
        what: &'static str,
        /// Every task, and where it was.
        world: String,
    },
}

/// One line of the demo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// What happens next.
    Headline(String),
    /// What was seen.
    Seen(String),
}

/// Plays the demo in a new folder beneath `beneath`, and removes it. `told` is given each line.
///
/// # Errors
/// When something that should come did not; the folder is removed all the same.
pub async fn play(
    beneath: &Path,
    environment: Environment,
    mut told: impl FnMut(Line),
) -> Result<(), DemoError> {
    let folder = tempfile::Builder::new().prefix("reconciler-demo-").tempdir_in(beneath);
    let folder = folder.map_err(|error| DemoError::System("make a folder", error))?;
    let root = folder.path().join("shop");
    disk::make_folder(&root)?;
    let repository = Repository::init(&root).await?;
    let environment = of_its_own(environment, folder.path())?;
    told(Line::Headline(format!("A throw-away repository, {}", repository.root().display())));
    for (name, text) in STATE {
        disk::replace(&repository.root().join("state").join(name), text.as_bytes())?;
    }
    repository.commit_everything("Tasks and workers").await?;
    let client = Client::open(repository.root(), environment).await?;
    approve(&client).await?;
    told(Line::Seen(
        "5 tasks and 3 workers are committed; agents shell and scribe are approved".to_owned(),
    ));

    let (done, stop) = tokio::sync::oneshot::channel::<()>();
    let run = client.run(Until::Stopped, IfEmpty::Keep, async { drop(stop.await) }, |_| {});
    let direct = Box::pin(async {
        let result =
            Director { client: &client, repository: &repository, told: &mut told }.direct().await;
        drop(done);
        result
    });
    let (ran, directed) = tokio::join!(run, direct);
    let left = stop_all(&client).await;
    ran?;
    directed?;
    let worktrees = disk::list(&repository.root().join(".worktrees"))?;
    let worktrees = worktrees.iter().filter(|name| *name != ".gitignore").count();
    told(Line::Seen(format!(
        "the loop ended; left behind: {left} tmux sessions, {worktrees} worktrees"
    )));
    Ok(())
}

/// Stops what a demo that did not come to its end left running; returns how many sessions there
/// were.
async fn stop_all(client: &Client) -> usize {
    let seen = client.snapshot().await;
    let tasks = seen.observed.tasks.known().into_iter().flat_map(|tasks| tasks.values());
    for last in tasks.filter_map(|task| task.attempts.last()) {
        if let AttemptState::Running { shim, .. } = &last.state {
            // One that cannot be asked is gone.
            signal::send(shim, Ask::Terminate).ok();
        }
    }
    seen.observed.sessions.known().map_or(0, Vec::len)
}

/// Gives the demo a home for approvals and sockets of its own, so that it leaves no trace.
fn of_its_own(mut environment: Environment, folder: &Path) -> Result<Environment, DemoError> {
    let own = |name: &str| folder.join(name);
    for name in ["state", "tmux"] {
        disk::make_folder(&own(name))?;
    }
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    environment.variables.insert("XDG_STATE_HOME".to_owned(), text(own("state")));
    environment.variables.insert("TMUX_TMPDIR".to_owned(), text(own("tmux")));
    Ok(environment)
}

async fn approve(client: &Client) -> Result<(), DemoError> {
    let snapshot = client.snapshot().await;
    let desired = snapshot.desired.known();
    let digest = |name: &str| {
        let name = name.parse().ok()?;
        Some(Desired::trust_digest(&name, desired?.agent(&name)?))
    };
    let digests: BTreeSet<String> = ["shell", "scribe"].into_iter().filter_map(digest).collect();
    Ok(client.visitor.trust().approve(digests)?)
}

struct Director<'a, T> {
    client: &'a Client,
    repository: &'a Repository,
    told: &'a mut T,
}

impl<T: FnMut(Line)> Director<'_, T> {
    async fn direct(&mut self) -> Result<(), DemoError> {
        self.headline("1  What is committed runs");
        let start = self.client.snapshot().await;
        let runs = |name: &'static str| {
            move |seen: &Snapshot| state(seen, name) == Some(TaskState::InProgress)
        };
        let both = |seen: &Snapshot| runs("build")(seen) && runs("login")(seen);
        let seen = self.wait("two workers run", both).await?;
        self.seen(format!("build and login run, each in a worktree and a tmux session of its own, {} after the start", since(&start, &seen)));

        self.headline("2  Two workers never change the same file");
        let waits = |seen: &Snapshot| reason(seen, "token") == Some(Reason::FilesHeld);
        let seen = self.wait("token waits for files", waits).await?;
        self.seen(format!("token waits: {}", message(&seen, "token")));

        self.headline("3  What dies is revived");
        kill("build", &seen)?;
        let killed = self.client.snapshot().await;
        let again = |seen: &Snapshot| attempt(seen, "build") == Some(2) && runs("build")(seen);
        let seen = self.wait("build runs again", again).await?;
        self.seen(format!("the worker of build was killed (kill -9); attempt 2 runs in the same worktree {} later", since(&killed, &seen)));

        self.headline("4  A bad file is refused, and harms nobody else");
        self.commit_a_bad_file().await?;
        let refused = |seen: &Snapshot| reason(seen, "bad") == Some(Reason::Invalid);
        self.wait("the bad file is refused", refused).await?;
        self.seen(
            "committed all the same: only that object is left alone, the others go on".to_owned(),
        );

        self.headline("5  Done work lands on main, and nothing is left behind");
        let names = ["build", "login", "notes", "test", "token"];
        let all = |seen: &Snapshot| {
            names.iter().all(|name| state(seen, name) == Some(TaskState::Completed))
                && seen.plan.actions.is_empty()
        };
        let seen = self.wait("all tasks are completed", all).await?;
        for name in names {
            let report = report(&seen, name);
            let line = report.map(|one| {
                format!(
                    "{name:6} {} on attempt {}; {}",
                    one.state,
                    one.attempt.unwrap_or(0),
                    one.message
                )
            });
            self.seen(line.unwrap_or_default());
        }
        Ok(())
    }

    async fn commit_a_bad_file(&mut self) -> Result<(), DemoError> {
        let path = "state/tasks/bad.json";
        if let Err(problems) = admission::admit(path, BAD.as_bytes()) {
            for problem in problems {
                self.seen(problem.picture());
            }
        }
        disk::replace(&self.repository.root().join(path), BAD.as_bytes())?;
        self.repository.commit_everything("A task with a slip of the pen").await?;
        Ok(())
    }

    async fn wait(
        &self,
        what: &'static str,
        come: impl Fn(&Snapshot) -> bool,
    ) -> Result<Snapshot, DemoError> {
        let mut again = tokio::time::interval(LOOK_AGAIN);
        let look = async {
            let mut seen = self.client.snapshot().await;
            while !come(&seen) {
                again.tick().await;
                seen = self.client.snapshot().await;
            }
            seen
        };
        if let Ok(seen) = tokio::time::timeout(PATIENCE, look).await {
            return Ok(seen);
        }
        let seen = self.client.snapshot().await;
        let lines = seen.plan.report.tasks.iter();
        let world = lines
            .map(|(name, one)| format!("  {name}: {} {}: {}", one.state, one.reason, one.message));
        Err(DemoError::Patience { what, world: world.collect::<Vec<_>>().join("\n") })
    }

    fn headline(&mut self, text: &str) {
        (self.told)(Line::Headline(text.to_owned()));
    }

    fn seen(&mut self, text: String) {
        (self.told)(Line::Seen(text));
    }
}

fn kill(name: &str, seen: &Snapshot) -> Result<(), DemoError> {
    let tasks = seen.observed.tasks.known();
    let task = name.parse::<TaskName>().ok().and_then(|name| tasks?.get(&name));
    let last = task.and_then(|task| task.attempts.last());
    if let Some(AttemptState::Running { shim, .. }) = last.map(|last| &last.state) {
        signal::send(shim, Ask::Kill)
            .map_err(|error| DemoError::System("kill the worker", error))?;
    }
    Ok(())
}

fn report<'a>(seen: &'a Snapshot, name: &str) -> Option<&'a crate::plan::report::TaskReport> {
    seen.plan.report.tasks.get(&name.parse().ok()?)
}

fn state(seen: &Snapshot, name: &str) -> Option<TaskState> {
    report(seen, name).map(|one| one.state)
}

fn reason(seen: &Snapshot, name: &str) -> Option<Reason> {
    report(seen, name).map(|one| one.reason)
}

fn attempt(seen: &Snapshot, name: &str) -> Option<u32> {
    report(seen, name).and_then(|one| one.attempt)
}

fn message(seen: &Snapshot, name: &str) -> String {
    report(seen, name).map(|one| one.message.clone()).unwrap_or_default()
}

fn since(before: &Snapshot, after: &Snapshot) -> String {
    let took = after.observed.now.duration_since(before.observed.now);
    format!("{:.1} s", took.as_secs_f64())
}
