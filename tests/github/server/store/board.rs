//! Boards (GitHub's Projects V2), their fields, views and items, and what may be done to them. Nothing
//! here checks who asks, except that a board may be hidden or read-only.

use super::cells::Cell;
use super::{Refusal, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A project.
#[derive(Debug, Clone)]
pub(crate) struct Board {
    pub(crate) id: String,
    pub(crate) database_id: u64,
    pub(crate) number: u64,
    /// The login of its owner.
    pub(crate) owner: String,
    pub(crate) title: String,
    /// `shortDescription`, `readme`, `public`, `closed`, as the schema has them.
    pub(crate) texts: BTreeMap<&'static str, Value>,
    pub(crate) fields: Vec<Field>,
    /// In their order.
    pub(crate) items: Vec<String>,
    pub(crate) views: Vec<BoardView>,
    /// Repositories that show it, by id.
    pub(crate) linked: Vec<String>,
    pub(crate) created_at: String,
    pub(crate) access: Access,
}

/// What the token may do with a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Write,
    Read,
    /// It does not exist for this token.
    Hidden,
}

/// What a field holds: GitHub's `dataType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Number,
    Date,
    SingleSelect,
    /// GitHub's own, whose values are those of the content: `TITLE`, `LABELS` ...
    Own(&'static str),
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) id: String,
    pub(crate) database_id: u64,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) options: Vec<Option_>,
}

/// One choice of a single select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Option_ {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) color: String,
    pub(crate) description: String,
}

/// One row of a board.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) id: String,
    pub(crate) database_id: u64,
    pub(crate) board: String,
    pub(crate) is_archived: bool,
    pub(crate) created_at: String,
    pub(crate) updated_at: String,
    pub(crate) subject: Subject,
    /// By id of the field.
    pub(crate) cells: BTreeMap<String, Cell>,
    /// The token may not see its content.
    pub(crate) is_redacted: bool,
    /// How many scans of the board still miss it.
    pub(crate) missing_from: u32,
}

/// What an item is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    Draft {
        id: String,
        title: String,
        body: String,
    },
    /// An issue or a pull request, by id.
    Issue(String),
}

/// A view of a board.
#[derive(Debug, Clone)]
pub(crate) struct BoardView {
    pub(crate) id: String,
    pub(crate) number: u64,
    pub(crate) name: String,
    /// `TABLE_LAYOUT`, `BOARD_LAYOUT`, `ROADMAP_LAYOUT`.
    pub(crate) layout: String,
    pub(crate) filter: Option<String>,
    /// Everything else that REST was given: `group_by`, `sort_by`, `visible_fields` ...
    pub(crate) rest: Value,
}

/// The fields with which a project is born, besides `Status`.
const BORN_WITH: [(&str, &str); 6] = [
    ("Title", "TITLE"),
    ("Assignees", "ASSIGNEES"),
    ("Labels", "LABELS"),
    ("Linked pull requests", "LINKED_PULL_REQUESTS"),
    ("Milestone", "MILESTONE"),
    ("Repository", "REPOSITORY"),
];
const STATUS: [(&str, &str); 3] =
    [("Todo", "GREEN"), ("In Progress", "YELLOW"), ("Done", "PURPLE")];

impl Kind {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "TEXT" => Some(Self::Text),
            "NUMBER" => Some(Self::Number),
            "DATE" => Some(Self::Date),
            "SINGLE_SELECT" => Some(Self::SingleSelect),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Number => "NUMBER",
            Self::Date => "DATE",
            Self::SingleSelect => "SINGLE_SELECT",
            Self::Own(name) => name,
        }
    }
}

impl Board {
    pub(crate) fn is(&self, setting: &str) -> bool {
        self.texts.get(setting).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn field_by_id(&self, id: &str) -> Result<&Field, Refusal> {
        self.fields.iter().find(|field| field.id == id).ok_or_else(|| Refusal::no_node(id))
    }
}

impl Field {
    pub(crate) fn option(&self, name: &str) -> Option<&Option_> {
        self.options.iter().find(|option| option.name == name)
    }
}

impl Store {
    /// Returns a board that the token may read.
    pub(crate) fn board(&self, id: &str) -> Result<&Board, Refusal> {
        let board = self.boards.get(id).filter(|board| board.access != Access::Hidden);
        board.ok_or_else(|| Refusal::no_node(id))
    }

    /// Returns a board that the token may change.
    pub(crate) fn writable(&mut self, id: &str) -> Result<&mut Board, Refusal> {
        let access = self.board(id)?.access;
        if access == Access::Read {
            let message = "You do not have permission to update this project";
            return Err(Refusal::forbidden(message));
        }
        self.boards.get_mut(id).ok_or_else(|| Refusal::no_node(id))
    }

    /// Makes a project; it has GitHub's own fields and a `Status`.
    pub(crate) fn create_board(&mut self, owner: &str, title: &str) -> Result<String, Refusal> {
        let login = self.owner_by_id(owner)?.login.clone();
        if title.trim().is_empty() {
            return Err(Refusal::unprocessable("Title can't be blank"));
        }
        let (id, database_id) = self.id("PVT");
        let highest =
            self.boards.values().filter(|one| one.owner == login).map(|one| one.number).max();
        let mut fields = Vec::new();
        for (name, kind) in BORN_WITH {
            fields.push(self.new_field(name, Kind::Own(kind)));
        }
        let mut status = self.new_field("Status", Kind::SingleSelect);
        for (name, color) in STATUS {
            status.options.push(self.new_option(name, color, ""));
        }
        fields.insert(2, status);
        let texts = [("shortDescription", Value::Null), ("readme", Value::Null)];
        let flags = [("public", json!(false)), ("closed", json!(false))];
        let board = Board {
            id: id.clone(),
            database_id,
            number: highest.unwrap_or(0) + 1,
            owner: login,
            title: title.to_owned(),
            texts: texts.into_iter().chain(flags).collect(),
            fields,
            items: Vec::new(),
            views: Vec::new(),
            linked: Vec::new(),
            created_at: self.clock.text(),
            access: Access::Write,
        };
        self.boards.insert(id.clone(), board);
        self.create_view(&id, "View 1", "TABLE_LAYOUT", json!({}))?;
        Ok(id)
    }

    pub(super) fn new_field(&mut self, name: &str, kind: Kind) -> Field {
        let prefix = if kind == Kind::SingleSelect { "PVTSSF" } else { "PVTF" };
        let (id, database_id) = self.id(prefix);
        Field { id, database_id, name: name.to_owned(), kind, options: Vec::new() }
    }

    pub(super) fn new_option(&mut self, name: &str, color: &str, description: &str) -> Option_ {
        let [name, color, description] = [name, color, description].map(str::to_owned);
        Option_ { id: self.option_id(), name, color, description }
    }

    /// Adds a field; returns its id.
    pub(crate) fn create_field(
        &mut self,
        board: &str,
        name: &str,
        kind: Kind,
        options: &[Value],
    ) -> Result<String, Refusal> {
        if self.writable(board)?.field(name).is_some() {
            return Err(Refusal::unprocessable("Name has already been taken"));
        }
        if (kind == Kind::SingleSelect) == options.is_empty() {
            let message =
                "Single select options are required for a single select field, and for no other";
            return Err(Refusal::unprocessable(message));
        }
        let mut field = self.new_field(name, kind);
        field.options = self.options_from(&[], options)?;
        let id = field.id.clone();
        self.writable(board)?.fields.push(field);
        Ok(id)
    }

    /// Makes options as told; one with the id of an option that was there is that option.
    fn options_from(&mut self, old: &[Option_], told: &[Value]) -> Result<Vec<Option_>, Refusal> {
        let mut options: Vec<Option_> = Vec::new();
        for one in told {
            let [name, color, description] = ["name", "color", "description"]
                .map(|key| super::text(one, key).unwrap_or_default());
            if options.iter().any(|option| option.name == name) {
                return Err(Refusal::unprocessable("Options must have unique names"));
            }
            let mut option = self.new_option(name, color, description);
            let id = super::text(one, "id");
            if let Some(odd) = id.filter(|id| !old.iter().any(|option| option.id == **id)) {
                return Err(Refusal::unprocessable(format!("The option {odd} does not exist")));
            }
            id.unwrap_or(&option.id.clone()).clone_into(&mut option.id);
            options.push(option);
        }
        Ok(options)
    }

    /// Renames a field, or **overwrites** its options: values whose option is gone are cleared.
    pub(crate) fn update_field(
        &mut self,
        field: &str,
        name: Option<&str>,
        options: Option<&[Value]>,
    ) -> Result<(), Refusal> {
        let board = self.board_of_field(field)?;
        let old = self.board(&board)?.field_by_id(field)?.clone();
        if let (Kind::Own(_), _) | (Kind::Text | Kind::Number | Kind::Date, Some(_)) =
            (old.kind, options)
        {
            return Err(Refusal::unprocessable(format!("{} cannot be changed so", old.name)));
        }
        let taken = |name: &str| {
            let same = |one: &Field| one.id != field && one.name.eq_ignore_ascii_case(name);
            self.boards[&board].fields.iter().any(same)
        };
        if name.is_some_and(taken) {
            return Err(Refusal::unprocessable("Name has already been taken"));
        }
        let options = options.map(|told| self.options_from(&old.options, told)).transpose()?;
        let board = self.writable(&board)?;
        let changed = board.fields.iter_mut().find(|one| one.id == field);
        let changed = changed.ok_or_else(|| Refusal::no_node(field))?;
        if let Some(name) = name {
            name.clone_into(&mut changed.name);
        }
        if let Some(options) = options {
            changed.options.clone_from(&options);
            let is_gone = |cell: &Cell| match cell {
                Cell::Option(id) => !options.iter().any(|option| option.id == *id),
                Cell::Text(_) | Cell::Number(_) | Cell::Date(_) => false,
            };
            for item in self.items.values_mut() {
                item.cells.retain(|id, cell| id != field || !is_gone(cell));
            }
        }
        Ok(())
    }

    pub(crate) fn delete_field(&mut self, field: &str) -> Result<Field, Refusal> {
        let board = self.board_of_field(field)?;
        let board = self.writable(&board)?;
        let index = board.fields.iter().position(|one| one.id == field);
        let index = index.ok_or_else(|| Refusal::no_node(field))?;
        if matches!(board.fields[index].kind, Kind::Own(_)) {
            return Err(Refusal::unprocessable("Field cannot be deleted"));
        }
        let gone = board.fields.remove(index);
        for item in self.items.values_mut() {
            item.cells.remove(field);
        }
        Ok(gone)
    }

    pub(super) fn board_of_field(&self, field: &str) -> Result<String, Refusal> {
        let has = |board: &&Board| board.fields.iter().any(|one| one.id == field);
        let board = self.boards.values().find(has).ok_or_else(|| Refusal::no_node(field))?;
        Ok(self.board(&board.id)?.id.clone())
    }

    /// Adds a view; `rest` is what else was said of it. Returns its id.
    pub(crate) fn create_view(
        &mut self,
        board: &str,
        name: &str,
        layout: &str,
        rest: Value,
    ) -> Result<String, Refusal> {
        let (id, _) = self.id("PVTV");
        let board = self.writable(board)?;
        let number = board.views.last().map_or(0, |view| view.number) + 1;
        let filter = super::text(&rest, "filter").map(str::to_owned);
        let (name, layout) = (name.to_owned(), layout.to_owned());
        board.views.push(BoardView { id: id.clone(), number, name, layout, filter, rest });
        Ok(id)
    }

    /// Returns the board and the place of a view.
    pub(crate) fn find_view(&self, view: &str) -> Result<(String, usize), Refusal> {
        let places = self.boards.values().flat_map(|board| {
            board.views.iter().enumerate().map(move |(index, one)| (board, index, one))
        });
        let found = places.into_iter().find(|(_, _, one)| one.id == view);
        let (board, index, _) = found.ok_or_else(|| Refusal::no_node(view))?;
        Ok((self.board(&board.id)?.id.clone(), index))
    }
}
