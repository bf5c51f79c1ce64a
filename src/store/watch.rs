//! notify -> a hint that a ref may have moved, never a fact: whoever is woken looks. Losing every
//! event costs latency, until the next resync.

use crate::git::WatchPath;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Notify;

/// A watch on the refs of a repository; dropping it ends it.
#[derive(Debug)]
pub struct Watch {
    _watcher: RecommendedWatcher,
}

/// Why refs cannot be watched; the loop then looks at its resync only.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch {}, so commits are seen at the next resync", path.display())]
pub struct WatchError {
    path: PathBuf,
    source: notify::Error,
}

impl Watch {
    /// Watches these paths, those that are there, and wakes on every change in them.
    ///
    /// # Errors
    /// When the system has no watches left.
    pub fn start(paths: &[WatchPath], wake: Arc<Notify>) -> Result<Self, WatchError> {
        let first = paths.first().map(|one| one.path.clone()).unwrap_or_default();
        let on_event = move |event: notify::Result<notify::Event>| {
            // Reading makes events too: a loop that woke on them would feed itself.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                wake.notify_one();
            }
        };
        let fail = |path: PathBuf| move |source| WatchError { path, source };
        let mut watcher = notify::recommended_watcher(on_event).map_err(fail(first))?;
        for one in paths {
            let mode =
                if one.recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            match watcher.watch(&one.path, mode) {
                Err(error) if !matches!(error.kind, notify::ErrorKind::PathNotFound) => {
                    return Err(fail(one.path.clone())(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        Ok(Self { _watcher: watcher })
    }
}
