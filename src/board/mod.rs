//! What is to be done to a project board so that it shows where each task is: cards, what is remembered
//! of them and what is there in, steps out. Pure; it knows no request and remembers nothing itself.

mod card;
pub mod lease;
mod mapping;
pub mod pull;
#[cfg(test)]
mod tests;

pub use card::{Facts, card};
pub use mapping::{Gap, find, gaps, map};

use crate::api::board::{
    ARCHIVED_BY_US, Card, Content, FieldKey, Intent, Item, Mapped, Shadow, Synced, Value, marked,
    placed,
};
use crate::api::name::{TaskName, Uid};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// After so many edits in a row of what is ours, a person is left to have it their way.
pub const REVERTS_MAX: u32 = 3;
/// A card whose making nobody confirmed is made again only after it was looked for so often.
pub const SEARCHES_MIN: u32 = 3;

/// All that is known when it is decided.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// What is to be shown.
    pub cards: &'a [Card],
    /// What was shown last.
    pub shadow: &'a Shadow,
    /// All items of the board, if they were just read.
    pub items: Option<&'a [Item]>,
    /// Whether people's edits of what is theirs are taken into the tasks.
    pub adopts: bool,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// All items are to be read: what there is must be known first.
    Scan,
    /// An item is that of a task, or is as it is now: that is remembered.
    Learn {
        /// The task.
        uid: Uid,
        /// What is remembered of it; `None` when its item is gone.
        synced: Option<Box<Synced>>,
    },
    /// A card was looked for, and is not there.
    Missed(Uid),
    /// A card is made: a draft, or an issue that is put onto the board.
    Create(Uid),
    /// A field is written.
    Set {
        /// Whose.
        uid: Uid,
        /// Which.
        key: FieldKey,
        /// What it is to hold; `None` empties it.
        value: Option<Value>,
        /// Whether that undoes an edit of a person.
        reverts: bool,
    },
    /// The draft is called anew.
    Retitle(Uid),
    /// A card is put into the archive, because its task is gone.
    Archive(Uid),
    /// A card of ours leaves the archive, because its task is there again.
    Unarchive(Uid),
    /// A second card of a task is put into the archive.
    ArchiveDuplicate {
        /// The task.
        uid: Uid,
        /// The item.
        item: String,
    },
    /// A person's edit is taken into the task.
    Adopt {
        /// The task.
        task: TaskName,
        /// Its identity.
        uid: Uid,
        /// What they changed.
        edit: Edit,
    },
    /// What a person should know.
    Note(String),
}

impl Step {
    /// Returns whether it changes something, on the board or in git: who does that has the lease.
    pub fn writes(&self) -> bool {
        match self {
            Self::Scan | Self::Learn { .. } | Self::Missed(_) | Self::Note(_) => false,
            Self::Create(_)
            | Self::Set { .. }
            | Self::Retitle(_)
            | Self::Archive(_)
            | Self::Unarchive(_)
            | Self::ArchiveDuplicate { .. }
            | Self::Adopt { .. } => true,
        }
    }
}

/// An edit of a person that is meant for the task.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Its priority or its estimate; `None` when they emptied it.
    Field(FieldKey, Option<Value>),
    /// Its title.
    Title(String),
}

/// Decides what is to be done now. What only follows from an answer is decided when it is there.
pub fn decide(scene: &Scene<'_>) -> Vec<Step> {
    let unknown = scene.cards.iter().any(|card| !scene.shadow.cards.contains_key(&card.uid));
    let Some(items) = scene.items else {
        if unknown || !scene.shadow.intents.is_empty() || scene.shadow.is_doubted {
            return vec![Step::Scan];
        }
        return scene.cards.iter().flat_map(|card| push(scene, card)).chain(gone(scene)).collect();
    };
    let found = Found::of((scene.cards, scene.shadow), items);
    let mut steps: Vec<Step> =
        scene.cards.iter().flat_map(|card| merge(scene, card, &found)).collect();
    steps.extend(gone(scene));
    steps.extend(found.duplicates());
    steps
}

/// The items of the board by task.
struct Found<'a>(BTreeMap<Uid, Vec<&'a Item>>);

impl<'a> Found<'a> {
    /// What is not found by what it stands for is found by its id: a person may have changed its text, or
    /// have made an issue of it, or it may not be seen any more. What another clone made is found by its
    /// place, unless it is put away: then it may be that of an earlier task.
    fn of((cards, shadow): (&[Card], &Shadow), items: &'a [Item]) -> Self {
        let known: BTreeMap<&str, &Uid> =
            shadow.cards.iter().map(|(uid, synced)| (synced.item.as_str(), uid)).collect();
        let with_issue: BTreeSet<&Uid> =
            cards.iter().filter(|card| card.issue.is_some()).map(|card| &card.uid).collect();
        let by_issue: BTreeMap<u64, &Uid> =
            cards.iter().filter_map(|card| Some((card.issue?, &card.uid))).collect();
        let ours: BTreeSet<&Uid> = cards.iter().map(|card| &card.uid).collect();
        let by_place: BTreeMap<&str, &Uid> =
            cards.iter().filter_map(|card| Some((placed(&card.body)?, &card.uid))).collect();
        let of_draft = |item: &Item, body: &str| {
            let uid = marked(body);
            if uid.as_ref().is_some_and(|uid| ours.contains(uid) || shadow.cards.contains_key(uid))
            {
                return uid;
            }
            let place = placed(body).filter(|_| !item.archived);
            place.and_then(|place| by_place.get(place)).map(|uid| (*uid).clone()).or(uid)
        };
        let mut found: BTreeMap<Uid, Vec<&Item>> = BTreeMap::new();
        for item in items {
            let uid = match &item.content {
                Content::Draft { body, .. } => of_draft(item, body),
                Content::Issue { number, .. } => by_issue.get(number).map(|uid| (*uid).clone()),
                Content::Other => None,
            };
            let is_other = matches!(item.content, Content::Issue { .. });
            let by_id = known.get(item.id.as_str()).copied();
            let by_id = by_id.filter(|uid| !(is_other && with_issue.contains(uid)));
            if let Some(uid) = uid.or_else(|| by_id.cloned()) {
                found.entry(uid).or_default().push(item);
            }
        }
        // The one that is known is kept, else the oldest.
        for (uid, all) in &mut found {
            let known = shadow.cards.get(uid).map(|synced| &synced.item);
            all.sort_by_key(|one| (one.archived, known != Some(&one.id), one.created_at, &one.id));
        }
        Self(found)
    }

    /// Returns the item of a task.
    fn get(&self, uid: &Uid) -> Option<&'a Item> {
        self.0.get(uid)?.first().copied()
    }

    fn duplicates(&self) -> Vec<Step> {
        let spare = |(uid, all): (&Uid, &Vec<&Item>)| {
            let spare = all.iter().skip(1).filter(|one| !one.archived);
            let step =
                |one: &&Item| Step::ArchiveDuplicate { uid: uid.clone(), item: one.id.clone() };
            spare.map(step).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(spare).collect()
    }
}

/// What differs from what was written last, and was not looked at since.
fn push(scene: &Scene<'_>, card: &Card) -> Vec<Step> {
    let Some(synced) = scene.shadow.cards.get(&card.uid) else { return Vec::new() };
    if synced.is_left_alone() {
        return Vec::new();
    }
    if synced.archived.as_deref() == Some(ARCHIVED_BY_US) {
        return vec![Step::Unarchive(card.uid.clone())];
    }
    let mut steps = Vec::new();
    if synced.draft.is_some() && synced.title != card.title {
        steps.push(Step::Retitle(card.uid.clone()));
    }
    for key in written(scene, synced) {
        let ours = card.values.get(&key);
        if ours != synced.values.get(&key) {
            let (uid, value) = (card.uid.clone(), ours.cloned());
            steps.push(Step::Set { uid, key, value, reverts: false });
        }
    }
    steps
}

/// The fields that the board has, and that nobody insists on having their way.
fn written<'a>(scene: &'a Scene<'_>, synced: &'a Synced) -> impl Iterator<Item = FieldKey> + 'a {
    let all = scene.shadow.fields.keys().copied();
    all.filter(|key| synced.reverted.get(key).is_none_or(|times| *times < REVERTS_MAX))
}

/// Three ways: what is wanted, what was written last, and what is there.
fn merge(scene: &Scene<'_>, card: &Card, found: &Found<'_>) -> Vec<Step> {
    let (uid, known) = (&card.uid, scene.shadow.cards.get(&card.uid));
    let Some(item) = found.get(uid) else {
        return missing(scene, uid, known);
    };
    let Some(known) = known else {
        let synced = Some(Box::new(adopted(scene, card, item)));
        return vec![Step::Learn { uid: uid.clone(), synced }];
    };
    let now = seen(known, item);
    if now != *known {
        // First it is remembered, then it is decided.
        return vec![Step::Learn { uid: uid.clone(), synced: Some(Box::new(now)) }];
    }
    if known.is_left_alone() {
        return Vec::new();
    }
    if known.archived.is_some() {
        return vec![Step::Unarchive(uid.clone())];
    }
    let mut steps = Vec::new();
    if let Content::Draft { title, .. } = &item.content {
        steps.extend(titled(scene, card, (known, title)));
    }
    for key in written(scene, known) {
        steps.extend(field(scene, card, (known, item), key));
    }
    steps
}

/// What becomes of a card that is not on the board.
fn missing(scene: &Scene<'_>, uid: &Uid, known: Option<&Synced>) -> Vec<Step> {
    if known.is_some() {
        return vec![Step::Learn { uid: uid.clone(), synced: None }];
    }
    match scene.shadow.intents.get(uid) {
        Some(Intent { searches, .. }) if *searches < SEARCHES_MIN => {
            vec![Step::Missed(uid.clone())]
        }
        Some(_) | None => vec![Step::Create(uid.clone())],
    }
}

/// Returns what is remembered of an item that is found by its mark: what it holds now counts as written,
/// for nobody knows who wrote it.
fn adopted(scene: &Scene<'_>, card: &Card, item: &Item) -> Synced {
    let (draft, title) = match &item.content {
        Content::Draft { id, title, .. } => (Some(id.clone()), title.clone()),
        Content::Issue { .. } | Content::Other => (None, String::new()),
    };
    let value =
        |(key, mapped): (&FieldKey, &Mapped)| Some((*key, item.values.get(&mapped.id)?.clone()));
    Synced {
        task: card.task.clone(),
        item: item.id.clone(),
        draft,
        title,
        values: scene.shadow.fields.iter().filter_map(value).collect(),
        archived: item.archived.then(|| "somebody".to_owned()),
        reverted: BTreeMap::new(),
        quarantine: None,
    }
}

/// Returns what is to be remembered of an item, but for what its fields hold.
fn seen(known: &Synced, item: &Item) -> Synced {
    let mut now = Synced { item: item.id.clone(), ..known.clone() };
    if item.archived && known.archived.is_none() {
        now.archived = Some("somebody".to_owned());
    }
    if !item.archived {
        now.archived = None;
    }
    match &item.content {
        Content::Draft { id, .. } => now.draft = Some(id.clone()),
        Content::Issue { .. } => now.draft = None,
        Content::Other => {}
    }
    now
}

fn titled(scene: &Scene<'_>, card: &Card, (known, theirs): (&Synced, &String)) -> Option<Step> {
    let (ours, base) = (&card.title, &known.title);
    if theirs == ours && base == ours {
        return None;
    }
    if theirs != base && ours == base && scene.adopts {
        let (task, uid) = (card.task.clone(), card.uid.clone());
        return Some(Step::Adopt { task, uid, edit: Edit::Title(theirs.clone()) });
    }
    Some(Step::Retitle(card.uid.clone()))
}

fn field(
    scene: &Scene<'_>,
    card: &Card,
    (known, item): (&Synced, &Item),
    key: FieldKey,
) -> Vec<Step> {
    let Some(mapped) = scene.shadow.fields.get(&key) else { return Vec::new() };
    let (ours, base) = (card.values.get(&key), known.values.get(&key));
    let theirs = item.values.get(&mapped.id);
    let set = |reverts| {
        let (uid, value) = (card.uid.clone(), ours.cloned());
        Step::Set { uid, key, value, reverts }
    };
    if theirs == base {
        return if ours == base { Vec::new() } else { vec![set(false)] };
    }
    if theirs == ours {
        let mut now = known.clone();
        put(&mut now, key, ours.cloned());
        return vec![Step::Learn { uid: card.uid.clone(), synced: Some(Box::new(now)) }];
    }
    let text = |value: Option<&Value>| value.map_or("nothing".to_owned(), ToString::to_string);
    let (task, was, is) = (&card.task, text(ours), text(theirs));
    if key.is_peoples() && scene.adopts && ours == base {
        let edit = Edit::Field(key, theirs.cloned());
        return vec![Step::Adopt { task: task.clone(), uid: card.uid.clone(), edit }];
    }
    if key.is_peoples() && scene.adopts {
        let note = format!(
            "{key} of {task} was changed on the board to {is} and in git to {was}: git's stays"
        );
        return vec![Step::Note(note), set(false)];
    }
    let times = known.reverted.get(&key).copied().unwrap_or(0) + 1;
    let note = if times < REVERTS_MAX {
        format!("{key} of {task} was changed on the board to {is}: it is {was} again")
    } else {
        format!(
            "{key} of {task} was changed on the board {times} times: from now on it is left alone"
        )
    };
    vec![Step::Note(note), set(true)]
}

/// Counts what the board holds as written by us: another machine may have written it, and nobody can tell
/// that from what a person edited.
pub fn rebase(shadow: &mut Shadow, items: &[Item]) {
    let fields = &shadow.fields;
    for synced in shadow.cards.values_mut() {
        let Some(item) = items.iter().find(|one| one.id == synced.item) else { continue };
        if let Content::Draft { title, .. } = &item.content {
            title.clone_into(&mut synced.title);
        }
        let held = |(key, mapped): (&FieldKey, &Mapped)| {
            Some((*key, item.values.get(&mapped.id)?.clone()))
        };
        synced.values = fields.iter().filter_map(held).collect();
    }
    shadow.is_doubted = false;
}

/// Writes down what a field holds.
pub fn put(synced: &mut Synced, key: FieldKey, value: Option<Value>) {
    match value {
        Some(value) => drop(synced.values.insert(key, value)),
        None => drop(synced.values.remove(&key)),
    }
}

/// The cards of tasks that are gone.
fn gone(scene: &Scene<'_>) -> Vec<Step> {
    let there: BTreeSet<&Uid> = scene.cards.iter().map(|card| &card.uid).collect();
    let gone = scene.shadow.cards.iter().filter(|(uid, synced)| {
        !there.contains(uid) && synced.archived.is_none() && synced.quarantine.is_none()
    });
    gone.map(|(uid, _)| Step::Archive(uid.clone())).collect()
}

/// Returns when the board is to be looked at again as a whole, for what people changed there.
pub fn next_scan(shadow: &Shadow, every: SignedDuration) -> Option<Timestamp> {
    shadow.scanned_at?.checked_add(every).ok()
}
