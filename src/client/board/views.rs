//! The views of the founding document: by worker, by status, by priority, and along the time. What a server
//! cannot set a person clicks.

use super::Hub;
use crate::api::board::{Board, FieldKey, Holds};
use crate::board;
use crate::client::Error;
use crate::github::{self, Layout, Owner, Project, View};
use std::collections::BTreeMap;

/// One of them.
struct Wanted {
    name: &'static str,
    layout: Layout,
    by: By,
    /// What a person does where the server makes a bare view.
    click: &'static str,
}

/// How its items are arranged.
enum By {
    Rows(FieldKey),
    Columns(FieldKey),
    Order(FieldKey),
    /// By dates, which no interface can set.
    Dates,
}

const VIEWS: [Wanted; 4] = [
    Wanted {
        name: "By Worker",
        layout: Layout::Table,
        by: By::Rows(FieldKey::Worker),
        click: "group it by Worker",
    },
    Wanted {
        name: "By Status",
        layout: Layout::Board,
        by: By::Columns(FieldKey::Status),
        click: "its columns are those of Status",
    },
    Wanted {
        name: "By Priority",
        layout: Layout::Table,
        by: By::Order(FieldKey::Priority),
        click: "sort it by Priority",
    },
    Wanted {
        name: "Timeline",
        layout: Layout::Roadmap,
        by: By::Dates,
        click: "choose its date fields",
    },
];

/// What became of a view.
enum Became {
    /// It is there, arranged as it is to be.
    Whole,
    /// It is there, and a person arranges it.
    Bare,
    /// This server makes none.
    Absent,
}

/// Makes those that are not there.
pub(super) async fn make(
    hub: &Hub,
    (owner, project): (&Owner, &Project),
    board: &Board,
    (made, by_hand): (&mut Vec<String>, &mut Vec<String>),
) -> Result<(), Error> {
    let (can, there) = hub.github.views(project).await?;
    for wanted in VIEWS.iter().filter(|one| !there.iter().any(|name| name == one.name)) {
        let Wanted { name, click, .. } = wanted;
        let mut became = arranged(hub, (owner, project), (wanted, board)).await?;
        if matches!(became, Became::Absent) && can {
            became = bare(hub, project, &wanted.view(board)).await?;
        }
        match became {
            Became::Whole => made.push(format!("view `{name}`")),
            Became::Bare => {
                made.push(format!("view `{name}`"));
                by_hand.push(format!("view `{name}`: {click}"));
            }
            Became::Absent => by_hand.push(format!("make a view `{name}`: {click}")),
        }
    }
    Ok(())
}

impl Wanted {
    fn view(&self, board: &Board) -> View {
        let number = |key| board::find(board, key, &BTreeMap::new())?.number;
        let (rows, columns, order) = match self.by {
            By::Rows(key) => (number(key), None, None),
            By::Columns(key) => (None, number(key), None),
            By::Order(key) => (None, None, number(key)),
            By::Dates => (None, None, None),
        };
        let title = board.fields.iter().find(|one| one.holds == Holds::Other("TITLE".to_owned()));
        let title = title.and_then(|field| field.number);
        let shown = title.into_iter().chain(FieldKey::ALL.into_iter().filter_map(number));
        let (name, layout, shown) = (self.name, self.layout, shown.collect());
        View { name, layout, shown, rows, columns, order }
    }
}

async fn arranged(
    hub: &Hub,
    (owner, project): (&Owner, &Project),
    (wanted, board): (&Wanted, &Board),
) -> Result<Became, Error> {
    use github::Error as E;
    let view = wanted.view(board);
    let done = hub.github.arrange_view((owner, project), &view).await;
    let is_whole = [view.rows, view.columns, view.order].iter().any(Option::is_some);
    let became = if is_whole { Became::Whole } else { Became::Bare };
    match done {
        Ok(()) => Ok(became),
        // There is no such way, or none for this token or this field: the other one may do.
        Err(E::NotFound(_) | E::Forbidden { .. } | E::Refused(_) | E::Renamed(_)) => {
            Ok(Became::Absent)
        }
        Err(error) => after(hub, project, (&view, error)).await.map(|()| became),
    }
}

async fn bare(hub: &Hub, project: &Project, view: &View) -> Result<Became, Error> {
    match hub.github.create_view(project, view).await {
        Ok(()) => Ok(Became::Bare),
        Err(error) => after(hub, project, (view, error)).await.map(|()| Became::Bare),
    }
}

/// Looks for a view whose making ended so.
async fn after(
    hub: &Hub,
    project: &Project,
    (view, error): (&View, github::Error),
) -> Result<(), Error> {
    let is_unknown = matches!(error, github::Error::Unknown(_));
    if is_unknown && hub.github.views(project).await?.1.iter().any(|name| name == view.name) {
        return Ok(());
    }
    Err(error.into())
}
