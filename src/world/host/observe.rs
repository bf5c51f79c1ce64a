//! One look at everything, all sections at once. Each section is known whole or unknown.

use super::{HostWorld, Role, session};
use crate::api::attempt::{AttemptId, ShimRecord, StopRequest, TaskRecord};
use crate::api::claim::BootTime;
use crate::api::hold::Holds;
use crate::api::issue::Taken;
use crate::api::name::{BranchName, CommitId};
use crate::disk;
use crate::git;
use crate::plan::observed::{
    AttemptSighting, AttemptState, Leftovers, Machine, Observed, Said, Session, Sighting,
    TaskSighting, Worktree, WorktreeState,
};
use crate::process::{clock, identity, machine};
use crate::records::{AttemptFiles, Damage, Records};
use crate::tmux;
use crate::world::Look;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

/// What git said last, and what its files looked like then: as long as they look the same, git is
/// not asked again.
#[derive(Debug, Default)]
pub(super) struct Cache {
    refs: Option<(Vec<Stamp>, Refs)>,
}

/// Where rescue refs are.
const RESCUES: &str = "refs/reconciler/rescue/";

/// Branches, and rescue refs.
type Refs = (BTreeMap<BranchName, CommitId>, BTreeSet<String>);

/// A file and when it changed, to the nanosecond, with its size and inode.
type Stamp = (std::path::PathBuf, Option<(i64, i64, u64, u64)>);

impl HostWorld {
    pub(super) async fn look(&self) -> Look {
        let (desired, sessions, (branches, rescues), records) =
            tokio::join!(self.desired(), self.sessions_now(), self.refs_now(), async {
                // Before the claims: what it says of them is not older than they are.
                let ledger = match self.setting.role {
                    Role::Loop => self.ownership.refresh().await,
                    Role::Visitor => Ok(()),
                };
                (self.record_sections().await, ledger)
            },);
        let (records, ledger) = records;
        let (tasks, claims, trusted, attempts, trash, (worktrees, holds, issues)) = records;
        let (worktrees, trash) = self.split_trash(worktrees, trash);
        let leftovers = match (trash, attempts) {
            (Sighting::Known(trash), Sighting::Known(attempts)) => {
                Sighting::Known(Leftovers { trash, attempts })
            }
            (Sighting::Unknown(why), _) | (_, Sighting::Unknown(why)) => Sighting::Unknown(why),
        };
        let nonce = uuid::Uuid::new_v4().as_u128();
        let (boot, claims) = match clock::boot_time() {
            Ok(boot) => (boot, claims),
            Err(why) => (
                BootTime { boot_id: String::new(), boot_millis: 0 },
                Sighting::Unknown(format!("the boot of this machine cannot be told: {why}")),
            ),
        };
        let (claims, generations) = self.owned(claims, ledger);
        let observed = Observed {
            now: clock::now(),
            nonce,
            node: identity::node().to_owned(),
            boot,
            awake_since: self.awake.since(),
            places: self.places(),
            tasks,
            claims,
            generations,
            sessions: sessions.map(sessions_seen).into(),
            worktrees,
            branches,
            rescues,
            trusted,
            leftovers,
            issues,
            holds,
            machine: machine(self.repository.common_dir()),
            empty_state: self.setting.empty_state,
        };
        self.watch_shims(&observed);
        if self.setting.role == Role::Loop {
            self.sweep_locks();
            if let Some(desired) = desired.known() {
                self.show_shared(&desired.policy().shared_files, &observed.claims);
            }
            self.sweep_damage(&desired, &observed.claims);
        }
        Look { desired, observed }
    }

    async fn sessions_now(&self) -> Result<Vec<tmux::Session>, tmux::Error> {
        match self.setting.role {
            Role::Loop => self.sessions.list().await,
            Role::Visitor => self.sessions.glance().await,
        }
    }

    /// Asks git for branches and rescue refs, if its files have changed.
    async fn refs_now(
        &self,
    ) -> (Sighting<BTreeMap<BranchName, CommitId>>, Sighting<BTreeSet<String>>) {
        let mut cache = self.cache.lock().await;
        // The stamps are taken before the look: what changes meanwhile is seen the next time.
        let stamps = ref_stamps(self.repository.common_dir());
        if let (Some((before, seen)), Ok(now)) = (&cache.refs, &stamps)
            && before == now
        {
            return (Sighting::Known(seen.0.clone()), Sighting::Known(seen.1.clone()));
        }
        let (branches, rescues) = self.repository.refs_below(("refs/heads/", RESCUES)).await;
        let branches = branches.map(|refs| {
            let named = |(name, id)| Some((BranchName::try_from(name).ok()?, id));
            refs.into_iter().filter_map(named).collect::<BTreeMap<_, _>>()
        });
        let rescues = rescues.map(|refs| refs.into_keys().collect::<BTreeSet<_>>());
        let both = branches.as_ref().ok().cloned().zip(rescues.as_ref().ok().cloned());
        cache.refs = stamps.ok().zip(both);
        (branches.into(), rescues.into())
    }

    async fn record_sections(&self) -> Sections {
        let (records, claims) = (Arc::clone(&self.records), self.ownership.claims().clone());
        let (trust, repository) = (self.trust.clone(), self.repository.clone());
        let places = self.places();
        let look = move || {
            let attempts = records.attempts_folders().map(|folders| {
                folders.iter().map(|one| (one.name(), one.modified)).collect::<Vec<_>>()
            });
            let trusted = trust.read();
            // The folders before git's entries of them, which go last: else one that is discarded
            // between the two would be in the trash again at the next look.
            let trash = disk::list(&places.trash()).into();
            let worktrees = repository.linked().into();
            let (tasks, claims) = (tasks(&records), claims.list().into());
            // The last word of people: what they said before is heard.
            let holds = records.holds().into();
            let issues = records.issues().map(|book| book.taken).into();
            (tasks, claims, trusted.into(), attempts.into(), trash, (worktrees, holds, issues))
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| {
            let why = error.to_string();
            let unknown = || why.clone();
            (
                Sighting::Unknown(unknown()),
                Sighting::Unknown(unknown()),
                Sighting::Unknown(unknown()),
                Sighting::Unknown(unknown()),
                Sighting::Unknown(unknown()),
                (
                    Sighting::Unknown(unknown()),
                    Sighting::Unknown(unknown()),
                    Sighting::Unknown(unknown()),
                ),
            )
        })
    }

    /// Tells worktrees in use from retired ones.
    fn split_trash(
        &self,
        worktrees: Sighting<Vec<git::Linked>>,
        mut trash: Sighting<Vec<String>>,
    ) -> (Sighting<Vec<Worktree>>, Sighting<Kept>) {
        let worktrees = match worktrees {
            Sighting::Unknown(why) => Sighting::Unknown(why),
            Sighting::Known(seen) => {
                let retired = self.real_trash();
                if let Sighting::Known(names) = &mut trash {
                    add_lost(names, &seen, &retired);
                }
                let used = seen.into_iter().filter(|one| !one.path.starts_with(&retired));
                let mut used: Vec<Worktree> = used.map(worktree_seen).collect();
                match self.strangers(&used) {
                    Ok(strangers) => used.extend(strangers),
                    Err(error) => {
                        let why = error.to_string();
                        return (Sighting::Unknown(why.clone()), Sighting::Unknown(why));
                    }
                }
                Sighting::Known(used)
            }
        };
        let kept = |names: Vec<String>| names.into_iter().filter_map(retired_at).collect::<Kept>();
        let trash = match trash {
            Sighting::Known(names) => Sighting::Known(kept(names)),
            Sighting::Unknown(why) => Sighting::Unknown(why),
        };
        (worktrees, trash)
    }

    /// Returns what stands in places of ours and is no worktree of git: half of one that git has
    /// forgotten, or something of somebody else's. An empty folder is in nobody's way.
    fn strangers(&self, known: &[Worktree]) -> Result<Vec<Worktree>, disk::Error> {
        let folder = self.places().worktrees();
        let entries = self.repository.common_dir().join("worktrees");
        let mut found = Vec::new();
        for name in disk::list(&folder)? {
            let path = folder.join(&name);
            let is_folder = path.symlink_metadata().is_ok_and(|meta| meta.is_dir());
            let is_empty = is_folder && disk::list(&path)?.is_empty();
            if name == ".gitignore" || is_empty || known.iter().any(|one| one.path == path) {
                continue;
            }
            let link = disk::read(&path.join(".git"), disk::RECORD_MAX).ok().flatten();
            let link = String::from_utf8_lossy(&link.unwrap_or_default()).into_owned();
            let ours = link
                .strip_prefix("gitdir: ")
                .is_some_and(|entry| Path::new(entry.trim_end()).starts_with(&entries));
            let state = if ours { WorktreeState::HalfMade } else { WorktreeState::Ready };
            found.push(Worktree { path, owner: None, state, branch: None, generation: None });
        }
        Ok(found)
    }

    /// Wakes the loop when a shim that runs ends.
    fn watch_shims(&self, observed: &Observed) {
        let tasks = observed.tasks.known().into_iter().flat_map(BTreeMap::values);
        for attempt in tasks.filter_map(|task| task.attempts.last()) {
            if let AttemptState::Running { shim, .. } | AttemptState::Ending { shim, .. } =
                &attempt.state
            {
                self.wake.on_end_of(shim);
            }
        }
    }
}

/// Looks how much of this machine is free, with the disk of this path.
fn machine(path: &Path) -> Machine {
    Machine {
        load_percent: machine::load_percent().into(),
        free_memory_megabytes: machine::free_memory_megabytes().into(),
        free_disk_megabytes: disk::free(path).map(|bytes| bytes >> 20).into(),
    }
}

/// Things that are kept for a while: their names, and since when.
type Kept = Vec<(String, Timestamp)>;

type Sections = (
    Sighting<BTreeMap<crate::api::name::TaskName, TaskSighting>>,
    Sighting<BTreeMap<crate::api::name::TaskName, crate::plan::observed::ClaimSighting>>,
    Sighting<BTreeSet<String>>,
    Sighting<Kept>,
    Sighting<Vec<String>>,
    (Sighting<Vec<git::Linked>>, Sighting<Holds>, Sighting<BTreeMap<String, Taken>>),
);

fn tasks(records: &Records) -> Sighting<BTreeMap<crate::api::name::TaskName, TaskSighting>> {
    let look = || {
        let failures = records.failures()?;
        let retrials = records.retrials()?;
        let mut landings = records.landings()?;
        let mut found = BTreeMap::new();
        for (name, record) in records.tasks()? {
            let failure = failures.get(&name).and_then(|one| one.as_ref().ok()).cloned();
            let retrial =
                retrials.get(&name).cloned().map(|one| one.map_err(|damage| damage.to_string()));
            let landing = landings.remove(&name);
            let landing = landing.map(|one| one.map_err(|damage| damage.to_string()));
            let sighting = match record {
                Err(damage) => TaskSighting {
                    record: Err(damage.to_string()),
                    attempts: Vec::new(),
                    failure,
                    retrial,
                    landing,
                },
                Ok(record) => {
                    let attempts = records.attempts_of(&record.owner())?;
                    let seen = |one: &Arc<AttemptFiles>| attempt_seen(records, &record, one);
                    let attempts = attempts.iter().map(seen).collect();
                    TaskSighting { record: Ok(record), attempts, failure, retrial, landing }
                }
            };
            found.insert(name, sighting);
        }
        find_survivors(&mut found);
        Ok::<_, crate::records::Error>(found)
    };
    look().into()
}

/// Looks once for what lives of all lost attempts, after each was seen to have lost its shim: nothing
/// of them can begin any more.
fn find_survivors(tasks: &mut BTreeMap<crate::api::name::TaskName, TaskSighting>) {
    let mut processes = None;
    for task in tasks.values_mut() {
        let Ok(owner) = task.record.as_ref().map(TaskRecord::owner) else { continue };
        for one in &mut task.attempts {
            let AttemptState::Lost { survivors, .. } = &mut one.state else { continue };
            let seen = processes.get_or_insert_with(|| identity::by_marks([super::OWNER]));
            *survivors = match seen {
                Ok(seen) => {
                    let of_it = seen.get(&[owner.to_string().into_bytes()]);
                    Sighting::Known(of_it.cloned().unwrap_or_default())
                }
                Err(error) => Sighting::Unknown(error.to_string()),
            };
        }
    }
}

/// So much of a worker's last word is kept in the record of an end, in characters.
const SUMMARY_MAX: usize = 300;

fn attempt_seen(records: &Records, record: &TaskRecord, files: &AttemptFiles) -> AttemptSighting {
    let attempt = files.attempt.as_ref().cloned().map_err(ToString::to_string);
    let seen = |files: &AttemptFiles| state_of(files).unwrap_or_else(|unseen| unseen);
    let (mut state, mut words) = (seen(files), files.words.clone());
    if matches!(state, AttemptState::Lost { .. }) {
        // Its last deed, after its records were read and before it was looked for, is the exit
        // record: only what is read after its end tells that there is none.
        let id = AttemptId { owner: record.owner(), number: files.number };
        state = match records.attempt(&id) {
            Ok(Some(files)) => {
                let state = seen(&files);
                // Its last word may have come between as well.
                words = files.words;
                state
            }
            Ok(None) => AttemptState::Unknown("its records are just being removed".to_owned()),
            Err(error) => AttemptState::Unknown(error.to_string()),
        };
    }
    let summary = words.report.iter().flat_map(|report| report.summary.chars());
    let said = Said {
        outcome: words.report.as_ref().map(|report| report.outcome),
        summary: summary.take(SUMMARY_MAX).collect(),
        conversation: words.conversation,
        progress: words.progress,
        silence: words.silence,
        lacks: words.lacks,
        question: words.question.map(|one| one.question.text),
    };
    AttemptSighting { number: files.number, attempt, state, said }
}

/// Reads where an attempt is off its flags and its shim.
fn state_of(files: &AttemptFiles) -> Result<AttemptState, AttemptState> {
    let good = |damage: &Damage| AttemptState::Damaged(damage.to_string());
    let exit = files.exit.as_ref().map(|exit| exit.as_ref().map_err(good)).transpose()?;
    let shim = files.shim.as_ref().map(|shim| shim.as_ref().map_err(good)).transpose()?;
    let stop = files.stop.as_ref().map(|stop| stop.as_ref().map_err(good)).transpose()?;
    let alive = |shim: &ShimRecord| {
        identity::is_alive(&shim.process)
            .map_err(|error| AttemptState::Unknown(format!("cannot see its shim: {error}")))
    };
    let asked: Option<StopRequest> = stop.cloned();
    Ok(match (shim, exit) {
        (Some(shim), Some(exit)) if alive(shim)? => {
            AttemptState::Ending { shim: shim.process.clone(), exit: exit.clone() }
        }
        (Some(_) | None, Some(exit)) => AttemptState::Ended(exit.clone()),
        (None, None) => AttemptState::Prepared,
        (Some(shim), None) if alive(shim)? => {
            AttemptState::Running { shim: shim.process.clone(), asked, started_at: shim.started_at }
        }
        (Some(shim), None) => AttemptState::Lost {
            survivors: Sighting::Unknown("not looked for yet".to_owned()),
            started_at: shim.started_at,
            asked,
        },
    })
}

/// Translates sessions. To be called after the records were read: what has ended in these has ended
/// in its session too.
fn sessions_seen(sessions: Vec<tmux::Session>) -> Vec<Session> {
    let seen = |one: tmux::Session| Session {
        id: one.id.to_string(),
        is_idle: session::is_idle(&one),
        name: one.name,
        owner: one.owner,
        attempt: one.attempt,
        seat: one.seat,
    };
    sessions.into_iter().map(seen).collect()
}

fn worktree_seen(one: git::Linked) -> Worktree {
    let state = if one.missing {
        WorktreeState::Missing
    } else if one.unfinished {
        WorktreeState::HalfMade
    } else {
        WorktreeState::Ready
    };
    let git::Linked { path, owner, branch, generation, .. } = one;
    Worktree { path, owner, state, branch, generation }
}

/// Adds what git still keeps of retired worktrees whose folder is gone: it goes when they would have.
fn add_lost(names: &mut Vec<String>, seen: &[git::Linked], retired: &Path) {
    let in_trash = seen.iter().filter(|one| one.missing && one.path.parent() == Some(retired));
    names.extend(in_trash.filter_map(|one| Some(one.path.file_name()?.to_str()?.to_owned())));
}

/// Reads the time off a name in the trash, `NAME.UID8.SECONDS`, with a number behind it if the
/// name was taken.
fn retired_at(name: String) -> Option<(String, Timestamp)> {
    let last = name.rsplit('.').next()?;
    let seconds = last.split('-').next()?.parse().ok()?;
    Some((name, Timestamp::from_second(seconds).ok()?))
}

/// Returns the stamps of everything that branches are read from.
fn ref_stamps(common: &Path) -> Result<Vec<Stamp>, disk::Error> {
    let mut stamps = vec![stamp(&common.join("packed-refs")), stamp(&common.join("reftable"))];
    for name in disk::list(&common.join("reftable"))? {
        stamps.push(stamp(&common.join("reftable").join(name)));
    }
    let mut folders = vec![common.join("refs/heads"), common.join("refs/reconciler")];
    while let Some(folder) = folders.pop() {
        stamps.push(stamp(&folder));
        for name in disk::list(&folder)? {
            let path = folder.join(name);
            stamps.push(stamp(&path));
            if path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
                folders.push(path);
            }
        }
    }
    Ok(stamps)
}

fn stamp(path: &Path) -> Stamp {
    use std::os::unix::fs::MetadataExt as _;
    let of = |meta: std::fs::Metadata| (meta.mtime(), meta.mtime_nsec(), meta.size(), meta.ino());
    (path.to_owned(), path.symlink_metadata().ok().map(of))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::attempt::{Attempt, Beginning, Dialogue, Exit, ExitReason, ProcessId, Program};
    use crate::api::name::{Owner, Uid};
    use crate::api::task::Class;

    fn attempt(owner: Owner) -> Attempt {
        let program = Program {
            argv: vec!["true".to_owned()],
            verify: None,
            env: BTreeMap::new(),
            env_allow: Vec::new(),
            secret_env: Vec::new(),
            timeout_seconds: 0,
            stop_grace_seconds: 1,
            limits: crate::api::worker::ResourceLimits::default(),
            dialogue: Dialogue::default(),
        };
        Attempt {
            id: AttemptId { owner, number: 1 },
            seat: "codegen-1".to_owned().try_into().unwrap(),
            session: crate::api::worker::SessionOf::Task,
            class: Class::Execution,
            run_hash: "abc".to_owned(),
            prepared_at: clock::now(),
            directory: "/".into(),
            program,
            heartbeat_seconds: 30,
            lease_seconds: 3600,
            beginning: Beginning::default(),
            verifies: None,
        }
    }

    #[test]
    fn a_shim_that_ends_between_the_look_at_its_records_and_at_itself_has_not_vanished() {
        let folder = tempfile::tempdir().unwrap();
        let records = Records::at(folder.path());
        let owner = Owner { task: "a".parse().unwrap(), uid: Uid::derive(1, "a") };
        let record = TaskRecord {
            task: owner.task.clone(),
            uid: owner.uid.clone(),
            created_at: clock::now(),
            branch: None,
        };
        let attempt = attempt(owner.clone());
        let own = identity::own().unwrap();
        let process = ProcessId { start_time: own.start_time + 1, ..own };
        let shim = ShimRecord { process, started_at: clock::now() };
        assert_eq!(records.prepare(&attempt).unwrap(), disk::Published::New);
        assert_eq!(records.take(&attempt.id, &shim).unwrap(), disk::Published::New);
        let before = records.attempts_of(&owner).unwrap();
        let seen = attempt_seen(&records, &record, &before[0]);
        assert!(matches!(seen.state, AttemptState::Lost { .. }), "{seen:?}");
        let exit = Exit {
            started_at: None,
            ended_at: clock::now(),
            reason: ExitReason::Succeeded,
            class: None,
        };
        assert_eq!(records.close(&attempt.id, &exit).unwrap(), disk::Published::New);
        let seen = attempt_seen(&records, &record, &before[0]);
        assert_eq!(seen.state, AttemptState::Ended(exit));
    }
}
