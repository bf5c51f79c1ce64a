//! The real world: git, tmux, processes and our records, assembled. It decides nothing; each effect
//! checks its precondition at the moment of doing.

mod begun;
mod damage;
mod landing;
mod observe;
mod ownership;
mod perform;
mod proposed;
mod session;
mod spare;
mod wake;

pub use proposed::Base;

use crate::api::event::{Event, EventKind};
use crate::git::{self, Repository, Stale};
use crate::locks::SeenDamage;
use crate::plan::action::Action;
use crate::plan::desired::Desired;
use crate::plan::observed::{EmptyState, Places, Sighting};
use crate::process::clock::{self, Awake};
use crate::records::Records;
use crate::store::{Source, Trust};
use crate::tmux;
use crate::world::ownership::Ownership;
use crate::world::{ActionError, Look, Outcome, World};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, PoisonError};
use tokio::sync::{Mutex, Notify};
use tokio::task::JoinSet;

/// The variable that carries the mark of whose process it is.
const OWNER: &str = "RECONCILER_OWNER";
/// The environment variable that carries the root of the repository.
const REPO: &str = "RECONCILER_REPO";

/// What the real world is made of.
#[derive(Debug)]
pub struct HostWorld {
    repository: Repository,
    source: Mutex<Source>,
    records: Arc<Records>,
    sessions: tmux::Server,
    trust: Trust,
    setting: Setting,
    cache: Mutex<observe::Cache>,
    awake: Awake,
    begun: begun::Begun,
    ownership: Arc<Ownership>,
    wake: wake::Wake,
    spare: spare::Keeper,
    chores: std::sync::Mutex<JoinSet<()>>,
    locks: Arc<std::sync::Mutex<git::SeenLocks>>,
    damage: std::sync::Mutex<SeenDamage>,
}

/// What the world is told of this machine and this run.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The program of the shim: ourselves.
    pub program: PathBuf,
    /// The environment that sessions are started from.
    pub environment: BTreeMap<String, String>,
    /// The folder of approvals.
    pub state_home: Option<PathBuf>,
    /// Where tmux keeps its sockets, if not in its default place.
    pub tmux_tmpdir: Option<PathBuf>,
    /// What an empty `state/` means.
    pub empty_state: EmptyState,
    /// Who looks.
    pub role: Role,
}

/// Who looks at the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The loop: it holds a connection to tmux and is woken by it.
    Loop,
    /// A command that looks once and goes.
    Visitor,
}

impl HostWorld {
    /// Assembles the world of a repository at a ref. Touches nothing yet.
    pub fn new(repository: Repository, state_ref: String, setting: Setting) -> Self {
        let root = repository.root();
        let sessions = tmux::Server::new(tmux::ServerConfig {
            socket_name: socket_name(&repository),
            tmux_tmpdir: setting.tmux_tmpdir.clone(),
            deadline: tmux::DEADLINE,
        });
        Self {
            source: Mutex::new(Source::new(repository.reader(), state_ref)),
            records: Arc::new(Records::at(root)),
            trust: Trust::at(setting.state_home.as_deref(), root),
            cache: Mutex::default(),
            awake: Awake::default(),
            begun: begun::Begun::default(),
            ownership: Arc::new(Ownership::of(repository.clone())),
            wake: wake::Wake::default(),
            spare: spare::Keeper::default(),
            chores: std::sync::Mutex::default(),
            locks: Arc::default(),
            damage: std::sync::Mutex::default(),
            sessions,
            setting,
            repository,
        }
    }

    /// Returns what is notified when the world may have changed: a hint, never a fact.
    pub fn wakes(&self) -> Arc<Notify> {
        self.wake.notify()
    }

    /// Begins to hand on the hints of tmux and of processes.
    pub fn listen(&self) {
        self.wake.forward(self.sessions.wakes());
    }

    fn root_text(&self) -> String {
        self.repository.root().to_string_lossy().into_owned()
    }

    /// Returns the repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// Returns the records.
    pub fn records(&self) -> &Records {
        &self.records
    }

    /// Returns who holds what.
    pub fn ownership(&self) -> &Ownership {
        &self.ownership
    }

    /// Returns the approvals.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Returns the argv by which a person looks into a session.
    pub fn attach_argv(&self, session: &str) -> Vec<String> {
        self.sessions.attach_command(session)
    }

    /// Returns what is wanted, without a look at anything else.
    pub async fn desired(&self) -> Sighting<Arc<Desired>> {
        self.source.lock().await.read().await
    }

    /// Looks whether sessions can be started here at all, and starts none.
    ///
    /// # Errors
    /// When they cannot: the message says what is to be done first.
    pub async fn check_tmux(&self) -> Result<(), tmux::Error> {
        self.sessions.check().await
    }

    /// Puts right what git keeps of our worktrees after the repository was moved or copied as a
    /// whole. To be called when the guard is held and nothing is done yet.
    ///
    /// # Errors
    /// When that cannot be seen or written; then those worktrees are not found.
    pub fn follow_move(&self) -> Result<(), crate::git::Error> {
        let places = self.places();
        self.repository.follow_move(&[places.worktrees(), places.trash()])
    }

    /// Finishes what is done beside the loop, and ends our tmux server if nothing but its keeper is
    /// left on it.
    ///
    /// # Errors
    /// When tmux does not answer; the server may then stay.
    pub async fn shut_down(&self) -> Result<(), tmux::Error> {
        let chores = std::mem::take(&mut *self.chores());
        chores.join_all().await;
        self.sessions.shut_down().await
    }

    /// Has the locks of git looked at beside the loop: one that a killed git left would keep tasks from
    /// being started for ever.
    fn sweep_locks(&self) {
        let (repository, records) = (self.repository.clone(), Arc::clone(&self.records));
        let (locks, wake) = (Arc::clone(&self.locks), self.wake.notify());
        self.chores().spawn_blocking(move || {
            let mut seen = locks.lock().unwrap_or_else(PoisonError::into_inner);
            let swept = repository.sweep_locks(&mut seen, clock::since_boot());
            let told = swept.map_err(|error| tracing::warn!(%error, "git's locks are not swept"));
            for stale in told.into_iter().flatten() {
                let written = records.append(&event(&stale));
                written
                    .unwrap_or_else(|error| tracing::warn!(%error, "the journal was not written"));
                wake.notify_one();
            }
        });
    }

    /// Returns the folder of retired worktrees as git writes it: without links on the way.
    fn real_trash(&self) -> PathBuf {
        let trash = self.places().trash();
        trash.canonicalize().unwrap_or(trash)
    }

    fn chores(&self) -> MutexGuard<'_, JoinSet<()>> {
        let mut chores = self.chores.lock().unwrap_or_else(PoisonError::into_inner);
        while chores.try_join_next().is_some() {}
        chores
    }

    fn places(&self) -> Places {
        Places { root: self.repository.root().to_owned() }
    }
}

impl World for HostWorld {
    async fn observe(&self) -> Look {
        Box::pin(self.look()).await
    }

    async fn perform(&self, action: &Action) -> Result<Outcome, ActionError> {
        self.do_it(action).await
    }

    fn rest(&self, look: &Look) {
        let Some(desired) = look.desired.known() else { return };
        if self.setting.role == Role::Loop && !desired.workers.is_empty() {
            self.spare.prepare(&self.repository, self.places().spare(), &desired.revision);
        }
    }
}

fn event(stale: &Stale) -> Event {
    let (reason, message) = match stale {
        Stale::Removed(path) => {
            let message = format!("removed {}: a git that was killed left it", path.display());
            ("LockRemoved", message)
        }
        Stale::Left(path) => {
            let path = path.display();
            ("LockLeft", format!("no git holds {path}: remove it if you do not work on it"))
        }
    };
    let (object, reason) = ("repository".to_owned(), reason.to_owned());
    Event { time: clock::now(), object, kind: EventKind::Warning, reason, message }
}

/// Returns the name of the repository's own tmux server. It follows from the path of the git
/// directory, so that two repositories never share one.
pub fn socket_name(repository: &Repository) -> String {
    let digest =
        crate::api::hash::digest(&[repository.common_dir().as_os_str().as_encoded_bytes()]);
    format!("reconciler-{}", digest.get(..8).unwrap_or(&digest))
}
