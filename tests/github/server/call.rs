//! One request as it came and one answer as it goes. Nothing here knows what they are about.

use super::log::Entry;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A request.
#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    pub(super) method: String,
    /// What all paths of the server begin with: `/api/v3`, or nothing.
    pub(super) prefix: String,
    /// Without what all paths of the server begin with, and without what follows `?`.
    pub(super) path: String,
    pub(super) query: BTreeMap<String, String>,
    /// Names are lower case.
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Value,
    pub(super) is_graphql: bool,
    /// The name of the GraphQL operation.
    pub(super) operation: Option<String>,
    pub(super) is_mutation: bool,
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// GitHub's `type` of a GraphQL error.
    pub(crate) kind: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self { kind: "NOT_FOUND", message: message.into() }
    }

    /// What GitHub says of an id that it does not know, or does not show.
    pub(crate) fn no_node(id: &str) -> Self {
        Self::not_found(format!("Could not resolve to a node with the global id of '{id}'"))
    }

    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self { kind: "UNPROCESSABLE", message: message.into() }
    }

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self { kind: "FORBIDDEN", message: message.into() }
    }
}

impl Reply {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        Self::text(status, &text).header("content-type", "application/json; charset=utf-8")
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.to_owned() }
    }

    /// An error as REST tells it.
    pub(super) fn error(status: u16, message: &str) -> Self {
        let docs = super::faults::DOCS;
        let body =
            json!({ "message": message, "documentation_url": docs, "status": status.to_string() });
        Self::json(status, &body)
    }

    /// A 422 with the list of what is wrong.
    pub(super) fn invalid(errors: &Value) -> Self {
        let docs = super::faults::DOCS;
        let body = json!({ "message": "Validation Failed", "errors": errors, "documentation_url": docs, "status": "422" });
        Self::json(422, &body)
    }

    pub(super) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.kind {
            "NOT_FOUND" => 404,
            "FORBIDDEN" => 403,
            _ => 422,
        };
        Self::error(status, &refusal.message)
    }
}

impl Call {
    /// Returns the body, if it is an object with no other keys than these, and with those that end
    /// with `!`.
    pub(super) fn fields(&self, allowed: &[&str]) -> Result<&Map<String, Value>, Reply> {
        let Value::Object(body) = &self.body else {
            return Err(Reply::error(400, "Body should be a JSON object"));
        };
        let names: Vec<&str> = allowed.iter().map(|name| name.trim_end_matches('!')).collect();
        if let Some(odd) = body.keys().find(|key| !names.contains(&key.as_str())) {
            let text = format!("Invalid request.\n\n\"{odd}\" is not a permitted key.");
            return Err(Reply::error(422, &text));
        }
        let needed = allowed.iter().filter_map(|name| name.strip_suffix('!'));
        match needed.into_iter().find(|name| !body.contains_key(*name)) {
            Some(name) => {
                let text = format!("Invalid request.\n\n\"{name}\" wasn't supplied.");
                Err(Reply::error(422, &text))
            }
            None => Ok(body),
        }
    }

    /// Checks that nothing else is asked for than GitHub knows.
    pub(super) fn queries(&self, allowed: &[&str]) -> Result<(), Reply> {
        match self.query.keys().find(|key| !allowed.contains(&key.as_str())) {
            Some(odd) => Err(Reply::error(422, &format!("{odd} is no parameter of {}", self.path))),
            None => Ok(()),
        }
    }

    /// Returns where the paths of REST begin, as the client calls it.
    pub(super) fn base(&self) -> String {
        let host = self.headers.get("host").map(String::as_str).unwrap_or_default();
        format!("http://{host}{}", self.prefix)
    }

    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Tells whether it changes something, or tries to.
    pub(super) fn is_mutating(&self) -> bool {
        if self.is_graphql { self.is_mutation } else { self.method != "GET" }
    }

    /// Returns what the log remembers of it.
    pub(super) fn entry(&self, kinds: &[String]) -> Entry {
        Entry {
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            operation: self.operation.clone(),
            kinds: kinds.to_vec(),
            mutating: self.is_mutating(),
            body: self.body.clone(),
            status: None,
            nodes: 0,
        }
    }
}
