//! The only clock. Wall time is for showing and for order; boot time is for judging how long
//! something took, because nobody can set it and it runs while the machine is suspended.

use jiff::Timestamp;
use std::time::Duration;

/// Returns the wall time.
#[expect(clippy::disallowed_methods, reason = "this is the one clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Returns the time since boot, suspends included (`CLOCK_BOOTTIME`).
pub fn since_boot() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}
