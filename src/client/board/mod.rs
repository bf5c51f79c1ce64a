//! The project board: what would change, the sync, and its making. The board only shows; but for what is
//! people's there, nothing of it decides anything here.

mod adopt;
mod cards;
mod changes;
mod keep;
mod lease;
mod make;
mod sync;
mod views;

pub(super) use keep::{keep, wait_after};
pub use make::Made;

use super::{Client, Environment, Error, LoopState, Snapshot};
use crate::api::board::{Board, Shadow, mark};
use crate::api::policy::{BoardRef, Github as Policy};
use crate::board::lease::Other;
use crate::board::{self, Edit, Step};
use crate::github::{self, Github, Limits, Pace, Project, Server, Token};
use serde::Serialize;
use std::time::Duration;
use sync::{Failure, Sync};
use tokio::sync::watch::Receiver;

/// The variable of the environment that holds the address, as in GitHub Actions.
const ADDRESS_VARIABLE: &str = "GITHUB_API_URL";
/// The variable by which tests say that the clock of the server is not ours.
const UNPACED_VARIABLE: &str = "RECONCILER_TEST_UNPACED";
/// The variable by which tests say how long an answer may take, in milliseconds.
const DEADLINE_VARIABLE: &str = "RECONCILER_TEST_DEADLINE";
/// The variable by which tests say how many changes an hour has.
const HOURLY_VARIABLE: &str = "RECONCILER_TEST_HOURLY";

/// GitHub, as the policy and the environment say.
#[derive(Debug)]
pub struct Hub {
    pub(super) github: Github,
    pub(super) policy: Policy,
    /// How long is waited for what may show later.
    pub(super) pause: Duration,
    /// How long GitHub may ask to wait; when it is longer, that is told instead.
    pub(super) patience: Duration,
    /// Says that it is over: then no further request is begun.
    pub(super) over: Option<Receiver<bool>>,
}

impl Hub {
    pub(super) fn is_over(&self) -> bool {
        self.over.as_ref().is_some_and(|over| *over.borrow())
    }
}

/// Returns how fast GitHub may be asked, as the environment says.
pub(super) fn pace(environment: &Environment) -> Pace {
    let variables = &environment.variables;
    let unpaced = variables.contains_key(UNPACED_VARIABLE);
    let limits = if unpaced { Limits::NONE } else { Limits::DOCUMENTED };
    let hourly = variables.get(HOURLY_VARIABLE).and_then(|text| text.parse().ok());
    Pace::new(Limits { per_hour: hourly.unwrap_or(limits.per_hour), ..limits })
}

/// What a sync did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Requests that changed something.
    pub requests: usize,
    /// Cards that were made.
    pub created: usize,
    /// Fields and titles that were written.
    pub written: usize,
    /// Cards that were put into the archive.
    pub archived: usize,
    /// Edits of people that were undone.
    pub reverted: usize,
    /// Edits of people that were taken into tasks.
    pub adopted: usize,
    /// What a person should know.
    pub notes: Vec<String>,
    /// Who writes to the board, when that is another machine: what is left here is to be done later.
    #[serde(skip)]
    pub held_by: Option<Other>,
    /// Whether nothing was left out that GitHub does not take.
    #[serde(skip)]
    pub is_whole: bool,
}

/// What a sync would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BoardPlan {
    /// The board.
    pub title: String,
    /// Where people see it.
    pub url: String,
    /// What may still be asked of GitHub in this hour, where it limits that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// What would change, in order.
    pub changes: Vec<Change>,
    /// What the board lacks, and what a person should know.
    pub notes: Vec<String>,
}

/// One change that a sync would make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The task.
    pub task: String,
    /// What, as a sentence without its subject.
    pub what: String,
}

/// Returns what a person can do about an answer of GitHub.
pub(super) fn hint(error: &github::Error) -> Option<&'static str> {
    match error {
        github::Error::Unauthorized => {
            Some("make a new token, and set the variable: reconciler doctor --for github")
        }
        github::Error::Forbidden { .. } | github::Error::NotFound(_) => {
            Some("look at the token's permissions: reconciler doctor --for github")
        }
        github::Error::Limited(_) => Some("nothing is lost: it goes on where it stopped"),
        github::Error::Unknown(_) => Some("run it again: nothing is made twice"),
        github::Error::Address(_)
        | github::Error::TooMuch
        | github::Error::Refused(_)
        | github::Error::Renamed(_) => None,
    }
}

impl Client {
    /// Returns GitHub, as the committed policy and the environment say.
    ///
    /// # Errors
    /// When there is no token, or the address is none; both are told with what to do.
    pub fn hub(&self, policy: &Policy) -> Result<Hub, Error> {
        let variables = &self.environment.variables;
        let token = variables.get(&policy.token_variable).and_then(|text| Token::new(text));
        let Some(token) = token else {
            return Err(Error::Refused {
                what: format!("there is no token for GitHub: {} is not set", policy.token_variable),
                help: "set it in the environment; which rights it needs: reconciler doctor --for \
                       github"
                    .to_owned(),
            });
        };
        let address = variables.get(ADDRESS_VARIABLE).filter(|text| !text.is_empty());
        let server = address.map_or(Ok(Server::dotcom()), |text| Server::parse(text))?;
        let mut github = Github::new(server, &token, self.pace.clone())?;
        let deadline = variables.get(DEADLINE_VARIABLE).and_then(|text| text.parse().ok());
        if let Some(deadline) = deadline {
            github = github.within(Duration::from_millis(deadline));
        }
        let (pause, patience) = if variables.contains_key(UNPACED_VARIABLE) {
            (Duration::from_millis(10), Duration::from_secs(1))
        } else {
            (sync::PAUSE, Duration::from_mins(5))
        };
        Ok(Hub { github, policy: policy.clone(), pause, patience, over: None })
    }

    /// Returns GitHub to be asked until it is over.
    pub(super) fn hub_until(
        &self,
        policy: &Policy,
        over: Option<&Receiver<bool>>,
    ) -> Result<Hub, Error> {
        Ok(Hub { over: over.cloned(), ..self.hub(policy)? })
    }

    /// Returns what a sync would change. Writes nothing, neither there nor here.
    ///
    /// # Errors
    /// When the board or the tasks cannot be read.
    pub async fn board_plan(&self, hub: &Hub, snapshot: &Snapshot) -> Result<BoardPlan, Error> {
        let (mut sync, board) = self.prepared(hub, snapshot).await?;
        let mut notes = lacks(&sync, &board);
        sync.read().await?;
        let mut changes = Vec::new();
        // What is only learned is learned at once, so that what follows from it shows.
        let mut steps = sync.steps();
        while sync.learn(&steps) {
            steps = sync.steps();
        }
        for step in &steps {
            match told(step, &sync) {
                Told::Change(change) => changes.push(change),
                Told::Note(note) => notes.extend(Some(note).filter(|note| !note.is_empty())),
            }
        }
        let Project { title, url, budget, .. } = sync.project;
        let budget = budget.map(|budget| budget.to_string());
        Ok(BoardPlan { title, url, budget, changes, notes })
    }

    /// Brings the board up to where the tasks are.
    ///
    /// # Errors
    /// When it could not be finished, or another machine writes to the board. Nothing is made twice: run it
    /// again.
    pub async fn board_sync(&self, hub: &Hub, snapshot: &Snapshot) -> Result<Outcome, Error> {
        let guard = self.board_guard().await?;
        let done = self.sync_whole(hub, snapshot).await;
        let left = match snapshot.loop_state {
            // It goes on with it, and gives it back when it ends.
            LoopState::Running { .. } => Ok(()),
            LoopState::NotRunning | LoopState::Unknown(_) => self.give_back(hub).await,
        };
        drop(guard);
        let mut outcome = done?;
        if let Err(error) = left {
            outcome.notes.push(format!("others wait ten minutes for the board: {error}"));
        }
        let Some(other) = &outcome.held_by else { return Ok(outcome) };
        let until = other.until.map(|until| format!(", until {until:.0} unless it goes on"));
        Err(Error::Refused {
            what: format!("{other}{}: nothing is changed from here", until.unwrap_or_default()),
            help: "run it again then; `reconciler run` does so by itself".to_owned(),
        })
    }

    async fn sync_whole(&self, hub: &Hub, snapshot: &Snapshot) -> Result<Outcome, Error> {
        let (mut sync, mut board) = self.prepared(hub, snapshot).await?;
        let mut notes = Vec::new();
        match sync.add_options(&board).await {
            Ok(added) if added.is_empty() => {}
            Ok(added) => {
                notes = added;
                (sync, board) = self.prepared(hub, snapshot).await?;
            }
            Err(Failure::Github(error)) => notes.push(format!("no option could be added: {error}")),
            Err(Failure::Ours(error)) => return Err(error),
            Err(Failure::Held(other)) => sync.outcome.held_by = Some(other),
        }
        notes.extend(lacks(&sync, &board));
        sync.outcome.notes = notes;
        if sync.outcome.held_by.is_some() {
            return Ok(sync.outcome);
        }
        sync.read_whole().await?;
        sync.run().await
    }

    /// The same, without a request while nothing changed here and the board was read not long ago.
    pub(super) async fn board_follow(
        &self,
        hub: &Hub,
        snapshot: &Snapshot,
    ) -> Result<Outcome, Error> {
        let _guard = self.board_guard().await?;
        let shadow = self.records().board()?.unwrap_or_default();
        let read = jiff::SignedDuration::from_secs(i64::from(hub.policy.read_seconds));
        let is_due = board::next_scan(&shadow, read).is_none_or(|due| due <= snapshot.now());
        if is_due || snapshot.why_blind().is_some() {
            return self.sync_whole(hub, snapshot).await;
        }
        let cards = cards::cards(snapshot, &hub.policy, &shadow.fields);
        let project = Project::known(&shadow.project);
        let sync = Sync::new((self, hub), project, (cards, shadow));
        if sync.steps().contains(&Step::Scan) {
            return self.sync_whole(hub, snapshot).await;
        }
        sync.run().await
    }

    /// Reads what is needed to decide.
    async fn prepared<'a>(
        &'a self,
        hub: &'a Hub,
        snapshot: &Snapshot,
    ) -> Result<(Sync<'a>, Board), Error> {
        if let Some(why) = snapshot.why_blind() {
            return Err(Error::Unknown(why.to_owned()));
        }
        let BoardRef { owner, number } = board_of(&hub.policy)?;
        let project = hub.github.project(owner, *number).await?;
        if project.closed || !project.writable {
            let what = if project.closed {
                format!("project {number} of {owner} is closed")
            } else {
                format!("the token may not write to project {number} of {owner}")
            };
            let help = "open it, or give the token the right: reconciler doctor --for github";
            return Err(Error::Refused { what, help: help.to_owned() });
        }
        let shadow = self.records().board()?.filter(|shadow| shadow.project == project.id);
        let mut shadow =
            shadow.unwrap_or_else(|| Shadow { project: project.id.clone(), ..Shadow::default() });
        let board = hub.github.board(&project.id).await?;
        shadow.fields = board::map(&board, &shadow.fields);
        let cards = cards::cards(snapshot, &hub.policy, &shadow.fields);
        Ok((Sync::new((self, hub), project, (cards, shadow)), board))
    }
}

/// Returns the board that the policy names.
fn board_of(policy: &Policy) -> Result<&BoardRef, Error> {
    policy.board.as_ref().ok_or_else(|| Error::Refused {
        what: "no board is named in state/policy.json".to_owned(),
        help: "make one: reconciler board init OWNER; or name one: \"github\": { \"board\": { \
               \"owner\": \"acme\", \"number\": 1 } }"
            .to_owned(),
    })
}

/// Says what a board lacks.
fn lacks(sync: &Sync<'_>, board: &Board) -> Vec<String> {
    board::gaps(board, &sync.shadow.fields).iter().map(ToString::to_string).collect()
}

enum Told {
    Change(Change),
    Note(String),
}

/// Says what a step would do.
fn told(step: &Step, sync: &Sync<'_>) -> Told {
    let change = |uid: &crate::api::name::Uid, what: String| {
        let card =
            sync.cards.iter().find(|card| card.uid == *uid).map(|card| card.task.to_string());
        let known = || sync.shadow.cards.get(uid).map(|synced| synced.task.to_string());
        Told::Change(Change { task: card.or_else(known).unwrap_or_else(|| mark(uid)), what })
    };
    match step {
        Step::Note(note) => Told::Note(note.clone()),
        Step::Scan | Step::Learn { .. } => Told::Note(String::new()),
        Step::Missed(uid) => change(uid, "its card is looked for, and made anew".to_owned()),
        Step::Create(uid) => change(uid, "its card is made".to_owned()),
        Step::Set { uid, key, value: Some(value), .. } => change(uid, format!("{key}: {value}")),
        Step::Set { uid, key, value: None, .. } => change(uid, format!("{key} is emptied")),
        Step::Retitle(uid) => change(uid, "it is called anew".to_owned()),
        Step::Archive(uid) => change(uid, "its card goes into the archive".to_owned()),
        Step::Unarchive(uid) => change(uid, "its card leaves the archive".to_owned()),
        Step::ArchiveDuplicate { uid, .. } => {
            change(uid, "its second card goes into the archive".to_owned())
        }
        Step::Adopt { uid, edit: Edit::Title(title), .. } => change(
            uid,
            format!("its title becomes `{title}` in git, as a person wrote on the board"),
        ),
        Step::Adopt { uid, edit: Edit::Field(key, value), .. } => {
            let value = value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
            change(uid, format!("its {key} becomes {value} in git, as a person wrote on the board"))
        }
    }
}
