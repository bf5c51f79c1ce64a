//! GitHub's published `OpenAPI`: every request of REST is held against it (verb, path, queries, body), and
//! every status that the store answers with. What does not fit fails the test. Answers' bodies are not
//! held against anything.

use super::call::Call;
use flate2::read::GzDecoder;
use jsonschema::Validator;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::OnceLock;

/// What `openapi.mjs` cut out of the npm package `@octokit/openapi` 23.0.2 (MIT: `openapi.LICENSE`).
const PUBLISHED: &[u8] = include_bytes!("../openapi.json.gz");
/// What every operation may answer, whether its own page says so or not: a bad token, limits, what has not
/// changed, and what has another name.
const ANYWHERE: [u16; 5] = [301, 304, 401, 403, 429];
/// What is published of each issue and not of their list: there are none in this repository.
const NO_ISSUES: u16 = 410;

#[derive(Deserialize)]
struct File {
    source: String,
    operations: Vec<Published>,
}

#[derive(Deserialize)]
struct Published {
    verb: String,
    path: String,
    queries: BTreeMap<String, Value>,
    #[serde(default)]
    body: Option<Value>,
    statuses: Vec<u16>,
}

/// One operation.
pub(super) struct Operation {
    published: Published,
    body: Option<Validator>,
}

/// Returns every operation that is published and that we know of.
fn all() -> &'static [Operation] {
    static ALL: OnceLock<Vec<Operation>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut text = String::new();
        GzDecoder::new(PUBLISHED).read_to_string(&mut text).expect("the file is whole");
        let file: File = serde_json::from_str(&text).expect("the file is as openapi.mjs writes it");
        assert_eq!(file.source, "@octokit/openapi 23.0.2", "another version is to be looked at");
        file.operations.into_iter().map(Operation::new).collect()
    })
}

/// Returns the operation that a request means, or why there is none.
pub(super) fn of(call: &Call) -> Result<&'static Operation, String> {
    let path = call.path.trim_matches('/');
    // Where redirects of renamed repositories lead.
    let by_number = path.strip_prefix("repositories/").map(|rest| {
        let rest = rest.split_once('/').map(|(_, rest)| format!("/{rest}")).unwrap_or_default();
        format!("repos/owner/name{rest}")
    });
    let parts: Vec<&str> = by_number.as_deref().unwrap_or(path).split('/').collect();
    let fits =
        |one: &&Operation| one.published.verb == call.method && one.closeness(&parts).is_some();
    let found = all().iter().filter(fits).max_by_key(|one| one.closeness(&parts));
    found.ok_or_else(|| format!("{} {} is not in GitHub's OpenAPI", call.method, call.path))
}

impl Operation {
    fn new(published: Published) -> Self {
        let compile = |schema| jsonschema::validator_for(schema).expect("GitHub's schema is one");
        let body = published.body.as_ref().map(compile);
        Self { published, body }
    }

    /// Returns how many parts of a path are those of this one, to the letter; `None` when it is another. The
    /// name of a ref has parts of its own.
    fn closeness(&self, parts: &[&str]) -> Option<usize> {
        let ours: Vec<&str> = self.published.path.trim_matches('/').split('/').collect();
        let is_open = ours.last() == Some(&"{ref}");
        if parts.len() != ours.len() && !(is_open && parts.len() > ours.len()) {
            return None;
        }
        let pairs = ours.iter().zip(parts);
        if !pairs.clone().all(|(ours, part)| ours.starts_with('{') || ours == part) {
            return None;
        }
        Some(pairs.filter(|(ours, part)| ours == part).count())
    }

    /// Returns what of a request is not as published.
    pub(super) fn odd(&self, call: &Call) -> Option<String> {
        let Published { verb, path, queries, .. } = &self.published;
        let odd = |what: String| Some(format!("{verb} {path}: {what}"));
        for (name, value) in &call.query {
            let Some(schema) = queries.get(name) else {
                return odd(format!("there is no query `{name}`"));
            };
            let values = schema.get("enum").and_then(Value::as_array);
            if values.is_some_and(|all| !all.iter().any(|one| one == value.as_str())) {
                return odd(format!("query `{name}` is never `{value}`"));
            }
            if schema["format"] == "date-time" && value.parse::<jiff::Timestamp>().is_err() {
                return odd(format!("query `{name}` is a time, and not `{value}`"));
            }
        }
        match &self.body {
            Some(body) => {
                // Of a body that may be left out each key may.
                let sent = if call.body.is_null() {
                    &Value::Object(serde_json::Map::new())
                } else {
                    &call.body
                };
                let wrong = body.iter_errors(sent).next()?;
                odd(format!("{wrong} (at {})", wrong.instance_path()))
            }
            None if call.body.is_null() => None,
            None => odd(format!("it has no body, and not {}", call.body)),
        }
    }

    /// Returns what is wrong with an answer of this status.
    pub(super) fn odd_status(&self, status: u16) -> Option<String> {
        let Published { verb, path, statuses, .. } = &self.published;
        let is_known = statuses.contains(&status) || ANYWHERE.contains(&status);
        let has_none = status == NO_ISSUES && path.contains("/issues");
        (!is_known && !has_none)
            .then(|| format!("{verb} {path} never answers {status}, only {statuses:?}"))
    }
}
