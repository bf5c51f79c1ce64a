//! How an attempt comes to run.

use super::scene::{NOW, Scene, at, name, process, scene};
use crate::api::attempt::ExitReason;
use crate::api::name::{Owner, Uid};
use crate::plan::action::Action;
use crate::plan::observed::{AttemptState, Sighting, Worktree, WorktreeState};
use serde_json::json;

#[test]
fn a_new_task_is_registered_claimed_and_started_in_one_row() {
    let scene = scene().task("login", json!({ "title": "Fix the login", "issueNumber": 7 }));
    let uid = "login as ";
    let plan = scene.plan();
    let actions: Vec<String> = plan.actions.iter().map(ToString::to_string).collect();
    assert!(actions[0].starts_with(&format!("register {uid}")), "{}", actions[0]);
    assert_eq!(
        actions[1..],
        [
            "claim login for codegen-1",
            "create branch fix/7-login-fix-the-login at bbbbbbb",
            "add worktree login of branch fix/7-login-fix-the-login",
            "prepare attempt 1 on codegen-1",
            "start session login for attempt 1",
        ]
    );
    scene.says("login", "pending Starting: attempt 1 starts on codegen-1");
}

#[test]
fn what_is_there_already_is_not_made_again() {
    let scene = scene().task("login", json!({})).registered("login", 5).worktree("login");
    scene
        .claim("login", &[])
        .plans(&["prepare attempt 1 on codegen-1", "start session login for attempt 1"]);
}

#[test]
fn a_taken_branch_name_gets_the_uid() {
    let scene = scene().task("login", json!({})).branch("fix/login");
    let plan = scene.plan();
    let Action::Register(record) = &plan.actions[0] else { panic!("{:?}", plan.actions[0]) };
    let expected = format!("fix/login-{}", record.uid.short());
    assert_eq!(record.branch.as_ref().unwrap().as_str(), expected);
}

#[test]
fn a_lost_record_takes_the_uid_of_its_worktree_and_the_branch_that_is_checked_out_there() {
    let marked = format!("fix/login-{}", Scene::owner("login").uid.short());
    for (state, branch) in [
        (WorktreeState::Ready, "fix/login"),
        (WorktreeState::Ready, &marked),
        (WorktreeState::Missing, "fix/login"),
    ] {
        let scene = scene().task("login", json!({})).branch(branch);
        let scene = scene.worktree_in("login", state, Some(Scene::owner("login")));
        let record = scene.on("login", Some(branch)).registers();
        assert_eq!(record.uid, Scene::owner("login").uid);
        assert_eq!(record.branch.unwrap().as_str(), branch);
    }
}

/// It would be dropped with the task.
#[test]
fn a_lost_record_takes_no_branch_that_a_person_checked_out_in_its_worktree() {
    let marked = format!("fix/login-{}", Scene::owner("login").uid.short());
    for branch in ["main", "develop", "fix/login-by-hand"] {
        let scene = scene().task("login", json!({})).worktree("login").branch(branch);
        let record = scene.on("login", Some(branch)).registers();
        assert_eq!(record.branch.unwrap().as_str(), marked);
    }
}

#[test]
fn a_lost_record_takes_no_branch_of_a_worktree_without_its_mark() {
    let other = Owner { task: name("login"), uid: Uid::derive(1, "login") };
    for (owner, adopted) in [(None, false), (Some(other), true)] {
        let uid = owner.as_ref().map(|owner| owner.uid.clone());
        let scene = scene().task("login", json!({})).session("login").branch("fix/login");
        let scene = scene.worktree_in("login", WorktreeState::Ready, owner);
        let record = scene.on("login", Some("fix/login")).registers();
        assert_eq!(Some(&record.uid) == uid.as_ref(), adopted);
        assert_eq!(record.branch.unwrap().as_str() == "fix/login", adopted);
    }
}

#[test]
fn a_half_made_worktree_is_repaired_and_one_of_another_uid_is_rescued() {
    let base = || scene().task("login", json!({})).registered("login", 5).claim("login", &[]);
    let rest = ["prepare attempt 1 on codegen-1", "start session login for attempt 1"];
    base().worktree_in("login", WorktreeState::HalfMade, None).plans(&[
        "repair the half-made worktree login",
        "add worktree login of branch fix/login",
        rest[0],
        rest[1],
    ]);
    let mut other = Scene::owner("login");
    other.uid = Scene::owner("another").uid;
    base().worktree_in("login", WorktreeState::Ready, Some(other)).plans(&[
        "save unsaved work of login",
        "retire worktree login",
        "add worktree login of branch fix/login",
        rest[0],
        rest[1],
    ]);
}

#[test]
fn a_worktree_of_an_earlier_uid_goes_also_when_its_task_never_starts() {
    let mut other = Scene::owner("login");
    other.uid = Scene::owner("another").uid;
    let base = scene().task("login", json!({ "suspend": true })).registered("login", 5);
    let scene = base.worktree_in("login", WorktreeState::Ready, Some(other));
    scene.plans(&["save unsaved work of login", "retire worktree login"]);
}

/// Found by seed 48: it was tried again with every plan.
#[test]
fn what_is_left_of_an_earlier_task_waits_after_a_failure_like_the_task_itself() {
    let mut other = Scene::owner("login");
    other.uid = Scene::owner("another").uid;
    let base = || {
        let base = scene().task("login", json!({ "suspend": true })).registered("login", 5);
        base.worktree_in("login", WorktreeState::Ready, Some(other.clone()))
    };
    let action = "retire worktree login";
    base().failure("login", action, 0, 3).plans(&["save unsaved work of login"]);
    base().failure("login", action, 10, 3).plans(&["save unsaved work of login", action]);
}

/// Found by the sweep: it broke a law, so that nothing at all was done any more.
#[test]
fn a_spare_that_was_lost_on_its_way_to_a_task_is_repaired_when_the_task_leaves() {
    let scene = scene().task("login", json!({})).registered("login", 60);
    let scene = scene.ended("login", 1, ExitReason::Succeeded).with(|_, observed| {
        let path = observed.places.spare();
        let owner = Some(Scene::owner("login"));
        let lost =
            Worktree { path, owner, state: WorktreeState::Missing, branch: None, generation: None };
        observed.worktrees = Sighting::Known(vec![lost]);
    });
    scene.plans(&["repair the half-made worktree login"]);
}

#[test]
fn a_session_whose_task_lost_its_record_gives_the_new_one_its_uid() {
    let scene = scene().task("login", json!({})).session("login");
    let plan = scene.plan();
    let Some(Action::Register(record)) = plan.actions.first() else { panic!("{plan:?}") };
    assert_eq!(record.uid, Scene::owner("login").uid);
}

#[test]
fn somebody_elses_worktree_is_left_where_it_is() {
    let scene = scene().task("login", json!({})).registered("login", 5);
    let scene = scene.worktree_in("login", WorktreeState::Ready, None);
    scene.plans(&[]);
    scene.says("login", "pending PlaceTaken: /r/.worktrees/login is not ours: move it away");
}

#[test]
fn a_prepared_attempt_that_no_shim_took_is_closed_before_the_next() {
    let base = || {
        let scene = scene().task("login", json!({})).registered("login", 60).worktree("login");
        scene.claim("login", &[]).attempt("login", AttemptState::Prepared)
    };
    base().plans(&[
        "close attempt 1: it was never started",
        "prepare attempt 2 on codegen-1",
        "start session login for attempt 2",
    ]);
    // Its session is there: its shim is on its way.
    base().session("login").plans(&[]);
    // For too long.
    base().session("login").with(|_, observed| observed.now = at(NOW + 60)).plans(&[
        "close attempt 1: it was never started",
        "remove session login",
        "prepare attempt 2 on codegen-1",
        "start session login for attempt 2",
    ]);
}

#[test]
fn a_killed_worker_is_revived_at_once_in_the_same_worktree() {
    let base = || {
        let scene = scene().task("login", json!({})).registered("login", 60).worktree("login");
        scene.claim("login", &[])
    };
    base().lost("login", Sighting::Known(Vec::new())).session("login").plans(&[
        "close attempt 1: it vanished without an exit record",
        "remove session login",
        "prepare attempt 2 on codegen-1",
        "start session login for attempt 2",
    ]);
    base().lost("login", Sighting::Known(vec![process(9)])).plans(&["kill 9"]);
    base().lost("login", Sighting::Unknown("no /proc".to_owned())).plans(&[]);
    base()
        .ended("login", 0, ExitReason::HungUp)
        .plans(&["prepare attempt 2 on codegen-1", "start session login for attempt 2"]);
}

#[test]
fn a_failed_attempt_waits_longer_each_time_and_then_is_over() {
    let base = || {
        let scene = scene().task("login", json!({ "retries": 1 })).registered("login", 60);
        scene.worktree("login").claim("login", &["src/"])
    };
    let failed = ExitReason::Failed { status: 2 };
    base().ended("login", 1, failed.clone()).plans(&[]);
    let waiting = base().ended("login", 1, failed.clone()).plan();
    assert!(waiting.wake_at.unwrap() > at(NOW), "it is woken for the next attempt");
    base().ended("login", 30, failed.clone()).plans(&[
        "claim login for codegen-1",
        "prepare attempt 2 on codegen-1",
        "start session login for attempt 2",
    ]);
    let over = base().ended("login", 30, failed.clone()).ended("login", 1, failed);
    over.plans(&["release the claim of login"]);
    over.says("login", "failed AttemptsUsedUp: 2 of 2 attempts failed; the last one exited with 2");
}

#[test]
fn an_effect_that_failed_is_tried_again_later() {
    let base = || {
        scene()
            .task("login", json!({}))
            .registered("login", 60)
            .claim("login", &[])
            .branch("fix/login")
    };
    let action = "add worktree login of branch fix/login";
    base().failure("login", action, 0, 3).plans(&["release the claim of login"]);
    base().failure("login", action, 10, 3).plans(&[
        action,
        "prepare attempt 1 on codegen-1",
        "start session login for attempt 1",
    ]);
}

#[test]
fn a_task_whose_record_was_lost_twice_gets_a_third_branch() {
    let second = format!("fix/login-{}", Scene::owner("login").uid.short());
    let scene = scene().task("login", json!({})).worktree("login").branch(&second);
    let record = scene.on("login", None).registers();
    assert_eq!(record.uid, Scene::owner("login").uid, "it is adopted");
    let third = record.branch.as_ref().unwrap().as_str();
    assert!(third != "fix/login" && third != second, "{third}");
}

#[test]
fn a_half_made_worktree_of_an_earlier_uid_is_repaired_under_its_own_mark() {
    let earlier = Owner { task: name("login"), uid: Uid::derive(1, "login") };
    let state = WorktreeState::HalfMade;
    let scene = scene().task("login", json!({})).registered("login", 60);
    let plan = scene.worktree_in("login", state, Some(earlier.clone())).plan();
    let repairs = plan.actions.iter().filter_map(|action| {
        if let Action::RepairWorktree { owner, .. } = action { Some(owner) } else { None }
    });
    assert_eq!(repairs.collect::<Vec<_>>(), [&earlier]);
}

#[test]
fn no_attempt_is_begun_while_a_record_of_an_earlier_one_is_damaged() {
    let damaged = AttemptState::Damaged("half a file".to_owned());
    let failed = ExitReason::Failed { status: 1 };
    let scene = scene().task("login", json!({})).registered("login", 600).branch("fix/login");
    let plan = scene.attempt("login", damaged).ended("login", 300, failed).plan();
    assert_eq!(plan.actions, [], "{:?}", plan.report);
}
