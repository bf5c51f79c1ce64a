//! How fast may be asked: one change a second, and no more in a minute and an hour than GitHub documents.
//! It waits for nobody; it says how long.
//!
//! The figures: <https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api>.

use std::collections::VecDeque;
use std::time::Duration;

/// How much may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The time between two changes.
    pub between: Duration,
    /// Requests that change something, in a minute.
    pub per_minute: usize,
    /// The same, in an hour.
    pub per_hour: usize,
}

impl Limits {
    /// What GitHub documents, and a little less: 80 in a minute, 500 in an hour, one in a second.
    pub const DOCUMENTED: Self =
        Self { between: Duration::from_secs(1), per_minute: 60, per_hour: 480 };
    /// Nobody limits: a server whose clock is not ours.
    pub const NONE: Self =
        Self { between: Duration::ZERO, per_minute: usize::MAX, per_hour: usize::MAX };
}

/// What was asked, and when.
#[derive(Debug)]
pub(super) struct Pace {
    limits: Limits,
    /// When changes were made in the last hour, by the time since boot.
    changes: VecDeque<Duration>,
}

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

impl Pace {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, changes: VecDeque::new() }
    }

    /// Returns how long to wait before the next change.
    pub(super) fn wait(&mut self, now: Duration) -> Duration {
        while self.changes.front().is_some_and(|at| *at + HOUR <= now) {
            self.changes.pop_front();
        }
        let nth_last = |count: usize| {
            let at = self.changes.len().checked_sub(count)?;
            self.changes.get(at).copied()
        };
        let due = [
            nth_last(1).map(|at| at + self.limits.between),
            nth_last(self.limits.per_minute).map(|at| at + MINUTE),
            nth_last(self.limits.per_hour).map(|at| at + HOUR),
        ];
        due.into_iter().flatten().max().unwrap_or(now).saturating_sub(now)
    }

    pub(super) fn changed(&mut self, now: Duration) {
        if self.limits != Limits::NONE {
            self.changes.push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cold_sync_of_a_thousand_tasks_keeps_to_all_limits() {
        let mut pace = Pace::new(Limits::DOCUMENTED);
        let (mut now, mut at) = (Duration::from_secs(1000), Vec::new());
        for _ in 0..500 {
            now += pace.wait(now);
            pace.changed(now);
            at.push(now);
        }
        let most = |within: Duration| {
            let count = |from: &Duration| {
                at.iter().filter(|one| **one >= *from && **one < *from + within).count()
            };
            at.iter().map(count).max().unwrap()
        };
        assert_eq!((most(Duration::from_secs(1)), most(MINUTE), most(HOUR)), (1, 60, 480));
    }
}
