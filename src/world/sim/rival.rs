//! A second loop, for which the guard did not hold: it decides as the first one does, and acts in
//! between, at once or long after it looked. It is the same planner; it has no other powers.

use super::look::Seen;
use super::{Fault, State};
use crate::plan::action::Action;
use crate::plan::desired::Desired;
use crate::plan::observed::Sighting;
use crate::plan::plan;
use crate::world::Outcome;
use std::collections::VecDeque;

/// What a second loop saw, and what it has left to do.
pub(super) struct Rival {
    seen: Seen,
    rows: Vec<VecDeque<Action>>,
}

impl State {
    /// Lets the other loop look, or go on with what it planned.
    pub(super) fn compete(&mut self) {
        if self.rival.is_none() && self.strikes(Fault::SecondLoop) {
            let look = self.look();
            let desired: Sighting<&Desired> = match &look.desired {
                Sighting::Known(desired) => Sighting::Known(desired),
                Sighting::Unknown(why) => Sighting::Unknown(why.clone()),
            };
            let plan = plan(&desired, &look.observed);
            let rows = plan.rows().into_values();
            let rows = rows.map(|row| row.into_iter().cloned().collect()).collect();
            self.rival = Some(Rival { seen: Seen::of(&look), rows });
        }
        while let Some(mut rival) = self.rival.take() {
            let at = usize::try_from(self.rng.below(rival.rows.len() as u64)).unwrap_or(0);
            let Some(row) = rival.rows.get_mut(at) else { return };
            let Some(action) = row.pop_front() else {
                rival.rows.swap_remove(at);
                self.rival = Some(rival);
                continue;
            };
            let result = self.act(&action, &rival.seen);
            if !matches!(result, Ok(Outcome::Done | Outcome::AlreadySo)) {
                row.clear();
            }
            if self.crashed {
                return;
            }
            self.rival = Some(rival);
            if self.rng.one_in(3) {
                return;
            }
        }
    }
}
