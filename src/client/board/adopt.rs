//! What a person edited on the board is taken into the task, by a commit of its file. What cannot be taken
//! is undone on the board, and told.

use super::sync::Sync;
use crate::api::board::{FieldKey, Value};
use crate::api::key::Key;
use crate::api::name::{TaskName, Uid};
use crate::board::{self, Edit};
use crate::client::edit::Edit as FileEdit;
use crate::client::{Commit, Error, Record};
use serde_json::json;

impl Sync<'_> {
    pub(super) async fn adopt(
        &mut self,
        task: &TaskName,
        uid: &Uid,
        edit: &Edit,
    ) -> Result<(), Error> {
        let (field, value, what) = match edit {
            Edit::Title(title) => ("title", Some(json!(title)), "title".to_owned()),
            Edit::Field(key, value) => {
                (field_of(*key), value.as_ref().map(number), key.to_string())
            }
        };
        let told = value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
        let reason = format!("{what} was changed on the board");
        let record = Record { commit: Commit::Yes, reason: Some(&reason) };
        let already = format!("{what} of {task} is {told} already");
        let file = FileEdit { field, value, verb: "board", already };
        let key = Key::Task(task.clone());
        let shown = match self.client.edit(&key, file, record).await.map(drop) {
            Ok(()) => {
                self.outcome.adopted += 1;
                self.outcome.notes.push(format!("{what} of {task} is {told} now, as on the board"));
                true
            }
            Err(error) => {
                self.outcome.notes.push(format!(
                    "{what} of {task} was changed on the board to {told}, and is changed back: {error}"
                ));
                false
            }
        };
        // What is on the board counts as written by us; what git says decides from here.
        if let Some(synced) = self.shadow.cards.get_mut(uid) {
            match edit {
                Edit::Title(title) => synced.title.clone_from(title),
                Edit::Field(key, value) => board::put(synced, *key, value.clone()),
            }
        }
        if let Some(card) = self.cards.iter_mut().find(|card| card.uid == *uid).filter(|_| shown) {
            match (edit, edit_value(edit)) {
                (Edit::Title(title), _) => card.title.clone_from(title),
                (Edit::Field(key, _), Some(value)) => drop(card.values.insert(*key, value)),
                (Edit::Field(key, _), None) => drop(card.values.remove(key)),
            }
        }
        Ok(self.client.records().set_board(&self.shadow)?)
    }
}

fn edit_value(edit: &Edit) -> Option<Value> {
    match edit {
        Edit::Title(_) => None,
        Edit::Field(_, value) => value.clone(),
    }
}

/// Returns the field of the file.
fn field_of(key: FieldKey) -> &'static str {
    match key {
        FieldKey::EstimatedDuration => "estimatedDurationMinutes",
        FieldKey::Priority
        | FieldKey::Task
        | FieldKey::Status
        | FieldKey::Worker
        | FieldKey::WorkerType
        | FieldKey::FilesModified
        | FieldKey::LockStatus
        | FieldKey::WorktreePath
        | FieldKey::Progress => "priority",
    }
}

/// Returns a number as the file has it: whole, where it is.
fn number(value: &Value) -> serde_json::Value {
    let text = value.to_string();
    text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number))
}
