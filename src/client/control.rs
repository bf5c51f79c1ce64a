//! The loop of this process: takes the guard, runs the engine on the real world, keeps the journal,
//! and leaves nothing behind that nobody needs.

use super::hooks::Mender;
use super::{Client, setting};
use crate::api::event::Event;
use crate::api::name::CommitId;
use crate::disk;
use crate::engine;
use crate::git::{Repository, WatchPath};
use crate::locks::{Guard, Holder, Taken};
use crate::plan::observed::EmptyState;
use crate::plan::report::Report;
use crate::process::{clock, identity};
use crate::records::Records;
use crate::store::Watch;
use crate::tmux;
use crate::world::host::{HostWorld, Role};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often the guard is asked for before it counts as held: whoever only looks holds it for
/// microseconds.
const GUARD_TRIES: u32 = 20;
/// The same while it is held by what a killed loop left: git, at most until its deadline.
const ORPHAN_TRIES: u32 = 1200;
/// The pause between two tries.
const GUARD_PAUSE: Duration = Duration::from_millis(25);

/// Why the loop did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Another loop has this repository.
    #[error("another reconciler runs on this repository{}", of(.0.as_ref()))]
    Held(Option<Holder>),
    /// The guard cannot be taken.
    #[error(transparent)]
    Disk(#[from] disk::Error),
    /// No session could be started here.
    #[error(transparent)]
    Tmux(#[from] tmux::Error),
    /// The guard cannot be handed on.
    #[error("cannot hand the lock on to git")]
    HandOn(#[source] std::io::Error),
}

fn of(holder: Option<&Holder>) -> String {
    holder.map(|one| format!(": pid {}, since {:.0}", one.pid, one.since)).unwrap_or_default()
}

/// When the loop ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Stopped,
    /// When there is nothing to do at the moment; workers go on.
    Once,
    /// When nothing runs any more, and nothing will without somebody's doing.
    Settled,
}

/// What becomes of known tasks when `state/` is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfEmpty {
    /// They are kept: it may not be meant.
    Keep,
    /// They are deleted.
    Delete,
}

/// One turn of the loop, for whoever tells of it.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// What happened.
    pub events: &'a [Event],
    /// Where every task is, and why.
    pub report: &'a Report,
    /// The commit that was read, if it could be.
    pub revision: Option<&'a CommitId>,
}

/// What the loop left when it ended.
#[derive(Debug, Clone, Default)]
pub struct End {
    /// The last report.
    pub report: Report,
    /// Whether nothing runs any more, and nothing will without somebody's doing.
    pub settled: bool,
    /// Whether what is wanted could not be read, so that nothing was begun.
    pub unread: bool,
}

/// The repository as a loop of this process has it, while there is one: each of its git commands that
/// writes holds the guard until it ends, however the loop does.
#[derive(Debug, Default)]
pub(super) struct Guarded(Mutex<Option<Repository>>);

/// The time in which a repository is guarded.
#[must_use = "it is guarded as long as this is there"]
pub(super) struct GuardedTime<'a>(&'a Guarded);

impl Guarded {
    /// Returns it, while there is one.
    #[cfg(feature = "github")]
    pub(super) fn get(&self) -> Option<Repository> {
        self.slot().clone()
    }

    pub(super) fn by(&self, repository: Repository) -> GuardedTime<'_> {
        *self.slot() = Some(repository);
        GuardedTime(self)
    }

    fn slot(&self) -> MutexGuard<'_, Option<Repository>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for GuardedTime<'_> {
    fn drop(&mut self) {
        *self.0.slot() = None;
    }
}

impl Client {
    /// Runs the loop until it ends by itself or `stop` is done. `told` is given every turn.
    ///
    /// # Errors
    /// When another loop runs, the guard cannot be taken, or no session could be started; nothing
    /// was done then.
    pub async fn run(
        &self,
        until: Until,
        if_empty: IfEmpty,
        stop: impl Future<Output = ()>,
        mut told: impl FnMut(Turn<'_>),
    ) -> Result<End, RunError> {
        self.visitor.check_tmux().await?;
        let guard = self.take_guard().await?;
        Records::at(self.root()).make_root()?;
        let handed_on = guard.hand_on().map_err(RunError::HandOn)?;
        let repository = self.repository.clone().with_guard(handed_on);
        let guarded = self.guarded.by(repository.clone());
        let empty_state = match if_empty {
            IfEmpty::Keep => EmptyState::Doubted,
            IfEmpty::Delete => EmptyState::Meant,
        };
        let setting = setting(&self.environment, Role::Loop, empty_state);
        let world = HostWorld::new(repository, self.state_ref.clone(), setting);
        let mender = Mender::start(self, world.records()).await;
        if let Err(error) = world.follow_move() {
            tracing::warn!(%error, "worktrees of a moved repository are not followed");
        }
        let wake = world.wakes();
        world.listen();
        let mut watched = self.repository.watch_paths();
        watched.extend(mender.watch_paths());
        let words = world.records().folders_of_words()?;
        watched.extend(words.map(|path| WatchPath { path, recursive: false }));
        let watch = Watch::start(&watched, Arc::clone(&wake));
        if let Err(error) = &watch {
            tracing::warn!(%error, "refs are not watched");
        }
        let mut last: Option<End> = None;
        let turns = engine::run(&world, &wake, until.into(), stop, |tick| {
            mender.look();
            let mut events = engine::after(tick);
            let now = tick.look.observed.now;
            if let Some(before) = &last {
                events.extend(engine::changes(&before.report, &tick.plan.report, now));
            }
            let written = events.iter().try_for_each(|event| world.records().append(event));
            if let Err(error) = written {
                tracing::warn!(%error, "the journal was not written");
            }
            let report = &tick.plan.report;
            let revision = tick.look.desired.known().map(|desired| &desired.revision);
            told(Turn { events: &events, report, revision });
            let settled = engine::is_settled(&tick.plan);
            let unread = tick.look.desired.known().is_none();
            last = Some(End { report: report.clone(), settled, unread });
        });
        let turns = async {
            turns.await;
            mender.end();
        };
        tokio::join!(Box::pin(turns), Box::pin(mender.run()));
        if let Err(error) = world.shut_down().await {
            tracing::debug!(%error, "our tmux server was not asked to end");
        }
        drop(guarded);
        drop(guard);
        Ok(last.unwrap_or_default())
    }

    pub(super) async fn take_guard(&self) -> Result<Guard, RunError> {
        let holder = Holder { pid: std::process::id(), since: clock::now() };
        let mut tries = 0;
        loop {
            let first = match Guard::take(self.repository.common_dir(), &holder)? {
                Taken::Yes(guard) => return Ok(guard),
                Taken::No(first) => first,
            };
            // A killed loop leaves the guard to the git commands it had begun: they end soon.
            let ended = first.as_ref().is_some_and(|one| matches!(identity::of(one.pid), Ok(None)));
            let patience = if ended { ORPHAN_TRIES } else { GUARD_TRIES };
            if tries >= patience {
                return Err(RunError::Held(first));
            }
            tries += 1;
            tokio::time::sleep(GUARD_PAUSE).await;
        }
    }
}

impl From<Until> for engine::Until {
    fn from(until: Until) -> Self {
        match until {
            Until::Stopped => Self::Stopped,
            Until::Once => Self::Once,
            Until::Settled => Self::Settled,
        }
    }
}
