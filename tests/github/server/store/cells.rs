//! Items of boards and the values in their fields. A write that does not fit exactly is refused, as
//! GitHub does: wrong board, wrong type, unknown option, archived item.

use super::board::{Field, Item, Kind, Subject};
use super::{Refusal, Store};
use serde_json::Value;
use std::collections::BTreeMap;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Text(String),
    Number(f64),
    /// `2026-01-31`.
    Date(String),
    /// The id of the option.
    Option(String),
}

impl Store {
    /// Returns an item of a board that the token may read.
    pub(crate) fn item(&self, id: &str) -> Result<&Item, Refusal> {
        let item = self.items.get(id).ok_or_else(|| Refusal::no_node(id))?;
        self.board(&item.board).map_err(|_hidden| Refusal::no_node(id))?;
        Ok(item)
    }

    /// Returns an item of this board that may be changed.
    fn item_of(&mut self, board: &str, item: &str) -> Result<&mut Item, Refusal> {
        self.writable(board)?;
        let found = self.items.get_mut(item).filter(|found| found.board == board);
        found.ok_or_else(|| Refusal::no_node(item))
    }

    /// Returns an item that is to be written: those that are archived refuse.
    fn live_item(&mut self, board: &str, item: &str) -> Result<&mut Item, Refusal> {
        let now = self.clock.text();
        let item = self.item_of(board, item)?;
        if item.is_archived {
            let message = "The item is archived and cannot be updated";
            return Err(Refusal::unprocessable(message));
        }
        item.updated_at = now;
        Ok(item)
    }

    fn insert_item(&mut self, board: &str, subject: Subject) -> Result<String, Refusal> {
        self.writable(board)?;
        let (id, database_id) = self.id("PVTI");
        let now = self.clock.text();
        let item = Item {
            id: id.clone(),
            database_id,
            board: board.to_owned(),
            is_archived: false,
            created_at: now.clone(),
            updated_at: now,
            subject,
            cells: BTreeMap::new(),
            is_redacted: false,
            missing_from: self.rules.scans_behind,
        };
        self.items.insert(id.clone(), item);
        self.writable(board)?.items.push(id.clone());
        Ok(id)
    }

    /// Adds a draft; returns the id of its item.
    pub(crate) fn add_draft(
        &mut self,
        board: &str,
        title: &str,
        body: &str,
    ) -> Result<String, Refusal> {
        if title.trim().is_empty() {
            return Err(Refusal::unprocessable("Title can't be blank"));
        }
        let (id, _) = self.id("DI");
        let (title, body) = (title.to_owned(), body.to_owned());
        self.insert_item(board, Subject::Draft { id, title, body })
    }

    /// Adds an issue or a pull request; returns the id of its item, which may be there already.
    pub(crate) fn add_content(&mut self, board: &str, content: &str) -> Result<String, Refusal> {
        self.writable(board)?;
        let has = |item: &&Item| {
            item.board == board && item.subject == Subject::Issue(content.to_owned())
        };
        if let Some(item) = self.items.values().find(has) {
            if self.rules.content_must_be_new {
                return Err(Refusal::unprocessable("Content already exists in this project"));
            }
            return Ok(item.id.clone());
        }
        if self.find_issue(content).is_none() {
            return Err(Refusal::no_node(content));
        }
        self.insert_item(board, Subject::Issue(content.to_owned()))
    }

    /// Changes a draft. Without a body the body is emptied: GitHub does so.
    pub(crate) fn update_draft(
        &mut self,
        draft: &str,
        title: Option<&str>,
        body: Option<&str>,
    ) -> Result<(), Refusal> {
        let is = |item: &&Item| matches!(&item.subject, Subject::Draft { id, .. } if id == draft);
        let found = self.items.values().find(is).ok_or_else(|| Refusal::no_node(draft))?;
        let (board, item) = (found.board.clone(), found.id.clone());
        let item = self.live_item(&board, &item)?;
        if let Subject::Draft { title: old_title, body: old_body, .. } = &mut item.subject {
            if let Some(title) = title {
                title.clone_into(old_title);
            }
            body.unwrap_or_default().clone_into(old_body);
        }
        Ok(())
    }

    /// Sets the value of one field of one item.
    pub(crate) fn set(
        &mut self,
        board: &str,
        item: &str,
        field: &str,
        value: &Value,
    ) -> Result<(), Refusal> {
        self.live_item(board, item)?;
        let cell = read(self.board(board)?.field_by_id(field)?, value)?;
        self.live_item(board, item)?.cells.insert(field.to_owned(), cell);
        Ok(())
    }

    pub(crate) fn clear(&mut self, board: &str, item: &str, field: &str) -> Result<(), Refusal> {
        self.live_item(board, item)?;
        self.board(board)?.field_by_id(field)?;
        self.live_item(board, item)?.cells.remove(field);
        Ok(())
    }

    pub(crate) fn archive(&mut self, board: &str, item: &str) -> Result<(), Refusal> {
        self.item_of(board, item)?.is_archived = true;
        Ok(())
    }

    pub(crate) fn unarchive(&mut self, board: &str, item: &str) -> Result<(), Refusal> {
        self.item_of(board, item)?.is_archived = false;
        Ok(())
    }

    pub(crate) fn delete_item(&mut self, board: &str, item: &str) -> Result<(), Refusal> {
        self.item_of(board, item)?;
        self.items.remove(item);
        self.writable(board)?.items.retain(|one| one != item);
        Ok(())
    }
}

/// Reads GitHub's `ProjectV2FieldValue` for a field: exactly one key, and the one of its type.
fn read(field: &Field, value: &Value) -> Result<Cell, Refusal> {
    let given: Vec<(&String, &Value)> =
        value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()).collect();
    let [(key, value)] = given[..] else {
        let message = "The field value must have exactly one of its keys";
        return Err(Refusal::unprocessable(message));
    };
    let text = value.as_str().unwrap_or_default();
    match (field.kind, key.as_str()) {
        (Kind::Text, "text") => Ok(Cell::Text(text.to_owned())),
        (Kind::Number, "number") => Ok(Cell::Number(value.as_f64().unwrap_or_default())),
        (Kind::Date, "date") => match text.parse::<jiff::civil::Date>() {
            Ok(date) if text.len() == 10 => Ok(Cell::Date(date.to_string())),
            _ => Err(Refusal::unprocessable(format!("{text} is not a date"))),
        },
        (Kind::SingleSelect, "singleSelectOptionId") => {
            if field.options.iter().any(|option| option.id == text) {
                return Ok(Cell::Option(text.to_owned()));
            }
            let message = "The single select option Id does not belong to the field";
            Err(Refusal::unprocessable(message))
        }
        (Kind::Text | Kind::Number | Kind::Date | Kind::SingleSelect | Kind::Own(_), _) => {
            let (name, kind) = (&field.name, field.kind.name());
            Err(Refusal::unprocessable(format!(
                "Did not receive a {kind} value for the field {name}"
            )))
        }
    }
}
