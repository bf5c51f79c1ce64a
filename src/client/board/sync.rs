//! One sync of a board: it decides, does one step or one batch of one kind, remembers it, and decides
//! again, until nothing is to be done. Cut off anywhere, the next one goes on from what is there.

use super::{Hub, Outcome};
use crate::api::board::{
    ARCHIVED_BY_US, Card, Content, FieldKey, Intent, Item, Shadow, Synced, Value, Values,
};
use crate::api::name::Uid;
use crate::board::lease::Other;
use crate::board::{self, Scene, Step};
use crate::client::{Client, Error};
use crate::github::{self, Change, Done, Project};
use crate::process::clock;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many changes one request holds at most: what GitHub's own server sends at once.
const BATCH_MAX: usize = 20;
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
    batch: usize,
    /// How often in a row nothing was achieved.
    tries: u32,
    /// Whether fields and items were read again because something was refused.
    refreshed: bool,
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
            refreshed: false,
        }
    }

    /// Returns what is to be done now.
    pub(super) fn steps(&self) -> Vec<Step> {
        board::decide(&Scene {
            cards: &self.cards,
            shadow: &self.shadow,
            items: self.items.as_deref(),
            adopts: self.hub.policy.adopt_edits,
        })
    }

    pub(super) async fn run(mut self) -> Result<Outcome, Error> {
        loop {
            let mut steps = self.steps();
            self.take_notes(&mut steps);
            let Some(first) = steps.first().filter(|_| !self.hub.is_over()) else {
                self.remember()?;
                return Ok(self.outcome);
            };
            match self.advance(&first.clone(), &steps).await {
                Ok(()) => self.tries = 0,
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
            match synced {
                Some(synced) => {
                    self.shadow.intents.remove(uid);
                    self.shadow.cards.insert(uid.clone(), (**synced).clone());
                }
                None => drop(self.shadow.cards.remove(uid)),
            }
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

    fn card(&self, uid: &Uid) -> Option<&Card> {
        self.cards.iter().find(|card| card.uid == *uid)
    }

    /// Makes cards. That they are being made is remembered before, what they are called after.
    async fn create(&mut self, steps: &[Step]) -> Result<(), Failure> {
        let uids = steps.iter().filter_map(|step| {
            let Step::Create(uid) = step else { return None };
            self.card(uid)
        });
        let cards: Vec<Card> = uids.cloned().collect();
        let Some(first) = cards.first() else { return Ok(()) };
        if let Some(number) = first.issue {
            return self.link(first, number).await;
        }
        let drafts = cards.iter().filter(|card| card.issue.is_none()).take(self.batch);
        let drafts: Vec<&Card> = drafts.collect();
        let at = clock::now();
        for card in &drafts {
            self.shadow.intents.insert(card.uid.clone(), Intent { at, searches: 0 });
        }
        self.remember()?;
        let texts: Vec<(&str, &str)> =
            drafts.iter().map(|card| (card.title.as_str(), card.body.as_str())).collect();
        let done = self.hub.github.add_drafts(&self.project.id, &texts).await;
        if let Err(github::Error::Limited(_) | github::Error::Refused(_)) = &done {
            // Nothing of it was done.
            for card in &drafts {
                self.shadow.intents.remove(&card.uid);
            }
            self.remember()?;
        }
        self.outcome.requests += 1;
        for (card, done) in drafts.iter().zip(done?) {
            match done {
                Done::Yes(answer) => self.made(card, &answer["projectItem"]),
                Done::No(error) => {
                    self.shadow.intents.remove(&card.uid);
                    self.remember()?;
                    return Err(error.into());
                }
                // It is looked for.
                Done::Unknown => self.items = None,
            }
        }
        Ok(self.remember()?)
    }

    /// Remembers a card that was made, as if it had been found.
    fn made(&mut self, card: &Card, item: &Json) {
        let text = |pointer| item.pointer(pointer).and_then(Json::as_str);
        let (Some(id), Some(draft)) = (text("/id"), text("/content/id")) else { return };
        self.shadow.intents.remove(&card.uid);
        let content = Content::Draft {
            id: draft.to_owned(),
            title: card.title.clone(),
            body: card.body.clone(),
        };
        self.found(card, id, content);
        self.outcome.created += 1;
    }

    fn found(&mut self, card: &Card, id: &str, content: Content) {
        let draft = match &content {
            Content::Draft { id, .. } => Some(id.clone()),
            Content::Issue { .. } | Content::Other => None,
        };
        let synced = Synced {
            task: card.task.clone(),
            item: id.to_owned(),
            draft,
            title: card.title.clone(),
            values: Values::new(),
            archived: None,
            reverted: BTreeMap::new(),
            quarantine: None,
        };
        self.shadow.cards.insert(card.uid.clone(), synced);
        if let Some(items) = &mut self.items {
            items.push(Item {
                id: id.to_owned(),
                archived: false,
                created_at: clock::now(),
                content,
                values: BTreeMap::new(),
            });
        }
    }

    /// Puts an issue onto the board. Twice is once.
    async fn link(&mut self, card: &Card, number: u64) -> Result<(), Failure> {
        let repository = self.hub.policy.repository.clone().unwrap_or_default();
        let id = match self.hub.github.issue_id(&repository, number).await {
            Ok(id) => id,
            Err(github::Error::NotFound(what)) => {
                self.outcome.notes.push(format!("{}: {what}: its card is a draft", card.task));
                if let Some(one) = self.cards.iter_mut().find(|one| one.uid == card.uid) {
                    one.issue = None;
                }
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let item = self.hub.github.add_item(&self.project.id, &id).await?;
        self.outcome.requests += 1;
        self.outcome.created += 1;
        self.found(card, &item, Content::Issue { id, number });
        Ok(self.remember()?)
    }

    /// Writes fields: all that are to hold something, or all that are to hold nothing.
    async fn write(&mut self, steps: &[Step]) -> Result<(), Failure> {
        let sets = steps.iter().filter_map(|step| {
            let Step::Set { uid, key, value, reverts } = step else { return None };
            Some((uid, *key, value, *reverts))
        });
        let sets: Vec<_> = sets.collect();
        let empties = sets.first().is_some_and(|(_, _, value, _)| value.is_none());
        let same = sets.into_iter().filter(|(_, _, value, _)| value.is_none() == empties);
        let same: Vec<_> = same.take(self.batch).collect();
        let writes: Vec<_> = same
            .iter()
            .filter_map(|(uid, key, value, _)| {
                let item = self.shadow.cards.get(*uid)?.item.as_str();
                Some((item, self.shadow.fields.get(key)?, value.as_ref()))
            })
            .collect();
        let kind = if empties { Change::ClearValue } else { Change::SetValue };
        let done = self.hub.github.write(&self.project.id, (kind, &writes)).await?;
        self.outcome.requests += 1;
        let mut refused = BTreeSet::new();
        for ((uid, key, value, reverts), done) in same.into_iter().zip(done) {
            match done {
                Done::Yes(_) => self.written(uid, (key, value.clone()), u32::from(reverts)),
                Done::No(error) => drop(refused.insert((uid.clone(), error.to_string()))),
                // It is written again: twice is once.
                Done::Unknown => {}
            }
        }
        self.refused(refused).await
    }

    fn written(&mut self, uid: &Uid, (key, value): (FieldKey, Option<Value>), undone: u32) {
        self.outcome.written += 1;
        let field = self.shadow.fields.get(&key).map(|mapped| mapped.id.clone());
        let Some(synced) = self.shadow.cards.get_mut(uid) else { return };
        board::put(synced, key, value.clone());
        if undone > 0 {
            *synced.reverted.entry(key).or_insert(0) += undone;
            self.outcome.reverted += 1;
        }
        let id = synced.item.clone();
        let item = self.items.iter_mut().flatten().find(|one| one.id == id);
        if let (Some(item), Some(field)) = (item, field) {
            match value {
                Some(value) => drop(item.values.insert(field, value)),
                None => drop(item.values.remove(&field)),
            }
        }
    }

    /// What GitHub refused: fields and items are read once more; what is refused again is left alone.
    async fn refused(&mut self, refused: BTreeSet<(Uid, String)>) -> Result<(), Failure> {
        self.remember()?;
        if refused.is_empty() {
            return Ok(());
        }
        if !self.refreshed {
            self.refreshed = true;
            let board = self.hub.github.board(&self.project.id).await?;
            self.shadow.fields = board::map(&board, &self.shadow.fields);
            return self.scan().await;
        }
        for (uid, why) in refused {
            if let Some(synced) = self.shadow.cards.get_mut(&uid) {
                self.outcome
                    .notes
                    .push(format!("the card of {} is left alone: {why}", synced.task));
                synced.quarantine = Some(why);
            }
        }
        Ok(self.remember()?)
    }

    async fn retitle(&mut self, steps: &[Step]) -> Result<(), Failure> {
        let uids = steps.iter().filter_map(|step| {
            let Step::Retitle(uid) = step else { return None };
            Some(uid)
        });
        let edits = uids.filter_map(|uid| {
            let card = self.card(uid)?;
            let draft = self.shadow.cards.get(uid)?.draft.clone()?;
            Some((uid.clone(), draft, card.title.clone(), card.body.clone()))
        });
        let edits: Vec<_> = edits.take(self.batch).collect();
        let inputs: Vec<_> = edits
            .iter()
            .map(|(_, draft, title, body)| {
                serde_json::json!({ "draftIssueId": draft, "title": title, "body": body })
            })
            .collect();
        let done = self.hub.github.change(Change::EditDraft, &inputs).await?;
        self.outcome.requests += 1;
        let mut refused = BTreeSet::new();
        for ((uid, draft, new, _), done) in edits.into_iter().zip(done) {
            match done {
                Done::Yes(_) => self.retitled(&uid, &draft, &new),
                Done::No(error) => drop(refused.insert((uid, error.to_string()))),
                Done::Unknown => {}
            }
        }
        self.refused(refused).await
    }

    async fn put_away(&mut self, steps: &[Step], kind: Change) -> Result<(), Failure> {
        let uids = steps.iter().filter_map(|step| {
            let archives = kind == Change::Archive;
            let (Step::Archive(uid) | Step::Unarchive(uid)) = step else { return None };
            (matches!(step, Step::Archive(_)) == archives).then(|| uid.clone())
        });
        let uids: Vec<Uid> = uids.take(self.batch).collect();
        let items = uids.iter().filter_map(|uid| Some(self.shadow.cards.get(uid)?.item.clone()));
        let items: Vec<String> = items.collect();
        let done = self.hub.github.put_away(&self.project.id, (kind, &items)).await?;
        self.outcome.requests += 1;
        for ((uid, id), done) in uids.iter().zip(&items).zip(done) {
            match done {
                Done::Yes(_) => self.is_away(uid, id, kind),
                // It is gone, or in the archive already: then it is not ours to keep.
                Done::No(_) => drop(self.shadow.cards.remove(uid)),
                Done::Unknown => {}
            }
        }
        Ok(self.remember()?)
    }

    fn retitled(&mut self, uid: &Uid, draft: &str, new: &str) {
        self.outcome.written += 1;
        if let Some(synced) = self.shadow.cards.get_mut(uid) {
            new.clone_into(&mut synced.title);
        }
        for item in self.items.iter_mut().flatten() {
            if let Content::Draft { id, title, .. } = &mut item.content
                && id == draft
            {
                new.clone_into(title);
            }
        }
    }

    fn is_away(&mut self, uid: &Uid, id: &str, kind: Change) {
        let by = (kind == Change::Archive).then(|| ARCHIVED_BY_US.to_owned());
        let archived = by.is_some();
        self.outcome.archived += usize::from(archived);
        if let Some(synced) = self.shadow.cards.get_mut(uid) {
            synced.archived = by;
        }
        for item in self.items.iter_mut().flatten().filter(|one| one.id == id) {
            item.archived = archived;
        }
    }

    async fn archive_duplicate(&mut self, uid: &Uid, id: &str) -> Result<(), Failure> {
        let items = [id.to_owned()];
        drop(self.hub.github.put_away(&self.project.id, (Change::Archive, &items)).await?);
        self.outcome.requests += 1;
        let task = self.shadow.cards.get(uid).map(|synced| synced.task.to_string());
        let task = task.unwrap_or_default();
        self.outcome.notes.push(format!("a second card of {task} was put into the archive"));
        for item in self.items.iter_mut().flatten().filter(|one| one.id == id) {
            item.archived = true;
        }
        Ok(())
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
