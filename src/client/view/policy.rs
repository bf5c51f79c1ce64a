//! The policy as people see it: what is in effect, every default filled in.

use super::{Snapshot, View};
use crate::api::Kind;
use crate::api::policy::PolicySpec;
use serde::Serialize;

/// The policy.
pub type PolicyView = View<PolicySpec, PolicyStatus>;

/// Whether the committed policy is in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStatus {
    /// Why the committed file is not in effect; empty when it is, or when there is none.
    pub problems: Vec<String>,
}

/// Returns the policy; `None` when the desired state cannot be read.
pub fn policy(snapshot: &Snapshot) -> Option<PolicyView> {
    let desired = snapshot.desired()?;
    let status = PolicyStatus { problems: desired.policy.problems.clone() };
    let mut view = View::of(Kind::Policy, "policy", Some(&desired.policy), status);
    view.spec = Some(desired.policy().clone());
    Some(view)
}
