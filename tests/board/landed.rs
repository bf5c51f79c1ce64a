//! What GitHub merged in another way than by a merge commit, or with more than what was proposed, has landed:
//! nothing of it is lost, nothing of the task is left, and who waited for it has it.

use crate::common::is_there;
use crate::github::store::person::Setting;
use crate::shop::Shop;
use reconciler::plan::report::Reason;
use serde_json::json;

/// Commits a task that looks for what `ours` did before it does its own.
fn depends(shop: &Shop) {
    let command = "test \"$(cat ours.txt)\" = ours && echo after > after.txt && git add -A && \
                   git commit -qm after";
    let spec = json!({ "title": "After it", "command": command, "dependencies": ["ours"] });
    shop.env().commit_task("after", &spec);
    shop.env().git(&["push", "-q", "origin", "main"]);
}

fn assert_nothing_is_left(shop: &Shop, task: &str) {
    assert!(!is_there(&shop.env().worktree(task)), "{task} has a worktree");
    shop.env().wait_until("its branch to go", || {
        !shop.env().git(&["for-each-ref", "refs/heads/fix"]).contains(task)
    });
    let candidates = shop.env().git(&["for-each-ref", "refs/reconciler/candidates"]);
    assert_eq!(candidates, "");
}

#[test]
fn each_way_of_merging_lands_it_and_what_depends_on_it_goes_on_from_there() {
    for (method, parents) in [("squash", 1), ("rebase", 1), ("merge", 2)] {
        let shop = Shop::with(&json!({ "method": method }));
        depends(&shop);
        shop.somebody_pushes("theirs.txt", "theirs\n");
        let running = shop.env().start_loop();
        shop.env().wait_for_completed(&["ours", "after"]);
        let landed = shop.server().store().repository_mut("shop").issues[&1].pull.clone().unwrap();
        let commit = landed.merge_commit.unwrap();
        let of = shop.there(&["rev-list", "--parents", "-1", &commit]);
        assert_eq!(of.split(' ').count(), 1 + parents, "{method}");
        let message = shop.env().report("ours").unwrap().message;
        let short = &commit[..7];
        assert!(message.contains(&format!("as {short} by pull request #1")), "{message}");
        for (file, text) in [("ours.txt", "ours"), ("after.txt", "after"), ("theirs.txt", "theirs")]
        {
            assert_eq!(shop.env().git(&["show", &format!("main:{file}")]), text, "{method}");
        }
        assert_nothing_is_left(&shop, "ours");
        assert_nothing_is_left(&shop, "after");
        drop(running);
    }
}

#[test]
fn what_a_person_squashes_or_rebases_in_the_web_has_landed() {
    for method in ["SQUASH", "REBASE"] {
        let shop = Shop::new();
        shop.blocks(Setting::Off);
        shop.server().store().set_repository("shop", "deleteBranchOnMerge", Setting::On);
        depends(&shop);
        let running = shop.env().start_loop();
        shop.wait_until_told("waits for");
        assert_eq!(shop.env().reason("after"), Some(Reason::DependencyPending));
        shop.server().store().merge_as_person("shop", 1, method);
        shop.server().store().rules.pulls_open_as = None;
        shop.env().wait_for_completed(&["ours", "after"]);
        assert_eq!(shop.env().git(&["show", "main:ours.txt"]), "ours");
        assert_eq!(shop.env().git(&["show", "main:after.txt"]), "after");
        assert_nothing_is_left(&shop, "ours");
        assert_eq!(shop.pulls().len(), 2, "{method}: {:?}", shop.pulls());
        drop(running);
    }
}

#[test]
fn what_a_person_brought_up_to_date_there_and_merged_has_landed() {
    let shop = Shop::new();
    shop.blocks(Setting::Off);
    shop.server().store().rules.pulls_open_as = Some("BEHIND");
    shop.somebody_pushes("theirs.txt", "theirs\n");
    let running = shop.env().start_loop();
    shop.wait_until_told("update it there, and merge it there");
    shop.server().store().update_as_person("shop", 1);
    shop.wait_until_told("has commits that are not here: they are not replaced");
    shop.server().store().merge_as_person("shop", 1, "SQUASH");
    shop.env().wait_for_completed(&["ours"]);
    shop.assert_landed_once();
    assert_eq!(shop.there(&["show", "main:theirs.txt"]), "theirs");
    assert_nothing_is_left(&shop, "ours");
    drop(running);
}
