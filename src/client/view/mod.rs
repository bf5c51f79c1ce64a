//! What people and programs see of a snapshot, as values: every surface prints these and none works
//! anything out again. Pure; times are absolute, so that the reader decides how to show them.

pub mod agent;
pub mod attempt;
pub mod eta;
pub mod lock;
pub mod policy;
pub mod status;
pub mod task;
pub mod worker;

#[cfg(test)]
pub(crate) mod scene;

use super::{LoopState, Snapshot};
use crate::api::event::Event;
use crate::api::{API_VERSION, Kind};
use crate::plan::desired::{Desired, Entry};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// One object: what is wanted of it and where it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View<Spec, Status> {
    /// The version of the kind.
    pub api_version: &'static str,
    /// The kind.
    pub kind: Kind,
    /// Name, identity and labels.
    pub metadata: Metadata,
    /// What is in effect, with defaults filled in; `None` when no version of its file was valid.
    pub spec: Option<Spec>,
    /// Where it is.
    pub status: Status,
}

/// Name, identity and labels of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The name.
    pub name: String,
    /// The identity, once there is a record of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// The labels of its file.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// When it was seen first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<Timestamp>,
}

impl<Spec: Clone, Status> View<Spec, Status> {
    fn of(kind: Kind, name: &str, entry: Option<&Entry<Spec>>, status: Status) -> Self {
        let labels = entry.map(|entry| entry.labels.clone()).unwrap_or_default();
        let metadata = Metadata { name: name.to_owned(), labels, ..Metadata::default() };
        let spec = entry.and_then(|entry| entry.spec.clone());
        Self { api_version: API_VERSION, kind, metadata, spec, status }
    }
}

impl Snapshot {
    /// Returns the wall time of the look.
    pub fn now(&self) -> Timestamp {
        self.observed.now
    }

    /// Returns the commit that was read, if one could be.
    pub fn revision(&self) -> Option<&str> {
        self.desired.known().map(|desired| desired.revision.as_str())
    }

    /// Returns why it cannot be told which objects there are, if so: then none is known to be
    /// missing.
    pub fn why_blind(&self) -> Option<&str> {
        self.desired.why_unknown().or(self.observed.tasks.why_unknown())
    }

    /// Returns where the desired state was read, as `refs/heads/main@3f2a9c1`.
    pub fn source(&self) -> String {
        match self.desired.known() {
            Some(desired) => format!("{}@{}", desired.state_ref, desired.revision.short()),
            None => "a ref that cannot be read".to_owned(),
        }
    }

    /// Returns the sentences about the whole repository that a person should read.
    pub fn notices(&self) -> &[String] {
        &self.plan.report.notices
    }

    /// Returns what a reader must know about the loop, when it is not simply running.
    pub fn loop_notice(&self) -> Option<String> {
        match &self.loop_state {
            LoopState::Running { .. } => None,
            LoopState::NotRunning => Some(
                "reconciler is not running; this is what is there, and nothing is done about it \
                 (start it: reconciler run)"
                    .to_owned(),
            ),
            LoopState::Unknown(why) => {
                Some(format!("whether reconciler is running cannot be seen: {why}"))
            }
        }
    }

    /// Returns what happened to one object, as `task/fix-login`; to all of them without one.
    pub fn events_of(&self, object: Option<&str>) -> Vec<&Event> {
        let wanted = |event: &&Event| object.is_none_or(|object| event.object == object);
        self.events.known().into_iter().flatten().filter(wanted).collect()
    }

    fn desired(&self) -> Option<&Desired> {
        self.desired.known().map(AsRef::as_ref)
    }
}
