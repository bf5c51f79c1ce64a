//! Pull requests by REST: opening, finding, editing and merging with the head that was tested.

use super::super::call::Reply;
use super::super::store::{Issue, Repository, State, Store};
use super::{Answer, Ask, missing, number, paged, shapes};
use serde_json::{Value, json};

pub(super) fn answer(store: &mut Store, ask: &Ask<'_>) -> Answer {
    match (ask.call.method.as_str(), &ask.rest[1..]) {
        ("GET", []) => list(store, ask),
        ("POST", []) => create(store, ask),
        ("GET", [pull]) => shown(store, ask, number(pull)?, 200),
        ("PATCH", [pull]) => edit(store, ask, number(pull)?),
        ("GET", [pull, "merge"]) => {
            let issue = store.issue(&ask.repository, number(pull)?)?;
            let is_merged = issue.pull.as_ref().is_some_and(|pull| pull.merge_commit.is_some());
            if is_merged { Ok(Reply::json(204, &Value::Null)) } else { Err(missing()) }
        }
        ("PUT", [pull, "merge"]) => merge(store, ask, number(pull)?),
        _ => Err(missing()),
    }
}

fn shown(store: &Store, ask: &Ask<'_>, number: u64, status: u16) -> Answer {
    let repository = store.repository(&ask.repository)?;
    let issue = store.issue(&ask.repository, number)?;
    issue.pull.as_ref().ok_or_else(missing)?;
    Ok(Reply::json(status, &shapes::pull(store, repository, issue, ask.call)))
}

fn list(store: &Store, ask: &Ask<'_>) -> Answer {
    let call = ask.call;
    call.queries(&["state", "head", "base", "sort", "direction", "per_page", "page"])?;
    let repository = store.repository(&ask.repository)?;
    let fits = |issue: &&Issue| {
        let Some(pull) = &issue.pull else { return false };
        let state = match call.asked("state").unwrap_or("open") {
            "open" => issue.state == State::Open,
            "closed" => issue.state == State::Closed,
            _ => true,
        };
        let head = format!("{}:{}", repository.owner, pull.head);
        // GitHub ignores a head that does not name its owner.
        let asked = call.asked("head").filter(|head| head.contains(':'));
        state
            && asked.is_none_or(|asked| asked == head)
            && call.asked("base").is_none_or(|base| base == pull.base)
    };
    let mut found: Vec<&Issue> = repository.issues.values().filter(fits).collect();
    if call.asked("direction").unwrap_or("desc") == "desc" {
        found.reverse();
    }
    let all: Vec<Value> =
        found.into_iter().map(|issue| shapes::pull(store, repository, issue, call)).collect();
    Ok(paged(call, &all))
}

fn create(store: &mut Store, ask: &Ask<'_>) -> Answer {
    let allowed =
        ["title!", "head!", "base!", "body", "draft", "maintainer_can_modify", "head_repo"];
    let body = ask.call.fields(&allowed)?;
    let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
    let repository = store.repository(&ask.repository)?;
    if !repository.is_writable() {
        return Err(Reply::error(403, "Resource not accessible by personal access token"));
    }
    let own = format!("{}:", repository.owner);
    let head = text("head").strip_prefix(&own).unwrap_or(text("head"));
    let made =
        store.create_pull(&ask.repository, (head, text("base")), text("title"), text("body"));
    let number = made.map_err(|refusal| match refusal.kind {
        "INVALID" => {
            let field = &refusal.message;
            Reply::invalid(
                &json!([{ "resource": "PullRequest", "field": field, "code": "invalid" }]),
            )
        }
        "UNPROCESSABLE" => {
            let message = &refusal.message;
            Reply::invalid(
                &json!([{ "resource": "PullRequest", "code": "custom", "message": message }]),
            )
        }
        _ => refusal.into(),
    })?;
    if body.get("draft") == Some(&json!(true)) {
        store.pull_mut(&ask.repository, number)?.is_draft = true;
    }
    shown(store, ask, number, 201)
}

fn edit(store: &mut Store, ask: &Ask<'_>, number: u64) -> Answer {
    store.pull_mut(&ask.repository, number)?;
    let body = ask.call.fields(&["title", "body", "state", "base", "maintainer_can_modify"])?;
    let text = |key: &str| body.get(key).and_then(Value::as_str);
    let state = match text("state") {
        Some("closed") => Some(State::Closed),
        Some("open") => Some(State::Open),
        Some(_) => return Err(Reply::invalid(&json!([{ "field": "state", "code": "invalid" }]))),
        None => None,
    };
    if let Some(state) = state {
        store.set_state(&ask.repository, number, state, None)?;
    }
    let issue = store.issue_mut(&ask.repository, number)?;
    if let Some(title) = text("title") {
        title.clone_into(&mut issue.title);
    }
    if let Some(body) = text("body") {
        body.clone_into(&mut issue.body);
    }
    shown(store, ask, number, 200)
}

fn merge(store: &mut Store, ask: &Ask<'_>, number: u64) -> Answer {
    let allowed = ["sha", "merge_method", "commit_title", "commit_message"];
    let body = if ask.call.body.is_null() { None } else { Some(ask.call.fields(&allowed)?) };
    let text = |key: &str| body.and_then(|body| body.get(key)).and_then(Value::as_str);
    let method = text("merge_method").unwrap_or("merge");
    refused(store.repository(&ask.repository)?, method)?;
    let is_open = store.issue(&ask.repository, number)?.state == State::Open;
    let pull = store.pull_mut(&ask.repository, number)?;
    if text("sha").is_some_and(|sha| sha != pull.head_sha) {
        let message = "Head branch was modified. Review and try the merge again.";
        return Err(Reply::error(409, message));
    }
    let is_ready = ["CLEAN", "HAS_HOOKS", "UNSTABLE"].contains(&pull.merge_state.as_str());
    if !is_open || pull.is_draft || !is_ready {
        return Err(Reply::error(405, "Pull Request is not mergeable"));
    }
    let sha = store.merge_now(&ask.repository, number, &method.to_uppercase())?;
    let body = json!({ "sha": sha, "merged": true, "message": "Pull Request successfully merged" });
    Ok(Reply::json(200, &body))
}

/// Refuses what the repository does not allow.
fn refused(repository: &Repository, method: &str) -> Result<(), Reply> {
    let setting = match method {
        "merge" => "mergeCommitAllowed",
        "squash" => "squashMergeAllowed",
        "rebase" => "rebaseMergeAllowed",
        _ => return Err(Reply::invalid(&json!([{ "field": "merge_method", "code": "invalid" }]))),
    };
    if !repository.is_writable() {
        return Err(Reply::error(403, "Resource not accessible by personal access token"));
    }
    if !repository.is(setting) {
        let message = format!("{method} merges are not allowed on this repository.");
        return Err(Reply::error(405, &message));
    }
    Ok(())
}
