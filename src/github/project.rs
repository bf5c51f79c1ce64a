//! Projects: found, never made because one was not found; their fields; and what is done to their items.

use super::batch::value_of;
use super::items::{Page, PageInfo};
use super::{Change, Done, Error, Github, documents};
use crate::api::board::{Board, Choice, Field, FieldKey, Holds, Mapped, Shape, Value as Held};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::fmt;

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its node id.
    pub id: String,
    /// Its number, by which people call it.
    pub number: u64,
    /// What it is called.
    pub title: String,
    /// Whether it is closed.
    pub closed: bool,
    /// Whether the token may change it.
    pub writable: bool,
    /// Where people see it.
    pub url: String,
    /// Whether this server can list what is in the archive.
    pub lists_archive: bool,
    /// What of the hour's requests is left, where the server limits them.
    pub budget: Option<Budget>,
}

/// What may still be asked in this hour.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    /// Points of an hour.
    pub limit: u64,
    /// Those that are left.
    pub remaining: u64,
    /// When there are as many again.
    pub reset_at: Timestamp,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, remaining, reset_at } = self;
        write!(f, "{remaining} of {limit} points are left until {reset_at:.0}")
    }
}

/// An item, a field of it, and what that is to hold.
pub type Write<'a> = (&'a str, &'a Mapped, Option<&'a Held>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    id: String,
    number: u64,
    title: String,
    closed: bool,
    viewer_can_update: bool,
    url: String,
}

impl Project {
    /// Returns a project of which nothing but its node id is known: enough to write to it.
    pub fn known(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            number: 0,
            title: String::new(),
            closed: false,
            writable: true,
            url: String::new(),
            lists_archive: false,
            budget: None,
        }
    }
}

impl From<Node> for Project {
    fn from(node: Node) -> Self {
        let Node { id, number, title, closed, viewer_can_update: writable, url } = node;
        let (lists_archive, budget) = (false, None);
        Self { id, number, title, closed, writable, url, lists_archive, budget }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldNode {
    #[serde(default)]
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    data_type: String,
    #[serde(default)]
    database_id: Option<u64>,
    #[serde(default)]
    options: Vec<Choice>,
}

/// Whose projects they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The node id.
    pub id: String,
    /// Where REST has what is theirs: `orgs/acme`, or `users/583231`.
    pub(super) place: String,
}

impl Github {
    /// Returns the project of a person or an organization.
    ///
    /// # Errors
    /// [`Error::NotFound`] also when the token may not see it: that is no reason to make one.
    pub async fn project(&self, login: &str, number: u64) -> Result<Project, Error> {
        let what = format!("project {number} of {login}");
        let variables = json!({ "login": login, "number": number });
        let envelope = self.query(documents::PROJECT, &variables, &what).await?;
        let data = Value::Object(envelope.data.unwrap_or_default());
        let node = data.pointer("/repositoryOwner/projectV2").filter(|node| !node.is_null());
        let Some(node) = node else {
            let fault = envelope.errors.first().map(|fault| fault.meant(&what));
            return Err(fault.unwrap_or(Error::NotFound(what)));
        };
        let node =
            Node::deserialize(node).map_err(|error| Error::Unknown(format!("{what}: {error}")))?;
        let lists_archive = !data["archivedStates"].is_null();
        // Where nobody limits, there is none.
        let budget = Budget::deserialize(&data["rateLimit"]).ok();
        Ok(Project { lists_archive, budget, ..node.into() })
    }

    /// Returns a person or an organization, and their projects of a title.
    ///
    /// # Errors
    /// When there is no such owner, or the token may not see its projects.
    pub async fn projects(&self, login: &str, title: &str) -> Result<(Owner, Vec<Project>), Error> {
        let what = format!("the projects of {login}");
        let variables = json!({ "login": login, "title": title });
        let envelope = self.query(documents::PROJECTS, &variables, &what).await?;
        let data = Value::Object(envelope.data.unwrap_or_default());
        let owner = data.pointer("/repositoryOwner/id").and_then(Value::as_str);
        let nodes = data.pointer("/repositoryOwner/projectsV2/nodes").and_then(Value::as_array);
        let (Some(owner), Some(nodes)) = (owner, nodes) else { return Err(Error::NotFound(what)) };
        let nodes = nodes.iter().filter(|node| !node.is_null()).map(Node::deserialize);
        let nodes: Result<Vec<Node>, _> = nodes.collect();
        let nodes = nodes.map_err(|error| Error::Unknown(format!("{what}: {error}")))?;
        let all = nodes.into_iter().map(Project::from);
        let place = match data.pointer("/repositoryOwner/databaseId").and_then(Value::as_u64) {
            Some(number) => format!("users/{number}"),
            None => format!("orgs/{login}"),
        };
        let owner = Owner { id: owner.to_owned(), place };
        Ok((owner, all.filter(|one| one.title == title).collect()))
    }

    /// Makes a project.
    ///
    /// # Errors
    /// When it was not made. After [`Error::Unknown`] it may be there: look for it first.
    pub async fn create_project(&self, owner: &Owner, title: &str) -> Result<Project, Error> {
        let input = json!({ "ownerId": owner.id, "title": title });
        let answer = self.change_one(Change::CreateProject, input).await?;
        let node = Node::deserialize(&answer["projectV2"])
            .map_err(|error| Error::Unknown(format!("the new project: {error}")))?;
        Ok(node.into())
    }

    /// Returns a board with its fields.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn board(&self, project: &str) -> Result<Board, Error> {
        let mut board = Board::default();
        let mut after: Option<String> = None;
        loop {
            let variables = json!({ "project": project, "after": after });
            let envelope = self.query(documents::FIELDS, &variables, "the board").await?;
            let data = Value::Object(envelope.data.unwrap_or_default());
            let node = data.get("node").filter(|node| node.get("id").is_some());
            let node = node.ok_or_else(|| Error::NotFound("the board".to_owned()))?;
            let page: Page<FieldNode> = Page::deserialize(&node["fields"])
                .map_err(|error| Error::Unknown(format!("the fields of the board: {error}")))?;
            let is = |name: &str| node[name].as_bool().unwrap_or(false);
            (board.closed, board.writable) = (is("closed"), is("viewerCanUpdate"));
            let inputs = data.pointer("/optionInput/inputFields").and_then(Value::as_array);
            board.keeps_options = inputs.into_iter().flatten().any(|one| one["name"] == "id");
            project.clone_into(&mut board.id);
            node["title"].as_str().unwrap_or_default().clone_into(&mut board.title);
            let known = page.nodes.into_iter().flatten().filter(|one| !one.id.is_empty());
            board.fields.extend(known.map(field));
            match page.page_info {
                PageInfo { has_next_page: true, end_cursor: Some(cursor) } => after = Some(cursor),
                PageInfo { .. } => return Ok(board),
            }
        }
    }

    /// Makes one of our fields.
    ///
    /// # Errors
    /// When it was not made. After [`Error::Unknown`] it may be there: look for it first.
    pub async fn create_field(&self, project: &str, key: FieldKey) -> Result<(), Error> {
        let mut input = json!({ "projectId": project, "name": key.to_string() });
        input["dataType"] = match key.shape() {
            Shape::Text => "TEXT".into(),
            Shape::Number => "NUMBER".into(),
            Shape::Choice(names) => {
                let option =
                    |name: &&str| json!({ "name": name, "color": "GRAY", "description": "" });
                input["singleSelectOptions"] = names.iter().map(option).collect();
                "SINGLE_SELECT".into()
            }
        };
        self.change_one(Change::CreateField, input).await.map(drop)
    }

    /// Adds options to a field; those that it has are sent with their ids, and stay as they are. Only for a
    /// board that says so: elsewhere every value of the field would be lost.
    ///
    /// # Errors
    /// When they were not added, or that is unknown: read the board again first.
    pub async fn add_options(
        &self,
        (field, there): (&str, &[Choice]),
        names: &[&str],
    ) -> Result<(), Error> {
        let old = there.iter().map(|one| json!(one));
        let new =
            names.iter().map(|name| json!({ "name": name, "color": "GRAY", "description": "" }));
        let options: Vec<Value> = old.chain(new).collect();
        let input = json!({ "fieldId": field, "singleSelectOptions": options });
        self.change_one(Change::EditField, input).await.map(drop)
    }

    /// Returns the node id of an issue.
    ///
    /// # Errors
    /// When there is none, or the token may not see it.
    pub async fn issue_id(&self, repository: &str, number: u64) -> Result<String, Error> {
        let what = format!("issue {number} of {repository}");
        let (owner, name) = repository.split_once('/').unwrap_or((repository, ""));
        let variables = json!({ "owner": owner, "name": name, "number": number });
        let envelope = self.query(documents::ISSUE, &variables, &what).await?;
        let data = Value::Object(envelope.data.unwrap_or_default());
        let id = data.pointer("/repository/issue/id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or(Error::NotFound(what))
    }

    /// Makes drafts: title and body of each. Returns item and draft of those that were made.
    ///
    /// # Errors
    /// As of [`Self::change`].
    pub async fn add_drafts(
        &self,
        project: &str,
        drafts: &[(&str, &str)],
    ) -> Result<Vec<Done>, Error> {
        let input = |(title, body): &(&str, &str)| json!({ "projectId": project, "title": title, "body": body });
        self.change(Change::AddDraft, &drafts.iter().map(input).collect::<Vec<_>>()).await
    }

    /// Writes fields: item, field and value of each; all with a value, or all without one.
    ///
    /// # Errors
    /// As of [`Self::change`].
    pub async fn write(
        &self,
        project: &str,
        (kind, writes): (Change, &[Write<'_>]),
    ) -> Result<Vec<Done>, Error> {
        let input = |(item, field, value): &Write<'_>| {
            let mut input = json!({ "projectId": project, "itemId": item, "fieldId": field.id });
            if let Some(value) = value.and_then(|value| value_of(value, field)) {
                input["value"] = value;
            }
            input
        };
        self.change(kind, &writes.iter().map(input).collect::<Vec<_>>()).await
    }

    /// Puts an issue onto a board, and returns its item; one that is there already stays.
    ///
    /// # Errors
    /// When it is not there afterwards.
    pub async fn add_item(&self, project: &str, content: &str) -> Result<String, Error> {
        let input = json!({ "projectId": project, "contentId": content });
        let answer = self.change_one(Change::AddItem, input).await?;
        let id = answer.pointer("/item/id").and_then(Value::as_str);
        id.map(str::to_owned).ok_or_else(|| Error::Unknown("the new item has no id".to_owned()))
    }

    /// Puts items into the archive, or takes them out of it.
    ///
    /// # Errors
    /// As of [`Self::change`].
    pub async fn put_away(
        &self,
        project: &str,
        (kind, items): (Change, &[String]),
    ) -> Result<Vec<Done>, Error> {
        let input = |item: &String| json!({ "projectId": project, "itemId": item });
        self.change(kind, &items.iter().map(input).collect::<Vec<_>>()).await
    }

    /// Says how the token stands: who it is, and its scopes where it has such.
    ///
    /// # Errors
    /// When the server does not accept it.
    pub async fn who(&self) -> Result<(String, Option<String>), Error> {
        let reply = self.read("/user").await?;
        if let Some(trouble) = reply.trouble("the user of the token") {
            return Err(trouble);
        }
        let user: Value = serde_json::from_slice(&reply.body)
            .map_err(|error| Error::Unknown(format!("it is no JSON: {error}")))?;
        Ok((user["login"].as_str().unwrap_or_default().to_owned(), reply.scopes))
    }
}

fn field(node: FieldNode) -> Field {
    let holds = match node.data_type.as_str() {
        "TEXT" => Holds::Text,
        "NUMBER" => Holds::Number,
        "SINGLE_SELECT" => Holds::Choice(node.options),
        other => Holds::Other(other.to_owned()),
    };
    Field { id: node.id, number: node.database_id, name: node.name, holds }
}
