//! Desired state in git: read at the pinned ref, never from HEAD or a work tree, and watched there.
//! Absent, unreadable, invalid and empty are four different answers.

mod draft;
mod read;
mod trust;
mod watch;

pub use draft::{Draft, DraftFile};
pub use read::Source;
pub use trust::{Trust, TrustError};
pub use watch::{Watch, WatchError};
