//! Issues, labels, assignees and comments by REST. The list shows pull requests too, as GitHub's does.

use super::super::call::{Call, Reply};
use super::super::store::{Issue, State, Store};
use super::{Answer, Ask, missing, number, paged, shapes, texts};
use serde_json::{Value, json};

const LISTED_BY: [&str; 10] = [
    "labels",
    "state",
    "since",
    "sort",
    "direction",
    "per_page",
    "page",
    "assignee",
    "creator",
    "milestone",
];

pub(super) fn answer(store: &mut Store, ask: &Ask<'_>) -> Answer {
    if ask.rest[0] == "issues" && !store.repository(&ask.repository)?.is("hasIssuesEnabled") {
        return Err(Reply::error(410, "Issues has been disabled in this repository."));
    }
    match (ask.call.method.as_str(), &ask.rest[1..]) {
        (method, []) if ask.rest[0] == "labels" => repository_labels(store, ask, method),
        ("GET", []) => list(store, ask),
        ("POST", []) => create(store, ask),
        ("GET", ["comments", id]) => comment(store, ask, number(id)?, 200),
        ("PATCH", ["comments", id]) => edit_comment(store, ask, number(id)?),
        (method, [issue, rest @ ..]) if ask.rest[0] == "issues" => {
            one(store, ask, (method, rest), number(issue)?)
        }
        ("GET", [name]) => {
            let repository = store.repository(&ask.repository)?;
            repository.labels.get(*name).ok_or_else(missing)?;
            Ok(Reply::json(200, &shapes::label(repository, name, ask.call)))
        }
        _ => Err(missing()),
    }
}

fn one(store: &mut Store, ask: &Ask<'_>, (method, rest): (&str, &[&str]), issue: u64) -> Answer {
    match store.repository(&ask.repository)?.gone.get(&issue) {
        Some(None) => return Err(Reply::error(410, "This issue was deleted")),
        Some(Some((repository, issue))) => {
            let to = format!("{}/repositories/{repository}/issues/{issue}", ask.call.base());
            let body = json!({ "message": "Moved Permanently", "url": to });
            return Ok(Reply::json(301, &body).header("location", to));
        }
        None => {}
    }
    store.issue(&ask.repository, issue)?;
    match (method, rest) {
        ("GET", []) => shown(store, ask, issue, 200),
        ("PATCH", []) => edit(store, ask, issue),
        ("GET", ["labels"]) => labels(store, ask, issue),
        ("POST", ["labels"]) => {
            let body = ask.call.fields(&["labels!"])?;
            for label in texts(body, "labels") {
                store.add_label(&ask.repository, issue, label)?;
            }
            labels(store, ask, issue)
        }
        ("DELETE", ["labels", name]) => {
            store.remove_label(&ask.repository, issue, name)?;
            labels(store, ask, issue)
        }
        ("POST", ["assignees"]) => {
            let people = texts(ask.call.fields(&["assignees!"])?, "assignees");
            if people.len() > 10 {
                return Err(Reply::error(422, "An issue has at most 10 assignees"));
            }
            store.assign(&ask.repository, issue, &people)?;
            shown(store, ask, issue, 201)
        }
        ("DELETE", ["assignees"]) => {
            let people = texts(ask.call.fields(&["assignees!"])?, "assignees");
            let issue_mut = store.issue_mut(&ask.repository, issue)?;
            issue_mut.assignees.retain(|login| !people.contains(&login.as_str()));
            shown(store, ask, issue, 200)
        }
        ("GET", ["comments"]) => comments(store, ask, issue),
        ("POST", ["comments"]) => {
            let body = text(ask.call, &["body!"], "body")?;
            let id = store.add_comment(&ask.repository, issue, &body)?;
            comment(store, ask, id, 201)
        }
        _ => Err(missing()),
    }
}

fn text(call: &Call, allowed: &[&str], key: &str) -> Result<String, Reply> {
    let body = call.fields(allowed)?;
    Ok(body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned())
}

fn shown(store: &Store, ask: &Ask<'_>, issue: u64, status: u16) -> Answer {
    let repository = store.repository(&ask.repository)?;
    let issue = store.issue(&ask.repository, issue)?;
    Ok(Reply::json(status, &shapes::issue(store, repository, issue, ask.call)))
}

fn list(store: &Store, ask: &Ask<'_>) -> Answer {
    let call = ask.call;
    call.queries(&LISTED_BY)?;
    let since = match call.asked("since").map(str::parse::<jiff::Timestamp>) {
        Some(Ok(since)) => Some(since),
        Some(Err(_)) => return Err(Reply::error(422, "since is not a time")),
        None => None,
    };
    let labels: Vec<&str> =
        call.asked("labels").into_iter().flat_map(|all| all.split(',')).collect();
    let fits = |issue: &&Issue| {
        let state = match call.asked("state").unwrap_or("open") {
            "open" => issue.state == State::Open,
            "closed" => issue.state == State::Closed,
            _ => true,
        };
        let updated: Option<jiff::Timestamp> = issue.updated_at.parse().ok();
        state
            && labels.iter().all(|label| issue.labels.iter().any(|one| one == label))
            && since.is_none_or(|since| updated.is_some_and(|updated| updated >= since))
            && call.asked("assignee").is_none_or(|who| issue.assignees.iter().any(|one| one == who))
            && call.asked("creator").is_none_or(|who| issue.author == who)
    };
    let repository = store.repository(&ask.repository)?;
    let mut found: Vec<&Issue> = repository.issues.values().filter(fits).collect();
    match call.asked("sort").unwrap_or("created") {
        "updated" => found.sort_by_key(|issue| (issue.updated_at.clone(), issue.number)),
        "comments" => found.sort_by_key(|issue| issue.comments.len()),
        _ => found.sort_by_key(|issue| issue.number),
    }
    if call.asked("direction").unwrap_or("desc") == "desc" {
        found.reverse();
    }
    let all: Vec<Value> =
        found.into_iter().map(|issue| shapes::issue(store, repository, issue, call)).collect();
    Ok(paged(call, &all))
}

fn create(store: &mut Store, ask: &Ask<'_>) -> Answer {
    let body = ask.call.fields(&["title!", "body", "labels", "assignees", "milestone", "type"])?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let issue = store.create_issue(&ask.repository, text("title"), text("body"))?;
    // Without the right to push, labels are dropped in silence, as assignees are.
    if store.repository(&ask.repository)?.is_writable() {
        for label in texts(body, "labels") {
            store.add_label(&ask.repository, issue, label)?;
        }
    }
    store.assign(&ask.repository, issue, &texts(body, "assignees"))?;
    shown(store, ask, issue, 201)
}

fn edit(store: &mut Store, ask: &Ask<'_>, number: u64) -> Answer {
    let allowed = ["title", "body", "state", "state_reason", "labels", "assignees", "milestone"];
    let body = ask.call.fields(&allowed)?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let reasons = ["completed", "not_planned", "duplicate", "reopened"];
    if text("state_reason").is_some_and(|reason| !reasons.contains(&reason)) {
        return Err(Reply::invalid(&json!([{ "field": "state_reason", "code": "invalid" }])));
    }
    match text("state") {
        Some("closed") => {
            store.set_state(&ask.repository, number, State::Closed, text("state_reason"))?;
        }
        Some("open") => store.set_state(&ask.repository, number, State::Open, None)?,
        Some(_) => return Err(Reply::invalid(&json!([{ "field": "state", "code": "invalid" }]))),
        None => {}
    }
    let labels = texts(body, "labels");
    for label in &labels {
        store.add_label(&ask.repository, number, label)?;
    }
    let issue = store.issue_mut(&ask.repository, number)?;
    if body.contains_key("labels") {
        issue.labels.retain(|label| labels.contains(&label.as_str()));
    }
    if let Some(title) = text("title") {
        title.clone_into(&mut issue.title);
    }
    if let Some(body) = text("body") {
        body.clone_into(&mut issue.body);
    }
    shown(store, ask, number, 200)
}

fn labels(store: &Store, ask: &Ask<'_>, issue: u64) -> Answer {
    let repository = store.repository(&ask.repository)?;
    let labels = &store.issue(&ask.repository, issue)?.labels;
    let labels: Vec<Value> =
        labels.iter().map(|name| shapes::label(repository, name, ask.call)).collect();
    Ok(Reply::json(200, &json!(labels)))
}

fn repository_labels(store: &mut Store, ask: &Ask<'_>, method: &str) -> Answer {
    if method == "POST" {
        let name = text(ask.call, &["name!", "color", "description"], "name")?;
        if store.repository(&ask.repository)?.labels.contains_key(&name) {
            let errors =
                json!([{ "resource": "Label", "code": "already_exists", "field": "name" }]);
            return Err(Reply::invalid(&errors));
        }
        store.create_label(&ask.repository, &name)?;
        let repository = store.repository(&ask.repository)?;
        return Ok(Reply::json(201, &shapes::label(repository, &name, ask.call)));
    }
    ask.call.queries(&["per_page", "page"])?;
    let repository = store.repository(&ask.repository)?;
    let all: Vec<Value> =
        repository.labels.keys().map(|name| shapes::label(repository, name, ask.call)).collect();
    Ok(paged(ask.call, &all))
}

fn comments(store: &Store, ask: &Ask<'_>, issue: u64) -> Answer {
    ask.call.queries(&["since", "per_page", "page"])?;
    let repository = store.repository(&ask.repository)?;
    let comments = &store.issue(&ask.repository, issue)?.comments;
    let since = ask.call.asked("since").unwrap_or_default();
    let all: Vec<Value> = comments
        .iter()
        .filter(|one| one.updated_at.as_str() >= since)
        .map(|one| shapes::comment(store, (repository, issue), one, ask.call))
        .collect();
    Ok(paged(ask.call, &all))
}

fn comment(store: &Store, ask: &Ask<'_>, id: u64, status: u16) -> Answer {
    let issue = store.issue_of_comment(&ask.repository, id)?;
    let repository = store.repository(&ask.repository)?;
    let comments = &store.issue(&ask.repository, issue)?.comments;
    let found = comments.iter().find(|one| one.database_id == id).ok_or_else(missing)?;
    Ok(Reply::json(status, &shapes::comment(store, (repository, issue), found, ask.call)))
}

fn edit_comment(store: &mut Store, ask: &Ask<'_>, id: u64) -> Answer {
    let body = text(ask.call, &["body!"], "body")?;
    store.edit_comment(&ask.repository, id, &body)?;
    comment(store, ask, id, 200)
}
