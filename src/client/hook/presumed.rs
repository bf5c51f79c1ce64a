//! What a lock that cannot be understood may hold: all that its task asks for where desired state is
//! pinned, and all that the ledger says it held last. It never says less than either does, and
//! nothing at all of a lock of which neither can be seen.

use crate::api::claim::Holding;
use crate::api::name::TaskName;
use crate::api::path::PathPattern;
use crate::client::{Client, Environment};
use crate::plan::desired::Desired;
use crate::plan::observed::{ClaimSighting, Sighting};
use crate::plan::verdict::Presumed;
use crate::store::Source;
use crate::world::ledger::LOCKS;
use std::collections::BTreeMap;
use std::path::Path;

/// Returns what is to be presumed of the damaged ones among these locks.
pub(super) async fn presumed(
    claims: &BTreeMap<TaskName, ClaimSighting>,
    directory: &Path,
    environment: &Environment,
) -> Presumed {
    let damaged = || claims.iter().filter(|(_, claim)| claim.is_err()).map(|(task, _)| task);
    if damaged().next().is_none() {
        return Presumed::new();
    }
    let Ok(client) = Client::open(directory, environment.clone()).await else {
        return Presumed::new();
    };
    let mut source = Source::new(client.repository.reader(), client.state_ref.clone());
    let (desired, ledger) = tokio::join!(source.read(), client.repository.table(LOCKS));
    let ledger = ledger.map(|table| table.files).unwrap_or_default();
    let of = |task: &TaskName| {
        let asked =
            if let Sighting::Known(desired) = &desired { asked(desired, task) } else { None };
        let held = ledger.get(&format!("{task}.lock")).and_then(|bytes| held(bytes));
        let known = asked.is_some() || held.is_some();
        let all = asked.into_iter().chain(held).flatten().collect();
        known.then(|| (task.clone(), all))
    };
    damaged().filter_map(of).collect()
}

/// Returns what a task asks for, with every shared pattern that it touches.
fn asked(desired: &Desired, task: &TaskName) -> Option<Vec<PathPattern>> {
    let spec = desired.tasks.get(task)?.spec.as_ref()?;
    let shared = desired.policy().shared_files.iter();
    let touched =
        shared.filter(|shared| spec.files.iter().any(|file| file.overlap(shared).is_some()));
    Some(spec.files.iter().chain(touched).cloned().collect())
}

/// Returns what the ledger says is held; of what was released since, it says nothing.
fn held(bytes: &[u8]) -> Option<Vec<PathPattern>> {
    let holding: Holding = serde_json::from_slice(bytes).ok()?;
    holding.released_at.is_none().then_some(holding.claim.locked_files)
}
