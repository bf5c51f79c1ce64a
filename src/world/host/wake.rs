//! Hints that the world may have changed: refs, tmux, and the end of processes by pidfd. Each only
//! wakes; losing all of them costs latency, until the next resync.

use crate::api::attempt::ProcessId;
use crate::process::signal;
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// Hands on hints. Dropping it ends everything it waits for.
#[derive(Debug, Default)]
pub(super) struct Wake {
    notify: Arc<Notify>,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    tasks: JoinSet<()>,
    processes: Arc<Mutex<BTreeSet<ProcessId>>>,
}

impl Wake {
    pub(super) fn notify(&self) -> Arc<Notify> {
        Arc::clone(&self.notify)
    }

    /// Wakes whenever the server says that something happened.
    pub(super) fn forward(&self, mut hints: watch::Receiver<u64>) {
        let notify = self.notify();
        self.waiting().tasks.spawn(async move {
            while hints.changed().await.is_ok() {
                notify.notify_one();
            }
        });
    }

    /// Wakes when a process ends. One that is watched already, or is gone, is left out.
    pub(super) fn on_end_of(&self, process: &ProcessId) {
        let mut waiting = self.waiting();
        let watched = Arc::clone(&waiting.processes);
        if !unpoisoned(&watched).insert(process.clone()) {
            return;
        }
        let handle = match signal::open(process) {
            Ok(Some(handle)) => watched_fd(handle),
            // It is gone: the next look sees it.
            Ok(None) => return self.notify.notify_one(),
            // It is seen at the next resync.
            Err(_) => return,
        };
        let (notify, process) = (self.notify(), process.clone());
        waiting.tasks.spawn(async move {
            if let Ok(handle) = handle {
                wait(&handle).await;
            }
            unpoisoned(&watched).remove(&process);
            notify.notify_one();
        });
        // Takes what has ended, so that the set does not grow.
        while waiting.tasks.try_join_next().is_some() {}
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        unpoisoned(&self.waiting)
    }
}

#[expect(
    deprecated,
    reason = "the newer constructor is unsafe, and an OwnedFd is what it asks for"
)]
fn watched_fd(handle: OwnedFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(handle)
}

/// Waits until the process of a pidfd has ended (see `pidfd_open(2)`: it becomes readable).
async fn wait(handle: &AsyncFd<OwnedFd>) {
    handle.readable().await.ok();
}

fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
