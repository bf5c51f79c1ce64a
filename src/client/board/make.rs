//! A board is made: the project, its fields and its views, each only when it is not there. It is asked for
//! by a person, never done because something was not found.

use super::Hub;
use crate::api::board::FieldKey;
use crate::board::{self, Gap};
use crate::client::{Client, Error};
use crate::github::{self, Project, View};
use serde::Serialize;
use std::collections::BTreeMap;

/// What was made, and what a person must do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// Whose it is.
    pub owner: String,
    /// Its number.
    pub number: u64,
    /// Where people see it.
    pub url: String,
    /// What was made, a sentence each.
    pub new: Vec<String>,
    /// What a person must click, a sentence each.
    pub by_hand: Vec<String>,
}

/// The views of the founding document, and what of each no interface can set.
const VIEWS: [(View, &str); 4] = [
    (View { name: "By Worker", layout: "TABLE_LAYOUT" }, "group it by Worker"),
    (View { name: "By Status", layout: "BOARD_LAYOUT" }, "its columns are those of Status"),
    (View { name: "By Priority", layout: "TABLE_LAYOUT" }, "sort it by Priority"),
    (View { name: "Timeline", layout: "ROADMAP_LAYOUT" }, "choose its date fields"),
];

impl Client {
    /// Makes a project of this title, or takes the one that is there, and gives it our fields and views.
    ///
    /// # Errors
    /// When something could not be made. What was made before stays, and is found the next time.
    pub async fn board_init(&self, hub: &Hub, (owner, title): (&str, &str)) -> Result<Made, Error> {
        let mut made = Vec::new();
        let (owner_id, there) = hub.github.projects(owner, title).await?;
        let project = match there.as_slice() {
            [] => {
                made.push(format!("project `{title}`"));
                hub.github.create_project(&owner_id, title).await?
            }
            [one] if !one.closed => one.clone(),
            [one] => {
                return Err(Error::Refused {
                    what: format!(
                        "project {} of {owner} is called `{title}`, and is closed",
                        one.number
                    ),
                    help: "open it again, or choose another --title".to_owned(),
                });
            }
            several => {
                let numbers: Vec<String> =
                    several.iter().map(|one| one.number.to_string()).collect();
                return Err(Error::Refused {
                    what: format!(
                        "projects {} of {owner} are called `{title}`",
                        numbers.join(" and ")
                    ),
                    help: "name one in state/policy.json, as github.board".to_owned(),
                });
            }
        };
        let mut by_hand = Vec::new();
        self.make_fields(hub, &project, (&mut made, &mut by_hand)).await?;
        make_views(hub, &project, (&mut made, &mut by_hand)).await?;
        let Project { number, url, .. } = project;
        Ok(Made { owner: owner.to_owned(), number, url, new: made, by_hand })
    }

    async fn make_fields(
        &self,
        hub: &Hub,
        project: &Project,
        (made, by_hand): (&mut Vec<String>, &mut Vec<String>),
    ) -> Result<(), Error> {
        let known = self.records().board()?.filter(|shadow| shadow.project == project.id);
        let known = known.map(|shadow| shadow.fields).unwrap_or_default();
        let board = hub.github.board(&project.id).await?;
        for gap in board::gaps(&board, &known) {
            match gap {
                Gap::Missing(key) => {
                    make_field(hub, project, key).await?;
                    made.push(format!("field `{key}`"));
                }
                Gap::Other(..) | Gap::Options(..) => by_hand.push(gap.to_string()),
            }
        }
        Ok(())
    }
}

/// Makes a field; one whose making got no answer is looked for before it is made again.
async fn make_field(hub: &Hub, project: &Project, key: FieldKey) -> Result<(), Error> {
    match hub.github.create_field(&project.id, key).await {
        Err(github::Error::Unknown(why)) => {
            let board = hub.github.board(&project.id).await?;
            let is_there = board::map(&board, &BTreeMap::new()).contains_key(&key);
            if is_there { Ok(()) } else { Err(github::Error::Unknown(why).into()) }
        }
        done => Ok(done?),
    }
}

async fn make_views(
    hub: &Hub,
    project: &Project,
    (made, by_hand): (&mut Vec<String>, &mut Vec<String>),
) -> Result<(), Error> {
    let (can, there) = hub.github.views(&project.id).await?;
    for (view, click) in VIEWS {
        let name = view.name;
        if there.iter().any(|one| one == name) {
            continue;
        }
        if !can {
            by_hand.push(format!("make a view `{name}`: {click}"));
            continue;
        }
        hub.github.create_view(&project.id, view).await?;
        made.push(format!("view `{name}`"));
        by_hand.push(format!("view `{name}`: {click}"));
    }
    Ok(())
}
