//! How far this loop itself began the attempts of each task: then nothing of an attempt before can be
//! alive that nobody sees, and the costly search for it is left out. It never knows of what another
//! run began.

use crate::api::attempt::TaskRecord;
use crate::api::name::{Owner, Uid};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What this run of the loop began.
#[derive(Debug, Default)]
pub(super) struct Begun(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// From which the last look lets new uids follow.
    nonce: u128,
    /// The number of the last attempt of each; 0 of a task whose uid is new in the world.
    last: BTreeMap<Owner, u32>,
}

impl Begun {
    /// Notes from what the uids of this turn's new tasks follow.
    pub(super) fn look(&self, nonce: u128) {
        self.known().nonce = nonce;
    }

    /// Notes a task that was registered now. One that took over an earlier uid is left out.
    pub(super) fn register(&self, record: &TaskRecord) {
        let mut known = self.known();
        if record.uid == Uid::derive(known.nonce, record.task.as_str()) {
            known.last.insert(record.owner(), 0);
        }
    }

    /// Forgets a task and returns the number of its last attempt, if this run began that, and all
    /// before it ended in sight.
    pub(super) fn take(&self, owner: &Owner) -> Option<u32> {
        self.known().last.remove(owner)
    }

    /// Notes that an attempt began, and that nothing of one before it lives.
    pub(super) fn begin(&self, owner: &Owner, number: u32) {
        self.known().last.insert(owner.clone(), number);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What is not known is looked for.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
