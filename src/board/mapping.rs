//! Which field of a board is which of ours. A field is known by its id, then by its name; one that holds
//! something else is never written.

use crate::api::board::{Board, Field, FieldKey, Holds, Mapped, Shape};
use std::collections::BTreeMap;
use std::fmt;

/// What a board lacks of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// There is no such field.
    Missing(FieldKey),
    /// There is one of that name, which holds something else.
    Other(FieldKey, String),
    /// It has none of the options that one of its values could be shown by.
    Options(FieldKey, Vec<&'static str>),
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(key) => {
                write!(f, "the board has no field `{key}`: `reconciler board init` makes it")
            }
            Self::Other(key, holds) => write!(
                f,
                "the field `{key}` of the board holds {holds}: rename it, and run `reconciler board init`"
            ),
            Self::Options(key, names) => write!(
                f,
                "the field `{key}` of the board has no option {}: `reconciler board init` adds it, else add it \
                 in the settings of the project",
                names.join(" or ")
            ),
        }
    }
}

/// Returns the fields of a board that are ours; `known` are those of the last look.
pub fn map(board: &Board, known: &BTreeMap<FieldKey, Mapped>) -> BTreeMap<FieldKey, Mapped> {
    let of = |key: FieldKey| {
        let field = find(board, key, known)?;
        let options = options_of(field, key).ok()?;
        Some((key, Mapped { id: field.id.clone(), options }))
    };
    FieldKey::ALL.into_iter().filter_map(of).collect()
}

/// Returns what a board lacks.
pub fn gaps(board: &Board, known: &BTreeMap<FieldKey, Mapped>) -> Vec<Gap> {
    let gap = |key: FieldKey| {
        let Some(field) = find(board, key, known) else { return Some(Gap::Missing(key)) };
        let options = match options_of(field, key) {
            Ok(options) => options,
            Err(holds) => return Some(Gap::Other(key, holds)),
        };
        let Shape::Choice(wanted) = key.shape() else { return None };
        let missing = |name: &&&str| choose(key, name, &options).is_none();
        let missing: Vec<&str> = wanted.iter().filter(missing).copied().collect();
        (!missing.is_empty()).then_some(Gap::Options(key, missing))
    };
    FieldKey::ALL.into_iter().filter_map(gap).collect()
}

/// Returns the field of a board that is one of ours.
pub fn find<'a>(
    board: &'a Board,
    key: FieldKey,
    known: &BTreeMap<FieldKey, Mapped>,
) -> Option<&'a Field> {
    let name = key.to_string().to_lowercase();
    let by_id = board.fields.iter().find(|one| known.get(&key).is_some_and(|it| it.id == one.id));
    by_id.or_else(|| board.fields.iter().find(|one| one.name.to_lowercase() == name))
}

/// Returns the options of a field that holds what is wanted, else what it holds.
fn options_of(field: &Field, key: FieldKey) -> Result<Vec<(String, String)>, String> {
    match (&field.holds, key.shape()) {
        (Holds::Text, Shape::Text) | (Holds::Number, Shape::Number) => Ok(Vec::new()),
        (Holds::Choice(options), Shape::Choice(_)) => {
            Ok(options.iter().map(|one| (one.id.clone(), one.name.clone())).collect())
        }
        (Holds::Text, _) => Err("texts".to_owned()),
        (Holds::Number, _) => Err("numbers".to_owned()),
        (Holds::Choice(_), _) => Err("options".to_owned()),
        (Holds::Other(what), _) => Err(format!("what GitHub calls {what}")),
    }
}

/// Returns the option by which something is shown: the first that the board has of its names.
pub(super) fn choose<'a>(
    key: FieldKey,
    name: &str,
    options: &'a [(String, String)],
) -> Option<&'a str> {
    let others: &[&str] = match (key, name) {
        (FieldKey::Status, "Pending") => &["Todo", "To do", "Backlog"],
        (FieldKey::Status, "Todo") => &["To do", "Backlog", "Pending"],
        (FieldKey::Status, "Claimed") => &["In Progress"],
        (FieldKey::Status, "Completed") => &["Done"],
        (FieldKey::Status, "Done") => &["Completed"],
        (FieldKey::Status, "Failed") => &["Blocked", "In Progress"],
        _ => &[],
    };
    let find = |wanted: &str| {
        options
            .iter()
            .find(|(_, one)| one.eq_ignore_ascii_case(wanted))
            .map(|(_, one)| one.as_str())
    };
    find(name).or_else(|| others.iter().find_map(|other| find(other)))
}
