//! Sessions: those of one attempt and those that seats keep, how they begin, are left and end. It runs
//! nothing in them.

use super::perform::{Answer, died};
use super::{File, State, refused};
use crate::api::attempt::{AttemptId, ExitReason};
use crate::api::name::{Owner, Seat};
use crate::api::worker::SessionOf;
use crate::plan::observed::Session;
use crate::world::Outcome;
use std::path::Path;

/// Returns a session of somebody else.
pub(super) fn unmarked(id: String, name: String) -> Session {
    Session { id, name, owner: None, attempt: None, seat: None, is_idle: false }
}

impl State {
    pub(super) fn new_session(&mut self, id: &AttemptId, directory: &Path) -> Answer {
        let Some(one) = self.attempt(&id.owner, id.number) else {
            return Ok(refused("it is not prepared"));
        };
        if one.exit.is_some() || one.shim.is_some() {
            return Ok(refused("the attempt was taken or closed"));
        }
        let (seat, session) = (one.attempt.seat.clone(), one.attempt.session);
        let held = self.claims.get(&id.owner.task).filter(|one| !one.damaged);
        let held = held.map(|one: &File<_>| &one.content);
        let ours = held.filter(|one| one.owner() == id.owner && one.seat == seat);
        let Some(generation) = ours.map(|one| one.generation) else {
            return Ok(refused("somebody else holds the task, or nobody"));
        };
        let keeper = (session == SessionOf::Worker).then_some(seat);
        let kept = self.sessions.iter().find(|(_, one)| keeper.is_some() && one.seat == keeper);
        let kept = kept.map(|(number, one)| (*number, one.is_idle));
        let name = keeper.as_ref().map_or_else(|| id.owner.task.to_string(), Seat::session);
        let is_taken = self.sessions.values().any(|one| one.name == name);
        if kept.map_or(is_taken, |(_, is_idle)| !is_idle) {
            return Ok(refused("the session exists, or something runs in it"));
        }
        if self.task_lives(&id.owner.task) {
            self.end_all(&id.owner.task);
            return Ok(refused("processes of an earlier attempt lived, and are ended"));
        }
        let number = kept.map_or_else(|| self.fresh(), |(number, _)| number);
        let (owner, attempt) = (Some(id.owner.clone()), Some(id.number));
        let session = self.sessions.entry(number).or_insert_with(|| {
            let session = unmarked(format!("${number}"), name);
            Session { seat: keeper, is_idle: true, ..session }
        });
        (session.owner, session.attempt) = (owner, attempt);
        // The marks are set before anything runs there.
        if kept.is_some() && self.tears() {
            return died();
        }
        self.sessions.entry(number).and_modify(|one| one.is_idle = false);
        if let Some(worktree) = self.worktrees.get_mut(directory) {
            worktree.generation = Some(generation);
        }
        Ok(Outcome::Done)
    }

    pub(super) fn kill_session(&mut self, id: &str, owner: &Owner) -> Outcome {
        let found = self.sessions.iter().find(|(_, one)| one.id == id);
        let Some((number, session)) = found.map(|(number, one)| (*number, one.clone())) else {
            return Outcome::AlreadySo;
        };
        if session.owner.as_ref() != Some(owner) {
            return Outcome::AlreadySo;
        }
        self.sessions.remove(&number);
        if let Some(attempt) = session.attempt
            && self.attempt(owner, attempt).is_some_and(|one| one.shim_lives())
        {
            self.go_on(owner, attempt);
            self.end(owner, attempt, ExitReason::HungUp);
        }
        Outcome::Done
    }

    pub(super) fn end_session(&mut self, id: &str, seat: &Seat) -> Outcome {
        let kept = |one: &Session| one.id == id && one.seat.as_ref() == Some(seat);
        let found = self.sessions.iter().find(|(_, one)| kept(one));
        let Some((number, is_idle)) = found.map(|(number, one)| (*number, one.is_idle)) else {
            return Outcome::AlreadySo;
        };
        if !is_idle {
            return refused("something runs in it by now");
        }
        self.sessions.remove(&number);
        Outcome::Done
    }

    /// Nothing runs in a session any more: it goes, unless its seat keeps it.
    pub(super) fn leave_session(&mut self, number: u64) {
        match self.sessions.get_mut(&number) {
            Some(session) if session.seat.is_some() => session.is_idle = true,
            Some(_) | None => drop(self.sessions.remove(&number)),
        }
    }

    /// The same, for the sessions of an attempt.
    pub(super) fn empty_session(&mut self, owner: &Owner, attempt: u32) {
        let of_it =
            |one: &Session| one.owner.as_ref() == Some(owner) && one.attempt == Some(attempt);
        let of_it = self.sessions.iter().filter(|(_, one)| of_it(one));
        let of_it: Vec<u64> = of_it.map(|(number, _)| *number).collect();
        for number in of_it {
            self.leave_session(number);
        }
    }
}
