//! What a sync changes: each makes one request, of one kind, and remembers what became of it.

use super::make::options_of;
use super::sync::{BATCH_MAX, Failure, Sync};
use crate::api::board::{
    ARCHIVED_BY_US, Board, Card, Content, FieldKey, Intent, Item, Synced, Value, Values,
};
use crate::api::name::Uid;
use crate::board::{self, Gap, Step};
use crate::github::{self, Change, Done};
use crate::process::clock;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

impl Sync<'_> {
    /// Adds the options that our fields lack, where the others keep what they have; says which.
    pub(super) async fn add_options(&mut self, board: &Board) -> Result<Vec<String>, Failure> {
        let mut added = Vec::new();
        for gap in board::gaps(board, &self.shadow.fields) {
            let Gap::Options(key, names) = gap else { continue };
            let there = options_of(board, key, &self.shadow.fields);
            let Some(there) = there.filter(|_| board.keeps_options && !self.hub.is_over()) else {
                continue;
            };
            self.hold().await?;
            self.hub.github.add_options(there, &names).await?;
            self.outcome.requests += 1;
            added.push(format!("the field `{key}` got the option {}", names.join(" and ")));
        }
        Ok(added)
    }

    fn card(&self, uid: &Uid) -> Option<&Card> {
        self.cards.iter().find(|card| card.uid == *uid)
    }

    /// Makes cards. That they are being made is remembered before, what they are called after.
    pub(super) async fn create(&mut self, steps: &[Step]) -> Result<(), Failure> {
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
        let Some(done) = self.bisected(done, drafts.len())? else { return Ok(()) };
        let mut trouble = None;
        for (card, done) in drafts.iter().zip(done) {
            match done {
                Done::Yes(answer) => self.made(card, &answer["projectItem"]),
                Done::No(error) => trouble = self.not_made(card, error).or(trouble),
                // It is looked for.
                Done::Unknown => self.items = None,
            }
        }
        self.remember()?;
        trouble.map_or(Ok(()), |error| Err(error.into()))
    }

    /// Sends less at once where GitHub refused all of it: so the one that it refuses is found.
    fn bisected(
        &mut self,
        done: Result<Vec<Done>, github::Error>,
        count: usize,
    ) -> Result<Option<Vec<Done>>, github::Error> {
        match done {
            Err(github::Error::Refused(_)) if count > 1 => {
                self.batch = count / 2;
                Ok(None)
            }
            Err(github::Error::Refused(why)) => {
                self.batch = BATCH_MAX;
                Ok(Some(vec![Done::No(github::Error::Refused(why))]))
            }
            Ok(done) if done.iter().all(|one| *one == Done::Unknown) => {
                Err(github::Error::Unknown("it says nothing of what was asked".to_owned()))
            }
            done => done.map(Some),
        }
    }

    /// Leaves a card out, if it is what GitHub refuses; returns what is wrong otherwise.
    fn not_made(&mut self, card: &Card, error: github::Error) -> Option<github::Error> {
        self.shadow.intents.remove(&card.uid);
        let github::Error::Refused(why) = error else { return Some(error) };
        self.leave_out(card, &why);
        None
    }

    /// Goes on without a card that GitHub does not take.
    fn leave_out(&mut self, card: &Card, why: &str) {
        self.outcome.notes.push(format!("the card of {} is not made: {why}", card.task));
        self.left_out.insert(card.uid.clone());
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

    /// Takes an item for what it is, if it was seen already and did not say so.
    fn is_seen(&mut self, id: &str, content: &Content) -> bool {
        let item = self.items.iter_mut().flatten().find(|one| one.id == id);
        item.map(|item| item.content.clone_from(content)).is_some()
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
        let added = self.hub.github.add_item(&self.project.id, &id).await;
        self.outcome.requests += 1;
        let item = match added {
            Ok(item) => item,
            Err(error @ (github::Error::Refused(_) | github::Error::Unknown(_))) => {
                // It may be there already, or by now.
                let there = self.hub.github.item_of(&self.project.id, &id).await?;
                let Some(item) = there else { return self.not_linked(card, error) };
                item
            }
            Err(error) => return Err(error.into()),
        };
        let content = Content::Issue { id, number };
        if !self.is_seen(&item, &content) {
            self.outcome.created += 1;
            self.found(card, &item, content);
        }
        Ok(self.remember()?)
    }

    fn not_linked(&mut self, card: &Card, error: github::Error) -> Result<(), Failure> {
        let github::Error::Refused(why) = error else { return Err(error.into()) };
        if why.contains("not unique") {
            // Somebody else added something at the same time: it is tried again.
            return Err(github::Error::Unknown(why).into());
        }
        self.leave_out(card, &why);
        Ok(())
    }

    /// Writes fields: all that are to hold something, or all that are to hold nothing.
    pub(super) async fn write(&mut self, steps: &[Step]) -> Result<(), Failure> {
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
        let done = self.hub.github.write(&self.project.id, (kind, &writes)).await;
        self.outcome.requests += 1;
        let Some(done) = self.bisected(done, writes.len())? else { return Ok(()) };
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
            self.quarantine(&uid, why);
        }
        Ok(self.remember()?)
    }

    /// Leaves a card alone until all are read again.
    fn quarantine(&mut self, uid: &Uid, why: String) {
        if let Some(synced) = self.shadow.cards.get_mut(uid) {
            self.outcome.notes.push(format!("the card of {} is left alone: {why}", synced.task));
            synced.quarantine = Some(why);
        }
    }

    pub(super) async fn retitle(&mut self, steps: &[Step]) -> Result<(), Failure> {
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
        let done = self.hub.github.change(Change::EditDraft, &inputs).await;
        self.outcome.requests += 1;
        let Some(done) = self.bisected(done, inputs.len())? else { return Ok(()) };
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

    pub(super) async fn put_away(&mut self, steps: &[Step], kind: Change) -> Result<(), Failure> {
        let uids = steps.iter().filter_map(|step| {
            let archives = kind == Change::Archive;
            let (Step::Archive(uid) | Step::Unarchive(uid)) = step else { return None };
            (matches!(step, Step::Archive(_)) == archives).then(|| uid.clone())
        });
        let uids: Vec<Uid> = uids.take(self.batch).collect();
        let items = uids.iter().filter_map(|uid| Some(self.shadow.cards.get(uid)?.item.clone()));
        let items: Vec<String> = items.collect();
        let done = self.hub.github.put_away(&self.project.id, (kind, &items)).await;
        self.outcome.requests += 1;
        let Some(done) = self.bisected(done, items.len())? else { return Ok(()) };
        for ((uid, id), done) in uids.iter().zip(&items).zip(done) {
            match done {
                Done::Yes(_) => self.is_away(uid, id, kind),
                // Then there is nothing to be kept.
                Done::No(github::Error::NotFound(_)) => drop(self.shadow.cards.remove(uid)),
                Done::No(error) => self.quarantine(uid, error.to_string()),
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

    pub(super) async fn archive_duplicate(&mut self, uid: &Uid, id: &str) -> Result<(), Failure> {
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
