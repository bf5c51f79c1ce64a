//! Labelled issues become tasks here: each is claimed first, and told of as its task goes on. What stands in
//! an issue is no more than a prompt, and GitHub never is where a task is held.

mod facts;
mod keep;
mod push;
mod round;
mod take;
mod tell;

pub use push::{OpenIssue, OpenState, Push, Pushed};

use super::board::Hub;
use super::{Client, Error};
use crate::api::issue::Seen;
use crate::github::{self, Home, Listing};
use crate::process::clock;
use jiff::{SignedDuration, Timestamp};
use round::Round;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known of issues while a program runs; without it all of it is asked for again.
#[derive(Debug, Default)]
pub struct Intake {
    home: Option<Home>,
    /// The issues with each label.
    listed: BTreeMap<String, Listing>,
    /// What the commits of claims say, by their ids.
    seen: BTreeMap<String, Seen>,
    /// What time it was at GitHub, and when here since boot.
    clock: Option<(Timestamp, Duration)>,
    /// When issues were looked at last, since boot.
    polled: Option<Duration>,
    /// When it was seen, since boot, that the repository has issues switched off.
    off: Option<Duration>,
}

/// How long a repository is not asked for issues after it said that it has none.
const OFF: Duration = Duration::from_hours(1);

impl Intake {
    /// Returns what time it is at GitHub, as far as that was told.
    fn now(&self) -> Option<Timestamp> {
        let (then, at) = self.clock?;
        let passed = clock::since_boot().saturating_sub(at);
        Some(then + SignedDuration::try_from(passed).ok()?)
    }

    fn tell_time(&mut self, date: Timestamp) {
        self.clock = Some((date, clock::since_boot()));
    }

    /// Returns whether the repository said not long ago that it has no issues.
    fn is_off(&self) -> bool {
        self.off.is_some_and(|at| clock::since_boot() < at + OFF)
    }

    /// Has issues looked at in any case the next time.
    pub fn look_again(&mut self) {
        self.polled = None;
    }
}

/// What one round did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pulled {
    /// The names of the tasks whose issues were claimed.
    pub claimed: Vec<String>,
    /// What a person should know.
    pub notes: Vec<String>,
}

impl Client {
    /// Claims what is labelled, and tells the issues that are ours how far their tasks are.
    ///
    /// # Errors
    /// When GitHub or the records could not be asked. Nothing is done twice: it goes on the next time.
    pub async fn pull(&self, hub: &Hub, intake: &mut Intake) -> Result<Pulled, Error> {
        // Proposals first: one that is accepted in between is seen as what it became.
        let proposals = self.proposals().await?;
        let snapshot = self.snapshot().await;
        let book = self.records().issues()?;
        if hub.policy.pull.is_empty() && book.taken.is_empty() {
            return Ok(Pulled::default());
        }
        let named = repository(hub)?;
        let home = if let Some(home) = &intake.home {
            home.clone()
        } else {
            let home = hub.github.home(named).await?;
            if !home.writable {
                return Err(Error::Refused {
                    what: format!("the token may not write to {}: nothing can be claimed", home.name),
                    help: "give it Contents and Issues: read and write; reconciler doctor --for github"
                        .to_owned(),
                });
            }
            intake.home.insert(home).clone()
        };
        let mut out = Pulled::default();
        if !home.name.eq_ignore_ascii_case(named) {
            let now = &home.name;
            out.notes.push(format!(
                "{named} is called {now} by now: name it so in state/policy.json (github.repository)"
            ));
        }
        let round = Round { client: self, hub, intake, home, book, snapshot, out };
        let done = round.run(&proposals).await;
        if let Err(Error::Github(github::Error::Renamed(_))) = done {
            // It is asked for what it is called now, and nothing was done under its old name.
            intake.home = None;
        }
        done
    }
}

/// Returns the repository whose issues they are.
fn repository(hub: &Hub) -> Result<&str, Error> {
    hub.policy.repository.as_deref().ok_or_else(|| Error::Refused {
        what: "no repository is named in state/policy.json".to_owned(),
        help: "name it: \"github\": { \"repository\": \"acme/shop\" }".to_owned(),
    })
}
