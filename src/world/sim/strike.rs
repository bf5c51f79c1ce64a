//! What strikes from outside while time passes: whatever kills processes, clocks and disks. What
//! people do is beside it.

use super::{Fault, State};
use crate::api::attempt::ExitReason;
use crate::api::name::Owner;
use jiff::SignedDuration;

impl State {
    pub(super) fn meddle(&mut self) {
        self.kill_something();
        self.shake();
        self.people();
        self.claimants();
        self.hold_back();
    }

    fn kill_something(&mut self) {
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
    }

    fn shake(&mut self) {
        if self.strikes(Fault::PidReused) {
            let dead = self.attempts.values().flat_map(|one| one.all.values());
            let dead = dead.filter(|one| !one.shim_lives()).filter_map(|one| one.shim.as_ref());
            let dead: Vec<_> = dead.map(|shim| shim.process.pid).collect();
            if let Some(pid) = self.rng.pick(&dead).copied() {
                let process = crate::api::attempt::ProcessId { pid, ..self.process() };
                self.strangers.insert(process);
            }
        }
        if self.strikes(Fault::Reboot) {
            self.reboot();
        }
        if self.strikes(Fault::ClockJump) {
            let seconds = self.rng.below(14_400).cast_signed() - 7200;
            let jumped = self.now.saturating_add(SignedDuration::from_secs(seconds));
            self.now = jumped.expect("a near time");
        }
        if self.strikes(Fault::DiskFull) {
            let seconds = self.rng.below(60).cast_signed();
            self.full_until = self.now.saturating_add(SignedDuration::from_secs(seconds)).ok();
        }
        if self.strikes(Fault::TrustRevoked) {
            self.untrusted = !self.untrusted;
        }
    }

    /// Everything that ran is gone; what is on the disk stays.
    fn reboot(&mut self) {
        self.boot += 1;
        (self.boot_millis, self.awake_since) = (1000, 1000);
        self.crash();
        self.sessions.clear();
        self.strangers.clear();
        for one in self.attempts.values_mut().flat_map(|one| one.all.values_mut()) {
            one.agents.clear();
            if let Some(shim) = &mut one.shim {
                shim.alive = false;
            }
        }
    }

    /// A session's terminal goes away: its shim, if it lives, ends its agent and says so.
    fn hang_up(&mut self, id: u64) {
        let Some(session) = self.sessions.get(&id) else { return };
        let (Some(owner), Some(number)) = (session.owner.clone(), session.attempt) else { return };
        self.sessions.remove(&id);
        if self.attempt(&owner, number).is_some_and(|one| one.shim_lives()) {
            self.go_on(&owner, number);
            self.end(&owner, number, ExitReason::HungUp);
        }
    }

    fn some_live(&mut self) -> Option<(Owner, u32)> {
        let live = self.matching(|one| one.shim_lives() && one.exit.is_none());
        self.rng.pick(&live).cloned()
    }
}
