//! Checks and reviews of a pull request: which are waited for, and what is said of them.

use crate::github::store::person::Setting;
use crate::shop::Shop;
use serde_json::json;

#[test]
fn a_failed_check_that_nobody_requires_is_waited_for_named_and_merged() {
    let shop = Shop::new();
    shop.blocks(Setting::Off);
    let running = shop.env().start_loop();
    shop.wait_until_told("waits for what the repository asks for");
    let mut store = shop.server().store();
    store.set_checks("shop", 1, Some("PENDING"));
    store.name_checks("shop", 1, &[("build", "SUCCESS"), ("lint", "IN_PROGRESS")]);
    store.set_merge_state("shop", 1, "UNSTABLE");
    drop(store);
    shop.wait_until_told("waits for its checks, which are not done (lint)");
    shop.wait_for_conditions(&["ChecksPassed Unknown Pending"]);
    assert_eq!(shop.asked("mergePullRequest"), 0);
    let mut store = shop.server().store();
    store.set_checks("shop", 1, Some("FAILURE"));
    store.name_checks("shop", 1, &[("build", "SUCCESS"), ("lint", "FAILURE")]);
    drop(store);
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    let said = shop.env().report("ours").unwrap().message;
    assert!(said.ends_with("though checks that are not required failed (lint)"), "{said}");
    assert_eq!(shop.conditions(), ["ChecksPassed False Failed"]);
    drop(running);
}

#[test]
fn where_all_checks_are_asked_for_it_lands_when_they_were_seen_to_have_passed_for_that_commit() {
    let shop = Shop::with(&json!({ "checks": "all" }));
    let running = shop.env().start_loop();
    // GitHub would merge it.
    shop.wait_until_told("has no checks at");
    shop.wait_for_conditions(&["ChecksPassed Unknown NoChecks"]);
    let mut store = shop.server().store();
    store.set_checks("shop", 1, Some("FAILURE"));
    store.name_checks("shop", 1, &[("lint", "FAILURE")]);
    drop(store);
    shop.wait_until_told("has checks that failed (lint), and `merge.checks` in the policy");
    // Neither does GitHub's auto-merge land it, which waits for other checks.
    let mut store = shop.server().store();
    store.set_checks("shop", 1, Some("PENDING"));
    store.set_merge_state("shop", 1, "BLOCKED");
    drop(store);
    shop.wait_until_told("waits for its checks, which are not done");
    assert_eq!((shop.asked("mergePullRequest"), shop.is_ordered()), (0, false));
    let mut store = shop.server().store();
    store.set_checks("shop", 1, Some("SUCCESS"));
    store.name_checks("shop", 1, &[("lint", "SUCCESS")]);
    store.set_merge_state("shop", 1, "CLEAN");
    drop(store);
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    assert_eq!(shop.conditions(), ["ChecksPassed True Succeeded"]);
    drop(running);
}

#[test]
fn auto_merge_is_taken_back_when_the_policy_asks_for_all_checks_from_now_on() {
    let shop = Shop::new();
    shop.blocks(Setting::On);
    let running = shop.env().start_loop();
    shop.wait_until_told("is merged by GitHub as soon as it has");
    assert!(shop.is_ordered());
    shop.commit_merge(&json!({ "checks": "all" }));
    shop.wait_until_told("has no checks at");
    assert!(!shop.is_ordered());
    drop(running);
}

#[test]
fn checks_and_reviews_are_conditions_until_there_is_a_new_commit() {
    let shop = Shop::new();
    shop.blocks(Setting::Off);
    let running = shop.env().start_loop();
    shop.wait_until_told("waits for what the repository asks for");
    let mut store = shop.server().store();
    store.set_checks("shop", 1, Some("SUCCESS"));
    store.set_review("shop", 1, Some("CHANGES_REQUESTED"));
    drop(store);
    shop.wait_for_conditions(&["ChecksPassed True Succeeded", "Approved False ChangesRequested"]);
    let described = shop.scene.ask(&["describe", "ours"]).stdout;
    let passed = "all checks of pull request #1 at";
    assert!(described.contains(passed), "{described}");
    shop.server().store().set_review("shop", 1, Some("APPROVED"));
    shop.wait_for_conditions(&["ChecksPassed True Succeeded", "Approved True Approved"]);
    // The worker does it again on what somebody pushed meanwhile.
    shop.somebody_pushes("ours.txt", "theirs\n");
    shop.server().store().set_merge_state("shop", 1, "DIRTY");
    shop.wait_for_conditions(&["ChecksPassed Unknown NoChecks", "Approved True Approved"]);
    drop(running);
}
