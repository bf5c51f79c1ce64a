//! Damaged locks: the loop moves one aside that lay there unchanged for a lease while nothing of its
//! task lived. It never decides what a lock says.

use super::{HostWorld, begun};
use crate::api::event::{Event, EventKind};
use crate::api::name::TaskName;
use crate::locks::{Claims, Damage, TableLock};
use crate::plan::desired::Desired;
use crate::plan::observed::{ClaimSighting, Sighting};
use crate::process::clock;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

impl HostWorld {
    /// Has the damaged ones among these locks looked at beside the loop. The ledger says that a
    /// claim is over when its file is gone.
    pub(super) fn sweep_damage(
        &self,
        desired: &Sighting<Arc<Desired>>,
        claims: &Sighting<BTreeMap<TaskName, ClaimSighting>>,
    ) {
        let (Some(desired), Some(claims)) = (desired.known(), claims.known()) else { return };
        let damaged = claims
            .iter()
            .filter_map(|(task, claim)| Some((task.clone(), claim.as_ref().err()?.clone())));
        let damaged: BTreeMap<TaskName, String> = damaged.collect();
        let lease = Duration::from_secs(desired.policy().locks.expiry_seconds.into());
        self.set_aside(&damaged, lease);
    }

    fn set_aside(&self, damaged: &BTreeMap<TaskName, String>, lease: Duration) {
        let mut seen = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock::since_boot();
        let lasting = self.ownership.claims().damaged_for(lease, damaged, (&mut seen, now));
        if lasting.is_empty() {
            return;
        }
        let (ownership, records) = (Arc::clone(&self.ownership), Arc::clone(&self.records));
        let common_dir = self.repository.common_dir().to_owned();
        let wake = self.wake.notify();
        self.chores().spawn_blocking(move || {
            // What cannot be seen may live.
            let Ok(alive) = begun::marked_tasks() else { return };
            let dead = lasting.iter().filter(|damage| !alive.contains(&damage.task));
            let events: Vec<Event> = dead
                .filter_map(|one| moved((ownership.claims(), &common_dir), one, lease))
                .collect();
            for event in &events {
                let written = records.append(event);
                written
                    .unwrap_or_else(|error| tracing::warn!(%error, "the journal was not written"));
                wake.notify_one();
            }
        });
    }
}

/// Moves a lock aside, and returns what is to be told of it.
fn moved(
    (claims, common_dir): (&Claims, &Path),
    damage: &Damage,
    lease: Duration,
) -> Option<Event> {
    let reason = reason(damage, lease);
    let now = clock::now();
    let lock = TableLock::take_blocking(common_dir);
    let place = lock.and_then(|lock| Ok(claims.quarantine(&lock, damage, &reason, now)?));
    let place = place
        .inspect_err(|error| tracing::warn!(%error, "a damaged lock stays where it is"))
        .ok()??;
    Some(Event {
        time: now,
        object: format!("task/{}", damage.task),
        kind: EventKind::Warning,
        reason: "LockQuarantined".to_owned(),
        message: format!("{reason}; it is at {} now", place.display()),
    })
}

fn reason(damage: &Damage, lease: Duration) -> String {
    format!(
        "{}; it lay there unchanged for {} s while no process of the task lived, so its claim is over",
        damage.why,
        lease.as_secs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::name::{Owner, Uid};
    use crate::git::Repository;
    use crate::plan::observed::EmptyState;
    use crate::process::spawn::Call;
    use crate::world::host::{OWNER, Role, Setting};
    use std::path::PathBuf;

    async fn looked(world: &HostWorld, lease: Duration) -> usize {
        let claims = world.ownership.claims().list().unwrap();
        let damaged = claims.into_iter().filter_map(|(task, claim)| Some((task, claim.err()?)));
        world.set_aside(&damaged.collect(), lease);
        let chores = std::mem::take(&mut *world.chores());
        chores.join_all().await;
        world.records.events().unwrap().len()
    }

    #[tokio::test]
    async fn a_damaged_lock_is_set_aside_after_a_lease_unless_its_task_lives() {
        let folder = tempfile::tempdir().unwrap();
        let init = Call::new("git", Duration::from_secs(10)).args(["init", "-q"]);
        init.arg(folder.path()).run().await.unwrap();
        let setting = Setting {
            program: PathBuf::from("/nowhere"),
            environment: BTreeMap::new(),
            state_home: None,
            tmux_tmpdir: None,
            empty_state: EmptyState::Doubted,
            role: Role::Loop,
        };
        let repository = Repository::discover(folder.path()).await.unwrap();
        let world = HostWorld::new(repository, "refs/heads/main".to_owned(), setting);
        world.records.make_root().unwrap();
        let tasks = ["lives-here", "lives-nowhere"].map(|task| task.parse::<TaskName>().unwrap());
        std::fs::create_dir(folder.path().join(".task-locks")).unwrap();
        let lock = |task: &TaskName| folder.path().join(format!(".task-locks/{task}.lock"));
        for task in &tasks {
            std::fs::write(lock(task), "{").unwrap();
        }
        let mark = Owner { task: tasks[0].clone(), uid: Uid::derive(1, "uid") }.to_string();
        let worker = Call::new("cat", Duration::from_secs(10)).env(OWNER, mark);
        let mut worker = worker.converse().unwrap();

        assert_eq!(looked(&world, Duration::from_hours(1)).await, 0);
        assert_eq!(looked(&world, Duration::ZERO).await, 1);
        assert!(world.ownership.claims().get(&tasks[0]).is_some_and(|claim| claim.is_err()));
        assert_eq!(world.ownership.claims().get(&tasks[1]), None);
        let event = world.records.events().unwrap().remove(0);
        assert_eq!(
            (event.object, event.reason.as_str()),
            ("task/lives-nowhere".to_owned(), "LockQuarantined")
        );
        assert!(event.message.contains("lives-nowhere.lock: EOF"), "{}", event.message);
        worker.kill().await.unwrap();
        assert_eq!(looked(&world, Duration::ZERO).await, 2);
        assert_eq!(world.ownership.claims().get(&tasks[0]), None);
    }
}
