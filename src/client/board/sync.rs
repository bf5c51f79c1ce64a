//! One sync of a board: it decides, does one step or one batch of one kind, remembers it, and decides
//! again, until nothing is to be done. Cut off anywhere, the next one goes on from what is there.

use super::{Hub, Outcome};
use crate::api::board::{Card, Intent, Item, Shadow};
use crate::api::name::Uid;
use crate::board::lease::Other;
use crate::board::{self, Scene, Step};
use crate::client::{Client, Error};
use crate::github::{self, Change, Project};
use crate::process::clock;
use std::collections::BTreeSet;
use std::time::Duration;

/// How many changes one request holds at most: what GitHub's own server sends at once.
pub(super) const BATCH_MAX: usize = 20;
/// The least, after GitHub found more too much.
const BATCH_MIN: usize = 5;
/// How often is tried again what GitHub gave no answer to, or asked to wait with.
const TRIES_MAX: u32 = 5;

/// A sync under way.
pub(super) struct Sync<'a> {
    pub(super) client: &'a Client,
    pub(super) hub: &'a Hub,
    pub(super) project: Project,
    pub(super) cards: Vec<Card>,
    pub(super) shadow: Shadow,
    pub(super) items: Option<Vec<Item>>,
    pub(super) outcome: Outcome,
    /// How many changes the next request holds.
    pub(super) batch: usize,
    /// How often in a row nothing was achieved.
    tries: u32,
    /// Cards that GitHub does not take.
    pub(super) left_out: BTreeSet<Uid>,
    /// Whether fields and items were read again because something was refused.
    pub(super) refreshed: bool,
}

impl<'a> Sync<'a> {
    pub(super) fn new(
        (client, hub): (&'a Client, &'a Hub),
        project: Project,
        (cards, shadow): (Vec<Card>, Shadow),
    ) -> Self {
        Self {
            client,
            hub,
            project,
            cards,
            shadow,
            items: None,
            outcome: Outcome::default(),
            batch: BATCH_MAX,
            tries: 0,
            left_out: BTreeSet::new(),
            refreshed: false,
        }
    }

    /// Returns what is to be done now.
    pub(super) fn steps(&self) -> Vec<Step> {
        let mut steps = board::decide(&Scene {
            cards: &self.cards,
            shadow: &self.shadow,
            items: self.items.as_deref(),
            adopts: self.hub.policy.adopt_edits,
        });
        let is_left_out =
            |step: &Step| matches!(step, Step::Create(uid) if self.left_out.contains(uid));
        steps.retain(|step| !is_left_out(step));
        steps
    }

    pub(super) async fn run(mut self) -> Result<Outcome, Error> {
        loop {
            let mut steps = self.steps();
            let noted = self.outcome.notes.len();
            self.take_notes(&mut steps);
            let Some(first) = steps.first().filter(|_| !self.hub.is_over()) else {
                self.remember()?;
                self.outcome.is_whole = self.left_out.is_empty();
                return Ok(self.outcome);
            };
            let first = first.clone();
            let done = self.advance(&first, &steps).await;
            if self.shadow.is_doubted {
                // Whoever wrote that, it may have been another machine.
                self.outcome.notes.truncate(noted);
            }
            match done {
                // To have looked again is no progress.
                Ok(()) if first.writes() => self.tries = 0,
                Ok(()) => {}
                Err(Failure::Github(error)) => self.again(error).await?,
                Err(Failure::Ours(error)) => return Err(error),
                Err(Failure::Held(other)) => {
                    self.remember()?;
                    self.outcome.held_by = Some(other);
                    return Ok(self.outcome);
                }
            }
        }
    }

    /// Waits and goes on where that helps.
    async fn again(&mut self, error: github::Error) -> Result<(), Error> {
        use github::Error as E;
        self.tries += 1;
        if self.tries > TRIES_MAX {
            return Err(error.into());
        }
        let wait = match &error {
            E::Limited(wait) => *wait,
            E::Unknown(_) | E::TooMuch => {
                self.batch = (self.batch / 2).max(BATCH_MIN);
                // What was being made is looked for.
                if !self.shadow.intents.is_empty() {
                    self.items = None;
                }
                self.hub.pause * self.tries
            }
            E::Address(_)
            | E::Unauthorized
            | E::Forbidden { .. }
            | E::NotFound(_)
            | E::Refused(_)
            | E::Renamed(_) => return Err(error.into()),
        };
        if wait > self.hub.patience {
            return Err(error.into());
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn take_notes(&mut self, steps: &mut Vec<Step>) {
        steps.retain(|step| match step {
            Step::Note(note) => {
                if !self.outcome.notes.contains(note) {
                    self.outcome.notes.push(note.clone());
                }
                false
            }
            Step::Scan
            | Step::Learn { .. }
            | Step::Missed(_)
            | Step::Create(_)
            | Step::Set { .. }
            | Step::Retitle(_)
            | Step::Archive(_)
            | Step::Unarchive(_)
            | Step::ArchiveDuplicate { .. }
            | Step::Adopt { .. } => true,
        });
    }

    pub(super) fn remember(&self) -> Result<(), Error> {
        Ok(self.client.records().set_board(&self.shadow)?)
    }

    /// Does the first step, and those like it that go into the same request.
    async fn advance(&mut self, first: &Step, steps: &[Step]) -> Result<(), Failure> {
        if first.writes() {
            self.hold().await?;
            if self.shadow.is_doubted {
                // What is to be done may be something else.
                return Ok(());
            }
        }
        match first {
            Step::Scan => self.scan().await,
            Step::Learn { .. } => {
                self.learn(steps);
                Ok(self.remember()?)
            }
            Step::Missed(_) => self.missed(steps).await,
            Step::Create(_) => self.create(steps).await,
            Step::Set { .. } => self.write(steps).await,
            Step::Retitle(_) => self.retitle(steps).await,
            Step::Archive(_) => self.put_away(steps, Change::Archive).await,
            Step::Unarchive(_) => self.put_away(steps, Change::Unarchive).await,
            Step::ArchiveDuplicate { uid, item } => self.archive_duplicate(uid, item).await,
            Step::Adopt { task, uid, edit } => Ok(self.adopt(task, uid, edit).await?),
            Step::Note(_) => Ok(()),
        }
    }

    /// Reads all items.
    pub(super) async fn scan(&mut self) -> Result<(), Failure> {
        self.read().await?;
        self.shadow.scanned_at = Some(clock::now());
        Ok(self.remember()?)
    }

    /// The same, and nothing of it is written down.
    pub(super) async fn read(&mut self) -> Result<(), github::Error> {
        let items = self.hub.github.items(&self.project).await?;
        if self.shadow.is_doubted {
            board::rebase(&mut self.shadow, &items);
        }
        self.items = Some(items);
        Ok(())
    }

    /// Reads all items; what GitHub refused before is tried once more.
    pub(super) async fn read_whole(&mut self) -> Result<(), Error> {
        self.read().await?;
        self.shadow.scanned_at = Some(clock::now());
        for synced in self.shadow.cards.values_mut() {
            synced.quarantine = None;
        }
        Ok(())
    }

    /// Takes over what was found; returns whether there was anything.
    pub(super) fn learn(&mut self, steps: &[Step]) -> bool {
        let mut learned = false;
        for step in steps {
            let Step::Learn { uid, synced } = step else { continue };
            learned = true;
            if let Some(synced) = synced {
                self.shadow.intents.remove(uid);
                self.shadow.cards.insert(uid.clone(), (**synced).clone());
                continue;
            }
            // What was just made may not show yet: it is looked for before it is made again.
            self.shadow.cards.remove(uid);
            let intent = Intent { at: clock::now(), searches: 1 };
            self.shadow.intents.insert(uid.clone(), intent);
        }
        learned
    }

    /// What was being made is not there: GitHub may show it later.
    async fn missed(&mut self, steps: &[Step]) -> Result<(), Failure> {
        for step in steps {
            if let Step::Missed(uid) = step
                && let Some(intent) = self.shadow.intents.get_mut(uid)
            {
                intent.searches += 1;
            }
        }
        self.remember()?;
        tokio::time::sleep(self.hub.pause).await;
        self.scan().await
    }
}

/// Why a step was not done.
pub(super) enum Failure {
    Github(github::Error),
    Ours(Error),
    /// Another machine writes to the board.
    Held(Other),
}

impl From<github::Error> for Failure {
    fn from(error: github::Error) -> Self {
        Self::Github(error)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ours(error)
    }
}

/// How long is waited for what GitHub may show later.
pub(super) const PAUSE: Duration = Duration::from_secs(5);
