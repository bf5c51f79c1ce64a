//! What can go wrong with one request, and which one. A fault never repeats: who wants it twice sets it
//! twice.

use super::call::{Call, Reply};
use super::store::Store;
use serde_json::{Value, json};

/// Which request: the first that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// The next one.
    Next,
    /// The n-th of all since the start, from 1.
    Request(usize),
    /// The next one with this mutation.
    Mutation(&'static str),
    /// The next one with this name of its GraphQL operation.
    Operation(&'static str),
    /// The next one of REST with this method, whose path contains this.
    Rest(&'static str, &'static str),
}

/// How much was done when it went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Nothing.
    Before,
    /// The first half of the aliases; of REST nothing.
    Half,
    /// All of it.
    After,
}

/// What goes wrong.
pub(crate) enum Fault {
    /// 502 with a page of HTML.
    BadGateway(Moment),
    /// The connection ends without an answer.
    Dropped(Moment),
    /// Done, but the answer comes only with `Server::release`.
    Held,
    /// 200 with a page of HTML; nothing was done.
    Html,
    /// 403 with `retry-after`, in seconds.
    RetryAfter(u32),
    /// 403 of the secondary limit, without headers that say so.
    Secondary,
    /// 429 with `retry-after: 60`.
    TooMany,
    /// 200 with `RATE_LIMITED` and nothing remaining.
    RateLimited,
    /// Done; the headers of the limits are absent.
    NoLimitHeaders,
    /// The first so many aliases are done and answered, the others are null without an error of theirs.
    ResourceLimits(usize),
    /// The alias of this index fails with this type and message; the others are done.
    AliasFails(usize, &'static str, &'static str),
    /// The alias of this index is done, and answered as null without an error.
    AliasNull(usize),
    /// The first value of a field in the answer is of a kind that nobody knows yet.
    UnknownMember,
    /// 401, as if the token had been revoked; only this time (see `Store::rules` for longer).
    Unauthorized,
    /// Somebody does something right before the request is served.
    Meanwhile(Box<dyn FnOnce(&mut Store) + Send>),
}

/// What the executor of mutations does otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Tamper {
    #[default]
    Nothing,
    /// Does no more than the first so many.
    Only(usize),
    Fails(usize, &'static str, &'static str),
    Null(usize),
}

impl Fault {
    pub(crate) fn meanwhile(person: impl FnOnce(&mut Store) + Send + 'static) -> Self {
        Self::Meanwhile(Box::new(person))
    }

    /// Adding fails as it does for content that is there already.
    pub(crate) fn content_exists() -> Self {
        Self::AliasFails(0, "UNPROCESSABLE", "Content already exists in this project")
    }

    /// Adding fails as it does when two add at once.
    pub(crate) fn priority_not_unique() -> Self {
        Self::AliasFails(0, "UNPROCESSABLE", "The priority 1 is not unique")
    }
}

impl When {
    /// Tells whether this is the request.
    pub(super) fn matches(self, number: usize, call: &Call, kinds: &[String]) -> bool {
        match self {
            Self::Next => true,
            Self::Request(at) => at == number,
            Self::Mutation(name) => call.is_mutation && kinds.iter().any(|kind| kind == name),
            Self::Operation(name) => call.operation.as_deref() == Some(name),
            Self::Rest(method, part) => {
                !call.is_graphql && call.method == method && call.path.contains(part)
            }
        }
    }
}

/// The page that stands in front of GitHub when GitHub is away.
pub(super) fn page(status: u16) -> Reply {
    let text =
        "<html><body><h1>Unicorn!</h1><p>We had issues producing the response.</p></body></html>";
    Reply::text(status, text).header("content-type", "text/html; charset=utf-8")
}

/// What is said to who is too fast.
pub(super) fn secondary(status: u16) -> Reply {
    let message =
        "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
    Reply::json(status, &json!({ "message": message, "documentation_url": DOCS }))
}

/// What GraphQL says when the points of the hour are gone.
pub(super) fn rate_limited() -> Value {
    json!({ "errors": [{ "type": "RATE_LIMITED", "message": "API rate limit exceeded for user ID 1." }] })
}

/// Where GitHub sends people who read its errors.
pub(super) const DOCS: &str = "https://docs.github.com/rest";

/// Makes the first value of a field one of a kind that is not in the schema.
pub(super) fn unknown_member(value: &mut Value) -> bool {
    match value {
        Value::Object(map) => {
            let first =
                map.get_mut("fieldValues").and_then(|values| values.pointer_mut("/nodes/0"));
            if let Some(Value::Object(node)) = first {
                node.clear();
                node.insert("__typename".to_owned(), json!("ProjectV2ItemFieldFutureValue"));
                return true;
            }
            map.values_mut().any(unknown_member)
        }
        Value::Array(list) => list.iter_mut().any(unknown_member),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
