//! The look, by what is asked of it for each task: its sessions, its worktrees, what stands at its
//! place. It is made once for a plan, and decides nothing.

use super::desired::Desired;
use super::observed::{Observed, Session, Worktree};
use crate::api::name::{AgentName, TaskName};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

/// What was seen, by task. Of what could not be seen there is nothing here: who asks must know that
/// it was.
pub(super) struct Index<'a> {
    sessions: BTreeMap<&'a TaskName, Vec<&'a Session>>,
    worktrees: BTreeMap<&'a TaskName, Vec<&'a Worktree>>,
    unmarked: BTreeSet<&'a str>,
    places: BTreeMap<&'a OsStr, &'a Worktree>,
    trusted: BTreeSet<&'a AgentName>,
}

impl<'a> Index<'a> {
    pub(super) fn of(desired: &'a Desired, observed: &'a Observed) -> Self {
        let mut index = Self {
            sessions: BTreeMap::new(),
            worktrees: BTreeMap::new(),
            unmarked: BTreeSet::new(),
            places: BTreeMap::new(),
            trusted: BTreeSet::new(),
        };
        for session in observed.sessions.known().into_iter().flatten() {
            match &session.owner {
                Some(owner) => index.sessions.entry(&owner.task).or_default().push(session),
                None => drop(index.unmarked.insert(&session.name)),
            }
        }
        for worktree in observed.worktrees.known().into_iter().flatten() {
            index.places.entry(worktree.path.as_os_str()).or_insert(worktree);
            if let Some(owner) = &worktree.owner {
                index.worktrees.entry(&owner.task).or_default().push(worktree);
            }
        }
        let workers = desired.workers.values().filter_map(|entry| entry.spec.as_ref());
        let agents: BTreeSet<&AgentName> = workers.filter_map(|one| one.agent.as_ref()).collect();
        let approved = |name: &&AgentName| {
            desired.agent(name).is_some_and(|spec| {
                let digest = Desired::trust_digest(name, spec);
                observed.trusted.known().is_some_and(|trusted| trusted.contains(&digest))
            })
        };
        index.trusted = agents.into_iter().filter(approved).collect();
        index
    }

    /// Returns the sessions that bear a task's name in their mark, whatever uid is with it.
    pub(super) fn sessions(&self, task: &TaskName) -> &[&'a Session] {
        self.sessions.get(task).map_or(&[], Vec::as_slice)
    }

    /// Returns the worktrees that bear a task's name in their mark, whatever uid is with it.
    pub(super) fn worktrees(&self, task: &TaskName) -> &[&'a Worktree] {
        self.worktrees.get(task).map_or(&[], Vec::as_slice)
    }

    /// Returns whether a session of this name bears no mark.
    pub(super) fn has_unmarked_session(&self, name: &str) -> bool {
        self.unmarked.contains(name)
    }

    /// Returns what stands at a place.
    pub(super) fn at(&self, place: &Path) -> Option<&'a Worktree> {
        self.places.get(place.as_os_str()).copied()
    }

    /// Returns whether the user of this machine approved an agent, as it is committed.
    pub(super) fn is_trusted(&self, agent: &AgentName) -> bool {
        self.trusted.contains(agent)
    }
}
