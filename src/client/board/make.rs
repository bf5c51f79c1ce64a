//! A board is made: the project, its fields and its views, each only when it is not there. It is asked for
//! by a person, never done because something was not found.

use super::{Hub, views};
use crate::api::board::{Board, Choice, FieldKey, Holds, Mapped};
use crate::board::{self, Gap};
use crate::client::{Client, Error};
use crate::github::{self, Project};
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

impl Client {
    /// Makes a project of this title, or takes the one that is there, and gives it our fields and views.
    ///
    /// # Errors
    /// When something could not be made. What was made before stays, and is found the next time.
    pub async fn board_init(&self, hub: &Hub, (owner, title): (&str, &str)) -> Result<Made, Error> {
        let mut made = Vec::new();
        let (account, there) = hub.github.projects(owner, title).await?;
        let project = match there.as_slice() {
            [] => {
                made.push(format!("project `{title}`"));
                hub.github.create_project(&account, title).await?
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
        let board = hub.github.board(&project.id).await?;
        views::make(hub, (&account, &project), &board, (&mut made, &mut by_hand)).await?;
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
                Gap::Options(key, names) if board.keeps_options => {
                    let there = options_of(&board, key, &known).unwrap_or_default();
                    hub.github.add_options(there, &names).await?;
                    made.push(format!("option `{}` of field `{key}`", names.join("`, `")));
                }
                Gap::Options(key, names) => by_hand.push(format!(
                    "field `{key}`: add the option {} in the settings of the project",
                    names.join(" or ")
                )),
                Gap::Other(..) => by_hand.push(gap.to_string()),
            }
        }
        Ok(())
    }
}

/// Returns the field that is one of ours, and its options.
pub(super) fn options_of<'a>(
    board: &'a Board,
    key: FieldKey,
    known: &BTreeMap<FieldKey, Mapped>,
) -> Option<(&'a str, &'a [Choice])> {
    let field = board::find(board, key, known)?;
    match &field.holds {
        Holds::Choice(there) => Some((field.id.as_str(), there.as_slice())),
        Holds::Text | Holds::Number | Holds::Other(_) => None,
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
