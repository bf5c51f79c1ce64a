//! What may go wrong between us and GitHub: nothing is made twice, nothing is lost, and it is told.

use crate::github::{Fault, Moment, When};
use crate::scene::Scene;

const CREATE: &str = "addProjectV2DraftIssue";
const SET: &str = "updateProjectV2ItemFieldValue";

#[test]
fn whatever_becomes_of_a_request_there_is_one_card_of_each_task_with_the_right_values() {
    let faults = || {
        [
            ("502 before", Fault::BadGateway(Moment::Before)),
            ("502 after half", Fault::BadGateway(Moment::Half)),
            ("502 after all", Fault::BadGateway(Moment::After)),
            ("cut before", Fault::Dropped(Moment::Before)),
            ("cut after", Fault::Dropped(Moment::After)),
            ("a page", Fault::Html),
            ("asked to wait", Fault::RetryAfter(0)),
            ("too heavy", Fault::ResourceLimits(1)),
            ("null", Fault::AliasNull(1)),
        ]
    };
    let mut scene = Scene::new();
    let mut count = 0;
    for kind in [CREATE, SET] {
        for (name, fault) in faults() {
            let told = format!("{kind}: {name}");
            count += 3;
            scene.without_board(|scene| scene.resting(count));
            scene.server.fault(When::Mutation(kind), fault);
            scene.sync();
            assert!(scene.server.faults_done(), "{told}");
            let mut titles = scene.titles();
            titles.sort();
            titles.dedup();
            assert_eq!((titles.len(), scene.titles().len()), (count, count), "{told}");
            for number in 0..count {
                let task = format!("t{number}");
                let shown = scene.shown(&task, "Files Modified");
                assert_eq!(shown, Some(format!("src/{number}.rs")), "{told}");
            }
        }
    }
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
