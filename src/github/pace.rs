//! How fast may be asked: one change at a time, one in a second, and no more in a minute and an hour than
//! GitHub documents. All clients of one user share it.
//!
//! The figures: <https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api>.

use super::Error;
use crate::process::clock;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard};

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

/// What may be asked by all who have a clone of it, together.
#[derive(Debug, Clone)]
pub struct Pace(Arc<Mutex<Asked>>);

/// The right to make one change: while it is held nobody else makes one.
pub(super) struct Turn {
    _asked: OwnedMutexGuard<Asked>,
}

impl Pace {
    /// Begins with nothing asked.
    pub fn new(limits: Limits) -> Self {
        Self(Arc::new(Mutex::new(Asked::new(limits))))
    }

    /// Waits until a change may be made, if that is soon.
    ///
    /// # Errors
    /// [`Error::Limited`] when it is not: whoever asks has something better to do, or is to end.
    pub(super) async fn turn(&self) -> Result<Turn, Error> {
        let mut asked = Arc::clone(&self.0).lock_owned().await;
        let wait = asked.wait(clock::since_boot());
        if wait > WAIT_MAX {
            return Err(Error::Limited(wait));
        }
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        asked.changed(clock::since_boot());
        Ok(Turn { _asked: asked })
    }
}

/// What was asked, and when.
#[derive(Debug)]
struct Asked {
    limits: Limits,
    /// When changes were made in the last hour, by the time since boot.
    changes: VecDeque<Duration>,
}

/// How long a change waits for its turn.
const WAIT_MAX: Duration = MINUTE;
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

impl Asked {
    fn new(limits: Limits) -> Self {
        Self { limits, changes: VecDeque::new() }
    }

    /// Returns how long to wait before the next change.
    fn wait(&mut self, now: Duration) -> Duration {
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

    fn changed(&mut self, now: Duration) {
        if self.limits != Limits::NONE {
            self.changes.push_back(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn a_cold_sync_of_a_thousand_tasks_keeps_to_all_limits() {
        let mut pace = Asked::new(Limits::DOCUMENTED);
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

    #[tokio::test]
    async fn who_shares_a_pace_changes_nothing_while_another_does() {
        let pace = Pace::new(Limits { between: Duration::ZERO, ..Limits::DOCUMENTED });
        let other = pace.clone();
        let first = pace.turn().await.unwrap();
        assert!(other.turn().now_or_never().is_none());
        drop(first);
        drop(other.turn().now_or_never().unwrap().unwrap());
        assert_eq!(pace.0.lock().await.changes.len(), 2);
    }
    #[tokio::test]
    async fn who_would_wait_for_long_is_told_so_at_once() {
        let pace = Pace::new(Limits { per_hour: 1, ..Limits::DOCUMENTED });
        drop(pace.turn().await.unwrap());
        let told = pace.turn().now_or_never().unwrap().err();
        assert!(matches!(told, Some(Error::Limited(wait)) if wait > WAIT_MAX), "{told:?}");
    }
}
