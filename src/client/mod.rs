//! Every verb a surface may ask, on one repository. Surfaces name this room and the vocabulary, so
//! what one of them can do, all can.

mod again;
mod agent_hook;
mod audit;
mod backup;
mod beyond;
#[cfg(feature = "github")]
mod board;
mod brief;
mod check;
mod claim;
mod conflicts;
mod control;
mod decision;
pub mod demo;
mod diff;
mod doctor;
mod edit;
mod errand;
mod forecast;
mod history;
mod hold;
mod hook;
mod hooks;
mod init;
#[cfg(feature = "github")]
mod issues;
mod merge;
mod proposal;
#[cfg(feature = "github")]
mod pulls;
mod reach;
mod report;
mod rescue;
mod snapshot;
mod trust;
pub mod view;
mod workplace;

pub use agent_hook::{AgentAnswer, AgentCall, AgentEvent, judge_agent};
pub use audit::{Audit, Finding as AuditFinding};
pub use backup::{About, Backup, Fate, IfThere, Restoration, Restored};
#[cfg(feature = "github")]
pub use board::{
    BoardPlan, Change as BoardChange, Hub, Made as BoardMade, Outcome as BoardOutcome,
};
pub use brief::{Brief, RULES};
pub use check::{Checked, Version};
pub use claim::{
    FileFreed, FileLock, FileTaken, Freed, Obstacle, Release, Taken, Which, draw_secret,
    person_called,
};
pub use conflicts::{Clash, ClashState, Commit as NamedCommit, Conflicts, Place, Way};
pub use control::{End, IfEmpty, RunError, Turn, Until};
pub use decision::Decided;
pub use diff::{BranchDifference, Change, Difference, Field, FileCount, TaskBranch, What};
#[cfg(feature = "github")]
pub use doctor::examine_github;
pub use doctor::{Finding, Health, examine, examine_agent};
pub use edit::{Commit, Edited, Record, Suspension, spec};
pub use forecast::{Branches, Conflict, Forecast};
pub use history::{Life, Moment, MomentSource};
pub use hold::{Because, Drained, Lift};
pub use hook::{
    BYPASS, HookCall, Objection, Refused, Ruling, judge_hook, judge_paths, passes_at_once,
};
pub use hooks::{
    HookName, HookState, HookStep, HooksMode, HooksPlan, HooksStatus, Installed, Permissions,
};
pub use init::{InitHooks, InitOptions, InitPlan, Step};
#[cfg(feature = "github")]
pub use issues::{Intake, OpenIssue, OpenState, Pulled, Push, Pushed};
pub use proposal::{Proposal, Proposed, task_text};
pub use reach::{Judgement, Standing};
pub use report::{OwnAttempt, Sent};
pub use rescue::{Rescue, Rescues};
pub use snapshot::{LoopState, Snapshot};
pub use trust::AgentTrust;
pub use workplace::Workplace;

use crate::git::{self, Repository};
use crate::plan::observed::EmptyState;
use crate::records::{self, Records};
use crate::world::host::{HostWorld, Role, Setting};
use crate::world::ownership::Ownership;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The key of git's configuration that holds the pinned ref of a clone.
pub const REF_KEY: &str = "reconciler.stateRef";
/// The pinned ref of a clone that has none recorded.
pub const REF_DEFAULT: &str = "refs/heads/main";

/// What a surface was started with.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Our own program.
    pub program: PathBuf,
    /// The variables of the environment.
    pub variables: BTreeMap<String, String>,
}

impl Environment {
    fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Returns the folder for temporary files: `$TMPDIR`, else `/tmp`.
    pub fn temporary_folder(&self) -> PathBuf {
        self.path("TMPDIR").unwrap_or_else(|| PathBuf::from("/tmp"))
    }

    /// Returns the user's state folder: `$XDG_STATE_HOME`, else `~/.local/state`.
    pub fn state_home(&self) -> Option<PathBuf> {
        self.path("XDG_STATE_HOME").or_else(|| Some(self.path("HOME")?.join(".local/state")))
    }
}

/// Why a repository could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// git refused.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// The records cannot be read.
    #[error(transparent)]
    Records(#[from] records::Error),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] crate::disk::Error),
    /// The approvals cannot be read or written.
    #[error(transparent)]
    Trust(#[from] crate::store::TrustError),
    /// Files would not be accepted; nothing was written.
    #[error("not written: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<crate::api::problem::Problem>),
    /// What is wanted cannot be read.
    #[error("the desired state cannot be read: {0}")]
    Unknown(String),
    /// It cannot be told or changed who holds what.
    #[error(transparent)]
    Ownership(#[from] crate::world::ownership::OwnershipError),
    /// What was changed could not be recorded.
    #[error(transparent)]
    Ledger(#[from] crate::world::ledger::LedgerError),
    /// GitHub did not do what was asked for.
    #[cfg(feature = "github")]
    #[error(transparent)]
    Github(#[from] crate::github::Error),
    /// Nothing was done, because it would not be what the person means.
    #[error("{what}")]
    Refused {
        /// What stands in the way.
        what: String,
        /// What to do.
        help: String,
    },
}

impl Error {
    /// Returns what the person can do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Git(git::Error::NotARepository(_)) => {
                Some("go to a git repository, or name one: reconciler -C DIR ...")
            }
            Self::Refused { help, .. } => Some(help),
            #[cfg(feature = "github")]
            Self::Github(error) => board::hint(error),
            Self::Git(_)
            | Self::Records(_)
            | Self::Disk(_)
            | Self::Trust(_)
            | Self::Ownership(_)
            | Self::Ledger(_)
            | Self::Invalid(_)
            | Self::Unknown(_) => None,
        }
    }
}

/// One repository, as a surface sees it.
#[derive(Debug)]
pub struct Client {
    repository: Repository,
    state_ref: String,
    environment: Environment,
    visitor: HostWorld,
    guarded: control::Guarded,
    /// How fast GitHub may be asked, by all of this program that ask it.
    #[cfg(feature = "github")]
    pace: crate::github::Pace,
}

impl Client {
    /// Opens the repository around a directory. Changes nothing.
    ///
    /// # Errors
    /// When there is none, or git refuses it: tell the person, nothing else works either.
    pub async fn open(directory: &Path, environment: Environment) -> Result<Self, Error> {
        let repository = Repository::discover(directory).await?;
        let state_ref = repository.config_get(REF_KEY).await?;
        let state_ref = state_ref.unwrap_or_else(|| REF_DEFAULT.to_owned());
        let setting = setting(&environment, Role::Visitor, EmptyState::Doubted);
        let visitor = HostWorld::new(repository.clone(), state_ref.clone(), setting);
        Ok(Self {
            #[cfg(feature = "github")]
            pace: board::pace(&environment),
            repository,
            state_ref,
            environment,
            visitor,
            guarded: control::Guarded::default(),
        })
    }

    /// Returns the root of the repository: the main worktree, or the git directory of a bare one.
    pub fn root(&self) -> &Path {
        self.repository.root()
    }

    /// Returns the ref that desired state is read from.
    pub fn state_ref(&self) -> &str {
        &self.state_ref
    }

    /// Returns the argv by which a person looks into a session.
    pub fn attach_argv(&self, session: &str) -> Vec<String> {
        self.visitor.attach_argv(session)
    }

    fn ownership(&self) -> &Ownership {
        self.visitor.ownership()
    }

    fn records(&self) -> &Records {
        self.visitor.records()
    }
}

fn setting(environment: &Environment, role: Role, empty_state: EmptyState) -> Setting {
    Setting {
        program: environment.program.clone(),
        environment: environment.variables.clone(),
        state_home: environment.state_home(),
        tmux_tmpdir: environment.path("TMUX_TMPDIR"),
        empty_state,
        role,
    }
}
