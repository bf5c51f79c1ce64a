//! Tasks of labelled issues: done where the claim is held, and landed while it is.

use super::landing::done;
use super::scene::{Scene, scene};
use crate::api::issue::{ProgressNotes, Stage, Sure, Taken, Ticket};
use crate::plan::observed::Sighting;
use jiff::Timestamp;
use serde_json::{Value, json};

/// What the scenes say of the time.
const NOW_MILLIS: u64 = 1_000_000_000;

fn of_issue() -> Value {
    json!({ "issueNumber": 7, "issueClaim": { "node": "there", "nonce": "n" } })
}

impl Scene {
    /// The task came of an issue.
    fn of_claimed_issue(self, task: &str) -> Self {
        self.with(|desired, _| {
            let entry = desired.tasks.get_mut(&super::scene::name(task)).unwrap();
            let spec = entry.spec.as_mut().unwrap();
            spec.issue_number = Some(7);
            spec.issue_claim = serde_json::from_value(of_issue()["issueClaim"].clone()).unwrap();
        })
    }

    /// Its claim with this nonce is held here, for certain for so many seconds.
    fn claimed(self, task: &str, nonce: &str, left: u64) -> Self {
        let from = crate::api::claim::BootTime {
            boot_id: "boot".to_owned(),
            boot_millis: NOW_MILLIS - 60_000,
        };
        let sure = Some(Sure { from, left_millis: 60_000 + left * 1000 });
        let taken = Taken {
            ticket: Ticket { issue: 7, label: "cc01".to_owned() },
            worker: "codegen".parse().unwrap(),
            nonce: nonce.to_owned(),
            commit: "c".to_owned(),
            moving: None,
            expires_at: Timestamp::UNIX_EPOCH,
            sure,
            since: Timestamp::UNIX_EPOCH,
            stage: Stage::Told,
            proposed: true,
            saying: None,
            progress: ProgressNotes::default(),
        };
        self.with(|_, observed| {
            let Sighting::Known(issues) = &mut observed.issues else { panic!("they are seen") };
            issues.insert(task.to_owned(), taken);
        })
    }

    fn hides_issues(self) -> Self {
        self.with(|_, observed| observed.issues = Sighting::Unknown("half a file".to_owned()))
    }
}

#[test]
fn a_task_of_an_issue_starts_only_where_its_claim_is_held() {
    let base = || scene().task("login", of_issue()).registered("login", 60);
    let elsewhere = "pending HeldElsewhere: issue #7 is done where it is claimed, at there; this \
                     clone does not hold that claim";
    base().plans(&[]);
    base().says("login", elsewhere);
    base().claimed("login", "other", 60).plans(&[]);
    base().hides_issues().plans(&[]);
    base().hides_issues().says(
        "login",
        "pending Unknown: which issues are claimed here cannot be seen: half a file",
    );
    // Whether it can be told how long it is ours matters when it lands.
    for left in [0, 60] {
        let starts = base().claimed("login", "n", left).plan();
        assert!(starts.actions.iter().any(|one| one.to_string().contains("attempt 1")), "{left}");
    }
}

#[test]
fn an_attempt_stops_when_the_claim_of_its_issue_is_anothers() {
    let running = || {
        let scene = scene().task("login", of_issue()).registered("login", 60).running("login");
        scene.worktree("login").claim("login", &[])
    };
    running().claimed("login", "n", 0).plans(&[]);
    running().hides_issues().plans(&[]);
    for scene in [running(), running().claimed("login", "other", 60)] {
        scene.plans(&["stop attempt 1: the claim of its issue is not held here any more"]);
    }
}

#[test]
fn done_work_lands_only_while_the_claim_of_its_issue_is_certain() {
    for policy in [
        json!({}),
        json!({ "merge": { "by": "pullRequest", "remote": "origin" }, "github": { "repository": "acme/shop" } }),
    ] {
        let base = || {
            let scene = done(&["ann"], policy.clone()).of_claimed_issue("ann");
            scene.built("ann", 'a', 'c')
        };
        let does = |scene: Scene| {
            let plan = scene.plan();
            plan.actions.len() + plan.proposes.len()
        };
        assert_eq!(does(base().claimed("ann", "n", 1)), 1, "{policy}");
        for scene in [base(), base().claimed("ann", "n", 0), base().claimed("ann", "other", 9)] {
            assert_eq!(does(scene), 0, "{policy}");
        }
        assert_eq!(does(base().hides_issues()), 0, "{policy}");
        base().claimed("ann", "n", 0).says(
            "ann",
            "in_progress ClaimUnsure: done; it lands when the claim of issue #7 is renewed: that \
             was not seen to hold since it lapsed at 1970-01-01T00:00:00Z",
        );
        base().says(
            "ann",
            "in_progress HeldElsewhere: done, and it does not land: issue #7 is done where it is \
             claimed, at there; this clone does not hold that claim",
        );
    }
}

#[test]
fn what_is_certain_in_one_boot_is_not_in_the_next() {
    let scene = done(&["ann"], json!({})).of_claimed_issue("ann").built("ann", 'b', 'c');
    let scene = scene.claimed("ann", "n", 9).with(|_, observed| {
        observed.boot.boot_id = "another".to_owned();
    });
    let plan = scene.plan();
    assert!(plan.actions.iter().all(|one| !one.to_string().contains("main")), "{:?}", plan.actions);
}
