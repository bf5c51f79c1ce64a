//! Report: for every task and seat where it is, why, and until when; the answer to "why is it not
//! running?". Every surface prints it and none works it out again.

use crate::api::condition::{Condition, ConditionType, Status};
use crate::api::hold::HoldKind;
use crate::api::name::{BranchName, Seat, TaskName, Uid, WorkerName};
use crate::api::task::TaskState;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a plan says of the world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The tasks, deleted ones on their way out included.
    pub tasks: BTreeMap<TaskName, TaskReport>,
    /// The seats of program workers that are taken, with the tasks whose attempts they run.
    pub seats: BTreeMap<Seat, Vec<TaskName>>,
    /// The workers that take no task because a person said so.
    pub held: BTreeMap<WorkerName, Held>,
    /// The tasks whose work is on its way to the target branch, the next first.
    pub merges: Vec<TaskName>,
    /// What concerns no single task, one sentence each; a person should read it.
    pub notices: Vec<String>,
}

/// What a person holds back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// What it keeps from happening.
    pub kind: HoldKind,
    /// Who said so, since when, until when and why, as a sentence.
    pub message: String,
    /// When it lapses by itself.
    pub until: Option<Timestamp>,
}

/// Where one task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskReport {
    /// On its way.
    pub state: TaskState,
    /// Why it is there.
    pub reason: Reason,
    /// The same, as a sentence for people.
    pub message: String,
    /// Since when, where that is recorded.
    pub since: Option<Timestamp>,
    /// When the plan wants to look again on its account.
    pub wake_at: Option<Timestamp>,
    /// Who does it, or did it last.
    pub seat: Option<Seat>,
    /// Its running or last attempt.
    pub attempt: Option<u32>,
    /// Its identity, once registered.
    pub uid: Option<Uid>,
    /// Its branch, once registered.
    pub branch: Option<BranchName>,
    /// Why its committed file is not in effect; empty when it is.
    pub problems: Vec<String>,
}

/// Why a task is where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Reason {
    /// It starts with this plan.
    Starting,
    /// An attempt runs.
    Running,
    /// An attempt runs, and its worker asked a person something.
    NeedsInput,
    /// An attempt runs, and does nothing for a long time, or could not if it would.
    Stalled,
    /// An attempt runs, and waits at its prompt for what a person says.
    Idle,
    /// An attempt was asked to stop.
    Stopping,
    /// An attempt is over, and its shim is leaving.
    Ending,
    /// It is done, and on its way to the target branch.
    Landing,
    /// Its last attempt succeeded.
    Succeeded,
    /// Its attempts are used up.
    AttemptsUsedUp,
    /// It waits before its next attempt, because the last one failed.
    RetryBackOff,
    /// It waits before its next attempt, because it was interrupted.
    RestartBackOff,
    /// It was interrupted too often.
    CrashLoop,
    /// The program of its agent is not there.
    AgentMissing,
    /// Its agent wants a person to log in.
    NotLoggedIn,
    /// The service of its agent takes no more requests for a while.
    RateLimited,
    /// It waits for a dependency.
    DependencyPending,
    /// A dependency failed, is suspended or does not exist.
    DependencyUnmet,
    /// It depends on itself through others.
    DependencyCycle,
    /// Another task holds files it may change.
    FilesHeld,
    /// No worker could ever take it.
    NoWorker,
    /// The workers that could take it are busy.
    WorkersBusy,
    /// As many attempts run as the policy allows.
    LimitReached,
    /// Its agent is not approved on this machine.
    NotTrusted,
    /// It came of an issue whose claim is not held here.
    HeldElsewhere,
    /// It is done, and whether the claim of its issue is still ours is to be seen first.
    ClaimUnsure,
    /// A person stopped it.
    Suspended,
    /// A person lets it not start for now, on this machine.
    Paused,
    /// A person lets the workers that could take it take nothing for now, on this machine.
    WorkersHeld,
    /// This machine is too busy to start anything.
    MachineBusy,
    /// A person claimed it and works on it.
    HeldByPerson,
    /// Its file is not valid, and never was.
    Invalid,
    /// Something that is not ours stands where its worktree or its session is to be.
    PlaceTaken,
    /// An effect failed and is tried again later.
    EffectFailed,
    /// A record of it is damaged.
    Damaged,
    /// Part of the world could not be seen.
    Unknown,
    /// Its file is gone; what is left is being cleaned up.
    Deleting,
    /// Something of the whole repository keeps it.
    OnHold,
}

impl Reason {
    /// Returns whether a person has to do something.
    pub fn needs_person(self) -> bool {
        match self {
            Self::AttemptsUsedUp
            | Self::CrashLoop
            | Self::DependencyUnmet
            | Self::DependencyCycle
            | Self::NoWorker
            | Self::NotTrusted
            | Self::Invalid
            | Self::PlaceTaken
            | Self::EffectFailed
            | Self::Damaged
            | Self::OnHold
            | Self::NeedsInput
            | Self::Stalled
            | Self::Idle
            | Self::AgentMissing
            | Self::NotLoggedIn => true,
            Self::Starting
            | Self::Running
            | Self::RateLimited
            | Self::Stopping
            | Self::Ending
            | Self::Landing
            | Self::Succeeded
            | Self::RetryBackOff
            | Self::RestartBackOff
            | Self::DependencyPending
            | Self::FilesHeld
            | Self::WorkersBusy
            | Self::LimitReached
            | Self::HeldElsewhere
            | Self::ClaimUnsure
            | Self::Suspended
            | Self::Paused
            | Self::WorkersHeld
            | Self::MachineBusy
            | Self::HeldByPerson
            | Self::Unknown
            | Self::Deleting => false,
        }
    }

    /// Returns whether it ends by itself, when its time has come.
    pub fn waits_for_time(self) -> bool {
        matches!(
            self,
            Self::RetryBackOff
                | Self::RestartBackOff
                | Self::CrashLoop
                | Self::EffectFailed
                | Self::AgentMissing
                | Self::NotLoggedIn
                | Self::RateLimited
        )
    }

    /// Returns whether the aspect it is about holds.
    fn holds(self) -> bool {
        matches!(
            self,
            Self::Running
                | Self::NeedsInput
                | Self::Stalled
                | Self::Idle
                | Self::HeldByPerson
                | Self::Landing
                | Self::Succeeded
                | Self::Ending
                | Self::Stopping
        )
    }

    /// Returns the aspect of the task that the reason is about.
    fn aspect(self) -> ConditionType {
        match self {
            Self::Invalid | Self::NotTrusted | Self::Damaged | Self::OnHold => {
                ConditionType::Accepted
            }
            Self::DependencyPending
            | Self::DependencyUnmet
            | Self::DependencyCycle
            | Self::FilesHeld
            | Self::NoWorker
            | Self::WorkersBusy
            | Self::LimitReached
            | Self::Paused
            | Self::WorkersHeld
            | Self::MachineBusy
            | Self::HeldElsewhere
            | Self::Suspended => ConditionType::Scheduled,
            Self::Starting
            | Self::Running
            | Self::NeedsInput
            | Self::Stalled
            | Self::Idle
            | Self::AgentMissing
            | Self::NotLoggedIn
            | Self::RateLimited
            | Self::HeldByPerson
            | Self::Stopping
            | Self::Ending
            | Self::Landing
            | Self::ClaimUnsure
            | Self::RetryBackOff
            | Self::RestartBackOff
            | Self::CrashLoop
            | Self::PlaceTaken
            | Self::EffectFailed
            | Self::Unknown
            | Self::Deleting => ConditionType::Running,
            Self::Succeeded | Self::AttemptsUsedUp => ConditionType::Complete,
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{self:?}"))
    }
}

impl TaskReport {
    /// Returns the conditions of the task: every aspect, the one the reason is about with the
    /// reason, those before it true and those after it false.
    pub fn conditions(&self) -> Vec<Condition> {
        let aspect = self.reason.aspect();
        let all = [
            ConditionType::Accepted,
            ConditionType::Scheduled,
            ConditionType::Running,
            ConditionType::Complete,
        ];
        let mut found: Vec<Condition> =
            all.into_iter().map(|kind| self.condition(kind, aspect)).collect();
        if let (Some(accepted), Some(problem)) = (found.first_mut(), self.problems.first()) {
            accepted.status = Status::False;
            "Stale".clone_into(&mut accepted.reason);
            accepted.message = format!("the committed file is not in effect: {problem}");
        }
        found
    }

    fn condition(&self, kind: ConditionType, aspect: ConditionType) -> Condition {
        let over = self.reason.aspect() == ConditionType::Complete;
        let status = match kind.cmp(&aspect) {
            std::cmp::Ordering::Less if kind == ConditionType::Running && over => Status::False,
            std::cmp::Ordering::Less => Status::True,
            std::cmp::Ordering::Equal if self.reason == Reason::Unknown => Status::Unknown,
            std::cmp::Ordering::Equal if self.reason.holds() => Status::True,
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => Status::False,
        };
        let about = kind == aspect;
        Condition {
            kind,
            status,
            reason: if about { self.reason.to_string() } else { String::new() },
            message: if about { self.message.clone() } else { String::new() },
            since: self.since.filter(|_| about),
        }
    }
}
