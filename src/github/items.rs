//! Items of a board, as GitHub has them. It reads; what it does not know it leaves out.

use super::{Error, Github, Project, documents};
use crate::api::board::{Content, Item, Value as Held};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A page of something.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page<T> {
    pub(super) page_info: PageInfo,
    pub(super) nodes: Vec<Option<T>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PageInfo {
    pub(super) has_next_page: bool,
    pub(super) end_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: String,
    is_archived: bool,
    created_at: jiff::Timestamp,
    content: Option<Inside>,
    field_values: Nodes,
}

#[derive(Debug, Deserialize)]
struct Nodes {
    nodes: Vec<Option<One>>,
}

#[derive(Debug, Default, Deserialize)]
struct Inside {
    #[serde(rename = "__typename")]
    kind: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    number: u64,
}

#[derive(Debug, Deserialize)]
struct One {
    #[serde(rename = "__typename")]
    kind: String,
    field: Option<FieldId>,
    text: Option<String>,
    number: Option<f64>,
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct FieldId {
    id: Option<String>,
}

impl Github {
    /// Returns all items of a board, those in the archive among them where the server lists them.
    ///
    /// # Errors
    /// When one page could not be read: then nothing is known of what is there.
    pub async fn items(&self, project: &Project) -> Result<Vec<Item>, Error> {
        let document = if project.lists_archive { documents::ALL_ITEMS } else { documents::ITEMS };
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let variables = json!({ "project": project.id, "after": after });
            let envelope = self.query(document, &variables, "the board").await?;
            let data = Value::Object(envelope.data.unwrap_or_default());
            if !envelope.errors.is_empty() {
                return Err(Error::Unknown("a page of the board is not whole".to_owned()));
            }
            let page = data.pointer("/node/items").filter(|page| !page.is_null());
            let page = page.ok_or_else(|| Error::NotFound("the board".to_owned()))?;
            let page: Page<Node> = Page::deserialize(page)
                .map_err(|error| Error::Unknown(format!("its items: {error}")))?;
            items.extend(page.nodes.into_iter().flatten().map(item));
            match page.page_info {
                PageInfo { has_next_page: true, end_cursor: Some(cursor) } => after = Some(cursor),
                PageInfo { .. } => return Ok(items),
            }
        }
    }

    /// Returns the item of a board that stands for an issue, in the archive or not.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn item_of(&self, project: &str, issue: &str) -> Result<Option<String>, Error> {
        let variables = json!({ "issue": issue });
        let envelope = self.query(documents::ITEMS_OF, &variables, "the issue").await?;
        let data = Value::Object(envelope.data.unwrap_or_default());
        let nodes = data.pointer("/node/projectItems/nodes").and_then(Value::as_array);
        let mut nodes = nodes.into_iter().flatten();
        let found = nodes.find(|node| node["project"]["id"] == project);
        Ok(found.and_then(|node| node["id"].as_str()).map(str::to_owned))
    }
}

fn item(node: Node) -> Item {
    let Node { id, is_archived: archived, created_at, content, field_values } = node;
    let Inside { kind, id: inside, title, body, number } = content.unwrap_or_default();
    let content = match kind.as_str() {
        "DraftIssue" => Content::Draft { id: inside, title, body },
        "Issue" => Content::Issue { id: inside, number },
        _ => Content::Other,
    };
    let values: BTreeMap<String, Held> =
        field_values.nodes.into_iter().flatten().filter_map(value).collect();
    Item { id, archived, created_at, content, values }
}

fn value(one: One) -> Option<(String, Held)> {
    let held = match one.kind.as_str() {
        "ProjectV2ItemFieldTextValue" => Held::Text(one.text?),
        "ProjectV2ItemFieldNumberValue" => Held::Number(one.number?),
        "ProjectV2ItemFieldSingleSelectValue" => Held::Choice(one.name?),
        _ => return None,
    };
    Some((one.field?.id?, held))
}
