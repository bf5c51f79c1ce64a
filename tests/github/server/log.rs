//! What was asked, in the order in which it was. It never remembers a token.

use serde_json::Value;
use std::collections::BTreeMap;

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) method: String,
    /// Without `/api/v3`; `/graphql` for all of GraphQL.
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    /// The name of the GraphQL operation.
    pub(crate) operation: Option<String>,
    /// The fields of `Query` or `Mutation` that were asked for, one for each alias.
    pub(crate) kinds: Vec<String>,
    /// It changes something: a mutation, or anything but GET.
    pub(crate) mutating: bool,
    /// What came, GraphQL's `query` and `variables` included.
    pub(crate) body: Value,
    /// What was answered; `None`: nothing.
    pub(crate) status: Option<u16>,
    /// How many nodes GitHub counts for it.
    pub(crate) nodes: u64,
}

impl Entry {
    /// Returns how often it asks for this field of `Query` or `Mutation`.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.kinds.iter().filter(|one| *one == kind).count()
    }
}
