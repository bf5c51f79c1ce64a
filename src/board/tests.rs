//! Scenes of a board, and the steps that follow.

use super::*;
use crate::api::board::{Board, Choice, Field, Holds, Shape, Values};
use crate::api::task::TaskState;

fn uid(task: &str) -> Uid {
    Uid::derive(7, task)
}

fn fields() -> BTreeMap<FieldKey, Mapped> {
    let of = |key: FieldKey| {
        let options = match key.shape() {
            Shape::Choice(names) => {
                names.iter().map(|name| (format!("o-{name}"), (*name).to_owned())).collect()
            }
            Shape::Text | Shape::Number => Vec::new(),
        };
        (key, Mapped { id: format!("f-{key}"), options })
    };
    FieldKey::ALL.into_iter().map(of).collect()
}

fn facts(task: &str) -> Facts {
    Facts {
        task: task.parse().unwrap(),
        uid: uid(task),
        place: Some(format!("acme/shop refs/heads/main {task}")),
        title: task.to_owned(),
        issue: None,
        state: TaskState::Pending,
        worker: None,
        priority: 3,
        estimate: None,
        files: Vec::new(),
        is_locked: false,
        worktree: None,
        progress: None,
    }
}

struct World {
    cards: Vec<Card>,
    shadow: Shadow,
    items: Vec<Item>,
}

impl World {
    /// One task that is shown as it is.
    fn shown(task: &str) -> Self {
        let card = card(&facts(task), &fields());
        let item = Item {
            id: format!("i-{task}"),
            archived: false,
            created_at: Timestamp::from_second(5).unwrap(),
            content: Content::Draft {
                id: format!("d-{task}"),
                title: card.title.clone(),
                body: card.body.clone(),
            },
            values: card
                .values
                .iter()
                .map(|(key, value)| (format!("f-{key}"), value.clone()))
                .collect(),
        };
        let synced = Synced {
            task: card.task.clone(),
            item: item.id.clone(),
            draft: Some(format!("d-{task}")),
            title: card.title.clone(),
            values: card.values.clone(),
            archived: None,
            reverted: BTreeMap::new(),
            quarantine: None,
        };
        let cards = BTreeMap::from([(card.uid.clone(), synced)]);
        let shadow = Shadow { fields: fields(), cards, ..Shadow::default() };
        Self { cards: vec![card], shadow, items: vec![item] }
    }

    fn steps(&self) -> Vec<Step> {
        decide(&Scene {
            cards: &self.cards,
            shadow: &self.shadow,
            items: Some(&self.items),
            adopts: true,
        })
    }

    fn unread(&self) -> Vec<Step> {
        decide(&Scene { cards: &self.cards, shadow: &self.shadow, items: None, adopts: true })
    }

    fn synced(&mut self) -> &mut Synced {
        self.shadow.cards.values_mut().next().unwrap()
    }
}

#[test]
fn nothing_is_done_where_nothing_differs() {
    let world = World::shown("a");
    assert_eq!((world.steps(), world.unread()), (Vec::new(), Vec::new()));
}

#[test]
fn what_changed_here_is_written_without_a_look_at_the_board() {
    let mut world = World::shown("a");
    world.cards[0] = card(&Facts { state: TaskState::Completed, ..facts("a") }, &fields());
    let (uid, key) = (uid("a"), FieldKey::Status);
    let value = Some(Value::Choice("Done".to_owned()));
    let set = Step::Set { uid, key, value, reverts: false };
    assert_eq!((world.unread(), world.steps()), (vec![set.clone()], vec![set]));
}

#[test]
fn an_unknown_card_is_looked_for_before_it_is_made() {
    let mut world = World::shown("a");
    world.shadow.cards.clear();
    assert_eq!(world.unread(), [Step::Scan]);
    assert!(matches!(world.steps().as_slice(), [Step::Learn { synced: Some(_), .. }]));
    world.items.clear();
    assert_eq!(world.steps(), [Step::Create(uid("a"))]);
    // Whose making nobody confirmed may show later.
    let at = Timestamp::from_second(1).unwrap();
    world.shadow.intents.insert(uid("a"), Intent { at, searches: SEARCHES_MIN - 1 });
    assert_eq!(world.steps(), [Step::Missed(uid("a"))]);
    world.shadow.intents.insert(uid("a"), Intent { at, searches: SEARCHES_MIN });
    assert_eq!(world.steps(), [Step::Create(uid("a"))]);
}

#[test]
fn of_two_cards_the_oldest_stays_and_the_other_is_put_away() {
    let mut world = World::shown("a");
    world.shadow.cards.clear();
    let second = Item {
        id: "second".to_owned(),
        created_at: Timestamp::from_second(9).unwrap(),
        ..world.items[0].clone()
    };
    world.items.insert(0, second);
    let steps = world.steps();
    let [Step::Learn { synced: Some(synced), .. }, Step::ArchiveDuplicate { item, .. }] =
        steps.as_slice()
    else {
        panic!("{steps:?}")
    };
    assert_eq!((synced.item.as_str(), item.as_str()), ("i-a", "second"));
}

#[test]
fn an_edit_of_what_is_ours_is_undone_and_one_of_what_is_peoples_is_taken() {
    let mut world = World::shown("a");
    world.items[0].values.insert("f-Priority".to_owned(), Value::Number(1.0));
    let edit = Edit::Field(FieldKey::Priority, Some(Value::Number(1.0)));
    let adopt = Step::Adopt { task: "a".parse().unwrap(), uid: uid("a"), edit };
    assert_eq!(world.steps(), [adopt]);
    let mut world = World::shown("a");
    world.items[0].values.insert("f-Worker".to_owned(), Value::Text("me".to_owned()));
    let steps = world.steps();
    assert!(matches!(
        steps.as_slice(),
        [Step::Note(_), Step::Set { value: None, reverts: true, .. }]
    ));
    // Who insists has it their way.
    world.synced().reverted.insert(FieldKey::Worker, REVERTS_MAX);
    assert_eq!(world.steps(), []);
}

#[test]
fn a_card_that_somebody_put_away_is_left_alone_and_ours_come_and_go_with_their_tasks() {
    let mut world = World::shown("a");
    world.items[0].archived = true;
    let steps = world.steps();
    let [Step::Learn { synced: Some(synced), .. }] = steps.as_slice() else { panic!("{steps:?}") };
    assert!(synced.is_left_alone());
    let mut world = World::shown("a");
    let cards = std::mem::take(&mut world.cards);
    assert_eq!(world.unread(), [Step::Archive(uid("a"))]);
    world.synced().archived = Some(ARCHIVED_BY_US.to_owned());
    assert_eq!(world.unread(), []);
    world.cards = cards;
    assert_eq!(world.unread(), [Step::Unarchive(uid("a"))]);
}

#[test]
fn a_field_is_known_by_its_id_then_by_its_name_and_only_if_it_holds_what_is_wanted() {
    let field = |id: &str, name: &str, holds| Field {
        id: id.to_owned(),
        number: None,
        name: name.to_owned(),
        holds,
    };
    let board = Board {
        fields: vec![
            field("f-Worker", "Who", Holds::Text),
            field("x", "task", Holds::Text),
            field("y", "Progress", Holds::Text),
            field(
                "z",
                "Status",
                Holds::Choice(vec![Choice { name: "Todo".to_owned(), ..Choice::default() }]),
            ),
        ],
        ..Board::default()
    };
    let mapped = map(&board, &fields());
    let found: Vec<_> = mapped.iter().map(|(key, one)| (*key, one.id.as_str())).collect();
    assert_eq!(
        found,
        [(FieldKey::Task, "x"), (FieldKey::Status, "z"), (FieldKey::Worker, "f-Worker")]
    );
    let gaps = gaps(&board, &fields());
    assert!(gaps.contains(&Gap::Other(FieldKey::Progress, "texts".to_owned())), "{gaps:?}");
    assert!(
        gaps.contains(&Gap::Options(FieldKey::Status, vec!["In Progress", "Done"])),
        "{gaps:?}"
    );
    assert!(gaps.contains(&Gap::Missing(FieldKey::Priority)), "{gaps:?}");
    // What cannot be shown is left out.
    let failed = card(&Facts { state: TaskState::Failed, ..facts("a") }, &mapped);
    let expected = Values::from([(FieldKey::Task, Value::Text("a".to_owned()))]);
    assert_eq!(failed.values, expected);
}

#[test]
fn a_card_of_another_clone_is_that_of_the_same_task_unless_it_is_put_away() {
    let mut world = World::shown("a");
    let theirs = card(&Facts { uid: Uid::derive(8, "a"), ..facts("a") }, &fields());
    let Content::Draft { body, .. } = &mut world.items[0].content else { panic!() };
    body.clone_from(&theirs.body);
    world.shadow.cards.clear();
    let steps = world.steps();
    assert!(matches!(&steps[..], [Step::Learn { uid: one, .. }] if *one == uid("a")), "{steps:?}");
    world.items[0].archived = true;
    assert_eq!(world.steps(), [Step::Create(uid("a"))]);
    // That of the same name in another repository is another task.
    world.items[0].archived = false;
    let place = Some("acme/other refs/heads/main a".to_owned());
    let other = card(&Facts { uid: Uid::derive(8, "a"), place, ..facts("a") }, &fields());
    let Content::Draft { body, .. } = &mut world.items[0].content else { panic!() };
    *body = other.body;
    assert_eq!(world.steps(), [Step::Create(uid("a"))]);
}

#[test]
fn of_two_cards_the_one_that_is_known_is_kept_though_it_is_the_younger() {
    let mut world = World::shown("a");
    let older = Item {
        id: "i-older".to_owned(),
        created_at: Timestamp::from_second(1).unwrap(),
        ..world.items[0].clone()
    };
    world.items.push(older);
    let item = "i-older".to_owned();
    assert_eq!(world.steps(), [Step::ArchiveDuplicate { uid: uid("a"), item }]);
}
