//! Issue: work that people put into labelled issues, who holds it, and what is remembered of it here. It
//! knows nothing of how GitHub is asked.

use super::claim::BootTime;
use super::name::{TaskName, WorkerName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fmt::Write as _;

/// Below which refs claims are; each has one commit, whose message is a [`Lease`].
pub const CLAIMS: &str = "refs/heads/reconciler/claims/";

/// An issue as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// What it is called. Anybody may have written it.
    pub title: String,
    /// What it says. Anybody may have written it.
    pub body: String,
    /// Its labels.
    pub labels: BTreeSet<String>,
    /// Who is to do it, for people.
    pub assignees: Vec<String>,
    /// Who made it; nothing where that account is gone.
    pub author: String,
    /// Whether who made it may work on the repository, as GitHub says.
    pub is_by_member: bool,
    /// Whether it is open.
    pub is_open: bool,
    /// Where people see it.
    pub url: String,
}

/// A comment below an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// Who wrote it; nothing where that account is gone.
    pub author: String,
    /// What it says.
    pub body: String,
}

/// What is claimed: an issue on account of one of its labels. An issue with several labels that are worked
/// is several pieces of work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// The number of the issue.
    pub issue: u64,
    /// The label.
    pub label: String,
}

impl Ticket {
    /// Returns the name of its task; `None` when the label gives no name.
    pub fn task(&self) -> Option<TaskName> {
        self.to_string().parse().ok()
    }

    /// Returns the ref whose holder may work on it.
    pub fn claim_ref(&self) -> String {
        format!("{CLAIMS}{self}")
    }
}

impl fmt::Display for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        let label: String = self.label.chars().map(plain).collect();
        f.pad(&format!("issue-{}-{}", self.issue, label.trim_matches('-')))
    }
}

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// It is worked on; when it lapses, another may take it over.
    Held,
    /// It is done, and nobody takes it again while the issue is open.
    Completed,
    /// It could not be done; the same.
    Failed,
}

/// What the commit of a claim says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// For which worker.
    pub worker: WorkerName,
    /// The machine.
    pub node: String,
    /// Drawn for this claim: without it two claims could be one commit, and both had it.
    pub nonce: String,
    /// How it stands.
    pub state: LeaseState,
    /// When it lapses unless renewed, by GitHub's clock.
    pub expires_at: Timestamp,
}

impl Lease {
    /// Returns the message of its commit; no workflow is to start by it.
    pub fn message(&self, ticket: &Ticket) -> String {
        let state = match self.state {
            LeaseState::Held => "held",
            LeaseState::Completed => "completed",
            LeaseState::Failed => "failed",
        };
        let Self { worker, node, nonce, expires_at, .. } = self;
        let mut text = format!("reconciler: claim {ticket} [skip ci]\n\n");
        let lines = format_args!(
            "Worker: {worker}\nNode: {node}\nNonce: {nonce}\nState: {state}\nExpires: {expires_at}\n"
        );
        text.write_fmt(lines).expect("a string takes any text");
        text
    }

    /// Reads the message of a commit; `None` when it is no claim of ours.
    fn parse(message: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.map(str::trim)
        };
        let state = match field("State")? {
            "held" => LeaseState::Held,
            "completed" => LeaseState::Completed,
            "failed" => LeaseState::Failed,
            _ => return None,
        };
        Some(Self {
            worker: field("Worker")?.parse().ok()?,
            node: field("Node")?.to_owned(),
            nonce: field("Nonce")?.to_owned(),
            state,
            expires_at: field("Expires")?.parse().ok()?,
        })
    }
}

/// What is seen of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// There is none.
    Nothing,
    /// It is none of ours: whoever made it knows why, and it holds.
    Foreign,
    /// It says this.
    Lease(Lease),
}

impl Seen {
    /// Reads the message of the commit of a claim.
    pub fn read(message: &str) -> Self {
        Lease::parse(message).map_or(Self::Foreign, Self::Lease)
    }
}

/// How far an issue that we claimed is told of there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The claim is being made: whether it is ours shows the ref.
    Claiming,
    /// It is ours, and nothing is told.
    Claimed,
    /// It is told that it is worked on.
    Told,
    /// It is told that it is done.
    Completed,
    /// It is told that it could not be done.
    Failed,
}

/// What is remembered of one piece of work from an issue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// The issue and its label.
    pub ticket: Ticket,
    /// The worker that it is for.
    pub worker: WorkerName,
    /// Drawn for this claim.
    pub nonce: String,
    /// The commit that the ref of the claim is at, while it is ours.
    pub commit: String,
    /// The commit that it was being moved to, when nobody confirmed that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<String>,
    /// When the claim lapses, by GitHub's clock.
    pub expires_at: Timestamp,
    /// When it was seen to be ours last, and for how long it is from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sure: Option<Sure>,
    /// Since when it is ours, by GitHub's clock.
    pub since: Timestamp,
    /// How far it is told.
    pub stage: Stage,
    /// Whether its task was proposed: one that is gone since was rejected or deleted.
    #[serde(default)]
    pub proposed: bool,
    /// A comment that was being made, and whose making nobody confirmed: it is looked for first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saying: Option<String>,
    /// What its worker said so far.
    #[serde(default)]
    pub progress: ProgressNotes,
}

/// For how long a claim that was seen to be ours is nobody else's, by the clock of this boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sure {
    /// Before it was seen.
    #[serde(flatten)]
    pub from: BootTime,
    /// How long it had to go, by GitHub's clock.
    pub left_millis: u64,
}

impl Sure {
    /// Returns until when, in milliseconds of its boot.
    pub fn until(&self) -> u64 {
        self.from.boot_millis.saturating_add(self.left_millis)
    }
}

impl Taken {
    /// Returns whether this is the claim with this nonce, and it is ours.
    pub fn is_held(&self, nonce: &str) -> bool {
        self.nonce == nonce && self.stage > Stage::Claiming
    }

    /// Returns whether nobody else can have taken the claim over by now. One that says that it is over never
    /// lapses.
    pub fn is_certain(&self, now: &BootTime) -> bool {
        let is_over = matches!(self.stage, Stage::Completed | Stage::Failed);
        is_over
            || self.sure.as_ref().is_some_and(|sure| {
                sure.from.boot_id == now.boot_id && now.boot_millis < sure.until()
            })
    }
}

/// The comment that says how far the work is: there is one, and it grows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProgressNotes {
    /// What is to stand in it.
    pub lines: Vec<String>,
    /// How many of those stand there.
    pub written: usize,
    /// When it was written last.
    pub at: Option<Timestamp>,
    /// The comment, once there is one.
    pub comment: Option<u64>,
}

/// All that is remembered of issues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Book {
    /// What is ours, by the names of the tasks.
    pub taken: BTreeMap<String, Taken>,
    /// What a person rejected here, or took back: it is not taken again while it is labelled.
    pub declined: BTreeSet<Ticket>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(label: &str) -> Ticket {
        Ticket { issue: 7, label: label.to_owned() }
    }

    #[test]
    fn a_ticket_is_called_as_its_task_and_its_claim() {
        assert_eq!(ticket("cc01").task().unwrap().as_str(), "issue-7-cc01");
        assert_eq!(ticket("reconciler:Ready").to_string(), "issue-7-reconciler-ready");
        assert_eq!(ticket("cc01").claim_ref(), "refs/heads/reconciler/claims/issue-7-cc01");
        assert_eq!(ticket("::").task(), None);
    }

    #[test]
    fn a_lease_is_read_as_it_was_written_and_anything_else_is_none() {
        let lease = Lease {
            worker: "cc01".parse().unwrap(),
            node: "here".to_owned(),
            nonce: "ab".repeat(16),
            state: LeaseState::Completed,
            expires_at: Timestamp::UNIX_EPOCH,
        };
        let message = lease.message(&ticket("cc01"));
        assert!(message.starts_with("reconciler: claim issue-7-cc01 [skip ci]\n\n"), "{message}");
        assert_eq!(Lease::parse(&message), Some(lease));
        assert_eq!(Lease::parse(&message.replace("completed", "odd")), None);
        assert_eq!(Seen::read("first"), Seen::Foreign);
    }
}
