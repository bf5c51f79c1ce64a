//! Views of a board: how people look at it. REST makes one with its groups and its order, where the server
//! has that; GraphQL makes a bare one.

use super::documents;
use super::project::Owner;
use super::send::Verb;
use super::{Change, Error, Github, Project};
use serde_json::{Value, json};

/// How a view shows its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Rows.
    Table,
    /// Columns of cards.
    Board,
    /// Bars along the time.
    Roadmap,
}

/// A view. Fields are told by their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// What it is called.
    pub name: &'static str,
    /// How it shows its items.
    pub layout: Layout,
    /// The fields that show; a roadmap takes none.
    pub shown: Vec<u64>,
    /// The field that its rows are grouped by.
    pub rows: Option<u64>,
    /// The field that its columns are.
    pub columns: Option<u64>,
    /// The field that it is sorted by, the least first.
    pub order: Option<u64>,
}

impl View {
    /// Returns what REST takes.
    fn body(&self) -> Value {
        let layout = match self.layout {
            Layout::Table => "table",
            Layout::Board => "board",
            Layout::Roadmap => "roadmap",
        };
        let mut body = json!({ "name": self.name, "layout": layout });
        if self.layout != Layout::Roadmap && !self.shown.is_empty() {
            body["visible_fields"] = json!(self.shown);
        }
        if let Some(field) = self.rows {
            body["group_by"] = json!([field]);
        }
        if let Some(field) = self.columns {
            body["vertical_group_by"] = json!([field]);
        }
        if let Some(field) = self.order {
            body["sort_by"] = json!([[field, "asc"]]);
        }
        body
    }
}

impl Github {
    /// Makes a view with its groups and its order.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the server has no such way. After [`Error::Unknown`] the view may be there:
    /// look for it first.
    pub async fn arrange_view(
        &self,
        (owner, project): (&Owner, &Project),
        view: &View,
    ) -> Result<(), Error> {
        let path = format!("/{}/projectsV2/{}/views", owner.place, project.number);
        let reply = self.send((Verb::Post, &path), &view.body()).await?;
        reply.trouble("views by REST").map_or(Ok(()), Err)
    }

    /// Makes a view without groups and order, where the server can.
    ///
    /// # Errors
    /// When it was not made. After [`Error::Unknown`] it may be there: look for it first.
    pub async fn create_view(&self, project: &Project, view: &View) -> Result<(), Error> {
        let layout = match view.layout {
            Layout::Table => "TABLE_LAYOUT",
            Layout::Board => "BOARD_LAYOUT",
            Layout::Roadmap => "ROADMAP_LAYOUT",
        };
        let input = json!({ "projectId": project.id, "name": view.name, "layout": layout });
        self.change_one(Change::CreateView, input).await.map(drop)
    }

    /// Returns whether this server makes views by GraphQL, and the names of those that are there.
    ///
    /// # Errors
    /// When the board cannot be read.
    pub async fn views(&self, project: &Project) -> Result<(bool, Vec<String>), Error> {
        let variables = json!({ "project": project.id });
        let envelope = self.query(documents::VIEWS, &variables, "the board").await?;
        let data = Value::Object(envelope.data.unwrap_or_default());
        let nodes = data.pointer("/node/views/nodes").and_then(Value::as_array);
        let names = nodes.into_iter().flatten().filter_map(|node| node["name"].as_str());
        Ok((!data["viewInput"].is_null(), names.map(str::to_owned).collect()))
    }
}
