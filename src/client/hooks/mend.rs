//! Mending: hooks that were installed and do not stand any more are put back while the loop runs.
//! It never touches what somebody else wrote, and never puts back what does not stay.

use super::layout::{Layout, beside};
use super::plan::BEFORE;
use super::{HookName, HookStep, HooksPlan, Permissions};
use crate::api::event::{Event, EventKind};
use crate::client::{Client, Error};
use crate::git::WatchPath;
use crate::locks::TableLock;
use crate::process::clock;
use crate::records::Records;
use crate::world::ownership::OwnershipError;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// How a file stands: its inode, mode and time of change; `None` when it cannot be seen.
type Mark = Option<(u64, u32, (i64, i64))>;

/// Keeps the hooks of a repository as they were installed, for as long as a loop runs.
#[derive(Debug)]
pub(in crate::client) struct Mender<'a> {
    client: &'a Client,
    records: &'a Records,
    /// The files that say how the hooks stand, as they were when that was last looked at.
    seen: Mutex<Vec<(PathBuf, Mark)>>,
    changed: Notify,
    over: Notify,
}

/// How often in a row something may be put back that is otherwise at once, as on a disk where nothing
/// may be executed.
const IN_VAIN: u32 = 5;

/// Whether what was mended stands a moment later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    Yes,
    No,
}

impl<'a> Mender<'a> {
    /// Mends what does not stand now, and returns who goes on with it.
    pub(in crate::client) async fn start(client: &'a Client, records: &'a Records) -> Self {
        let seen = Mutex::default();
        let mender = Self { client, records, seen, changed: Notify::new(), over: Notify::new() };
        mender.mend().await;
        mender
    }

    /// Returns where a change of the hooks gives a hint.
    pub(in crate::client) fn watch_paths(&self) -> [WatchPath; 2] {
        [self.client.own_folder(), self.client.gates()]
            .map(|path| WatchPath { path, recursive: false })
    }

    /// Looks whether anything has changed, for a few microseconds; if so, [`Self::run`] goes on.
    pub(in crate::client) fn look(&self) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.iter().any(|(path, before)| mark(path) != *before) {
            self.changed.notify_one();
        }
    }

    /// Mends after each change that was seen, until the end.
    pub(in crate::client) async fn run(&self) {
        let mut in_vain = 0;
        while in_vain < IN_VAIN {
            tokio::select! {
                biased;
                () = self.changed.notified() => {}
                () = self.over.notified() => return,
            }
            in_vain = match self.mend().await {
                Stays::Yes => 0,
                Stays::No => in_vain + 1,
            };
        }
        tracing::warn!("hooks that are mended do not stay so: they are left alone from now on");
    }

    /// Lets [`Self::run`] end, after what it has begun.
    pub(in crate::client) fn end(&self) {
        self.over.notify_one();
    }

    async fn mend(&self) -> Stays {
        match self.try_mend().await {
            Ok(stays) => stays,
            Err(error) => {
                tracing::warn!(%error, "the hooks were not mended");
                Stays::Yes
            }
        }
    }

    async fn try_mend(&self) -> Result<Stays, Error> {
        // Before the look: what changes after it shows at the next turn.
        let layout = self.client.layout().await?;
        let marks = self.client.files_of(&layout).into_iter().map(|path| {
            let mark = mark(&path);
            (path, mark)
        });
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = marks.collect();
        let Some(event) = self.client.mend_hooks().await? else { return Ok(Stays::Yes) };
        self.records.append(&event)?;
        let again = self.client.plan_mending().await?;
        Ok(if again.is_none() { Stays::Yes } else { Stays::No })
    }
}

fn mark(path: &Path) -> Mark {
    let of = |meta: Metadata| (meta.ino(), meta.mode(), (meta.ctime(), meta.ctime_nsec()));
    path.metadata().ok().map(of)
}

fn steps(plan: &HooksPlan) -> String {
    plan.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl Client {
    /// Installs again the hooks that were installed and do not stand any more. Files of somebody
    /// else are left to the person: doctor tells.
    ///
    /// # Errors
    /// When it cannot be seen what is there, or it cannot be mended.
    async fn mend_hooks(&self) -> Result<Option<Event>, Error> {
        if self.plan_mending().await?.is_none() {
            return Ok(None);
        }
        // A person who takes them away meanwhile is waited for, and waits: it is planned anew.
        let _turn = self.turn_of_hooks().await?;
        let Some(plan) = self.plan_mending().await? else { return Ok(None) };
        self.apply_hooks(&plan).await?;
        Ok(Some(Event {
            time: clock::now(),
            object: "repository/hooks".to_owned(),
            kind: EventKind::Warning,
            reason: "HooksMended".to_owned(),
            message: format!("hooks did not stand as they were installed: {}", steps(&plan)),
        }))
    }

    /// Waits for the turn to plan and change the hooks; nobody else does until it is dropped.
    ///
    /// # Errors
    /// When somebody keeps it.
    pub async fn turn_of_hooks(&self) -> Result<TableLock, Error> {
        let lock = TableLock::take(self.repository.common_dir()).await;
        Ok(lock.map_err(OwnershipError::from)?)
    }

    /// Returns what would mend the hooks, if anything is to be done that may be done.
    async fn plan_mending(&self) -> Result<Option<HooksPlan>, Error> {
        let Some(mode) = self.hooks_mode().await? else { return Ok(None) };
        let plan = self.plan_hooks(mode).await?;
        let is_foreign = |step: &HookStep| {
            matches!(step, HookStep::Write { permissions: Permissions::Keep, .. })
        };
        let is_mendable = !plan.steps.is_empty() && !plan.steps.iter().any(is_foreign);
        Ok(is_mendable.then_some(plan))
    }

    /// Returns the files that say how the hooks stand: the hooks, those that call them, those that
    /// they call, and the files of git's configuration.
    fn files_of(&self, layout: &Layout) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for hook in HookName::ALL {
            let slot = self.slot(layout, hook);
            let own = self.own_folder().join(hook.as_str());
            for gate in [slot.gate, own] {
                files.extend([beside(&gate, ".legacy"), beside(&gate, BEFORE), gate]);
            }
            files.extend(slot.caller);
        }
        let common = self.repository.common_dir();
        files.extend([common.join("config"), common.join("config.worktree")]);
        let home = self.environment.path("HOME");
        let under_home =
            home.map(|home| [home.join(".gitconfig"), home.join(".config/git/config")]);
        files.extend(under_home.into_iter().flatten());
        let xdg = self.environment.path("XDG_CONFIG_HOME").map(|home| home.join("git/config"));
        files.extend(xdg);
        files.extend(self.environment.path("GIT_CONFIG_GLOBAL"));
        files.push(PathBuf::from("/etc/gitconfig"));
        files.sort_unstable();
        files.dedup();
        files
    }
}
