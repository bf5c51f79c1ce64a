//! The merge queue: who lands next, what is verified, and what becomes of what cannot land.

use super::scene::{NOW, Scene, at, name, scene};
use crate::api::attempt::{AttemptId, ExitReason};
use crate::api::hold::HoldSighting;
use crate::api::landing::{Landing, Obstacle, Stage};
use crate::api::name::{BranchName, CommitId, Owner, Uid};
use crate::api::policy::Method;
use crate::plan::action::{Action, Candidate};
use crate::plan::desired::Desired;
use crate::plan::observed::{AttemptState, Observed, Sighting};
use crate::plan::{check, may_land};
use serde_json::{Value, json};

pub(super) fn id(digit: char) -> CommitId {
    digit.to_string().repeat(40).try_into().unwrap()
}

pub(super) fn branch(name: &str) -> BranchName {
    name.to_owned().try_into().unwrap()
}

/// Returns a world in which these tasks are done, in this order, each on its branch.
pub(super) fn done(tasks: &[&str], policy: Value) -> Scene {
    let mut scene = scene().policy(policy).branch("main");
    for (ago, task) in (1..).zip(tasks.iter().rev()) {
        scene = scene
            .task(task, json!({}))
            .registered(task, 60)
            .ended(task, ago, ExitReason::Succeeded)
            .branch(&format!("fix/{task}"))
            .claim(task, &[]);
    }
    scene
}

impl Scene {
    /// The work of a task is so far: put onto a commit.
    fn lands(self, task: &str, onto: char, stage: Stage) -> Self {
        self.with(|_, observed| {
            let Sighting::Known(tasks) = &mut observed.tasks else { panic!("they are seen") };
            let (uid, target) = (Uid::derive(9, task), branch("main"));
            let refused = match stage {
                Stage::Refused => [(1, "it conflicts with main in a".to_owned())].into(),
                Stage::Candidate { .. }
                | Stage::Waiting { .. }
                | Stage::Nothing
                | Stage::Landed { .. } => [].into(),
            };
            let (tip, onto, at) = (id('a'), id(onto), at(NOW));
            let landing =
                Landing { uid, attempt: 1, tip, target, onto, stage, at, refused, pull: None };
            tasks.get_mut(&name(task)).unwrap().landing = Some(Ok(landing));
        })
    }

    /// A candidate of the task was built onto a commit.
    pub(super) fn built(self, task: &str, onto: char, commit: char) -> Self {
        self.lands(task, onto, Stage::Candidate { commit: id(commit) })
    }

    /// The last attempt of a task verifies a candidate in a place.
    fn verifying(self, task: &str, commit: char, place: u32) -> Self {
        self.with(|desired, observed| {
            let directory = observed.places.verification(place);
            let Sighting::Known(tasks) = &mut observed.tasks else { panic!("they are seen") };
            let last = tasks.get_mut(&name(task)).unwrap().attempts.last_mut().unwrap();
            let attempt = last.attempt.as_mut().unwrap();
            (attempt.verifies, attempt.directory) = (Some(id(commit)), directory);
            let verify = desired.policy().merge.verify.clone().unwrap_or_default();
            attempt.program.argv =
                vec!["/bin/sh".to_owned(), "-c".to_owned(), format!("(\n{verify}\n)")];
        })
    }

    pub(super) fn verified(self, task: &str, commit: char, reason: ExitReason) -> Self {
        self.ended(task, 0, reason).verifying(task, commit, 1)
    }
}

pub(super) const FAILED: ExitReason = ExitReason::Failed { status: 1 };

#[test]
fn done_work_is_put_onto_the_target_by_priority_and_completion() {
    let scene = done(&["zoe", "bob", "ann"], json!({ "merge": { "batch": 3 } }));
    scene.plans(&["put zoe, bob, ann onto main"]);
    scene.says("zoe", "in_progress Landing: done; it is merged into main next");
    scene.says("ann", "in_progress Landing: done; it waits to be merged into main, 2 before it");
    let urgent = scene.with(|desired, _| {
        let entry = desired.tasks.get_mut(&name("ann")).unwrap();
        entry.spec.as_mut().unwrap().priority = 1;
    });
    urgent.plans(&["put ann, zoe, bob onto main"]);
}

#[test]
fn what_needs_no_verification_lands_at_once_and_then_lets_go_of_everything() {
    let scene = done(&["login"], json!({})).worktree("login").built("login", 'a', 'c');
    scene.plans(&["merge login into main"]);
    let landed = scene.lands("login", 'a', Stage::Landed { commit: id('c') });
    landed.plans(&[
        "save unsaved work of login",
        "retire worktree login",
        "drop branch fix/login if it has no commits of its own",
        "release the claim of login",
    ]);
    landed.says("login", "completed Succeeded: done; merged into main as ccccccc");
}

#[test]
fn a_branch_that_moved_on_after_it_landed_stays() {
    let scene = done(&["login"], json!({})).lands("login", 'a', Stage::Landed { commit: id('c') });
    let scene = scene.with(|_, observed| {
        let Sighting::Known(branches) = &mut observed.branches else { panic!("they are seen") };
        branches.insert(branch("fix/login"), id('e'));
    });
    scene.plans(&["release the claim of login"]);
}

#[test]
fn a_candidate_is_built_anew_when_the_target_or_the_branch_moved() {
    done(&["login"], json!({})).built("login", 'd', 'c').plans(&["put login onto main"]);
    let moved = done(&["login"], json!({})).built("login", 'a', 'c').with(|_, observed| {
        let Sighting::Known(branches) = &mut observed.branches else { panic!("they are seen") };
        branches.insert(branch("fix/login"), id('e'));
    });
    moved.plans(&["put login onto main"]);
}

#[test]
fn a_candidate_is_verified_in_a_checkout_of_its_own_before_it_lands() {
    let policy = json!({ "merge": { "verify": "make check" } });
    let scene = done(&["login"], policy).built("login", 'a', 'c');
    scene.plans(&[
        "check ccccccc out to verify it",
        "prepare attempt 2 on codegen-1",
        "start session login for attempt 2",
    ]);
    let plan = scene.plan();
    let Some(Action::PrepareAttempt(attempt)) = plan.actions.get(1) else { panic!("{plan:?}") };
    assert_eq!(attempt.program.argv, ["/bin/sh", "-c", "(\nmake check\n)"]);
    assert_eq!(attempt.directory, scene.observed.places.verification(1));
    assert_eq!(attempt.verifies, Some(id('c')));
    let runs = AttemptState::Running {
        shim: super::scene::process(42),
        asked: None,
        started_at: at(NOW - 2),
    };
    let running = done(&["login"], json!({ "merge": { "verify": "make check" } }))
        .built("login", 'a', 'c')
        .attempt("login", runs)
        .verifying("login", 'c', 1);
    running.plans(&[]);
    // What it verifies is not what would land any more.
    let outdated = running.built("login", 'a', 'd');
    outdated.plans(&["stop attempt 2: what it verifies is not what would land any more"]);
    scene.verified("login", 'c', ExitReason::Succeeded).plans(&["merge login into main"]);
}

#[test]
fn what_fails_its_verification_alone_is_refused_and_tried_again_by_its_worker() {
    let policy = json!({
        "merge": { "verify": "make check" }, "retry": { "baseSeconds": 0, "capSeconds": 0 },
    });
    let scene = done(&["login"], policy).worktree("login").built("login", 'a', 'c');
    let scene = scene.verified("login", 'c', FAILED);
    scene.plans(&[
        "refuse to merge login#1: merged, it fails its verification: attempt 2 exited with 1 (`reconciler logs login --attempt 2`)",
    ]);
    let refused = scene.lands("login", 'a', Stage::Refused);
    refused.plans(&["prepare attempt 3 on codegen-1", "start session login for attempt 3"]);
    let plan = refused.plan();
    let Some(Action::PrepareAttempt(attempt)) = plan.actions.first() else { panic!("{plan:?}") };
    let told = &attempt.beginning.history;
    assert!(
        told.contains("conflicts with main in a") && told.contains("git rebase main"),
        "{told}"
    );
}

#[test]
fn what_cannot_land_uses_up_the_attempts_of_its_task() {
    let scene = done(&["login"], json!({})).task("login", json!({ "retries": 0 }));
    let scene = scene.lands("login", 'a', Stage::Refused);
    scene.says(
        "login",
        "failed AttemptsUsedUp: 1 of 1 attempts failed; the last one was done, and could not land: \
         it conflicts with main in a",
    );
    scene.plans(&["release the claim of login"]);
}

#[test]
fn one_that_meets_what_is_ahead_of_it_waits_for_that_and_lets_others_pass() {
    let policy = json!({ "merge": { "verify": "make check", "batch": 3 } });
    let waiting = Stage::Waiting { paths: vec!["a".to_owned()] };
    let scene = done(&["one", "two", "three"], policy).built("one", 'a', 'c');
    let scene = scene.lands("two", 'c', waiting).built("three", 'c', 'd');
    scene.plans(&[
        "check ddddddd out to verify it",
        "prepare attempt 2 on codegen-1",
        "start session three for attempt 2",
    ]);
    scene.says(
        "two",
        "in_progress Landing: done; it meets what is merged before it in a, and waits for that",
    );
}

#[test]
fn a_batch_that_fails_is_halved_until_the_guilty_one_is_found() {
    let policy = json!({ "merge": { "verify": "make check", "batch": 4 } });
    let scene = done(&["a", "b", "c", "d"], policy)
        .built("a", 'a', '1')
        .built("b", '1', '2')
        .built("c", '2', '3')
        .built("d", '3', '4');
    let verifies = |scene: &Scene, task: &str, commit: &str| {
        scene.plans(&[
            &format!("check {commit} out to verify it"),
            "prepare attempt 2 on codegen-1",
            &format!("start session {task} for attempt 2"),
        ]);
    };
    verifies(&scene, "d", "4444444");
    let all_failed = scene.verified("d", '4', FAILED);
    verifies(&all_failed, "b", "2222222");
    let half_failed = all_failed.verified("b", '2', FAILED);
    verifies(&half_failed, "a", "1111111");
    let guilty = half_failed.verified("a", '1', FAILED);
    guilty.plans(&[
        "refuse to merge a#1: merged, it fails its verification: attempt 2 exited with 1 (`reconciler logs a --attempt 2`)",
    ]);
}

#[test]
fn what_is_verified_lands_with_all_that_is_before_it() {
    let policy = json!({ "merge": { "verify": "make check", "batch": 2 } });
    let scene = done(&["a", "b"], policy).built("a", 'a', '1').built("b", '1', '2');
    let plan = scene.verified("b", '2', ExitReason::Succeeded).plan();
    let [Action::Land { commit, landed, target, .. }] = plan.actions.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!((commit, target), (&id('2'), &(branch("main"), id('a'))));
    let first = |task: &str| (AttemptId { owner: Scene::owner(task), number: 1 }, 4);
    assert_eq!(*landed, [first("a"), first("b")]);
}

#[test]
fn what_waits_is_verified_ahead_where_places_are_free() {
    let policy = json!({ "merge": { "verify": "make check", "parallel": 2 } });
    let scene = done(&["a", "b", "c"], policy).built("a", 'a', '1').built("b", '1', '2');
    let plan = scene.plan();
    let place = |one: &Action| {
        if let Action::PrepareAttempt(one) = one { Some(one.directory.clone()) } else { None }
    };
    let places: Vec<_> = plan.actions.iter().filter_map(place).collect();
    let verification = |number| scene.observed.places.verification(number);
    assert_eq!(places, [verification(1), verification(2)]);
    // It failed on top of something that may not land: that must be known first.
    let behind = scene.verified("b", '2', FAILED);
    assert!(!behind.plan().actions.iter().any(|one| matches!(one, Action::Refuse { .. })));
}

#[test]
fn nothing_lands_while_a_person_holds_the_queue_or_the_target_is_not_there() {
    let scene = done(&["login"], json!({})).built("login", 'a', 'c');
    let held = scene.with(|_, observed| {
        let Sighting::Known(holds) = &mut observed.holds else { panic!("they are seen") };
        holds.merges = Some(Err("half a file".to_owned()));
    });
    held.plans(&[]);
    let nowhere = done(&["login"], json!({ "merge": { "target": "trunk" } }));
    nowhere.plans(&[]);
    nowhere.says("login", "in_progress OnHold: there is no branch trunk to merge into");
}

#[test]
fn work_whose_session_is_somebody_elses_says_so_and_lets_others_pass() {
    let policy = json!({ "merge": { "verify": "make check" } });
    let scene = done(&["a", "b"], policy).built("a", 'a', '1').session("a");
    let scene = scene.with(|_, observed| {
        let Sighting::Known(sessions) = &mut observed.sessions else { panic!("they are seen") };
        sessions[0].owner = None;
    });
    scene.plans(&["put b onto main"]);
    scene.says("a", "in_progress PlaceTaken: tmux session a is not ours: rename it or end it");
}

#[test]
fn work_that_lost_its_claim_takes_it_again_before_it_goes_on() {
    let scene = done(&["login"], json!({})).built("login", 'a', 'c');
    let lost = scene.with(|_, observed| observed.claims = Sighting::Known([].into()));
    lost.plans(&["claim login for codegen-1"]);
}

#[test]
fn a_dependent_starts_when_what_it_needs_has_landed_and_on_top_of_it() {
    let scene = done(&["login"], json!({})).task("next", json!({ "dependencies": ["login"] }));
    scene.says("next", "pending DependencyPending: needs login (in_progress)");
    let landed = scene.lands("login", 'a', Stage::Landed { commit: id('c') });
    let plan = landed.plan();
    let begins = |one: &Action| {
        if let Action::CreateBranch { at, .. } = one { Some(at.clone()) } else { None }
    };
    let at = plan.actions.iter().find_map(begins);
    assert_eq!(at, Some(id('a')), "the tip of main");
}

#[test]
fn what_another_command_verified_is_verified_anew() {
    let scene = |verify: &str| json!({ "merge": { "verify": verify } });
    let verified = done(&["login"], scene("make")).built("login", 'a', 'c');
    let verified = verified.verified("login", 'c', ExitReason::Succeeded);
    verified.plans(&["merge login into main"]);
    verified.policy(scene("make check")).plans(&[
        "check ccccccc out to verify it",
        "prepare attempt 3 on codegen-1",
        "start session login for attempt 3",
    ]);
}

#[test]
fn a_worker_that_is_cordoned_or_gone_keeps_no_work_of_its_own_from_landing() {
    let policy = json!({ "merge": { "verify": "make check" } });
    let scene = done(&["login"], policy).built("login", 'a', 'c').with(|_, observed| {
        let Sighting::Known(holds) = &mut observed.holds else { panic!("they are seen") };
        holds.workers.insert("codegen".parse().unwrap(), Err("half a file".to_owned()));
    });
    let starts = [
        "check ccccccc out to verify it",
        "prepare attempt 2 on codegen-1",
        "start session login for attempt 2",
    ];
    scene.plans(&starts);
    scene.with(|desired, _| desired.workers.clear()).plans(&starts);
}

const LAW: &str = "only verified work lands";

impl Scene {
    /// Returns what the law of this queue finds in a plan that does only this.
    fn finds(&self, action: Action) -> Vec<String> {
        let mut plan = self.plan();
        plan.actions = vec![action];
        let broken = check::laws(&self.desired, &self.observed, &plan).into_iter();
        broken.filter(|one| one.law == LAW).map(|one| one.by).collect()
    }

    /// Returns what the law says of landing these, whatever the planner would do.
    fn landing(&self, commit: char, tasks: &[&str]) -> String {
        let attempt = |task: &&str| (AttemptId { owner: Self::owner(task), number: 1 }, 4);
        let landed = tasks.iter().map(attempt).collect();
        let target = (branch("main"), id('a'));
        let found = self.finds(Action::Land { target, remote: None, commit: id(commit), landed });
        let why = found.first().and_then(|one| one.split_once(", but ")).map(|(_, why)| why);
        why.unwrap_or("it may").to_owned()
    }
}

#[test]
fn the_law_knows_what_may_land() {
    let policy = || json!({ "merge": { "verify": "make check", "batch": 2 } });
    let built = || done(&["a", "b"], policy()).built("a", 'a', '1').built("b", '1', '2');
    let seen = || built().verified("b", '2', ExitReason::Succeeded);
    assert_eq!(seen().landing('2', &["a", "b"]), "it may");
    assert_eq!(built().landing('1', &["a"]), "not all of it is verified");
    assert_eq!(seen().landing('1', &["a"]), "not all of it is verified", "b was, not a alone");
    assert_eq!(
        built().verified("b", '2', FAILED).landing('2', &["a", "b"]),
        "not all of it is verified"
    );
    let gap = "not all of it is put onto the tip, one onto the other";
    assert_eq!(seen().landing('2', &["b"]), gap);
    assert_eq!(seen().landing('2', &["b", "a"]), gap);
    assert_eq!(seen().landing('3', &["a", "b"]), "it is not the last candidate");
    assert_eq!(seen().built("b", '7', '2').landing('2', &["a", "b"]), gap);
    let waits = Stage::Waiting { paths: vec!["a".to_owned()] };
    let waits = seen().lands("b", '1', waits).landing('2', &["a", "b"]);
    assert_eq!(waits, "not all of it has a candidate");
    let refused = seen().lands("a", 'a', Stage::Refused).landing('2', &["a", "b"]);
    assert_eq!(refused, "not all of it is done");
    let again = seen().ended("a", 0, FAILED).landing('2', &["a", "b"]);
    assert_eq!(again, "not all of it is done");
    let swapped = done(&["b", "a"], policy()).built("a", 'a', '1').built("b", '1', '2');
    let swapped = swapped.verified("b", '2', ExitReason::Succeeded);
    assert_eq!(swapped.landing('2', &["a", "b"]), "it is not in order");
}

fn merges(observed: &mut Observed) -> &mut Option<HoldSighting> {
    let Sighting::Known(holds) = &mut observed.holds else { panic!("they are seen") };
    &mut holds.merges
}

#[test]
fn the_law_knows_where_branches_are_and_who_holds_work_back() {
    let landing = |change: fn(&mut Desired, &mut Observed)| {
        let scene = done(&["a"], json!({})).built("a", 'a', '1');
        assert_eq!(scene.landing('1', &["a"]), "it may");
        scene.with(change).landing('1', &["a"])
    };
    let moved = |observed: &mut Observed, name: &str| {
        let Sighting::Known(branches) = &mut observed.branches else { panic!("they are seen") };
        branches.insert(branch(name), id('e'));
    };
    let held = "a person holds it back, or nobody knows";
    assert_eq!(landing(|_, seen| *merges(seen) = Some(Err(String::new()))), held);
    assert_eq!(landing(|_, seen| seen.holds = Sighting::Unknown(String::new())), held);
    assert_eq!(landing(|desired, _| desired.tasks.clear()), "not all of it is done");
    let unclaimed = landing(|_, seen| seen.claims = Sighting::Known([].into()));
    assert_eq!(unclaimed, "not all of it is under its claim");
    let elsewhere = landing(|desired, _| desired.state_ref = "refs/heads/other".to_owned());
    assert_eq!(elsewhere, "the target is not there");
    let scene = || done(&["a"], json!({})).built("a", 'a', '1');
    let target = scene().with(|_, seen| moved(seen, "main")).landing('1', &["a"]);
    assert_eq!(target, "the target is not there");
    let work = scene().with(|_, seen| moved(seen, "fix/a")).landing('1', &["a"]);
    assert_eq!(work, "not all of it is put onto the tip, one onto the other");
}

#[test]
fn the_law_knows_what_may_be_built_refused_and_verified() {
    let built = || done(&["a", "b"], json!({})).built("a", 'a', '1').built("b", '1', '2');
    let attempt = |task: &str| AttemptId { owner: Scene::owner(task), number: 1 };
    let refuse = |task: &str| {
        let why = Obstacle::Verify { attempt: attempt(task), how: "exited with 1".to_owned() };
        Action::Refuse { attempt: attempt(task), why }
    };
    assert!(built().finds(refuse("a")).is_empty());
    assert!(!built().finds(refuse("b")).is_empty(), "a may be guilty");
    let puts = |tip| Action::BuildCandidates {
        target: (branch("main"), id('a')),
        remote: None,
        onto: id('a'),
        method: Method::Rebase,
        works: vec![Candidate {
            attempt: attempt("a"),
            branch: branch("fix/a"),
            tip: id(tip),
            title: String::new(),
        }],
    };
    assert!(built().finds(puts('a')).is_empty());
    assert!(!built().finds(puts('e')).is_empty(), "its branch is elsewhere");
    assert!(!built().ended("a", 0, FAILED).finds(puts('a')).is_empty(), "it is not done");
    let runs = AttemptState::Prepared;
    let verifying = built().attempt("b", runs).verifying("b", '2', 1);
    let check_out = |number| Action::CheckOut {
        owner: Scene::owner("a"),
        place: verifying.observed.places.verification(number),
        commit: id('1'),
    };
    assert!(!verifying.finds(check_out(1)).is_empty(), "b is verified there");
    assert!(verifying.finds(check_out(2)).is_empty());
}

#[test]
fn what_a_person_mended_after_a_conflict_is_put_onto_the_target_again() {
    let refused = || done(&["login"], json!({})).lands("login", 'a', Stage::Refused);
    let completed = |scene: Scene, ago| {
        scene.with(|_, observed| {
            let Sighting::Known(claims) = &mut observed.claims else { panic!("they are seen") };
            let claim = claims.get_mut(&name("login")).unwrap().as_mut().unwrap();
            claim.seat = "alice-1".to_owned().try_into().unwrap();
            claim.worker_type = crate::api::worker::WorkerType::Human;
            claim.completed_at = Some(at(NOW - ago));
        })
    };
    completed(refused(), 0).plans(&["record that alice-1 completed it"]);
    // Theirs conflicts as well: it was recorded, and is not recorded once more.
    completed(refused(), 1).plans(&[]);
}

#[test]
fn work_lands_only_under_the_claim_that_was_seen() {
    let look = |_: &mut Desired, observed: &mut Observed| {
        let claim = observed.claims.known().unwrap()[&name("a")].clone().unwrap();
        let id = AttemptId { owner: Scene::owner("a"), number: 1 };
        assert!(may_land(&claim, &id, claim.generation));
        assert!(!may_land(&claim, &id, claim.generation + 1));
        let other = Owner { uid: Uid::derive(1, "a"), ..id.owner.clone() };
        assert!(!may_land(&claim, &AttemptId { owner: other, ..id }, claim.generation));
    };
    drop(scene().task("a", json!({})).registered("a", 5).claim("a", &[]).with(look));
}
