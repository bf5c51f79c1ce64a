//! Action: one atomic, idempotent effect, with what must still be true when it is done. The doer
//! checks that; a refusal is an answer, not an error.

use crate::api::attempt::{Attempt, AttemptId, Exit, Failure, ProcessId, StopReason, TaskRecord};
use crate::api::claim::Claim;
use crate::api::landing::Obstacle;
use crate::api::name::{BranchName, CommitId, Owner, RemoteName, Seat, TaskName};
use crate::api::policy::Method;
use jiff::Timestamp;
use std::fmt;
use std::path::PathBuf;

/// One effect.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Writes the record of a task seen for the first time, if it has none.
    Register(TaskRecord),
    /// Publishes a claim in place of the one of the generation before (0: of none).
    Claim(Claim),
    /// Renews a claim, if it is still of this generation.
    Renew {
        /// The claim, with its new times.
        claim: Claim,
    },
    /// Removes a claim, if it is still of this generation.
    Release {
        /// Whose.
        owner: Owner,
        /// Which.
        generation: u64,
    },
    /// Removes a person's claim that lapsed, if it is still of this generation and nothing in its
    /// worktree is unsaved.
    Expire {
        /// Whose.
        owner: Owner,
        /// Which.
        generation: u64,
        /// Where its worktree is, if one is there.
        path: Option<PathBuf>,
    },
    /// Records what a person completed, as an attempt that is over.
    Complete {
        /// The attempt.
        attempt: Attempt,
        /// Its end.
        exit: Exit,
    },
    /// Notes in a worktree the generation that it works under; the hooks go by it.
    NoteGeneration {
        /// Its mark.
        owner: Owner,
        /// Where.
        path: PathBuf,
        /// That of its task's claim.
        generation: u64,
    },
    /// Creates a branch, if there is none of this name.
    CreateBranch {
        /// For whom.
        owner: Owner,
        /// Its name.
        branch: BranchName,
        /// Where it begins.
        at: CommitId,
    },
    /// Adds a worktree of an existing branch, if there is none at this place.
    AddWorktree {
        /// Its mark.
        owner: Owner,
        /// Where.
        path: PathBuf,
        /// Of which branch.
        branch: BranchName,
    },
    /// Takes away what the crashed making of a worktree left: its folder goes to the trash, its
    /// entry is dropped. Only a half-made or missing worktree is touched.
    RepairWorktree {
        /// For whom.
        owner: Owner,
        /// Where.
        path: PathBuf,
        /// The name in the trash.
        trash: String,
    },
    /// Writes the record of an attempt, if there is none of this number.
    PrepareAttempt(Attempt),
    /// Makes the tmux session of a prepared attempt, if there is none; or begins it in the session that
    /// its seat keeps, if nothing runs there.
    NewSession {
        /// Which attempt.
        attempt: AttemptId,
        /// Where it works.
        directory: PathBuf,
    },
    /// Writes the stop request and sends the shim SIGTERM.
    AskToStop {
        /// Which attempt.
        attempt: AttemptId,
        /// Its shim, if it has taken the attempt.
        shim: Option<ProcessId>,
        /// Why.
        why: StopReason,
        /// When.
        at: Timestamp,
    },
    /// Kills processes of an attempt: a shim that did not stop in time, or what outlived one.
    KillProcesses {
        /// Whose.
        owner: Owner,
        /// Which; each is killed only if it is still the very process.
        processes: Vec<ProcessId>,
    },
    /// Writes the exit record of an attempt that has none and whose shim is gone.
    CloseAttempt {
        /// Which attempt.
        attempt: AttemptId,
        /// How it ended, as far as can be told.
        exit: Exit,
    },
    /// Kills a session, if it still has this mark.
    KillSession {
        /// tmux's id.
        session: String,
        /// Its mark.
        owner: Owner,
    },
    /// Ends the session that a seat kept, if it still has this mark and nothing runs in it.
    EndSession {
        /// tmux's id.
        session: String,
        /// The seat that is no longer wanted.
        seat: Seat,
    },
    /// Saves what is in a worktree and in no branch to a rescue ref.
    Rescue {
        /// Its mark.
        owner: Owner,
        /// Where.
        path: PathBuf,
        /// Names the rescue ref, beside the task.
        attempt: u32,
    },
    /// Moves a worktree to the trash, if all that is in it is saved.
    Retire {
        /// Its mark.
        owner: Owner,
        /// Where.
        path: PathBuf,
        /// Names the rescue ref that may hold what no branch does.
        attempt: u32,
        /// The name in the trash.
        trash: String,
    },
    /// Builds the commits that a branch would be moved to, one onto the other, and records what came
    /// of each.
    BuildCandidates {
        /// The branch, and the tip that it was seen at.
        target: (BranchName, CommitId),
        /// The remote whose branch of that name it follows.
        remote: Option<RemoteName>,
        /// What the first is put onto: that tip, or the candidate before it.
        onto: CommitId,
        /// What becomes of the commits.
        method: Method,
        /// What is built, in this order.
        works: Vec<Candidate>,
    },
    /// Makes the checkout in which a candidate is verified hold that alone.
    CheckOut {
        /// Whose candidate it is.
        owner: Owner,
        /// Where.
        place: PathBuf,
        /// What.
        commit: CommitId,
    },
    /// Records that the work of an attempt cannot land.
    Refuse {
        /// Which attempt.
        attempt: AttemptId,
        /// Why.
        why: Obstacle,
    },
    /// Moves the target branch forward to a candidate, if it is still where it was seen, at the remote
    /// first and then here, and records that all that is in it has landed.
    Land {
        /// The branch, and the tip that it was seen at.
        target: (BranchName, CommitId),
        /// The remote that it is pushed to.
        remote: Option<RemoteName>,
        /// The candidate.
        commit: CommitId,
        /// The attempts whose work it holds, each with the generation of its task's claim.
        landed: Vec<(AttemptId, u64)>,
    },
    /// Deletes a branch that has no commits of its own; keeps it otherwise.
    DropBranch {
        /// Whose.
        owner: Owner,
        /// Which.
        branch: BranchName,
        /// The branch is dropped only if this commit contains it.
        contained_in: CommitId,
    },
    /// Removes the record of a deleted task, if it is still of this uid.
    Forget(Owner),
    /// Notes that an effect failed for a task, so that the wait before the next try outlives the
    /// loop. Not planned: the executor does it.
    NoteFailure {
        /// Which task.
        task: TaskName,
        /// What failed.
        failure: Failure,
    },
    /// Removes the note, after the effects of a task succeeded. Not planned either.
    ClearFailure(TaskName),
    /// Deletes a retired worktree whose time is over.
    EmptyTrash {
        /// The name in the trash.
        trash: String,
    },
    /// Deletes the records and logs of a deleted task whose time is over.
    SweepAttempts {
        /// The folder, `NAME.UID8`.
        folder: String,
    },
}

/// What is to be made a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The attempt whose work it is.
    pub attempt: AttemptId,
    /// The branch that it is on.
    pub branch: BranchName,
    /// The tip of that.
    pub tip: CommitId,
    /// What the task is, in one line.
    pub title: String,
}

/// What GitHub was told to merge by itself, and is not to land now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withdrawal {
    /// Whose work it is.
    pub owner: Owner,
    /// Its branch.
    pub branch: BranchName,
    /// Where it was to land.
    pub target: BranchName,
    /// The number of its pull request.
    pub number: u64,
}

/// What actions are in order within: those of one subject follow each other, and one that fails or
/// is refused ends the row.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A task.
    Task(TaskName),
    /// A seat.
    Seat(Seat),
    /// Something left over.
    Leftover(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(name) => write!(f, "task/{name}"),
            Self::Seat(seat) => write!(f, "{}", seat.session()),
            Self::Leftover(name) => write!(f, "leftover/{name}"),
        }
    }
}

impl Action {
    /// Returns what the action belongs to.
    pub fn subject(&self) -> Subject {
        let task = match self {
            Self::Register(record) => &record.task,
            Self::Claim(claim) | Self::Renew { claim } => &claim.task,
            Self::PrepareAttempt(attempt) | Self::Complete { attempt, .. } => {
                &attempt.id.owner.task
            }
            Self::NewSession { attempt, .. }
            | Self::AskToStop { attempt, .. }
            | Self::Refuse { attempt, .. }
            | Self::CloseAttempt { attempt, .. } => &attempt.owner.task,
            Self::Release { owner, .. }
            | Self::Expire { owner, .. }
            | Self::NoteGeneration { owner, .. }
            | Self::CreateBranch { owner, .. }
            | Self::AddWorktree { owner, .. }
            | Self::RepairWorktree { owner, .. }
            | Self::KillProcesses { owner, .. }
            | Self::KillSession { owner, .. }
            | Self::Rescue { owner, .. }
            | Self::Retire { owner, .. }
            | Self::CheckOut { owner, .. }
            | Self::DropBranch { owner, .. }
            | Self::Forget(owner) => &owner.task,
            Self::BuildCandidates { works, .. } => {
                let Some(first) = works.first() else { return Subject::Leftover(String::new()) };
                &first.attempt.owner.task
            }
            Self::Land { landed, .. } => {
                let Some((last, _)) = landed.last() else {
                    return Subject::Leftover(String::new());
                };
                &last.owner.task
            }
            Self::NoteFailure { task, .. } | Self::ClearFailure(task) => task,
            Self::EndSession { seat, .. } => return Subject::Seat(seat.clone()),
            Self::EmptyTrash { trash: name } | Self::SweepAttempts { folder: name } => {
                return Subject::Leftover(name.clone());
            }
        };
        Subject::Task(task.clone())
    }

    /// Returns the action as one word, for events.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Register(_) => "Registered",
            Self::Claim(_) => "Claimed",
            Self::Renew { .. } => "Renewed",
            Self::Release { .. } => "Released",
            Self::Expire { .. } => "ClaimExpired",
            Self::Complete { .. } => "Completed",
            Self::NoteGeneration { .. } => "GenerationNoted",
            Self::CreateBranch { .. } => "BranchCreated",
            Self::AddWorktree { .. } => "WorktreeAdded",
            Self::RepairWorktree { .. } => "WorktreeRepaired",
            Self::PrepareAttempt(_) => "AttemptPrepared",
            Self::NewSession { .. } => "SessionStarted",
            Self::AskToStop { .. } => "Stopping",
            Self::KillProcesses { .. } => "Killed",
            Self::CloseAttempt { .. } => "AttemptClosed",
            Self::KillSession { .. } | Self::EndSession { .. } => "SessionRemoved",
            Self::Rescue { .. } => "WorkRescued",
            Self::Retire { .. } => "WorktreeRetired",
            Self::BuildCandidates { .. } => "CandidateBuilt",
            Self::CheckOut { .. } => "CheckedOut",
            Self::Refuse { .. } => "MergeRefused",
            Self::Land { .. } => "Merged",
            Self::DropBranch { .. } => "BranchDropped",
            Self::Forget(_) => "Forgotten",
            Self::NoteFailure { .. } => "EffectFailed",
            Self::ClearFailure(_) => "EffectSucceeded",
            Self::EmptyTrash { .. } => "TrashEmptied",
            Self::SweepAttempts { .. } => "RecordsSwept",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Register(record) => {
                write!(f, "register {} as {}", record.task, record.uid.short())
            }
            Self::Claim(claim) => write!(f, "claim {} for {}", claim.task, claim.seat),
            Self::Renew { claim } => write!(f, "renew the claim of {}", claim.task),
            Self::Release { owner, .. } => write!(f, "release the claim of {}", owner.task),
            Self::Expire { owner, .. } => write!(f, "expire the claim of {}", owner.task),
            Self::Complete { attempt, .. } => {
                write!(f, "record that {} completed it", attempt.seat)
            }
            Self::NoteGeneration { owner, generation, .. } => {
                write!(f, "note generation {generation} in worktree {}", owner.task)
            }
            Self::CreateBranch { branch, at, .. } => {
                write!(f, "create branch {branch} at {}", at.short())
            }
            Self::AddWorktree { owner, branch, .. } => {
                write!(f, "add worktree {} of branch {branch}", owner.task)
            }
            Self::RepairWorktree { owner, .. } => {
                write!(f, "repair the half-made worktree {}", owner.task)
            }
            Self::PrepareAttempt(attempt) => {
                write!(f, "prepare attempt {} on {}", attempt.id.number, attempt.seat)
            }
            Self::NewSession { attempt, .. } => {
                write!(f, "start session {} for attempt {}", attempt.owner.task, attempt.number)
            }
            Self::AskToStop { attempt, why, .. } => {
                write!(f, "stop attempt {}: {why}", attempt.number)
            }
            Self::KillProcesses { processes, .. } => {
                let pids: Vec<String> = processes.iter().map(|p| p.pid.to_string()).collect();
                write!(f, "kill {}", pids.join(", "))
            }
            Self::CloseAttempt { attempt, exit } => {
                write!(f, "close attempt {}: it {exit}", attempt.number)
            }
            Self::KillSession { owner, .. } => write!(f, "remove session {}", owner.task),
            Self::EndSession { seat, .. } => write!(f, "end session {}", seat.session()),
            Self::Rescue { owner, .. } => write!(f, "save unsaved work of {}", owner.task),
            Self::Retire { owner, .. } => write!(f, "retire worktree {}", owner.task),
            Self::BuildCandidates { target, works, .. } => {
                let names = works.iter().map(|one| one.attempt.owner.task.as_str());
                write!(f, "put {} onto {}", names.collect::<Vec<_>>().join(", "), target.0)
            }
            Self::CheckOut { commit, .. } => {
                write!(f, "check {} out to verify it", commit.short())
            }
            Self::Refuse { attempt, why } => write!(f, "refuse to merge {attempt}: {why}"),
            Self::Land { target, landed, .. } => {
                let names = landed.iter().map(|(one, _)| one.owner.task.as_str());
                write!(f, "merge {} into {}", names.collect::<Vec<_>>().join(", "), target.0)
            }
            Self::DropBranch { branch, .. } => {
                write!(f, "drop branch {branch} if it has no commits of its own")
            }
            Self::Forget(owner) => write!(f, "forget {}", owner.task),
            Self::NoteFailure { failure, .. } => write!(f, "note that `{}` failed", failure.action),
            Self::ClearFailure(task) => write!(f, "clear the failure of {task}"),
            Self::EmptyTrash { trash } => write!(f, "delete {trash} from the trash"),
            Self::SweepAttempts { folder } => write!(f, "delete the records of {folder}"),
        }
    }
}
