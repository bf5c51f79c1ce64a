//! The time of the server: seconds that only the test and the requests move. It never reads the clock
//! of the machine after the start.

use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// One time for the server and the test.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    now: Arc<AtomicI64>,
    step: Arc<AtomicI64>,
}

impl Clock {
    /// Begins at the present second, for clients that compare with their own clock.
    pub(crate) fn start() -> Self {
        let now = reconciler::process::clock::now().as_second();
        Self { now: Arc::new(AtomicI64::new(now)), step: Arc::new(AtomicI64::new(1)) }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds()).unwrap()
    }

    /// Returns the seconds since 1970.
    pub(crate) fn seconds(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    /// Returns now, as GitHub writes it.
    pub(crate) fn text(&self) -> String {
        self.now().to_string()
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.now.fetch_add(time.as_secs().cast_signed(), Ordering::SeqCst);
    }

    /// Sets by how much each request moves the time: zero is a client that does not pace itself.
    pub(crate) fn set_step(&self, time: Duration) {
        self.step.store(time.as_secs().cast_signed(), Ordering::SeqCst);
    }

    /// Moves by one request.
    pub(super) fn tick(&self) {
        self.now.fetch_add(self.step.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}
