//! Board: what a project board of GitHub shows of tasks. Cards and their fields, and what is remembered
//! of them between two looks; it knows nothing of how they are written.

use super::name::{TaskName, Uid};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A field that we write. Its name on the board is its `Display`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FieldKey {
    /// The name of the task.
    Task,
    /// How far it is. Every board is born with a field of this name.
    Status,
    /// Who does it.
    Worker,
    /// Whether that is a person.
    WorkerType,
    /// 1 is the most urgent, 5 the least.
    Priority,
    /// In minutes.
    EstimatedDuration,
    /// The files it may change.
    FilesModified,
    /// Whether it holds them.
    LockStatus,
    /// Where its work is done.
    WorktreePath,
    /// In percent.
    Progress,
}

impl FieldKey {
    /// Every field, in the order in which they are made.
    pub const ALL: [Self; 10] = [
        Self::Task,
        Self::Status,
        Self::Worker,
        Self::WorkerType,
        Self::Priority,
        Self::EstimatedDuration,
        Self::FilesModified,
        Self::LockStatus,
        Self::WorktreePath,
        Self::Progress,
    ];

    /// Returns what it holds.
    pub fn shape(self) -> Shape {
        match self {
            Self::Task | Self::Worker | Self::FilesModified | Self::WorktreePath => Shape::Text,
            Self::Priority | Self::EstimatedDuration | Self::Progress => Shape::Number,
            Self::Status => Shape::Choice(&["Todo", "In Progress", "Done"]),
            Self::WorkerType => Shape::Choice(&["Human", "AI Agent"]),
            Self::LockStatus => Shape::Choice(&["Locked", "Unlocked"]),
        }
    }

    /// Returns whether a person's edit of it is meant for the task, and not only for the board.
    pub fn is_peoples(self) -> bool {
        matches!(self, Self::Priority | Self::EstimatedDuration)
    }
}

impl fmt::Display for FieldKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Task => "Task",
            Self::Status => "Status",
            Self::Worker => "Worker",
            Self::WorkerType => "Worker Type",
            Self::Priority => "Priority",
            Self::EstimatedDuration => "Estimated Duration",
            Self::FilesModified => "Files Modified",
            Self::LockStatus => "Lock Status",
            Self::WorktreePath => "Worktree Path",
            Self::Progress => "Progress",
        })
    }
}

/// What a field can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any text.
    Text,
    /// A number.
    Number,
    /// One of these options, at least.
    Choice(&'static [&'static str]),
}

/// What a field holds. An empty one holds nothing, and has no value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(f64),
    /// The name of an option.
    Choice(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Choice(text) => f.pad(text),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// The values of a card.
pub type Values = BTreeMap<FieldKey, Value>;

/// What a board is to show of one task.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// The task.
    pub task: TaskName,
    /// Its identity, by which its card is found again.
    pub uid: Uid,
    /// The issue that the card stands for; without it the card is a draft.
    pub issue: Option<u64>,
    /// What the card is called; of an issue GitHub keeps that.
    pub title: String,
    /// What it says below its title.
    pub body: String,
    /// Its fields.
    pub values: Values,
}

/// What is remembered of a board between two looks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Shadow {
    /// The node id of the project. Of another one all that is here says nothing.
    pub project: String,
    /// The fields of the board that we write: one that is renamed is still ours.
    pub fields: BTreeMap<FieldKey, Mapped>,
    /// The cards, by the identities of their tasks.
    pub cards: BTreeMap<Uid, Synced>,
    /// Cards that were being made, and whose making nobody confirmed: they are looked for before they
    /// are made again.
    pub intents: BTreeMap<Uid, Intent>,
    /// When all cards were looked at last.
    pub scanned_at: Option<Timestamp>,
    /// How the lease of the board was left, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Whether another machine may have written since: then what is remembered of a card tells nobody's
    /// edit from its writing, until all is read again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_doubted: bool,
}

/// What is remembered of the lease of a board.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hold {
    /// The repository in which its ref is, as the policy names it.
    pub repository: String,
    /// The commit that the ref was at when it was ours last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The commit that it was being moved to, when nobody confirmed that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moving: Option<String>,
    /// Until when it is ours, by GitHub's clock; `None` when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A field of a board that is one of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mapped {
    /// Its node id.
    pub id: String,
    /// Id and name of each of its options, if it has such.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<(String, String)>,
}

/// A card that was being made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Since when.
    pub at: Timestamp,
    /// How often it was looked for since, and not found.
    #[serde(default)]
    pub searches: u32,
}

/// Who put a card into the archive, when it was us.
pub const ARCHIVED_BY_US: &str = "us";

/// What is remembered of one card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Synced {
    /// Its task.
    pub task: TaskName,
    /// The node id of the item.
    pub item: String,
    /// The node id of the draft issue; `None` when it stands for a real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<String>,
    /// What it was called when we wrote it last.
    #[serde(default)]
    pub title: String,
    /// What its fields held when we wrote them last.
    #[serde(default)]
    pub values: Values,
    /// Who put it into the archive, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<String>,
    /// How often in a row people's edits of a field were undone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reverted: BTreeMap<FieldKey, u32>,
    /// Why nothing is written to it any more, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quarantine: Option<String>,
}

impl Synced {
    /// Returns whether nothing is written to it: a person put it away, or GitHub refuses it.
    pub fn is_left_alone(&self) -> bool {
        let by_person = self.archived.as_ref().is_some_and(|by| by != ARCHIVED_BY_US);
        by_person || self.quarantine.is_some()
    }
}

/// A board as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Board {
    /// Its node id.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Whether it is closed.
    pub closed: bool,
    /// Whether we may write to it.
    pub writable: bool,
    /// Whether its server lets an option keep its identity when all of a field are sent: without that every
    /// value would be lost.
    pub keeps_options: bool,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A field as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its node id.
    pub id: String,
    /// Its number, by which REST knows it.
    pub number: Option<u64>,
    /// What it is called now.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
}

/// What a field of a board holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Texts.
    Text,
    /// Numbers.
    Number,
    /// One of these options.
    Choice(Vec<Choice>),
    /// What we do not write, by GitHub's name.
    Other(String),
}

/// An option of a field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Its id: an option that is sent without it is a new one.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// One of GitHub's colours.
    #[serde(default)]
    pub color: String,
    /// What people wrote of it.
    #[serde(default)]
    pub description: String,
}

/// An item as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its node id.
    pub id: String,
    /// Whether it is in the archive.
    pub archived: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it stands for.
    pub content: Content,
    /// The values of its fields, by the ids of the fields.
    pub values: BTreeMap<String, Value>,
}

/// What an item stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A draft.
    Draft {
        /// The node id of the draft issue.
        id: String,
        /// What it is called.
        title: String,
        /// What it says.
        body: String,
    },
    /// An issue.
    Issue {
        /// Its node id.
        id: String,
        /// Its number.
        number: u64,
    },
    /// Something else, or something that may not be seen.
    Other,
}

/// Returns the mark by which a card is found again: a comment of Markdown, which people do not see.
pub fn mark(uid: &Uid) -> String {
    format!("<!-- reconciler:task={uid} -->")
}

/// Returns the identity that a text is marked with.
pub fn marked(text: &str) -> Option<Uid> {
    let (_, rest) = text.rsplit_once("<!-- reconciler:task=")?;
    Uid::parse(rest.split_once(" -->")?.0)
}

/// Returns the mark by which a card is found from another clone, where the same task has another identity:
/// `place` is the repository, the pinned ref and the name of the task.
pub fn place_mark(place: &str) -> String {
    format!("<!-- reconciler:place={place} -->")
}

/// Returns the place that a text is marked with.
pub fn placed(text: &str) -> Option<&str> {
    let (_, rest) = text.rsplit_once("<!-- reconciler:place=")?;
    Some(rest.split_once(" -->")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_again_whatever_stands_around_it() {
        let uid = Uid::derive(7, "login");
        assert_eq!(marked(&format!("Hello\n\n{}\r\nmore", mark(&uid))), Some(uid.clone()));
        assert_eq!(marked("<!-- reconciler:task=nonsense -->"), None);
        assert_eq!(marked("nothing"), None);
        let both = format!("{}\n{}", mark(&uid), place_mark("acme/shop refs/heads/main login"));
        assert_eq!(
            (marked(&both), placed(&both)),
            (Some(uid), Some("acme/shop refs/heads/main login"))
        );
    }
}
