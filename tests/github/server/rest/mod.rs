//! REST over the same store: which handler a path has, redirects of renamed repositories, `ETag`. A
//! path that GitHub has and this does not is a 404 that says so.

mod boards;
mod git;
mod issues;
mod pulls;
mod shapes;

use super::call::{Call, Reply};
use super::store::{Repository, Store, VIEWER};
use serde_json::{Value, json};

/// A handler's answer; errors are answers as well.
type Answer = Result<Reply, Reply>;

/// A request to one repository.
struct Ask<'a> {
    call: &'a Call,
    /// The id of the repository.
    repository: String,
    /// What follows `repos/OWNER/NAME`.
    rest: Vec<&'a str>,
}

/// Answers a request of REST.
pub(super) fn answer(store: &mut Store, call: &Call) -> Reply {
    let parts: Vec<String> = call.path.trim_matches('/').split('/').map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let reply = route(store, call, &parts).unwrap_or_else(|refused| refused);
    if call.method != "GET" || reply.status != 200 {
        return reply;
    }
    let tag = format!("W/\"{}\"", super::store::sha(&reply.body));
    if call.headers.get("if-none-match") == Some(&tag) {
        return Reply::text(304, "").header("etag", tag);
    }
    reply.header("etag", tag)
}

fn route(store: &mut Store, call: &Call, parts: &[&str]) -> Answer {
    match (call.method.as_str(), parts) {
        ("GET", ["user"]) => Ok(Reply::json(200, &shapes::user(&store.owners[VIEWER], call))),
        ("POST", ["orgs" | "users", who, "projectsV2", number, "views"]) => {
            boards::create_view(store, call, (parts[0], who), number)
        }
        (_, ["repositories", id, rest @ ..]) => {
            let has = |one: &&Repository| one.database_id.to_string() == *id;
            let found = store.repositories.values().find(has).ok_or_else(missing)?;
            let (repository, rest) = (found.id.clone(), rest.to_vec());
            in_repository(store, &Ask { call, repository, rest })
        }
        (_, ["repos", owner, name, rest @ ..]) => {
            let found = store.find_repository(owner, name).ok_or_else(missing)?;
            if !found.name.eq_ignore_ascii_case(name) {
                return Ok(moved(call, found, rest));
            }
            let (repository, rest) = (found.id.clone(), rest.to_vec());
            in_repository(store, &Ask { call, repository, rest })
        }
        _ => Err(Reply::error(404, "Not Found (the fake has no such path)")),
    }
}

fn in_repository(store: &mut Store, ask: &Ask<'_>) -> Answer {
    match (ask.call.method.as_str(), ask.rest.as_slice()) {
        ("GET", []) => {
            let repository = store.repository(&ask.repository)?;
            Ok(Reply::json(200, &shapes::repository(store, repository, ask.call)))
        }
        (_, ["issues" | "labels", ..]) => issues::answer(store, ask),
        (_, ["git", ..]) => git::answer(store, ask),
        (_, ["pulls", ..]) => pulls::answer(store, ask),
        _ => Err(Reply::error(404, "Not Found (the fake has no such path)")),
    }
}

/// Leads to a repository by its number, as GitHub does when its name has changed.
fn moved(call: &Call, repository: &Repository, rest: &[&str]) -> Reply {
    let path = rest.iter().fold(String::new(), |path, part| format!("{path}/{part}"));
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&call.query).finish();
    let query = if query.is_empty() { query } else { format!("?{query}") };
    let to = format!("{}/repositories/{}{path}{query}", call.base(), repository.database_id);
    let body = json!({ "message": "Moved Permanently", "url": to });
    Reply::json(301, &body).header("location", to)
}

fn missing() -> Reply {
    Reply::error(404, "Not Found")
}

/// Reads the number in a path.
fn number(text: &str) -> Result<u64, Reply> {
    text.parse().map_err(|_not_a_number| missing())
}

/// Returns the texts of a list of the body.
fn texts<'a>(body: &'a serde_json::Map<String, Value>, key: &str) -> Vec<&'a str> {
    let list = body.get(key).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Cuts a page out of a list, and tells where the others are.
fn paged(call: &Call, all: &[Value]) -> Reply {
    let asked = |name: &str| call.asked(name).and_then(|text| text.parse::<usize>().ok());
    let size = asked("per_page").unwrap_or(30).clamp(1, 100);
    let page = asked("page").unwrap_or(1).max(1);
    let last = all.len().div_ceil(size).max(1);
    let shown: Vec<&Value> = all.iter().skip((page - 1) * size).take(size).collect();
    let reply = Reply::json(200, &json!(shown));
    let to = |page: usize, name: &str| {
        let mut query = call.query.clone();
        query.insert("page".to_owned(), page.to_string());
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        format!("<{}{}?{query}>; rel=\"{name}\"", call.base(), call.path)
    };
    let mut links = Vec::new();
    if page > 1 {
        links.extend([to(page - 1, "prev"), to(1, "first")]);
    }
    if page < last {
        links.extend([to(page + 1, "next"), to(last, "last")]);
    }
    if links.is_empty() { reply } else { reply.header("link", links.join(", ")) }
}

/// Resolves `%` in a part of a path.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = part.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let byte = byte.filter(|_| *first == b'%');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
