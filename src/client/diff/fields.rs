//! Which objects differ, and in which fields: values are compared as their files would say them,
//! defaults filled in, so that a default written out is no difference. Pure.

use super::{Change, What};
use crate::api::key::Key;
use crate::api::position::child;
use crate::plan::desired::{Desired, Entry};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One field that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Its JSON pointer.
    pub pointer: String,
    /// What is applied; absent when there is no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    /// What the work tree says; absent when there is no such field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

/// Returns the objects that differ.
pub(super) fn between(applied: &Desired, drafted: &Desired) -> Vec<Change> {
    let mut found = Vec::new();
    found.extend(kind(&applied.agents, &drafted.agents, |name| Key::Agent(name.clone())));
    found.extend(kind(&applied.workers, &drafted.workers, |name| Key::Worker(name.clone())));
    found.extend(kind(&applied.tasks, &drafted.tasks, |name| Key::Task(name.clone())));
    found.extend(change(&Key::Policy, Some(&applied.policy), Some(&drafted.policy)));
    found
}

fn kind<N: Ord, S: Serialize>(
    applied: &BTreeMap<N, Entry<S>>,
    drafted: &BTreeMap<N, Entry<S>>,
    key: impl Fn(&N) -> Key,
) -> Vec<Change> {
    let names: BTreeSet<&N> = applied.keys().chain(drafted.keys()).collect();
    let one = |name| change(&key(name), applied.get(name), drafted.get(name));
    names.into_iter().filter_map(one).collect()
}

fn change<S: Serialize>(
    key: &Key,
    old: Option<&Entry<S>>,
    new: Option<&Entry<S>>,
) -> Option<Change> {
    let problems = new.map(|entry| entry.problems.clone()).unwrap_or_default();
    let said_before = old.is_some_and(|entry| entry.problems == problems);
    let what = match (old, new) {
        (_, Some(entry)) if entry.is_stale() && !said_before => What::Invalid,
        (None, Some(_)) => What::Added,
        (Some(_), None) => What::Removed,
        (Some(_) | None, _) => What::Changed,
    };
    let mut fields = Vec::new();
    if let (Some(old), Some(new)) = (old, new) {
        compare("", &value(old), &value(new), &mut fields);
    }
    let mended = old.is_some_and(Entry::is_stale) && problems.is_empty();
    if what == What::Changed && fields.is_empty() && !mended {
        return None;
    }
    let (object, path, consequences) = (key.to_string(), key.path(), Vec::new());
    Some(Change { object, path, what, fields, consequences, problems })
}

fn value<S: Serialize>(entry: &Entry<S>) -> Value {
    let spec = serde_json::to_value(&entry.spec).expect("our own types serialize");
    json!({ "spec": spec, "metadata": { "labels": entry.labels } })
}

/// Returns the fields in which two values differ.
pub(in crate::client) fn differences(old: &Value, new: &Value) -> Vec<Field> {
    let mut found = Vec::new();
    compare("", old, new, &mut found);
    found
}

/// Compares two values. Lists of another length are compared whole.
fn compare(pointer: &str, old: &Value, new: &Value, found: &mut Vec<Field>) {
    match (old, new) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let inner = child(pointer, name);
                match (a.get(name), b.get(name)) {
                    (Some(old), Some(new)) => compare(&inner, old, new, found),
                    (old, new) => {
                        found.push(Field { pointer: inner, old: old.cloned(), new: new.cloned() });
                    }
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (old, new)) in a.iter().zip(b).enumerate() {
                compare(&format!("{pointer}/{index}"), old, new, found);
            }
        }
        _ if old == new => {}
        _ => found.push(Field {
            pointer: pointer.to_owned(),
            old: Some(old.clone()),
            new: Some(new.clone()),
        }),
    }
}
