//! A board that is made or completed: its fields, its views, and options that were lost. Where a server cannot
//! do it, a person is told what to click, and nothing is sent that would cost values.

use crate::github::{Fault, Flavor, Moment, Overlay, Server, When};
use crate::scene::Scene;
use serde_json::{Value, json};

const VIEWS: [&str; 4] = ["By Worker", "By Status", "By Priority", "Timeline"];

/// The layout of a view, and the names of the fields of one of its settings.
fn view(scene: &Scene, name: &str, setting: &str) -> (String, Vec<String>) {
    let board = scene.board();
    let store = scene.server.store();
    let board = &store.boards[&board];
    let all: Vec<_> = board.views.iter().filter(|view| view.name == name).collect();
    assert_eq!(all.len(), 1, "{name} is there once");
    let called = |id: &Value| {
        let id = id.as_u64().or_else(|| id[0].as_u64())?;
        let field = board.fields.iter().find(|field| field.database_id == id)?;
        Some(field.name.clone())
    };
    let list = all[0].rest[setting].as_array();
    (all[0].layout.clone(), list.into_iter().flatten().filter_map(called).collect())
}

#[test]
fn a_board_is_made_once_with_all_fields_and_views() {
    let scene = Scene::bare(Server::start());
    let first = scene.ask(&["board", "init", "acme"]);
    assert!(first.stdout.contains("project 1 of acme"), "{first:?}");
    assert!(first.stdout.contains("made     field `Worktree Path`"), "{first:?}");
    let by_hand: Vec<_> = first.stdout.lines().filter(|line| line.contains("by hand")).collect();
    assert_eq!(by_hand, ["  by hand  view `Timeline`: choose its date fields"]);
    for (name, setting, layout, field) in [
        ("By Worker", "group_by", "TABLE_LAYOUT", "Worker"),
        ("By Status", "vertical_group_by", "BOARD_LAYOUT", "Status"),
        ("By Priority", "sort_by", "TABLE_LAYOUT", "Priority"),
    ] {
        assert_eq!(view(&scene, name, setting), (layout.to_owned(), vec![field.to_owned()]));
        let (_, shown) = view(&scene, name, "visible_fields");
        assert_eq!((shown.len(), shown[0].as_str()), (11, "Title"), "{shown:?}");
    }
    let (layout, shown) = view(&scene, "Timeline", "visible_fields");
    assert_eq!((layout.as_str(), shown.len()), ("ROADMAP_LAYOUT", 0), "a roadmap takes none");
    let before = scene.server.mutations();
    let again = scene.ask(&["board", "init", "acme"]);
    assert!(again.stdout.contains("has all that is needed"), "{again:?}");
    assert_eq!(scene.server.mutations(), before);
}

#[test]
fn a_board_of_a_person_has_the_same_views() {
    let scene = Scene::bare(Server::start());
    let made = scene.ask(&["board", "init", "ada"]);
    assert!(made.status.success(), "{made:?}");
    assert_eq!(view(&scene, "By Worker", "group_by").1, ["Worker"]);
}

#[test]
fn a_server_without_views_by_rest_makes_bare_ones_and_an_older_one_none() {
    let scene = Scene::bare(Server::of(Flavor::Ghes, Overlay::Newer));
    let made = scene.ask(&["board", "init", "acme"]);
    for (name, click) in VIEWS.into_iter().zip(["group it by Worker", "its columns", "sort it"]) {
        assert!(made.stdout.contains(&format!("by hand  view `{name}`: {click}")), "{made:?}");
        assert_eq!(view(&scene, name, "group_by").1, Vec::<String>::new());
    }
    let scene = Scene::bare(Server::with(Flavor::Ghes));
    let made = scene.ask(&["board", "init", "acme"]);
    for name in VIEWS {
        assert!(made.stdout.contains(&format!("by hand  make a view `{name}`: ")), "{made:?}");
    }
}

#[test]
fn a_view_or_field_whose_answer_is_lost_is_there_once() {
    for moment in [Moment::Before, Moment::After] {
        let scene = Scene::bare(Server::start());
        scene.server.fault(When::Mutation("createProjectV2Field"), Fault::Dropped(moment));
        scene.server.fault(When::Rest("POST", "/views"), Fault::BadGateway(moment));
        let mut tries = 0;
        while !scene.ask(&["board", "init", "acme"]).status.success() {
            tries += 1;
            assert!(tries < 3, "{moment:?}");
        }
        assert!(scene.server.faults_done());
        for name in VIEWS {
            view(&scene, name, "group_by");
        }
    }
}

/// What three cards show of whether they are locked.
fn locks(scene: &Scene) -> [Option<String>; 3] {
    ["t0", "t1", "t2"].map(|task| scene.shown(task, "Lock Status"))
}

/// A person adds an option of their own, and deletes one of ours.
fn changed_by_a_person(scene: &Scene) {
    let board = scene.board();
    let mut store = scene.server.store();
    let field = store.field_of(&board, "Lock Status").clone();
    let kept = field.options.iter().filter(|one| one.name == "Unlocked");
    let told = |one: &crate::github::store::Option_| json!({ "id": one.id, "name": one.name, "color": "PINK", "description": "free" });
    let theirs = json!({ "name": "Who knows", "color": "BLUE", "description": "theirs" });
    let options: Vec<Value> = std::iter::once(theirs).chain(kept.map(told)).collect();
    store.update_field(&field.id, None, Some(&options)).unwrap();
}

fn options(scene: &Scene) -> Vec<crate::github::store::Option_> {
    let board = scene.board();
    scene.server.store().field_of(&board, "Lock Status").options.clone()
}

#[test]
fn an_option_that_is_lost_is_added_and_all_others_stay_as_they_are() {
    let scene = Scene::new();
    scene.resting(3);
    for verb in [&["board", "sync"][..], &["board", "init", "acme"]] {
        changed_by_a_person(&scene);
        let (before, shown) = (options(&scene), locks(&scene));
        let asked = scene.asked("updateProjectV2Field");
        let done = scene.ask(verb);
        assert!(done.status.success() && done.stdout.contains("Locked"), "{done:?}");
        let after = options(&scene);
        assert_eq!((&after[..2], after.len()), (&before[..], 3), "{verb:?}");
        assert_eq!((after[2].name.as_str(), locks(&scene)), ("Locked", shown));
        assert_eq!(locks(&scene), [(); 3].map(|()| Some("Unlocked".to_owned())));
        assert_eq!(scene.asked("updateProjectV2Field") - asked, 1, "{verb:?}");
    }
    assert_eq!(scene.sync()["requests"], 0);
}

#[test]
fn on_an_older_server_no_option_is_added_and_no_value_is_lost() {
    let scene = Scene::on(Server::of(Flavor::Dotcom, Overlay::AsPublished));
    scene.resting(3);
    changed_by_a_person(&scene);
    let shown = locks(&scene);
    for verb in [&["board", "sync"][..], &["board", "init", "acme"]] {
        let done = scene.ask(verb);
        assert!(done.stdout.contains("in the settings of the project"), "{done:?}");
    }
    assert_eq!((scene.asked("updateProjectV2Field"), locks(&scene)), (0, shown));
}
