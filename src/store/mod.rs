//! Desired state in git: read at the pinned ref, never from HEAD or a work tree, and watched there.
//! Absent, unreadable, invalid and empty are four different answers.

mod read;
mod trust;
mod watch;

pub use read::{Source, WorkTree};
pub use trust::{Trust, TrustError};
pub use watch::{Watch, WatchError};
