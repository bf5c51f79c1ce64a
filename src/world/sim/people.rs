//! What strikes from outside while time passes: people, and whatever kills processes.

use super::{Fault, State};
use crate::api::attempt::ExitReason;
use crate::api::name::Owner;
use jiff::SignedDuration;

impl State {
    pub(super) fn meddle(&mut self) {
        if self.strikes(Fault::SessionKilled) {
            let ids: Vec<u64> = self.sessions.keys().copied().collect();
            if let Some(id) = self.rng.pick(&ids).copied() {
                self.hang_up(id);
            }
        }
        if self.strikes(Fault::ServerKilled) {
            let ids: Vec<u64> = self.sessions.keys().copied().collect();
            for id in ids {
                self.hang_up(id);
            }
        }
        if self.strikes(Fault::ShimKilled)
            && let Some((owner, number)) = self.some_live()
            && let Some(shim) = self.attempt(&owner, number).and_then(|one| one.shim.as_mut())
        {
            shim.alive = false;
        }
        if self.strikes(Fault::AgentKilled)
            && let Some((owner, number)) = self.some_live()
        {
            self.end(&owner, number, ExitReason::Signalled { signal: 9 });
        }
        if self.strikes(Fault::PersonEdits) {
            let owners: Vec<Owner> = self.worktrees.values().map(|one| one.owner.clone()).collect();
            if let Some(owner) = self.rng.pick(&owners).cloned() {
                self.change(&owner);
            }
        }
        if self.strikes(Fault::ClaimRemoved) {
            let names: Vec<_> = self.claims.keys().cloned().collect();
            if let Some(name) = self.rng.pick(&names) {
                self.claims.remove(name);
            }
        }
        if self.strikes(Fault::ClockJump) {
            let seconds = self.rng.below(14_400).cast_signed() - 7200;
            let jumped = self.now.saturating_add(SignedDuration::from_secs(seconds));
            self.now = jumped.expect("a near time");
        }
    }

    /// A session's terminal goes away: its shim, if it lives, ends its agent and says so.
    fn hang_up(&mut self, id: u64) {
        let Some(session) = self.sessions.remove(&id) else { return };
        let (Some(owner), Some(number)) = (session.owner, session.attempt) else { return };
        let lives = self
            .attempt(&owner, number)
            .and_then(|one| one.shim.as_ref())
            .is_some_and(|shim| shim.alive);
        if lives {
            self.end(&owner, number, ExitReason::HungUp);
        }
    }

    fn some_live(&mut self) -> Option<(Owner, u32)> {
        let live = self.live_attempts();
        self.rng.pick(&live).cloned()
    }
}
