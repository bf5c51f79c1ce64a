//! The only clock. Wall time is for showing and for order; boot time is for judging how long
//! something took, because nobody can set it and it runs while the machine is suspended.

use super::identity;
use crate::api::claim::{BootTime, Heartbeat};
use jiff::Timestamp;
use rustix::time::ClockId;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Returns the wall time.
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Returns the time since boot, suspends included (`CLOCK_BOOTTIME`).
pub fn since_boot() -> Duration {
    read(ClockId::Boottime)
}

/// Returns the time since boot, and of which boot.
///
/// # Errors
/// When the system does not tell its boot.
pub fn boot_time() -> io::Result<BootTime> {
    let boot_millis = millis(since_boot());
    Ok(BootTime { boot_id: identity::boot_id()?.to_owned(), boot_millis })
}

/// Returns this moment by both clocks.
///
/// # Errors
/// When the system does not tell its boot.
pub fn heartbeat() -> io::Result<Heartbeat> {
    Ok(Heartbeat { at: now(), boot: boot_time()? })
}

/// Since when the machine has been awake, as far as the asker looked.
#[derive(Debug, Default)]
pub struct Awake(Mutex<Option<(Duration, Duration)>>);

impl Awake {
    /// Returns since when, in milliseconds since boot: since it was asked first, or was first asked
    /// after the machine was suspended last.
    pub fn since(&self) -> u64 {
        let now = since_boot();
        let suspended = now.saturating_sub(read(ClockId::Monotonic));
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (before, since) = seen.get_or_insert((suspended, now));
        if suspended.saturating_sub(*before) > Duration::from_secs(1) {
            (*before, *since) = (suspended, now);
        }
        millis(*since)
    }
}

fn millis(time: Duration) -> u64 {
    time.as_millis().try_into().unwrap_or(u64::MAX)
}

fn read(clock: ClockId) -> Duration {
    let time = rustix::time::clock_gettime(clock);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
