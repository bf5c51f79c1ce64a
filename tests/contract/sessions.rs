//! Sessions, their shims and what outlives them.

use crate::scene::{AlreadySo, Done, Refused, Stage, time};
use reconciler::api::attempt::StopReason;
use reconciler::plan::action::Action;
use reconciler::plan::observed::AttemptState;
use reconciler::world::sim::Deed;

pub(crate) fn a_session_is_made_of_a_prepared_attempt_only(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    on.act(&on.new_session("alpha", 1), Refused);
    on.running_again("alpha");
    on.sees("session alpha: alpha/uid1#1");
    on.act(&on.new_session("alpha", 1), Refused);
}

pub(crate) fn a_session_needs_the_claim_of_its_own_seat(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    on.act(&on.attempt("alpha", 1), Done);
    on.act(&on.new_session("alpha", 1), Refused);
    let mut claim = on.claim("alpha", 1, 1);
    claim.seat = "alice-1".to_owned().try_into().unwrap();
    on.act(&Action::Claim(claim), Done);
    on.act(&on.new_session("alpha", 1), Refused);
    on.sees_not("session alpha: alpha/uid1#1");
}

pub(crate) fn a_closed_attempt_is_not_started(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    on.act(&on.attempt("alpha", 1), Done);
    on.act(&on.close("alpha", 1), Done);
    on.act(&on.new_session("alpha", 1), Refused);
}

pub(crate) fn a_session_of_somebody_else_is_left_alone(on: &Stage) {
    on.running("beta");
    on.deed(&Deed::OpenSession("alpha".to_owned()));
    on.sees("session alpha: nobody");
    on.act(&on.record("alpha", 1), Done);
    on.act(&on.attempt("alpha", 1), Done);
    on.claimed("alpha");
    on.act(&on.new_session("alpha", 1), Refused);
    let (session, owner) = (on.session("alpha"), on.owner("alpha", 1));
    on.act(&Action::KillSession { session, owner }, AlreadySo);
    let (session, owner) = (on.session("beta"), on.owner("beta", 2));
    on.act(&Action::KillSession { session, owner }, AlreadySo);
}

pub(crate) fn a_program_that_ends_is_seen(on: &Stage) {
    let id = on.running("alpha");
    on.deed(&Deed::Finish(id));
    on.sees("attempt alpha#1: ended: succeeded");
    on.sees_not("session alpha: alpha/uid1#1");
    // What is planned for another end does not follow from this one.
    on.act(&on.close("alpha", 1), Refused);
}

pub(crate) fn a_live_shim_keeps_its_attempt_open(on: &Stage) {
    on.running("alpha");
    on.act(&on.close("alpha", 1), Refused);
}

pub(crate) fn a_shim_is_asked_to_stop(on: &Stage) {
    let attempt = on.running("alpha");
    let (shim, why) = (on.shim("alpha"), StopReason::Suspended);
    assert_eq!(on.perform(&Action::AskToStop { attempt, shim, why, at: time(1) }), Done);
    on.time_passes();
    on.sees("attempt alpha#1: ended: was stopped: the task is suspended");
}

pub(crate) fn what_outlives_its_shim_is_seen_and_killed(on: &Stage) {
    let id = on.running("alpha");
    let owner = id.owner.clone();
    on.deed(&Deed::KillShim(id));
    on.sees("attempt alpha#1: lost, outlived");
    let AttemptState::Lost { survivors, .. } = on.state("alpha") else { return };
    let kill = Action::KillProcesses { owner, processes: survivors.known().unwrap().clone() };
    assert_eq!(on.perform(&kill), Done);
    on.sees("attempt alpha#1: lost");
    on.act(&kill, Done);
    on.act(&on.close("alpha", 1), Done);
    on.sees("attempt alpha#1: ended: vanished without an exit record");
}

pub(crate) fn an_attempt_is_closed_beside_what_outlives_it(on: &Stage) {
    let id = on.running("alpha");
    on.deed(&Deed::KillShim(id));
    on.sees("attempt alpha#1: lost, outlived");
    // An old look may show it before it began.
    let mut never_started = on.close("alpha", 1);
    if let Action::CloseAttempt { exit, .. } = &mut never_started {
        exit.started_at = None;
    }
    on.act(&never_started, Refused);
    on.act(&on.close("alpha", 1), Done);
    on.sees("attempt alpha#1: ended: vanished without an exit record");
}

pub(crate) fn a_killed_session_hangs_up(on: &Stage) {
    let id = on.running("alpha");
    let kill = Action::KillSession { session: on.session("alpha"), owner: id.owner };
    assert_eq!(on.perform(&kill), Done);
    on.sees("attempt alpha#1: ended: lost its terminal");
    on.sees_not("session alpha: alpha/uid1#1");
    on.act(&kill, AlreadySo);
}

pub(crate) fn a_seat_keeps_its_session_from_task_to_task(on: &Stage) {
    on.prepared_in_kept("alpha");
    on.act(&on.new_session("alpha", 1), Done);
    let id = on.attempt_id("alpha", 1);
    on.deed(&Deed::Start(id.clone()));
    on.sees("session worker/codegen-1: alpha/uid1#1");
    on.prepared_in_kept("beta");
    on.act(&on.new_session("beta", 1), Refused);
    let session = on.session("worker/codegen-1");
    let seat = || "codegen-1".to_owned().try_into().unwrap();
    let end = Action::EndSession { session: session.clone(), seat: seat() };
    on.act(&end, Refused);
    on.deed(&Deed::Finish(id));
    on.sees("session worker/codegen-1: alpha/uid1#1, waits");
    on.act(&on.new_session("beta", 1), Done);
    let id = on.attempt_id("beta", 1);
    on.deed(&Deed::Start(id.clone()));
    on.sees("session worker/codegen-1: beta/uid1#1");
    assert_eq!(on.session("worker/codegen-1"), session);
    // What was meant for the task before does not reach this one.
    on.act(&Action::KillSession { session, owner: on.owner("alpha", 1) }, AlreadySo);
    on.deed(&Deed::KillShim(id));
    on.sees("session worker/codegen-1: beta/uid1#1, waits");
    assert_eq!(on.perform(&end), Done);
    on.sees_not("session worker/codegen-1: beta/uid1#1, waits");
    on.act(&end, AlreadySo);
}

pub(crate) fn a_session_of_somebody_else_is_kept_by_no_seat(on: &Stage) {
    on.running("beta");
    on.deed(&Deed::OpenSession("worker/codegen-1".to_owned()));
    on.sees("session worker/codegen-1: nobody");
    on.prepared_in_kept("alpha");
    on.act(&on.new_session("alpha", 1), Refused);
    let session = on.session("worker/codegen-1");
    let seat = "codegen-1".to_owned().try_into().unwrap();
    on.act(&Action::EndSession { session, seat }, AlreadySo);
}
