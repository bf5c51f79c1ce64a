//! Who holds what, as the loop sees it: the claims, completed by the ledger. It decides nothing.

use super::{HostWorld, Role};
use crate::api::claim::Holding;
use crate::api::name::TaskName;
use crate::plan::observed::{ClaimSighting, Sighting};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The claims, and the last generation of each task's.
type Ownership = (Sighting<BTreeMap<TaskName, ClaimSighting>>, BTreeMap<TaskName, u64>);

impl HostWorld {
    /// Completes the claims by the generations of the ledger. The loop also sees to it that the ledger
    /// says what the claims do, whatever was lost of either.
    pub(super) async fn ownership(
        &self,
        claims: Sighting<BTreeMap<TaskName, ClaimSighting>>,
    ) -> Ownership {
        let Sighting::Known(claims) = claims else { return (claims, BTreeMap::new()) };
        if self.setting.role == Role::Visitor {
            return (Sighting::Known(claims), BTreeMap::new());
        }
        if let Err(error) = self.ledger.read(&self.repository).await {
            let why = format!("the ledger of claims cannot be read: {error}");
            return (Sighting::Unknown(why), BTreeMap::new());
        }
        let (generations, missing) = (self.ledger.generations(), self.ledger.missing(&claims));
        if !missing.is_empty() {
            self.record_ownership(missing);
        }
        (Sighting::Known(claims), generations)
    }

    /// Has changes of ownership committed while the loop goes on.
    pub(super) fn record_ownership(&self, changes: Vec<Holding>) {
        self.ledger.note(changes);
        let (ledger, repository) = (Arc::clone(&self.ledger), self.repository.clone());
        self.chores().spawn(async move {
            if let Err(error) = ledger.publish(&repository).await {
                tracing::warn!(error = error.0, "a change of ownership is not recorded yet");
            }
        });
    }
}
