//! What lands by pull request: tried and verified here, proposed, and landed by others.

use super::landing::{FAILED, branch, done, id};
use super::scene::Scene;
use crate::api::attempt::ExitReason;
use crate::api::hold::{HoldKind, Target};
use crate::api::landing::{OrderState, Ordered, Pull, Stage};
use crate::api::pull::Order;
use crate::plan::action::Action;
use crate::plan::desired::Entry;
use crate::plan::observed::Sighting;
use serde_json::{Value, json};

fn policy(verify: Option<&str>) -> Value {
    let mut merge = json!({ "by": "pullRequest", "remote": "origin" });
    if let Some(verify) = verify {
        merge["verify"] = json!(verify);
    }
    json!({ "merge": merge, "github": { "repository": "acme/shop" } })
}

/// Returns what a plan proposes; it lands nothing itself.
fn proposed(scene: &Scene) -> Vec<String> {
    let plan = scene.plan();
    assert!(!plan.actions.iter().any(|one| matches!(one, Action::Land { .. })));
    plan.proposes.iter().map(|one| one.attempt.owner.task.to_string()).collect()
}

#[test]
fn what_lands_by_pull_request_is_tried_here_by_itself_then_proposed_and_lands_elsewhere() {
    let scene = done(&["ann", "bob"], policy(None));
    scene.plans(&["put ann onto main"]);
    scene.says("bob", "in_progress Landing: done; a pull request into main is made next");
    assert!(proposed(&scene).is_empty());
    let tried = scene.built("ann", 'a', 'c').built("bob", 'a', 'd');
    tried.plans(&[]);
    assert_eq!(proposed(&tried), ["ann", "bob"]);
    let moved = tried.with(|_, observed| {
        let Sighting::Known(branches) = &mut observed.branches else { panic!("they are seen") };
        branches.insert(branch("main"), id('f'));
    });
    assert_eq!(proposed(&moved), ["ann", "bob"], "what others land makes nobody try again");
}

#[test]
fn it_is_verified_before_it_is_proposed_and_what_fails_goes_back() {
    let scene = done(&["ann", "bob"], policy(Some("make test")));
    let built = scene.built("ann", 'a', 'c').built("bob", 'a', 'd');
    built.plans(&[
        "check ccccccc out to verify it",
        "prepare attempt 2 on codegen-1",
        "start session ann for attempt 2",
    ]);
    assert!(proposed(&built).is_empty());
    let verified = built.verified("ann", 'c', ExitReason::Succeeded);
    assert_eq!(proposed(&verified), ["ann"]);
    let failed = verified.verified("bob", 'd', FAILED);
    failed.plans(&[
        "refuse to merge bob#1: merged, it fails its verification: attempt 2 exited with 1 (`reconciler logs bob --attempt 2`)",
    ]);
}

#[test]
fn what_is_known_of_a_pull_request_is_told() {
    let scene = done(&["ann"], policy(None)).built("ann", 'a', 'c').with(|_, observed| {
        let Sighting::Known(tasks) = &mut observed.tasks else { panic!("they are seen") };
        let landing = tasks.values_mut().find_map(|task| task.landing.as_mut()).unwrap();
        let said = "pull request #1 waits for a review".to_owned();
        let pull = crate::api::landing::Pull { said, ..Default::default() };
        landing.as_mut().unwrap().pull = Some(pull);
    });
    scene.says("ann", "in_progress Landing: done; pull request #1 waits for a review");
}

/// A task whose work GitHub was told to merge by itself.
fn ordered() -> Scene {
    done(&["ann"], policy(None)).built("ann", 'a', 'c').with(|_, observed| {
        let Sighting::Known(tasks) = &mut observed.tasks else { panic!("they are seen") };
        let landing = tasks.values_mut().find_map(|task| task.landing.as_mut()).unwrap();
        let ordered =
            Ordered { order: Order::AutoMerge, head: id('a'), times: 1, state: OrderState::Stands };
        let pull = Pull { number: Some(7), ordered: Some(ordered), ..Pull::default() };
        landing.as_mut().unwrap().pull = Some(pull);
    })
}

/// Returns the pull requests that GitHub is to merge by itself no more.
fn withdrawn(scene: &Scene) -> Vec<u64> {
    scene.plan().withdraws.iter().map(|one| one.number).collect()
}

#[test]
fn what_is_not_to_land_now_is_not_to_be_merged_by_github_either() {
    assert_eq!(withdrawn(&ordered()), [0; 0]);
    let held = ordered().held(Target::Merges, HoldKind::Pause, None);
    assert_eq!((withdrawn(&held), proposed(&held)), (vec![7], Vec::<String>::new()));
    let refused = ordered().with(|_, observed| {
        let Sighting::Known(tasks) = &mut observed.tasks else { panic!("they are seen") };
        let landing = tasks.values_mut().find_map(|task| task.landing.as_mut()).unwrap();
        let landing = landing.as_mut().unwrap();
        landing.refused.insert(1, "taken out".to_owned());
        landing.stage = Stage::Refused;
    });
    assert_eq!(withdrawn(&refused), [7]);
    let moved_on = ordered().with(|_, observed| {
        let Sighting::Known(branches) = &mut observed.branches else { panic!("they are seen") };
        let own = branches.iter().find(|(name, _)| name.as_str() != "main").unwrap().0.clone();
        branches.insert(own, id('d'));
    });
    assert_eq!(withdrawn(&moved_on), [7]);
    let pushed = ordered().with(|desired, _| {
        let merge = json!({ "merge": {}, "github": { "repository": "acme/shop" } });
        desired.policy = Entry::valid(serde_json::from_value(merge).unwrap());
    });
    assert_eq!(withdrawn(&pushed), [7], "the loop lands it itself");
}

#[test]
fn what_cannot_be_seen_takes_nothing_back() {
    let blind = ordered().with(|_, observed| {
        observed.branches = Sighting::Unknown("no branches".to_owned());
    });
    assert_eq!(withdrawn(&blind), [0; 0]);
    let unknown = ordered().with(|_, observed| {
        observed.holds = Sighting::Unknown("no holds".to_owned());
    });
    assert_eq!(withdrawn(&unknown), [0; 0]);
}

#[test]
fn a_deleted_task_is_forgotten_when_github_does_not_merge_it_any_more() {
    let forgets =
        |scene: &Scene| scene.plan().actions.iter().any(|one| matches!(one, Action::Forget(_)));
    let deleted = ordered().with(|desired, _| {
        desired.tasks.clear();
    });
    assert_eq!((withdrawn(&deleted), forgets(&deleted)), (vec![7], false));
    deleted.says(
        "ann",
        "pending Deleting: first, GitHub is to merge pull request #7 by itself no more",
    );
    let taken_back = deleted.with(|_, observed| {
        let Sighting::Known(tasks) = &mut observed.tasks else { panic!("they are seen") };
        let landing = tasks.values_mut().find_map(|task| task.landing.as_mut()).unwrap();
        landing.as_mut().unwrap().pull.as_mut().unwrap().ordered = None;
    });
    assert!(forgets(&taken_back));
}
