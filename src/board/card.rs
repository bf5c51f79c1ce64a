//! What is known of a task, as the card that shows it.

use super::mapping::choose;
use crate::api::board::{Card, FieldKey, Mapped, Shape, Value, mark, place_mark};
use crate::api::name::{TaskName, Uid};
use crate::api::task::TaskState;
use std::collections::BTreeMap;

/// What of a task is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The task.
    pub task: TaskName,
    /// Its identity.
    pub uid: Uid,
    /// Where it is wanted, by which other clones know it: repository, pinned ref and name.
    pub place: Option<String>,
    /// Its title; its name when it has none.
    pub title: String,
    /// The issue that it answers, if its card is to stand for that.
    pub issue: Option<u64>,
    /// How far it is.
    pub state: TaskState,
    /// Who does it, or did it last, and whether that is a person.
    pub worker: Option<(String, bool)>,
    /// 1 to 5.
    pub priority: u8,
    /// In minutes.
    pub estimate: Option<u32>,
    /// What it may change, as patterns.
    pub files: Vec<String>,
    /// Whether it holds them.
    pub is_locked: bool,
    /// Where its worktree is, from the root of the repository.
    pub worktree: Option<String>,
    /// In percent.
    pub progress: Option<u32>,
}

/// The longest text of a field, in characters: GitHub cuts or refuses more.
const TEXT_MAX: usize = 1000;

/// Returns the card of a task on a board with these fields: what the board cannot show is left out.
pub fn card(facts: &Facts, fields: &BTreeMap<FieldKey, Mapped>) -> Card {
    let value = |key: FieldKey| {
        let mapped = fields.get(&key)?;
        let text = text(facts, key)?;
        let value = match key.shape() {
            Shape::Text => Value::Text(cut(&text)),
            Shape::Number => Value::Number(text.parse().ok()?),
            Shape::Choice(_) => Value::Choice(choose(key, &text, &mapped.options)?.to_owned()),
        };
        Some((key, value))
    };
    let place = facts.place.as_deref().map(|place| format!("\n{}", place_mark(place)));
    let body = format!(
        "Kept up to date by reconciler, as `state/tasks/{}.json` says.\n\n{}{}",
        facts.task,
        mark(&facts.uid),
        place.unwrap_or_default()
    );
    Card {
        task: facts.task.clone(),
        uid: facts.uid.clone(),
        issue: facts.issue,
        title: facts.title.clone(),
        body,
        values: FieldKey::ALL.into_iter().filter_map(value).collect(),
    }
}

fn text(facts: &Facts, key: FieldKey) -> Option<String> {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    match key {
        FieldKey::Task => some(facts.task.as_str()),
        FieldKey::Status => some(match facts.state {
            TaskState::Pending => "Pending",
            TaskState::Claimed => "Claimed",
            TaskState::InProgress => "In Progress",
            TaskState::Completed => "Completed",
            TaskState::Failed => "Failed",
        }),
        FieldKey::Worker => facts.worker.as_ref().map(|(name, _)| name.clone()),
        FieldKey::WorkerType => {
            let (_, is_person) = facts.worker.as_ref()?;
            some(if *is_person { "Human" } else { "AI Agent" })
        }
        FieldKey::Priority => Some(facts.priority.to_string()),
        FieldKey::EstimatedDuration => facts.estimate.map(|minutes| minutes.to_string()),
        FieldKey::FilesModified => some(&facts.files.join(", ")),
        FieldKey::LockStatus => some(if facts.is_locked { "Locked" } else { "Unlocked" }),
        FieldKey::WorktreePath => facts.worktree.clone(),
        FieldKey::Progress => facts.progress.map(|percent| percent.to_string()),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= TEXT_MAX {
        return text.to_owned();
    }
    let kept: String = text.chars().take(TEXT_MAX - 1).collect();
    format!("{kept}…")
}
