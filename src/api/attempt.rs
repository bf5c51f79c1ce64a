//! Attempt: one start of one task, from its record before the start to how it ended.

use super::agent::Sign;
use super::hash;
use super::name::{AgentName, BranchName, CommitId, Owner, Seat, TaskName, Uid};
use super::task::{Class, is_false};
use super::worker::{ResourceLimits, SessionOf};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// What the loop knows of a task beyond its file: written at first sight, before anything is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskRecord {
    /// The name.
    pub task: TaskName,
    /// The identity; a task that is deleted and made again gets another.
    pub uid: Uid,
    /// When the task was first seen: the order of the queue within one priority.
    pub created_at: Timestamp,
    /// The branch, fixed at first sight and free then. `None` for decision tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchName>,
}

impl TaskRecord {
    /// Returns the mark of everything made for this task.
    pub fn owner(&self) -> Owner {
        Owner { task: self.task.clone(), uid: self.uid.clone() }
    }
}

/// Which attempt: the task, its uid and a number from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptId {
    /// Whose attempt.
    #[serde(flatten)]
    pub owner: Owner,
    /// 1, 2, 3 and so on; never reused.
    pub number: u32,
}

impl AttemptId {
    /// Returns a UUID that no other attempt has, in the form of version 8 (RFC 9562).
    pub fn uuid(&self) -> String {
        let number = self.number.to_be_bytes();
        let digest = hash::digest(&[b"attempt", self.owner.uid.as_str().as_bytes(), &number]);
        let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
        let parts = [part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32)];
        let [first, second, third, fourth, fifth] = parts;
        format!("{first}-{second}-8{third}-8{fourth}-{fifth}")
    }

    /// Returns the folder of the task's attempts, `NAME.UID8`; a name has no dot, so no two tasks
    /// share it.
    pub fn folder(owner: &Owner) -> String {
        format!("{}.{}", owner.task, owner.uid.short())
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.owner.task, self.number)
    }
}

/// One start of one task: all that the shim needs, written before the session is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Which attempt.
    pub id: AttemptId,
    /// Who does it.
    pub seat: Seat,
    /// Whose session it runs in.
    #[serde(default, skip_serializing_if = "SessionOf::is_task")]
    pub session: SessionOf,
    /// Execution or decision: which log folder.
    pub class: Class,
    /// The digest of what runs; an attempt of another digest is not of the committed task.
    pub run_hash: String,
    /// When the record was written.
    pub prepared_at: Timestamp,
    /// The working directory.
    pub directory: PathBuf,
    /// What is started.
    pub program: Program,
    /// How often the shim renews its heartbeat, in seconds.
    pub heartbeat_seconds: u32,
    /// How long a renewal of its claim holds, in seconds.
    pub lease_seconds: u32,
    /// What it begins with.
    #[serde(default)]
    pub beginning: Beginning,
    /// The commit that it verifies before that lands: then it is no work of its task's worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifies: Option<CommitId>,
}

/// What an attempt begins with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Beginning {
    /// What its agent is to call its conversation, or calls it already.
    pub conversation: String,
    /// Which agent's conversation it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentName>,
    /// Whether it goes on with the conversation of an attempt before.
    pub resumes: bool,
    /// Whether that conversation was about another task, which its seat did before: then it is told
    /// its task as one that begins anew.
    #[serde(skip_serializing_if = "is_false")]
    pub is_carried: bool,
    /// What the agent is told of what was before.
    pub history: String,
}

/// What an attempt starts: an argv that no shell reads, and an environment that is complete.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Program {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Run after the program exits with 0; its exit status decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verify: Option<Vec<String>>,
    /// Variables to set.
    pub env: BTreeMap<String, String>,
    /// Names handed on from the environment of the loop.
    pub env_allow: Vec<String>,
    /// The same, with their values masked in the log.
    pub secret_env: Vec<String>,
    /// Seconds for program and verification together; 0 is without limit.
    pub timeout_seconds: u32,
    /// Seconds between SIGTERM and SIGKILL.
    pub stop_grace_seconds: u32,
    /// What it may take of the machine.
    #[serde(default)]
    pub limits: ResourceLimits,
    /// How the shim talks with it.
    #[serde(default)]
    pub dialogue: Dialogue,
}

/// How the shim talks with a program, and what it hears in what the program writes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Dialogue {
    /// Files to write into the folder of the attempt before the start, by name.
    pub files: BTreeMap<String, String>,
    /// What its standard input holds, in place of the terminal.
    pub stdin: Option<String>,
    /// What is typed when it is ready.
    pub paste: Option<String>,
    /// Whether messages may be typed while it works.
    pub listens: bool,
    /// A pattern in its output by which it is ready; without one it is when it has written
    /// something and then waits.
    pub ready: Option<String>,
    /// What is typed to make it end, when it is done.
    pub quit: Option<String>,
    /// A pattern in its output whose first group names its conversation.
    pub conversation: Option<String>,
    /// What its output tells of the reason of a failure.
    pub signs: Vec<Sign>,
    /// The line by which it says that it is done.
    pub marker: Option<String>,
    /// Whether its exit says nothing, and only its own word that it is done counts.
    pub must_report: bool,
    /// After so many seconds without output or change it is stalled; 0 is never.
    pub stall_seconds: u32,
}

/// The variable that bears the mark of a task in everything that works for it.
pub const OWNER_VARIABLE: &str = "RECONCILER_OWNER";

/// The variable that tells a worker the root of its repository.
pub const REPO_VARIABLE: &str = "RECONCILER_REPO";

/// Where an agent finds our own program, in the folder of its attempt; that folder comes first on its
/// `PATH`.
pub const OWN_PROGRAM: &str = "bin/reconciler";

/// Variables that every program is handed on, besides `TERM`, which is the terminal's.
pub const HANDED_ON: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"];

/// One process, so that a reused pid is not mistaken for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessId {
    /// The pid.
    pub pid: u32,
    /// Start time in clock ticks after boot (field 22 of `/proc/PID/stat`, see proc(5)).
    pub start_time: u64,
    /// The boot it belongs to (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exit {
    /// When the program was started; `None` when it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was over, or was found to be.
    pub ended_at: Timestamp,
    /// How.
    pub reason: ExitReason,
    /// Why it failed, as far as that is known by a sign: then it is treated by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
}

/// Why an attempt failed, where that asks for a treatment of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The program is not installed, or not on the PATH of the loop.
    AgentMissing,
    /// The agent wants a person to log in, or its key was refused.
    NotLoggedIn,
    /// The agent's service takes no more requests for a while.
    RateLimited,
    /// A change was refused, because somebody else holds the file.
    RefusedByLock,
}

impl FailureClass {
    /// Returns whether the work itself was never tried: the attempt uses up none of the task's.
    pub fn is_outside(self) -> bool {
        match self {
            Self::AgentMissing | Self::NotLoggedIn | Self::RateLimited => true,
            Self::RefusedByLock => false,
        }
    }
}

impl Exit {
    /// Returns whether this end uses up one of the task's attempts.
    pub fn is_failure(&self) -> bool {
        self.reason.is_failure() && !self.is_outside()
    }

    /// Returns whether something outside of the work made it fail, which must be mended first.
    pub fn is_outside(&self) -> bool {
        self.reason.is_failure() && self.class.is_some_and(FailureClass::is_outside)
    }
}

/// How an attempt ended. The JSON form is tagged with `kind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum ExitReason {
    /// The program, and the verification if there is one, exited with 0.
    Succeeded,
    /// The program exited with another status.
    Failed {
        /// Its exit status.
        status: i32,
    },
    /// The program succeeded and its verification did not.
    VerifyFailed {
        /// The exit status of the verification.
        status: i32,
    },
    /// The program said that it failed.
    SaidFailed {
        /// Why, in its own words.
        message: String,
        /// Whether another try may succeed.
        retryable: bool,
    },
    /// The program exited with 0, and never said that it is done, as its agent has to.
    Unreported,
    /// What it did could not land. No shim writes it: the merge queue says it.
    NotLanded {
        /// Why.
        message: String,
    },
    /// The time limit ran out.
    TimedOut {
        /// The limit, in seconds.
        after_seconds: u32,
    },
    /// The kernel killed it, as it seems for more memory than it may take.
    OutOfMemory {
        /// How much it may take.
        limit_megabytes: u32,
    },
    /// The program could not be started.
    NotStarted {
        /// Why.
        message: String,
    },
    /// A signal ended the program that nobody of ours sent.
    Signalled {
        /// The signal's number.
        signal: i32,
    },
    /// The terminal went away: the tmux session or server was killed.
    HungUp,
    /// The loop asked it to stop.
    Stopped {
        /// Why.
        why: StopReason,
    },
    /// The shim vanished without a word: killed, or the machine stopped.
    Lost,
}

impl ExitReason {
    /// Returns whether this end uses up one of the task's attempts. The others are interruptions:
    /// they say nothing about the work, and are revived within the restart budget.
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Failed { .. }
            | Self::VerifyFailed { .. }
            | Self::SaidFailed { .. }
            | Self::Unreported
            | Self::NotLanded { .. }
            | Self::TimedOut { .. }
            | Self::OutOfMemory { .. }
            | Self::NotStarted { .. } => true,
            // SIGQUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, SYS: the program itself broke.
            Self::Signalled { signal } => matches!(signal, 3 | 4 | 5 | 6 | 7 | 8 | 11 | 31),
            Self::Succeeded | Self::HungUp | Self::Stopped { .. } | Self::Lost => false,
        }
    }

    /// Returns whether something outside ended it.
    pub fn is_interruption(&self) -> bool {
        match self {
            Self::Signalled { .. } => !self.is_failure(),
            Self::HungUp | Self::Lost => true,
            Self::Succeeded
            | Self::Failed { .. }
            | Self::VerifyFailed { .. }
            | Self::SaidFailed { .. }
            | Self::Unreported
            | Self::NotLanded { .. }
            | Self::TimedOut { .. }
            | Self::OutOfMemory { .. }
            | Self::NotStarted { .. }
            | Self::Stopped { .. } => false,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.reason, self.started_at) {
            // No shim took it: what never was cannot vanish.
            (ExitReason::Lost, None) => f.write_str("was never started"),
            (reason, _) => reason.fmt(f),
        }
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Succeeded => f.write_str("succeeded"),
            Self::Failed { status } => write!(f, "exited with {status}"),
            Self::VerifyFailed { status } => {
                write!(f, "failed its verification, which exited with {status}")
            }
            Self::SaidFailed { message, .. } if message.is_empty() => {
                f.write_str("said that it failed")
            }
            Self::SaidFailed { message, .. } => write!(f, "said that it failed: {message}"),
            Self::Unreported => f.write_str("exited without a word that it is done"),
            Self::NotLanded { message } => write!(f, "was done, and could not land: {message}"),
            Self::TimedOut { after_seconds } => write!(f, "ran out of its {after_seconds} s"),
            Self::OutOfMemory { limit_megabytes } => {
                write!(
                    f,
                    "was killed, as it seems for more than its {limit_megabytes} MB of memory"
                )
            }
            Self::NotStarted { message } => write!(f, "could not be started: {message}"),
            Self::Signalled { signal } => write!(f, "was ended by signal {signal}"),
            Self::HungUp => f.write_str("lost its terminal"),
            Self::Stopped { why } => write!(f, "was stopped: {why}"),
            Self::Lost => f.write_str("vanished without an exit record"),
        }
    }
}

/// Why an attempt is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// The task is suspended.
    Suspended,
    /// The task's file is gone.
    Deleted,
    /// The committed task now runs something else.
    SpecChanged,
    /// Its worker is gone, suspended or has fewer replicas.
    WorkerGone,
    /// Somebody else holds the task.
    TakenOver,
    /// Its claim lapsed: it was not renewed for a whole lease.
    Lapsed,
    /// Its worker is drained.
    Drained,
    /// The claim of its issue is not held here any more.
    HeldElsewhere,
    /// A person wants it to start again.
    Restarted,
    /// What it verifies is not what would land any more.
    Outdated,
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Suspended => "the task is suspended",
            Self::Deleted => "the task is deleted",
            Self::SpecChanged => "the committed task runs something else",
            Self::WorkerGone => "its worker is gone",
            Self::TakenOver => "somebody else holds the task",
            Self::Lapsed => "its claim lapsed, because nothing renewed it",
            Self::Drained => "its worker is drained",
            Self::HeldElsewhere => "the claim of its issue is not held here any more",
            Self::Restarted => "it is to start again",
            Self::Outdated => "what it verifies is not what would land any more",
        })
    }
}

/// A request to stop, written beside the attempt before the shim is signalled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StopRequest {
    /// When it was asked first.
    pub asked_at: Timestamp,
    /// Why.
    pub why: StopReason,
}

/// What the shim writes when it takes over an attempt, before it starts anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShimRecord {
    /// The shim.
    pub process: ProcessId,
    /// When.
    pub started_at: Timestamp,
}

/// An effect that failed for a task, so that the wait before the next try outlives the loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What was tried, as the plan prints it.
    pub action: String,
    /// What went wrong.
    pub message: String,
    /// How often in a row.
    pub count: u32,
    /// When it went wrong last.
    pub at: Timestamp,
}
