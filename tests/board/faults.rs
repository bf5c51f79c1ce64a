//! What may go wrong between us and GitHub: nothing is made twice, nothing is lost, and it is told.

use crate::github::store::board::Access;
use crate::github::{Fault, Moment, When};
use crate::scene::Scene;
use serde_json::{Value, json};

const CREATE: &str = "addProjectV2DraftIssue";
const SET: &str = "updateProjectV2ItemFieldValue";
/// Every kind of change of a sync.
const KINDS: [&str; 6] = [
    CREATE,
    "addProjectV2ItemById",
    SET,
    "clearProjectV2ItemFieldValue",
    "updateProjectV2DraftIssue",
    "archiveProjectV2Item",
];
/// Every question of a sync.
const QUESTIONS: [&str; 3] = ["Project", "Fields", "Items"];

/// What goes wrong once with each kind of request, and what is told if it does not go on by itself.
type Row = (&'static str, fn() -> Fault, Option<&'static str>);

const FAULTS: [Row; 17] = [
    ("502 before", || Fault::BadGateway(Moment::Before), None),
    ("502 after half", || Fault::BadGateway(Moment::Half), None),
    ("502 after all", || Fault::BadGateway(Moment::After), None),
    ("cut before", || Fault::Dropped(Moment::Before), None),
    ("cut after half", || Fault::Dropped(Moment::Half), None),
    ("cut after all", || Fault::Dropped(Moment::After), None),
    ("a page", || Fault::Html, None),
    ("asked to wait", || Fault::RetryAfter(0), None),
    ("too heavy", || Fault::ResourceLimits(1), None),
    ("too heavy for anything", || Fault::ResourceLimits(0), None),
    ("null", || Fault::AliasNull(0), None),
    ("no headers of limits", || Fault::NoLimitHeaders, None),
    ("refused", || Fault::AliasFails(0, "UNPROCESSABLE", "it is odd"), Some("it is odd")),
    ("403 without headers", || Fault::Secondary, Some("GitHub asks to wait for 60 s")),
    ("429", || Fault::TooMany, Some("GitHub asks to wait for 60 s")),
    ("no points left", || Fault::RateLimited, Some("GitHub asks to wait for ")),
    ("a bad token", || Fault::Unauthorized, Some("GitHub does not accept the token")),
];

/// A board on which each round changes something by every kind of request.
struct Rounds {
    scene: Scene,
    count: u32,
}

impl Rounds {
    fn new() -> Self {
        let scene = Scene::leased();
        Self { scene, count: 0 }
    }

    fn task(&self, name: &str, spec: &Value) {
        let mut all = json!({ "command": "true", "suspend": true, "files": ["a.rs"] });
        for (key, value) in spec.as_object().unwrap() {
            all[key] = value.clone();
        }
        self.scene.env.write_task(name, &all);
    }

    /// Makes two tasks and one for an issue, changes those of the last round, drops those before.
    fn next(&mut self) {
        self.count += 1;
        let (now, last) = (self.count, self.count - 1);
        let title = format!("Issue of round {now}");
        let number = self.scene.server.store().open_issue("shop", &title, &[]);
        self.task(&format!("i{now}"), &json!({ "issueNumber": number }));
        for name in ["a", "b"] {
            let spec =
                json!({ "title": format!("New {name}{now}"), "estimatedDurationMinutes": 5 });
            self.task(&format!("{name}{now}"), &spec);
            if last > 0 {
                let spec = json!({ "title": format!("Old {name}{last}"), "priority": 1 });
                self.task(&format!("{name}{last}"), &spec);
            }
            if last > 1 {
                self.scene.env.delete_task(&format!("{name}{}", last - 1));
            }
        }
        self.scene.env.commit(&format!("round {now}"));
        self.scene.without_board(|scene| {
            let once = scene.env.run(&["run", "--once", "--allow-empty"]);
            assert!(once.status.success(), "{once:?}");
        });
    }

    /// Syncs until nothing is left to do; what goes wrong meanwhile is told so.
    fn settle(&self, name: &str, told: Option<&str>) {
        let mut was_told = told.is_none();
        let mut is_settled = || {
            let said = self.scene.ask(&["board", "sync", "-o", "json"]);
            let text = format!("{}{}", said.stdout, said.stderr);
            was_told |= told.is_some_and(|told| text.contains(told));
            if !said.status.success() {
                assert!(told.is_some_and(|told| said.stderr.contains(told)), "{name}: {said:?}");
                return false;
            }
            let done: Value = serde_json::from_str(&said.stdout).unwrap();
            done["requests"] == 0
        };
        assert!((0..15).any(|_| is_settled()), "{name}: there is always something left to do");
        assert!(was_told, "{name}: it is told");
    }

    fn assert_right(&self, name: &str) {
        let (now, last) = (self.count, self.count - 1);
        let board = self.scene.board();
        let store = self.scene.server.store();
        let items = store.items_of(&board);
        let live: Vec<_> = items.iter().filter(|item| !item.is_archived).collect();
        let mut seen: Vec<_> = live.iter().map(|item| store.shown(&item.id, "Task")).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(
            (seen.len(), live.len()),
            (items_of(now), items_of(now)),
            "{name}: one card each"
        );
        let card = |task: String| {
            let is = |id: &&str| store.shown(id, "Task").as_ref() == Some(&task);
            live.iter().map(|item| item.id.as_str()).find(is).expect("it has a card")
        };
        for one in ["a", "b"] {
            let new = card(format!("{one}{now}"));
            assert_eq!(store.title_of(new), format!("New {one}{now}"), "{name}");
            assert_eq!(store.shown(new, "Estimated Duration").as_deref(), Some("5"), "{name}");
            let old = card(format!("{one}{last}"));
            assert_eq!(store.title_of(old), format!("Old {one}{last}"), "{name}");
            assert_eq!(store.shown(old, "Estimated Duration"), None, "{name}");
            assert_eq!(store.shown(old, "Priority").as_deref(), Some("1"), "{name}");
        }
        assert_eq!(store.title_of(card(format!("i{now}"))), format!("Issue of round {now}"));
    }
}

/// How many cards are not in the archive: four of tasks, and every issue.
fn items_of(round: u32) -> usize {
    4 + usize::try_from(round).unwrap()
}

#[test]
fn whatever_becomes_of_a_change_there_is_one_card_of_each_task_with_the_right_values() {
    let mut rounds = Rounds::new();
    for _ in 0..3 {
        rounds.next();
        rounds.settle("without a fault", None);
    }
    rounds.assert_right("without a fault");
    for (name, fault, told) in FAULTS {
        rounds.next();
        for kind in KINDS {
            rounds.scene.server.fault(When::Mutation(kind), fault());
        }
        rounds.settle(name, told);
        assert!(rounds.scene.server.faults_done(), "{name}");
        rounds.assert_right(name);
    }
}

#[test]
fn whatever_becomes_of_a_question_nothing_is_made_twice_and_it_is_told() {
    let mut rounds = Rounds::new();
    for _ in 0..3 {
        rounds.next();
        rounds.settle("without a fault", None);
    }
    for (name, fault, told) in FAULTS {
        // A question has no aliases of changes.
        if ["refused", "null", "too heavy", "too heavy for anything"].contains(&name) {
            continue;
        }
        let unknown = Some("GitHub gave no answer that can be understood");
        let told =
            told.or(if name == "asked to wait" { Some("asks to wait for 0 s") } else { unknown });
        let told = told.filter(|_| name != "no headers of limits");
        rounds.next();
        for question in QUESTIONS {
            rounds.scene.server.fault(When::Operation(question), fault());
        }
        rounds.settle(name, told);
        assert!(rounds.scene.server.faults_done(), "{name}");
        rounds.assert_right(name);
    }
}

#[test]
fn an_answer_that_comes_too_late_is_found_to_be_done() {
    let mut rounds = Rounds::new();
    for _ in 0..3 {
        rounds.next();
        rounds.settle("without a fault", None);
    }
    rounds.next();
    for kind in KINDS {
        rounds.scene.server.fault(When::Mutation(kind), Fault::Held);
    }
    let deadline = Some("1500".to_owned());
    rounds.scene.env.odd.insert("RECONCILER_TEST_DEADLINE".to_owned(), deadline);
    rounds.settle("late", None);
    assert!(rounds.scene.server.faults_done());
    rounds.assert_right("late");
    rounds.scene.server.release();
}

#[test]
fn content_that_is_there_already_is_taken_and_a_collision_is_tried_again() {
    let mut rounds = Rounds::new();
    rounds.next();
    // The first try is done, and its answer is lost; the second is told that it is there.
    rounds.scene.server.store().rules.content_must_be_new = true;
    rounds.scene.server.fault(When::Mutation(KINDS[1]), Fault::AliasNull(0));
    let done = rounds.scene.sync();
    assert_eq!((&done["created"], &done["notes"]), (&json!(3), &json!([])), "{done}");
    rounds.next();
    rounds.scene.server.fault(When::Mutation(KINDS[1]), Fault::priority_not_unique());
    rounds.settle("priority", None);
    rounds.assert_right("both");
    assert!(rounds.scene.server.faults_done());
}

#[test]
fn a_task_whose_card_is_refused_keeps_no_other_from_being_shown() {
    let mut scene = Scene::new();
    scene.without_board(|scene| {
        scene.env.write_task("blank", &json!({ "title": " ", "command": "true", "suspend": true }));
        scene.resting(30);
    });
    let done = scene.sync();
    assert!(done["notes"].to_string().contains("the card of blank is not made: "), "{done}");
    scene.assert_one_each(30, "all but one");
    assert_eq!(scene.shown("t29", "Status").as_deref(), Some("Todo"));
}

#[test]
fn what_may_not_be_seen_any_more_and_what_nobody_knows_yet_changes_nothing() {
    let mut rounds = Rounds::new();
    rounds.next();
    rounds.settle("without a fault", None);
    let item = rounds.scene.item("i1");
    rounds.scene.server.store().redact(&item);
    rounds.settle("redacted", None);
    rounds.scene.server.fault(When::Operation("Items"), Fault::UnknownMember);
    let mutations = rounds.scene.server.mutations();
    rounds.settle("a kind of value that nobody knows", None);
    assert_eq!(rounds.scene.server.mutations(), mutations);
    assert_eq!(rounds.scene.titles().len(), 3);
    // The text of a card is people's to change; it is the same card.
    let draft = rounds.scene.item("a1");
    rounds.scene.server.store().edit_draft(&draft, "New a1", "all other text");
    rounds.settle("a mark that is gone", None);
    assert_eq!(rounds.scene.titles().len(), 3);
}

#[test]
fn an_item_that_could_not_be_seen_is_not_taken_for_a_second_card() {
    let mut rounds = Rounds::new();
    rounds.next();
    rounds.settle("without a fault", None);
    let item = rounds.scene.item("i1");
    rounds.scene.server.store().redact(&item);
    std::fs::remove_file(rounds.scene.env.path(".reconciler/board.json")).unwrap();
    rounds.scene.server.store().move_branch("shop", crate::scene::LEASE, None);
    rounds.settle("redacted, and forgotten here", None);
    assert_eq!(rounds.scene.titles().len(), 3);
    assert!(!rounds.scene.server.store().item(&item).unwrap().is_archived);
}

#[test]
fn what_github_says_nothing_of_again_and_again_is_told_and_not_sent_for_ever() {
    let mut scene = Scene::new();
    scene.without_board(|scene| scene.resting(1));
    // Five of the six values are written at once; then the last one is tried six times.
    for (kind, fault, times) in [
        (CREATE, (|| Fault::ResourceLimits(0)) as fn() -> Fault, 6),
        (SET, || Fault::AliasNull(0), 7),
    ] {
        for _ in 0..times {
            scene.server.fault(When::Mutation(kind), fault());
        }
        let told = scene.ask(&["board", "sync"]);
        assert!(told.stderr.contains("GitHub gave no answer that can be understood"), "{told:?}");
        assert!(scene.server.faults_done(), "{kind}");
    }
    assert_eq!(scene.sync()["requests"], 0, "it was done");
}

#[test]
fn what_people_do_between_the_look_and_the_write_is_theirs() {
    let scene = Scene::new();
    scene.resting(3);
    let board = scene.board();
    let [away, gone, edited] = ["t0", "t1", "t2"].map(|task| scene.item(task));
    let (first, second, third) = (away.clone(), gone, edited.clone());
    for number in 0..3 {
        let spec = json!({ "title": format!("Task {number}"), "command": "true", "suspend": true,
            "files": ["other.rs"], "priority": 1 + number, "estimatedDurationMinutes": 30 });
        scene.env.write_task(&format!("t{number}"), &spec);
    }
    scene.env.commit("other files");
    let meanwhile = Fault::meanwhile(move |store| {
        store.archive(&board, &first).unwrap();
        store.delete_item(&board, &second).unwrap();
        store.edit(&third, "Priority", Some("5"));
    });
    scene.server.fault(When::Mutation(SET), meanwhile);
    scene.sync();
    scene.sync();
    let shown = |item: &str| scene.server.store().shown(item, "Files Modified");
    assert_eq!(shown(&away).as_deref(), Some("src/0.rs"), "what was put away is left alone");
    assert_eq!(scene.shown("t1", "Files Modified").as_deref(), Some("other.rs"));
    assert_eq!(shown(&edited).as_deref(), Some("other.rs"));
    let file = scene.env.git(&["show", "main:state/tasks/t2.json"]);
    assert!(file.contains("\"priority\":5"), "{file}");
    assert_eq!(scene.titles().len(), 3);
}

#[test]
fn a_board_that_is_hidden_or_read_only_and_a_repository_that_was_renamed_are_told() {
    let scene = Scene::leased();
    let board = scene.board();
    scene.env.commit_task("t0", &json!({ "command": "true", "suspend": true }));
    let repository = scene.server.store().repository_mut("shop").id.clone();
    let mut once = scene.env.reconciler(&["run", "--once"]);
    assert!(crate::common::said(once.env_remove("GITHUB_TOKEN")).status.success());
    for (access, told) in [
        (Access::Hidden, "project 1 of acme is not there, or the token may not see it"),
        (Access::Read, "the token may not write to project 1 of acme"),
    ] {
        scene.server.store().set_access(&board, access);
        let said = scene.ask(&["board", "sync"]);
        assert!(said.stderr.contains(told), "{said:?}");
    }
    scene.server.store().set_access(&board, Access::Write);
    scene.server.store().rename_repository("shop", "store");
    let said = scene.ask(&["board", "sync"]);
    assert!(said.stderr.contains("acme/shop has another name by now"), "{said:?}");
    let named = scene.server.store().repositories[&repository].full_name();
    assert_eq!((named.as_str(), scene.titles().len()), ("acme/store", 0));
}

#[test]
fn a_card_that_shows_only_later_is_not_made_again() {
    let mut scene = Scene::new();
    scene.without_board(|scene| scene.resting(2));
    scene.server.store().rules.scans_behind = 2;
    scene.server.fault(When::Mutation(CREATE), Fault::Dropped(Moment::After));
    scene.sync();
    assert_eq!(scene.titles().len(), 2);
}

#[test]
fn a_token_that_is_refused_a_board_that_is_closed_and_one_that_is_not_there_are_told() {
    let mut scene = Scene::new();
    scene.without_board(|scene| scene.resting(1));
    scene.server.fault(When::Next, Fault::Unauthorized);
    let told = scene.ask(&["board", "sync"]);
    assert!(told.stderr.contains("does not accept the token"), "{told:?}");
    assert!(told.stderr.contains("doctor --for github"), "{told:?}");
    let board = scene.board();
    scene.server.store().close_board(&board);
    let told = scene.ask(&["board", "sync"]);
    assert!(told.stderr.contains("is closed"), "{told:?}");
    assert_eq!(scene.server.store().items_of(&board).len(), 0);
    let none = crate::common::said(scene.env.reconciler(&["board"]).env_remove("GITHUB_TOKEN"));
    assert!(none.stderr.contains("GITHUB_TOKEN is not set"), "{none:?}");
}

#[test]
fn an_option_that_was_dropped_between_two_requests_is_looked_for_anew() {
    let mut scene = Scene::new();
    scene.without_board(|scene| scene.resting(2));
    let board = scene.board();
    let drop = Fault::meanwhile(move |store| {
        store.overwrite_options(&board, "Lock Status", &["Locked", "Unlocked", "Broken"]);
    });
    scene.server.fault(When::Mutation(SET), drop);
    scene.sync();
    assert_eq!(scene.shown("t1", "Lock Status").as_deref(), Some("Unlocked"));
}

#[test]
fn no_token_is_ever_written_or_said() {
    let scene = Scene::new();
    scene.resting(1);
    scene.server.fault(When::Next, Fault::Unauthorized);
    let told = scene.ask(&["-vvv", "board", "sync"]);
    let doctor = scene.ask(&["doctor", "--for", "github"]);
    let files = crate::common::said(scene.env.command("grep").args([
        "-r",
        "-l",
        crate::github::TOKEN,
        ".",
    ]));
    for text in [&told.stdout, &told.stderr, &doctor.stdout, &files.stdout] {
        assert!(!text.contains(crate::github::TOKEN) && files.stdout.is_empty(), "{text}");
    }
}
