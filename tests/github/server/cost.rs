//! What GitHub counts before it executes a document: nodes and requests by its published formula, and
//! that each connection says how much of it is wanted. It never looks at what is stored.

use super::resolve::is_connection;
use apollo_compiler::ExecutableDocument;
use apollo_compiler::executable::{Field, Selection, SelectionSet};
use apollo_compiler::response::JsonMap;
use serde_json::{Value, json};

/// The most nodes of one request.
const NODES_MAX: u64 = 500_000;
/// The most of a page, and of `nodes(ids:)`.
const PAGE_MAX: i64 = 100;

/// What a document costs.
#[derive(Debug, Default)]
pub(super) struct Cost {
    pub(super) nodes: u64,
    requests: u64,
    /// What GitHub would say instead of executing it.
    pub(super) errors: Vec<Value>,
}

struct Walk<'a> {
    document: &'a ExecutableDocument,
    variables: &'a JsonMap,
    path: Vec<String>,
    cost: Cost,
}

impl Cost {
    /// Returns the points of the hour that a query costs.
    pub(super) fn points(&self) -> u32 {
        u32::try_from((self.requests + 50) / 100).unwrap_or(u32::MAX).max(1)
    }
}

pub(super) fn of(document: &ExecutableDocument, set: &SelectionSet, variables: &JsonMap) -> Cost {
    let mut walk = Walk { document, variables, path: Vec::new(), cost: Cost::default() };
    walk.set(set, 1);
    let mut cost = walk.cost;
    if cost.nodes > NODES_MAX {
        let message = format!(
            "This query requests up to {} possible nodes which exceeds the maximum limit of 500,000.",
            cost.nodes
        );
        cost.errors.push(json!({ "type": "MAX_NODE_LIMIT_EXCEEDED", "message": message }));
    }
    cost
}

impl Walk<'_> {
    fn set(&mut self, set: &SelectionSet, parents: u64) {
        for selection in &set.selections {
            match selection {
                Selection::Field(field) => self.field(field, parents),
                Selection::InlineFragment(inline) => self.set(&inline.selection_set, parents),
                Selection::FragmentSpread(spread) => {
                    let fragment = spread.fragment_def(self.document);
                    let fragment = fragment.expect("a valid document has its fragments");
                    self.set(&fragment.selection_set, parents);
                }
            }
        }
    }

    fn field(&mut self, field: &Field, parents: u64) {
        self.path.push(field.response_key().to_string());
        let parents = if is_connection(&field.definition) {
            self.connection(field, parents)
        } else {
            parents * self.ids(field)
        };
        self.set(&field.selection_set, parents);
        self.path.pop();
    }

    /// Counts a connection; returns how many nodes it may have.
    fn connection(&mut self, field: &Field, parents: u64) -> u64 {
        let [first, last] = ["first", "last"].map(|name| self.integer(field, name));
        let name = &field.name;
        let wanted = match (first, last) {
            // `gh` counts without a page, and GitHub lets it.
            (None, None) if field.selection_set.fields().all(|one| one.name == "totalCount") => 0,
            (None, None) => {
                let message = format!(
                    "You must provide a `first` or `last` value to properly paginate the `{name}` connection."
                );
                self.error("MISSING_PAGINATION_BOUNDARIES", &message);
                0
            }
            (Some(count), _) | (None, Some(count)) => count,
        };
        if wanted > PAGE_MAX {
            let message = format!(
                "Requesting {wanted} records on the `{name}` connection exceeds the `first` limit of 100 records."
            );
            self.error("EXCESSIVE_PAGINATION", &message);
        }
        if wanted < 0 {
            let message = format!("`first` on the `{name}` connection cannot be less than zero.");
            self.error("INVALID_PAGINATION", &message);
        }
        let wanted = wanted.clamp(0, PAGE_MAX).unsigned_abs();
        self.cost.requests += parents;
        self.cost.nodes += parents * wanted;
        parents * wanted
    }

    /// Returns how many nodes `nodes(ids:)` asks for; else 1.
    fn ids(&mut self, field: &Field) -> u64 {
        let Some(ids) = field.specified_argument_by_name("ids") else { return 1 };
        let count = match ids.as_variable() {
            Some(name) => {
                let ids = self.variables.get(name.as_str()).and_then(|ids| ids.as_array());
                ids.map_or(0, Vec::len)
            }
            None => ids.as_list().map_or(1, <[_]>::len),
        };
        if count > 100 {
            self.error(
                "ARGUMENT_LIMIT",
                "You may not provide more than 100 node ids; you provided more.",
            );
        }
        count.max(1) as u64
    }

    fn integer(&self, field: &Field, name: &str) -> Option<i64> {
        let value = field.specified_argument_by_name(name)?;
        if let Some(variable) = value.as_variable() {
            return self.variables.get(variable.as_str())?.as_i64();
        }
        value.to_i32().map(i64::from)
    }

    fn error(&mut self, kind: &str, message: &str) {
        let error = json!({ "type": kind, "path": self.path, "message": message });
        self.cost.errors.push(error);
    }
}
