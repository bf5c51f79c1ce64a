//! The look, by task: its sessions, its worktrees, and what stands in its place. It is made once for
//! a plan, and decides nothing.

use super::beginning::{self, Last};
use super::desired::Desired;
use super::observed::{Observed, Session, Worktree};
use crate::api::name::{AgentName, Seat, TaskName};
use crate::api::path::{PathPattern, PatternIndex};
use crate::api::policy::PolicySpec;
use crate::api::worker::SessionOf;
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Iter};
use std::iter::Peekable;

/// What was seen, by the name of the task. Of what could not be seen there is nothing here: who asks
/// must know that it was.
pub(super) struct Index<'a> {
    found: BTreeMap<&'a str, Found<'a>>,
    /// The sessions that seats keep.
    kept: BTreeMap<&'a Seat, &'a Session>,
    /// What was done last on each seat that keeps its session.
    last: BTreeMap<&'a Seat, Last<'a>>,
    trusted: BTreeSet<&'a AgentName>,
    shared: PatternIndex,
}

/// What was seen of one task.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// The sessions that bear its name in their mark, whatever uid is with it; not those that wait for
    /// a seat's next task.
    pub(super) sessions: Vec<&'a Session>,
    /// The worktrees that bear its name in their mark, whatever uid is with it.
    pub(super) worktrees: Vec<&'a Worktree>,
    /// What stands where its worktree is to be.
    pub(super) place: Option<&'a Worktree>,
    /// A session that is called like it and bears no mark.
    pub(super) stranger: Option<&'a Session>,
}

static NOTHING: Found<'static> =
    Found { sessions: Vec::new(), worktrees: Vec::new(), place: None, stranger: None };

impl<'a> Index<'a> {
    pub(super) fn of(desired: &'a Desired, observed: &'a Observed, policy: &PolicySpec) -> Self {
        let mut found: BTreeMap<&str, Found<'a>> = BTreeMap::new();
        for session in observed.sessions.known().into_iter().flatten() {
            if session.waits_for().is_some() {
                continue;
            }
            match &session.owner {
                Some(owner) => {
                    found.entry(owner.task.as_str()).or_default().sessions.push(session);
                }
                None => found.entry(&session.name).or_default().stranger = Some(session),
            }
        }
        for worktree in observed.worktrees.known().into_iter().flatten() {
            if let Some(owner) = &worktree.owner {
                found.entry(owner.task.as_str()).or_default().worktrees.push(worktree);
            }
            let name = worktree.path.file_name().and_then(|name| name.to_str());
            if let Some(name) = name.filter(|_| observed.places.is_ours(&worktree.path)) {
                found.entry(name).or_default().place.get_or_insert(worktree);
            }
        }
        let mut shared = PatternIndex::default();
        for (at, pattern) in policy.shared_files.iter().enumerate() {
            shared.insert(at, pattern);
        }
        let mut workers = desired.workers.values().filter_map(|entry| entry.spec.as_ref());
        let keeps = workers.any(|worker| worker.session == SessionOf::Worker);
        let last = if keeps { beginning::last(observed) } else { BTreeMap::new() };
        let kept = kept(observed);
        Self { found, kept, last, trusted: trusted(desired, observed), shared }
    }

    /// Returns whether a seat that keeps its session can begin a task there: nothing runs in it, and
    /// no session of somebody else has its name.
    pub(super) fn can_begin(&self, seat: &Seat) -> bool {
        match self.kept.get(seat) {
            Some(session) => session.is_idle,
            None => self.stranger(seat).is_none(),
        }
    }

    /// Returns a session without a mark that has the name of the one a seat is to keep.
    pub(super) fn stranger(&self, seat: &Seat) -> Option<&'a Session> {
        self.found.get(seat.session().as_str())?.stranger
    }

    /// Returns what was done last in the session that a seat keeps.
    pub(super) fn last(&self, seat: &Seat) -> Option<&Last<'a>> {
        self.last.get(seat)
    }

    /// Returns what was seen of a task.
    pub(super) fn at(&self, task: &TaskName) -> &Found<'a> {
        self.found.get(task.as_str()).unwrap_or(&NOTHING)
    }

    /// Returns a walk over all that was seen, to be asked for tasks in the order of their names.
    pub(super) fn walk(&self) -> Walk<'_, &'a str, Found<'a>> {
        Walk::over(&self.found)
    }

    /// Returns which of the policy's shared patterns could meet one of these.
    pub(super) fn shared_near<'i, 'p>(
        &'i self,
        files: &'p [PathPattern],
    ) -> impl Iterator<Item = usize> + use<'i, 'p, 'a> {
        self.shared.near(files)
    }

    /// Returns whether the user of this machine approved an agent, as it is committed.
    pub(super) fn is_trusted(&self, agent: &AgentName) -> bool {
        self.trusted.contains(agent)
    }
}

impl<'m, 'a> Walk<'m, &'a str, Found<'a>> {
    /// Returns what was seen of the next task.
    pub(super) fn of(&mut self, task: &'a TaskName) -> &'m Found<'a> {
        self.at(&task.as_str()).unwrap_or(&NOTHING)
    }
}

/// Returns the sessions that seats keep; of several of one seat one in which something runs.
fn kept(observed: &Observed) -> BTreeMap<&Seat, &Session> {
    let mut kept: BTreeMap<&Seat, &Session> = BTreeMap::new();
    for session in observed.sessions.known().into_iter().flatten() {
        let Some(seat) = &session.seat else { continue };
        if kept.get(seat).is_none_or(|known| known.is_idle) {
            kept.insert(seat, session);
        }
    }
    kept
}

/// Returns the agents of workers that the user approved.
fn trusted<'a>(desired: &'a Desired, observed: &Observed) -> BTreeSet<&'a AgentName> {
    let workers = desired.workers.values().filter_map(|entry| entry.spec.as_ref());
    let agents: BTreeSet<&AgentName> = workers.filter_map(|one| one.agent.as_ref()).collect();
    let approved = |name: &&AgentName| {
        desired.agent(name).is_some_and(|spec| {
            let digest = Desired::trust_digest(name, spec);
            observed.trusted.known().is_some_and(|trusted| trusted.contains(&digest))
        })
    };
    agents.into_iter().filter(approved).collect()
}

/// A walk over a map that is asked for keys in their order: each costs a step or two, where a look
/// into the map costs a descent.
pub(super) struct Walk<'m, K, V>(Peekable<Iter<'m, K, V>>);

impl<'m, K: Ord, V> Walk<'m, K, V> {
    pub(super) fn over(map: &'m BTreeMap<K, V>) -> Self {
        Self(map.iter().peekable())
    }

    /// Returns the value of a key, which must not be less than the one asked for before.
    pub(super) fn at(&mut self, key: &K) -> Option<&'m V> {
        while self.0.next_if(|(one, _)| *one < key).is_some() {}
        self.0.next_if(|(one, _)| *one == key).map(|(_, value)| value)
    }
}
