//! Observed: what one look at the whole world found. What could not be seen is `Unknown`, which
//! permits neither making nor removing anything.

use crate::api::attempt::{Attempt, AttemptId, Exit, Failure, ProcessId, StopRequest, TaskRecord};
use crate::api::claim::{BootTime, Claim};
use crate::api::hold::{Holds, Retrial};
use crate::api::issue::Taken;
use crate::api::landing::Landing;
use crate::api::name::{BranchName, CommitId, Owner, Seat, TaskName};
use crate::api::report::{Outcome, Progress, Silence};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What one look at one outside system found. There is no default: unknown is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sighting<T> {
    /// It was seen, all of it.
    Known(T),
    /// It was not, and this is why.
    Unknown(String),
}

impl<T> Sighting<T> {
    /// Returns what was seen.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(seen) => Some(seen),
            Self::Unknown(_) => None,
        }
    }

    /// Returns why it was not seen.
    pub fn why_unknown(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(why) => Some(why),
        }
    }
}

impl<T, E: std::error::Error> From<Result<T, E>> for Sighting<T> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(seen) => Self::Known(seen),
            Err(error) => {
                let mut why = error.to_string();
                let mut source = error.source();
                while let Some(cause) = source {
                    why = format!("{why}: {cause}");
                    source = cause.source();
                }
                Self::Unknown(why)
            }
        }
    }
}

/// What one look at the whole world found.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// The wall time of the look.
    pub now: Timestamp,
    /// 128 random bits of this look, from which new uids are derived.
    pub nonce: u128,
    /// What this machine calls itself.
    pub node: String,
    /// The time of the look on the boot clock.
    pub boot: BootTime,
    /// Since when the loop has looked and the machine was awake, in milliseconds on the boot clock:
    /// who could not renew a claim before that had no chance to.
    pub awake_since: u64,
    /// Where things live.
    pub places: Places,
    /// The records of tasks, with their attempts.
    pub tasks: Sighting<BTreeMap<TaskName, TaskSighting>>,
    /// The claims.
    pub claims: Sighting<BTreeMap<TaskName, ClaimSighting>>,
    /// The last generation of each task's claims, also of those that were released; what is not
    /// known of it makes the claims unknown.
    pub generations: BTreeMap<TaskName, u64>,
    /// The tmux sessions of our server.
    pub sessions: Sighting<Vec<Session>>,
    /// The linked worktrees, but those in the trash.
    pub worktrees: Sighting<Vec<Worktree>>,
    /// The local branches and their tips.
    pub branches: Sighting<BTreeMap<BranchName, CommitId>>,
    /// The rescue refs, without `refs/reconciler/rescue/`: `TASK/ATTEMPT`, or `TASK/ATTEMPT-2`.
    pub rescues: Sighting<BTreeSet<String>>,
    /// The digests of the agents that the user approved.
    pub trusted: Sighting<BTreeSet<String>>,
    /// What was retired and is kept for a while.
    pub leftovers: Sighting<Leftovers>,
    /// The issues that are claimed here, by the names of their tasks.
    pub issues: Sighting<BTreeMap<String, Taken>>,
    /// What people hold back on this machine.
    pub holds: Sighting<Holds>,
    /// How much of this machine is free.
    pub machine: Machine,
    /// Whether the user said that an empty `state/` is meant.
    pub empty_state: EmptyState,
}

/// How much of a machine is free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// How many programs wanted to run over the last minute, in percent of the processors.
    pub load_percent: Sighting<u32>,
    /// Free memory, in megabytes.
    pub free_memory_megabytes: Sighting<u64>,
    /// What is free on the disk of the repository, in megabytes.
    pub free_disk_megabytes: Sighting<u64>,
}

impl Machine {
    /// Returns a machine with nothing to do.
    pub fn idle() -> Self {
        Self {
            load_percent: Sighting::Known(0),
            free_memory_megabytes: Sighting::Known(u64::from(u32::MAX)),
            free_disk_megabytes: Sighting::Known(u64::from(u32::MAX)),
        }
    }
}

/// What an empty `state/` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmptyState {
    /// A doubt: nothing is deleted.
    Doubted,
    /// The user's word: everything is deleted.
    Meant,
}

/// Where things live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The root of the repository: the main worktree, or the git directory of a bare one.
    pub root: PathBuf,
}

impl Places {
    /// Returns where the worktree of a task is.
    pub fn worktree(&self, task: &TaskName) -> PathBuf {
        self.worktrees().join(task.as_str())
    }

    /// Returns the folder of an attempt.
    pub fn attempt(&self, id: &AttemptId) -> PathBuf {
        let attempts = self.root.join(".reconciler/attempts").join(AttemptId::folder(&id.owner));
        attempts.join(id.number.to_string())
    }

    /// Returns the folder of all worktrees.
    pub fn worktrees(&self) -> PathBuf {
        self.root.join(".worktrees")
    }

    /// Returns the folder of retired worktrees.
    pub fn trash(&self) -> PathBuf {
        self.root.join(".reconciler/trash")
    }

    /// Returns where the spare worktree is; it belongs to no task, and nothing runs in it.
    pub fn spare(&self) -> PathBuf {
        self.root.join(".reconciler/spare")
    }

    /// Returns where candidates are verified; the number is from 1.
    pub fn verification(&self, number: u32) -> PathBuf {
        self.root.join(".reconciler/verify").join(number.to_string())
    }

    /// Returns whether a path is one of our worktrees' places.
    pub fn is_ours(&self, path: &Path) -> bool {
        path.parent() == Some(&self.worktrees())
    }
}

/// A task's record and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSighting {
    /// The record, or what is wrong with it: then the task is left alone.
    pub record: Result<TaskRecord, String>,
    /// Its attempts, by number.
    pub attempts: Vec<AttemptSighting>,
    /// The effect that failed last, if its success has not been seen since.
    pub failure: Option<Failure>,
    /// That it may try anew, if a person said so, or what is wrong with that record.
    pub retrial: Option<Result<Retrial, String>>,
    /// How far its work is on its way to the target branch, or what is wrong with that record.
    pub landing: Option<Result<Landing, String>>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptSighting {
    /// Its number.
    pub number: u32,
    /// Its record, or what is wrong with it.
    pub attempt: Result<Attempt, String>,
    /// Where it is.
    pub state: AttemptState,
    /// What was said in it.
    pub said: Said,
}

/// What was said in an attempt, as far as a decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// How the agent itself calls its conversation.
    pub conversation: Option<String>,
    /// How it ended, in its worker's own word.
    pub outcome: Option<Outcome>,
    /// What the worker said of that.
    pub summary: String,
    /// The question that waits for a person.
    pub question: Option<String>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// That it lives and writes nothing, for so long that it means something.
    pub silence: Option<Silence>,
    /// What it runs without, because this machine does not allow it.
    pub lacks: Vec<String>,
}

/// Where an attempt is.
#[derive(Debug, Clone, PartialEq)]
pub enum AttemptState {
    /// Its record is written; no shim has taken it.
    Prepared,
    /// Its shim lives.
    Running {
        /// The shim.
        shim: ProcessId,
        /// The loop asked it to stop.
        asked: Option<StopRequest>,
        /// When the shim took it.
        started_at: Timestamp,
    },
    /// Its exit is recorded, and the shim still lives.
    Ending {
        /// The shim.
        shim: ProcessId,
        /// How it ended.
        exit: Exit,
    },
    /// Its shim is gone without an exit record.
    Lost {
        /// Processes that still carry the task's mark.
        survivors: Sighting<Vec<ProcessId>>,
        /// When the shim took it.
        started_at: Timestamp,
        /// The loop had asked it to stop.
        asked: Option<StopRequest>,
    },
    /// It is over.
    Ended(Exit),
    /// It cannot be told.
    Unknown(String),
    /// One of its records cannot be understood; it may live.
    Damaged(String),
}

impl AttemptState {
    /// Returns whether something of the attempt may live and keeps its seat and its files. One
    /// that is prepared or lost is closed before its task goes on, and keeps nothing.
    pub fn may_live(&self) -> bool {
        match self {
            Self::Running { .. } | Self::Ending { .. } | Self::Damaged(_) | Self::Unknown(_) => {
                true
            }
            Self::Prepared | Self::Lost { .. } | Self::Ended(_) => false,
        }
    }
}

/// A claim, or what is wrong with its file: then it is held, by nobody knows whom.
pub type ClaimSighting = Result<Claim, String>;

/// A tmux session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// tmux's own id, as `$3`.
    pub id: String,
    /// The name.
    pub name: String,
    /// Its mark; `None` is a session of somebody else.
    pub owner: Option<Owner>,
    /// The attempt it was made for, or was last used for.
    pub attempt: Option<u32>,
    /// The seat that keeps it; `None` is a session of one attempt.
    pub seat: Option<Seat>,
    /// Whether nothing runs in it.
    pub is_idle: bool,
}

impl Session {
    /// Returns the seat for whose next task it waits: it is no session of the task before.
    pub fn waits_for(&self) -> Option<&Seat> {
        self.seat.as_ref().filter(|_| self.is_idle)
    }
}

/// A linked worktree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worktree {
    /// Where it is.
    pub path: PathBuf,
    /// Its mark; `None` is a worktree of somebody else.
    pub owner: Option<Owner>,
    /// What can be said of it.
    pub state: WorktreeState,
    /// The branch that it has checked out, if it has a mark: one that bears no mark is not ours to
    /// know, and a detached HEAD is on none.
    pub branch: Option<BranchName>,
    /// The generation of the claim that it works under, as it was noted there: the hooks go by it.
    pub generation: Option<u64>,
}

/// What can be said of a worktree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorktreeState {
    /// It is whole.
    Ready,
    /// Its making was cut off in the middle.
    HalfMade,
    /// Its folder is gone.
    Missing,
}

/// What was retired and is kept for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Retired worktrees: the name in the trash, and when it was put there.
    pub trash: Vec<(String, Timestamp)>,
    /// Folders of attempts, by the task's mark as `NAME.UID8`, and when they changed last.
    pub attempts: Vec<(String, Timestamp)>,
}
