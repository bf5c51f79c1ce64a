//! The one thing of boards that only REST can do: a view that is filtered, grouped or sorted.

use super::super::call::{Call, Reply};
use super::super::store::Store;
use super::{Answer, missing, number};
use serde_json::{Value, json};

const ALLOWED: [&str; 7] =
    ["name!", "layout!", "filter", "visible_fields", "sort_by", "group_by", "vertical_group_by"];

/// `POST /orgs/LOGIN/projectsV2/NUMBER/views`, or with `users` and the number of the person.
pub(super) fn create_view(
    store: &mut Store,
    call: &Call,
    (area, who): (&str, &str),
    board: &str,
) -> Answer {
    // GitHub Enterprise Server has no such path.
    if !call.prefix.is_empty() {
        return Err(missing());
    }
    let owner = store.owners.values().find(|owner| match area {
        "orgs" => owner.is_organization && owner.login == who,
        _ => !owner.is_organization && owner.database_id.to_string() == who,
    });
    let login = owner.ok_or_else(missing)?.login.clone();
    let board = number(board)?;
    let found = store.boards.values().find(|one| one.owner == login && one.number == board);
    let board = found.ok_or_else(missing)?.id.clone();
    let body = call.fields(&ALLOWED)?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let layout = match text("layout") {
        "table" => "TABLE_LAYOUT",
        "board" => "BOARD_LAYOUT",
        "roadmap" => "ROADMAP_LAYOUT",
        _ => return Err(Reply::invalid(&json!([{ "field": "layout", "code": "invalid" }]))),
    };
    let known: Vec<u64> =
        store.board(&board)?.fields.iter().map(|field| field.database_id).collect();
    for key in ["visible_fields", "group_by", "vertical_group_by", "sort_by"] {
        let list = body.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let field = |value: &Value| value.as_u64().or_else(|| value.get(0).and_then(Value::as_u64));
        if list.iter().any(|value| field(value).is_none_or(|id| !known.contains(&id))) {
            return Err(Reply::invalid(&json!([{ "field": key, "code": "invalid" }])));
        }
    }
    let id = store.create_view(&board, text("name"), layout, Value::Object(body.clone()))?;
    let (_, index) = store.find_view(&id)?;
    let number = store.board(&board)?.views[index].number;
    let value = json!({ "id": number, "node_id": id, "number": number, "name": text("name"), "layout": text("layout") });
    Ok(Reply::json(201, &value))
}
