//! Work that lands by pull request: opened once, merged when it may be, and what people do with it.

use crate::common::is_there;
use crate::github::store::person::Setting;
use crate::github::{Fault, Moment, When};
use crate::shop::Shop;
use reconciler::client::LoopState;
use reconciler::plan::report::Reason;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn done_work_is_proposed_once_and_lands_when_github_has_merged_it() {
    let shop = Shop::new();
    let said = shop.env().run_until_settled();
    assert!(said.status.success(), "{said:?}");
    shop.assert_landed_once();
    let body = shop.server().store().repository_mut("shop").issues[&1].body.clone();
    for part in ["Task `ours`", "git commit -qm ours", "\n\nCloses #7\n", "reconciler:task="] {
        assert!(body.contains(part), "{body}");
    }
    let report = shop.env().report("ours").unwrap();
    assert_eq!(report.reason, Reason::Succeeded);
    assert!(report.message.ends_with("by pull request #1"), "{}", report.message);
}

#[test]
fn a_loop_that_is_killed_at_any_request_opens_no_second_pull_request() {
    for at in 1.. {
        let mut was_stopped = false;
        for moment in [Moment::Before, Moment::After] {
            let shop = Shop::new();
            shop.server().stop_at(at, moment);
            let running = shop.env().start_loop();
            let is_over = || {
                let stopped = shop.server().stopped(Duration::from_millis(20));
                was_stopped |= stopped;
                stopped || shop.env().reason("ours") == Some(Reason::Succeeded)
            };
            shop.env().wait_until("the loop to be stopped, or all to be done", is_over);
            running.kill();
            shop.server().resume();
            let said = shop.env().run_until_settled();
            assert!(said.status.success(), "{said:?}");
            shop.assert_landed_once();
        }
        if !was_stopped {
            assert!(at > 5, "after {at} requests all was done");
            return;
        }
    }
}

#[test]
fn what_is_blocked_is_merged_by_github_itself_when_it_may_be() {
    let shop = Shop::new();
    shop.blocks(Setting::On);
    let running = shop.env().start_loop();
    shop.wait_until_told("is merged by GitHub as soon as it has");
    shop.server().store().set_merge_state("shop", 1, "CLEAN");
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    drop(running);
}

#[test]
fn a_conflict_on_github_goes_back_to_the_worker_and_its_next_try_lands() {
    let shop = Shop::new();
    shop.blocks(Setting::Off);
    let running = shop.env().start_loop();
    shop.wait_until_told("waits for what the repository asks for");
    shop.somebody_pushes("ours.txt", "theirs\n");
    shop.server().store().set_merge_state("shop", 1, "DIRTY");
    shop.env().wait_until("its second try", || {
        shop.env().events().iter().any(|event| event.reason == "MergeRefused")
    });
    shop.env().wait_until("its second try to be pushed", || {
        // It was rebased: what was pushed before is replaced.
        let branches = shop.there(&["for-each-ref", "--contains=main", "--format=%(refname)"]);
        branches.lines().count() == 2
    });
    shop.server().store().set_merge_state("shop", 1, "CLEAN");
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    drop(running);
}

#[test]
fn what_a_person_closes_stays_closed_and_what_they_merge_has_landed() {
    let shop = Shop::new();
    shop.blocks(Setting::Off);
    let running = shop.env().start_loop();
    shop.wait_until_told("waits for");
    let requests = shop.server().mutations();
    shop.server().store().close_issue("shop", 1);
    shop.wait_until_told("was closed, and not merged");
    assert_eq!((shop.pulls().len(), shop.server().mutations()), (1, requests));
    shop.reopen();
    shop.wait_until_told("waits for");
    shop.server().store().merge_as_person("shop", 1, "MERGE");
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    assert_eq!(shop.server().mutations(), requests);
    drop(running);
}

#[test]
fn what_changed_between_the_look_and_the_merge_is_looked_at_again() {
    let shop = Shop::new();
    let fault = Fault::AliasFails(0, "UNPROCESSABLE", "Pull Request is not mergeable");
    shop.server().fault(When::Mutation("mergePullRequest"), fault);
    let said = shop.env().run_until_settled();
    assert!(said.status.success(), "{said:?}");
    shop.assert_landed_once();
}

#[test]
fn commits_of_the_target_that_were_never_pushed_are_proposed_by_nobody() {
    let shop = Shop::new();
    shop.env().git(&["commit", "-q", "--allow-empty", "-m", "not pushed"]);
    let running = shop.env().start_loop();
    shop.wait_until_told("`git push origin main`");
    assert_eq!(shop.pulls(), []);
    shop.env().git(&["push", "-q", "origin", "main"]);
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    drop(running);
}

#[test]
fn what_is_behind_is_brought_up_to_date_by_github_and_merged_by_it_too() {
    let shop = Shop::new();
    shop.blocks(Setting::On);
    shop.server().store().rules.pulls_open_as = Some("BEHIND");
    shop.somebody_pushes("theirs.txt", "theirs\n");
    let running = shop.env().start_loop();
    shop.wait_until_told("has main in it now");
    shop.server().store().set_merge_state("shop", 1, "CLEAN");
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    assert_eq!(shop.there(&["show", "main:theirs.txt"]), "theirs");
    drop(running);
}

/// A push that waits at the remote until it is let go, and tells when it came.
struct SlowRemote {
    came: PathBuf,
    go: PathBuf,
}

impl SlowRemote {
    fn of(shop: &Shop) -> Self {
        let (came, go) = (shop.env().out("came"), shop.env().out("go"));
        let script = format!(
            "#!/bin/sh\ntouch {}\nwhile [ ! -e {} ]; do sleep 0.05; done\n",
            came.display(),
            go.display()
        );
        let hook = shop.remote.join("hooks/pre-receive");
        std::fs::write(&hook, script).unwrap();
        std::fs::set_permissions(&hook, Permissions::from_mode(0o755)).unwrap();
        Self { came, go }
    }
}

#[test]
fn a_push_that_outlives_its_loop_lets_no_other_loop_begin() {
    let shop = Shop::new();
    let slow = SlowRemote::of(&shop);
    let running = shop.env().start_loop();
    shop.env().wait_until("the push to come to the remote", || is_there(&slow.came));
    running.kill();
    assert_ne!(shop.env().snapshot().loop_state, LoopState::NotRunning, "git still pushes");
    std::fs::write(&slow.go, "").unwrap();
    let running = shop.env().start_loop_when_free();
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    drop(running);
}
