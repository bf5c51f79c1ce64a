//! Whoever commits is at work: a person's commit renews the claim that it was made under. It waits for
//! nobody, and nothing depends on it: the next commit tries again.

use crate::api::claim::Claim;
use crate::api::name::TaskName;
use crate::locks::{Claims, TableLock};
use crate::process::clock;
use std::path::Path;

/// Renews the claim of a person whose commit passes, when a third of its time is over.
pub(super) fn by_commit(task: Option<&TaskName>, locks: &Claims, common_dir: &Path) {
    if let Some(task) = task {
        // The commit is good whether or not the claim is renewed.
        try_renew(task, locks, common_dir).unwrap_or_default();
    }
}

fn try_renew(task: &TaskName, locks: &Claims, common_dir: &Path) -> Option<()> {
    let heartbeat = clock::heartbeat().ok()?;
    let is_due = |held: &Claim| {
        let left = held.time_left(heartbeat.at, &heartbeat.boot);
        held.is_by_person() && left <= held.lease() * 2 / 3
    };
    locks.get(task)?.ok().filter(&is_due)?;
    let lock = TableLock::try_take(common_dir).ok()??;
    let held = locks.get(task)?.ok().filter(is_due)?;
    locks.publish(&lock, &held.renewed(heartbeat, held.lease())).ok()
}
