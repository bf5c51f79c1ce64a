//! Records, claims and notes of failures.

use crate::scene::{AlreadySo, Done, Failed, Refused, Stage, failure, name, time};
use reconciler::api::claim::Claim;
use reconciler::api::path::PathPattern;
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
        let claim = on.claim("alpha", 1, generation);
        Action::Claim(Claim { expires_at: time(4_000_000_000), ..claim })
    };
    on.act(&Action::Claim(on.claim("alpha", 1, 1)), Done);
    on.act(&lasting(2), Done);
    on.act(&lasting(3), AlreadySo);
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
