//! Records of attempts.

use crate::records::hold;
use crate::scene::{AlreadySo, Done, Refused, Stage, time};
use reconciler::api::attempt::{AttemptId, StopReason};
use reconciler::api::hold::{HoldKind, Target};
use reconciler::plan::action::Action;
use reconciler::world::sim::Deed;

fn stop(on: &Stage, why: StopReason) -> Action {
    Action::AskToStop { attempt: on.attempt_id("alpha", 1), shim: None, why, at: time(1) }
}

pub(crate) fn an_attempt_is_prepared_once(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    on.act(&on.attempt("alpha", 1), Done);
    on.sees("attempt alpha#1: prepared");
    on.act(&on.attempt("alpha", 1), Refused);
}

pub(crate) fn an_attempt_is_closed_once(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    on.act(&on.attempt("alpha", 1), Done);
    on.act(&on.close("alpha", 1), Done);
    on.sees("attempt alpha#1: ended: vanished without an exit record");
    on.act(&on.close("alpha", 1), AlreadySo);
    on.act(&on.attempt("alpha", 1), Refused);
}

pub(crate) fn an_attempt_that_is_not_there_is_neither_closed_nor_stopped(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    on.act(&on.close("alpha", 1), Refused);
    on.act(&stop(on, StopReason::Deleted), Refused);
}

pub(crate) fn the_first_reason_to_stop_stands(on: &Stage) {
    let id = on.running("alpha");
    on.act(&stop(on, StopReason::Suspended), Done);
    on.act(&stop(on, StopReason::Deleted), Done);
    on.sees("attempt alpha#1: to stop: the task is suspended");
    on.deed(&Deed::Finish(id));
}

pub(crate) fn records_are_swept(on: &Stage) {
    on.act(&on.record("alpha", 1), Done);
    on.act(&on.attempt("alpha", 1), Done);
    on.act(&on.close("alpha", 1), Done);
    let sweep = Action::SweepAttempts { folder: AttemptId::folder(&on.owner("alpha", 1)) };
    on.act(&sweep, Refused);
    on.act(&Action::Forget(on.owner("alpha", 1)), Done);
    on.sees("attempts alpha.uid1");
    on.act(&sweep, Done);
    on.sees_not("attempts alpha.uid1");
    on.act(&sweep, AlreadySo);
}

pub(crate) fn an_attempt_is_drained_while_its_worker_is(on: &Stage) {
    let id = on.running("alpha");
    let worker = Target::Worker("codegen".parse().unwrap());
    on.act(&stop(on, StopReason::Drained), Refused);
    on.deed(&Deed::HoldBack(worker.clone(), hold(HoldKind::Cordon)));
    on.act(&stop(on, StopReason::Drained), Refused);
    on.deed(&Deed::HoldBack(worker, hold(HoldKind::Drain { stop_at: time(1) })));
    on.act(&stop(on, StopReason::Drained), Done);
    on.sees("attempt alpha#1: to stop: its worker is drained");
    on.deed(&Deed::Finish(id));
}
