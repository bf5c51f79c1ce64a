//! Records, claims and notes of failures.

use crate::scene::{AlreadySo, Done, Failed, Refused, Stage, failure, name, time};
use reconciler::api::attempt::{Exit, ExitReason};
use reconciler::api::hold::{Hold, HoldKind, Retrial, Target};
use reconciler::api::path::PathPattern;
use reconciler::api::worker::WorkerType;
use reconciler::plan::action::Action;
use reconciler::world::sim::Deed;

pub(crate) fn a_task_is_registered_once(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    on.sees("task alpha: uid1");
    on.act(&on.record("alpha", 1), Refused);
    on.act(&on.record("alpha", 2), Refused);
}

pub(crate) fn a_record_is_forgotten_by_its_uid_only(on: &Stage) {
    on.act(&Action::Forget(on.owner("alpha", 1)), AlreadySo);
    on.act(&on.record("alpha", 1), Done);
    on.act(&Action::Forget(on.owner("alpha", 2)), AlreadySo);
    on.act(&Action::Forget(on.owner("alpha", 1)), Done);
    on.sees_not("task alpha: uid1");
    on.act(&on.record("alpha", 2), Done);
}

pub(crate) fn a_claim_is_made_by_the_next_generation_only(on: &Stage) {
    on.act(&Action::Claim(on.claim("alpha", 1, 2)), Refused);
    on.act(&Action::Claim(on.claim("alpha", 1, 1)), Done);
    on.sees("claim alpha: uid1, generation 1, until 2023-11-14T22:23:20Z");
    on.act(&Action::Claim(on.claim("alpha", 2, 3)), Refused);
    on.act(&Action::Claim(on.claim("alpha", 2, 2)), Done);
    on.sees("claim alpha: uid2, generation 2, until 2023-11-14T22:23:20Z");
}

pub(crate) fn who_holds_a_claim_has_it_until_it_lapses(on: &Stage) {
    let lasting = |generation| {
        let mut claim = on.claim("alpha", 1, generation);
        claim.heartbeat.boot = on.observed().boot;
        Action::Claim(claim)
    };
    on.act(&Action::Claim(on.claim("alpha", 1, 1)), Done);
    on.act(&lasting(2), Done);
    on.act(&lasting(3), AlreadySo);
}

pub(crate) fn a_lapsed_claim_of_a_person_ends_when_nothing_is_unsaved(on: &Stage) {
    let owner = on.with_worktree("alpha");
    let mut claim = on.claim("alpha", 1, 1);
    claim.worker_type = WorkerType::Human;
    claim.heartbeat.boot = on.observed().boot;
    on.act(&Action::Claim(claim.clone()), Done);
    let path = Some(on.place("alpha"));
    let expire = Action::Expire { owner: owner.clone(), generation: 1, path };
    on.act(&expire, Refused);
    // As if it was of an earlier boot: the wall clock tells that it lapsed.
    "earlier".clone_into(&mut claim.heartbeat.boot.boot_id);
    on.act(&Action::Renew { claim }, Done);
    on.deed(&Deed::Write(owner.clone()));
    on.act(&expire, Failed);
    on.sees("claim alpha: uid1, generation 1, until 2023-11-14T22:23:20Z");
    on.deed(&Deed::Commit(owner));
    on.act(&expire, Done);
    on.sees_not("claim alpha: uid1, generation 1, until 2023-11-14T22:23:20Z");
    on.act(&expire, AlreadySo);
}

pub(crate) fn a_generation_is_noted_for_who_holds_it(on: &Stage) {
    let owner = on.with_worktree("alpha");
    let path = on.place("alpha");
    let note = |generation| Action::NoteGeneration {
        owner: owner.clone(),
        path: path.clone(),
        generation,
    };
    on.act(&note(1), Refused);
    on.act(&Action::Claim(on.claim("alpha", 1, 1)), Done);
    on.act(&note(2), Refused);
    on.act(&note(1), Done);
    let seen = on.observed();
    let worktree = &seen.worktrees.known().unwrap()[0];
    assert_eq!(worktree.generation, Some(1));
}

pub(crate) fn what_a_person_completed_is_an_attempt_that_is_over(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    let attempt = on.attempt_of("alpha", 1);
    let exit =
        Exit { started_at: None, ended_at: time(9), reason: ExitReason::Succeeded, class: None };
    let complete = Action::Complete { attempt, exit };
    on.act(&complete, Done);
    on.sees("attempt alpha#1: ended: succeeded");
    on.act(&complete, Refused);
}

pub(crate) fn claims_of_one_file_exclude_each_other(on: &Stage) {
    on.act(&Action::Claim(on.claim("alpha", 1, 1)), Done);
    on.act(&Action::Claim(on.claim("beta", 1, 1)), Refused);
    let mut elsewhere = on.claim("beta", 1, 1);
    elsewhere.locked_files = vec![PathPattern::parse("docs/").unwrap()];
    on.act(&Action::Claim(elsewhere), Done);
}

pub(crate) fn a_claim_is_renewed_and_released_by_its_holder_only(on: &Stage) {
    let release = |uid, generation| Action::Release { owner: on.owner("alpha", uid), generation };
    on.act(&Action::Renew { claim: on.claim("alpha", 1, 1) }, Refused);
    on.act(&release(1, 1), AlreadySo);
    on.act(&Action::Claim(on.claim("alpha", 1, 1)), Done);
    let mut later = on.claim("alpha", 1, 1);
    later.expires_at = time(1200);
    on.act(&Action::Renew { claim: later.clone() }, Done);
    on.sees("claim alpha: uid1, generation 1, until 2023-11-14T22:33:20Z");
    on.act(&Action::Renew { claim: later }, Done);
    on.act(&Action::Renew { claim: on.claim("alpha", 2, 1) }, Refused);
    on.act(&Action::Renew { claim: on.claim("alpha", 1, 2) }, Refused);
    on.act(&release(2, 1), Refused);
    on.act(&release(1, 2), Refused);
    on.act(&release(1, 1), Done);
    on.act(&release(1, 1), AlreadySo);
}

pub(crate) fn a_claim_after_a_release_is_of_the_next_generation(on: &Stage) {
    on.act(&Action::Claim(on.claim("alpha", 1, 1)), Done);
    on.act(&Action::Release { owner: on.owner("alpha", 1), generation: 1 }, Done);
    on.act(&Action::Claim(on.claim("alpha", 1, 1)), Refused);
    on.act(&Action::Claim(on.claim("alpha", 2, 2)), Done);
}

pub(crate) fn a_damaged_claim_is_neither_replaced_nor_released(on: &Stage) {
    on.act(&Action::Claim(on.claim("alpha", 1, 1)), Done);
    on.deed(&Deed::DamageClaim(name("alpha")));
    on.sees("claim alpha: damaged");
    on.act(&Action::Claim(on.claim("alpha", 1, 2)), Failed);
    on.act(&Action::Renew { claim: on.claim("alpha", 1, 1) }, Failed);
    on.act(&Action::Release { owner: on.owner("alpha", 1), generation: 1 }, Failed);
    // What a damaged one holds is the plan's to judge.
    on.act(&Action::Claim(on.claim("beta", 1, 1)), Done);
}

pub(crate) fn a_failure_is_noted_and_cleared(on: &Stage) {
    let note = |count| Action::NoteFailure { task: name("alpha"), failure: failure(count) };
    on.act(&on.record("alpha", 1), Done);
    on.act(&note(1), Done);
    on.act(&note(2), Done);
    on.sees("failure alpha: 2");
    on.act(&Action::ClearFailure(name("alpha")), Done);
    on.act(&Action::ClearFailure(name("alpha")), Done);
    on.sees_not("failure alpha: 2");
}

pub(crate) fn hold(kind: HoldKind) -> Hold {
    let (by, reason) = ("ada".to_owned(), "quota".to_owned());
    Hold { kind, by, since: time(0), until: Some(time(60)), reason }
}

pub(crate) fn a_hold_stands_until_it_is_lifted_also_as_half_a_file(on: &Stage) {
    let (task, all) = (Target::Task(name("alpha")), Target::All);
    on.deed(&Deed::HoldBack(task.clone(), hold(HoldKind::Pause)));
    on.deed(&Deed::HoldBack(all.clone(), hold(HoldKind::Pause)));
    let paused = "paused by ada since 2023-11-14T22:13:20Z until 2023-11-14T22:14:20Z: quota";
    on.sees(&format!("task alpha is {paused}"));
    on.deed(&Deed::DamageHold(all.clone()));
    on.sees("everything is held, damaged");
    on.deed(&Deed::Lift(all));
    on.sees_not("everything is held, damaged");
    on.sees(&format!("task alpha is {paused}"));
    on.deed(&Deed::Lift(task));
    on.sees_not(&format!("task alpha is {paused}"));
}

pub(crate) fn a_word_that_a_task_may_try_anew_goes_with_its_record(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    let owner = on.owner("alpha", 1);
    let (by, reason) = ("ada".to_owned(), String::new());
    let retrial = Retrial { uid: owner.uid.clone(), after: 3, by, at: time(0), reason };
    on.deed(&Deed::LetTryAnew(name("alpha"), retrial));
    on.sees("retrial alpha: after 3");
    on.act(&Action::Forget(owner), Done);
    on.act(&on.record("alpha", 1), Done);
    on.sees_not("retrial alpha: after 3");
}
