//! What GitHub was told to merge by itself, and people who do not want that: it is taken back before
//! anything else. And GitHub's merge queue.

use crate::common::said;
use crate::github::Moment;
use crate::github::store::person::Setting;
use crate::shop::Shop;
use serde_json::json;
use std::time::Duration;

/// A shop whose pull request waits for GitHub's auto-merge.
fn automatic() -> Shop {
    let shop = Shop::new();
    shop.blocks(Setting::On);
    shop
}

fn wait_until_ordered(shop: &Shop) {
    shop.wait_until_told("is merged by GitHub as soon as it has");
    assert!(shop.is_ordered());
}

fn wait_until_withdrawn(shop: &Shop) {
    shop.env().wait_until("GitHub to merge nothing by itself", || !shop.is_ordered());
}

#[test]
fn what_a_person_holds_is_not_merged_by_github_and_goes_on_when_they_let_it() {
    let shop = automatic();
    let running = shop.env().start_loop();
    wait_until_ordered(&shop);
    let held = shop.scene.ask(&["merge", "hold", "--reason", "release"]);
    assert!(held.status.success(), "{held:?}");
    assert!(!shop.is_ordered(), "whoever holds it need not wait");
    shop.server().store().set_merge_state("shop", 1, "CLEAN");
    shop.server().store().set_merge_state("shop", 1, "BLOCKED");
    assert_eq!(shop.pulls(), [(1, "Write it".to_owned(), false)]);
    let resumed = shop.scene.ask(&["merge", "resume"]);
    assert!(resumed.status.success(), "{resumed:?}");
    wait_until_ordered(&shop);
    shop.server().store().set_merge_state("shop", 1, "CLEAN");
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    drop(running);
}

#[test]
fn what_is_ejected_stopped_deleted_or_taken_over_is_not_merged_by_github() {
    let suspend = |shop: &Shop| shop.writes("ours", &json!({ "suspend": true }));
    let says = |shop: &Shop, words: &[&str]| {
        let said = shop.scene.ask(words);
        assert!(said.status.success(), "{said:?}");
    };
    let deeds: [(&str, &dyn Fn(&Shop)); 4] = [
        ("ejected", &|shop| says(shop, &["merge", "eject", "ours"])),
        ("suspended", &suspend),
        ("deleted", &|shop| shop.env().delete_task("ours")),
        ("taken over", &|shop| says(shop, &["claim", "ours", "--force", "--reason", "mine"])),
    ];
    for (what, deed) in deeds {
        let shop = automatic();
        let running = shop.env().start_loop();
        wait_until_ordered(&shop);
        deed(&shop);
        shop.env().wait_until(what, || {
            shop.env().events().iter().any(|event| event.reason == "MergeWithdrawn")
        });
        if what == "deleted" {
            assert!(!shop.is_ordered());
            shop.env().wait_until("it to be forgotten", || shop.env().report("ours").is_none());
        }
        assert_eq!(shop.asked("disablePullRequestAutoMerge"), 1, "{what}");
        drop(running);
    }
}

#[test]
fn a_loop_that_is_killed_while_it_takes_back_a_merge_takes_it_back_when_it_runs_again() {
    for moment in [Moment::Before, Moment::After] {
        // The first request is the look, the second one takes it back.
        for ahead in [1, 2, 3] {
            let shop = automatic();
            let running = shop.env().start_loop();
            wait_until_ordered(&shop);
            running.kill();
            // Whoever holds it has no token: the loop is to see to it.
            let mut asked = shop.env().reconciler(&["merge", "hold", "--reason", "release"]);
            let held = said(asked.env_remove("GITHUB_TOKEN"));
            assert!(held.stderr.contains("GitHub may still merge pull request #1"), "{held:?}");
            shop.server().stop_at(shop.server().requests() + ahead, moment);
            let running = shop.env().start_loop_when_free();
            shop.env().wait_until("the loop to be stopped", || {
                shop.server().stopped(Duration::from_millis(20))
            });
            running.kill();
            shop.server().resume();
            let running = shop.env().start_loop_when_free();
            wait_until_withdrawn(&shop);
            shop.env().wait_until("that to be recorded", || {
                let landing = shop.env().records().landing(&"ours".parse().unwrap()).unwrap();
                landing.unwrap().pull.unwrap().ordered.is_none()
            });
            // It is nobody's doing at GitHub: it is told to again when it may.
            let resumed = shop.scene.ask(&["merge", "resume"]);
            assert!(resumed.status.success(), "{resumed:?}");
            wait_until_ordered(&shop);
            drop(running);
        }
    }
}

#[test]
fn auto_merge_that_a_person_switches_off_stays_off_for_that_commit() {
    let shop = automatic();
    let running = shop.env().start_loop();
    wait_until_ordered(&shop);
    shop.server().store().cancel_auto_merge("shop", 1);
    shop.wait_until_told("somebody switched that off there");
    shop.server().store().set_merge_state("shop", 1, "CLEAN");
    let requests = shop.server().requests();
    shop.env().wait_until("another look", || shop.server().requests() > requests + 1);
    assert!(!shop.is_ordered());
    assert_eq!(shop.asked("enablePullRequestAutoMerge"), 1);
    assert_eq!(shop.asked("mergePullRequest"), 0);
    shop.server().store().merge_as_person("shop", 1, "MERGE");
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    drop(running);
}

/// A shop whose work lands through a merge queue.
fn queued() -> Shop {
    let shop = Shop::new();
    shop.server().store().set_repository("shop", "isMergeQueueEnabled", Setting::On);
    shop
}

#[test]
fn what_lands_through_a_merge_queue_is_put_there_and_lands_when_the_queue_merged_it() {
    let shop = queued();
    let running = shop.env().start_loop();
    shop.wait_until_told("is in GitHub's merge queue");
    shop.server().store().queue_merges("shop", 1);
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    assert_eq!((shop.asked("enqueuePullRequest"), shop.asked("mergePullRequest")), (1, 0));
    drop(running);
}

#[test]
fn what_the_merge_queue_throws_out_is_put_there_once_more_and_then_told() {
    let shop = queued();
    let running = shop.env().start_loop();
    for time in 1..=2 {
        shop.env().wait_until("it to be seen in the queue", || {
            let told = shop.env().report("ours").map(|report| report.message);
            shop.asked("enqueuePullRequest") == time
                && told.is_some_and(|told| told.contains("is in GitHub's merge queue"))
        });
        shop.server().store().queue_drops("shop", 1);
    }
    shop.wait_until_told("left GitHub's merge queue without being merged");
    assert_eq!(shop.asked("enqueuePullRequest"), 2);
    drop(running);
}

#[test]
fn what_a_person_holds_leaves_the_merge_queue() {
    let shop = queued();
    let running = shop.env().start_loop();
    shop.wait_until_told("is in GitHub's merge queue");
    let held = shop.scene.ask(&["merge", "hold", "--reason", "release"]);
    assert!(held.status.success(), "{held:?}");
    wait_until_withdrawn(&shop);
    assert_eq!(shop.asked("dequeuePullRequest"), 1);
    drop(running);
}
