//! The shapes of REST: what GitHub's answers look like, with the keys that typed clients insist on. It
//! decides nothing.

use super::super::call::Call;
use super::super::store::{Comment, Commit, Issue, Owner, Repository, State, Store, VIEWER};
use serde_json::{Value, json};

pub(super) fn user(owner: &Owner, call: &Call) -> Value {
    let url = format!("{}/users/{}", call.base(), owner.login);
    let mut user = json!({
        "login": owner.login, "id": owner.database_id, "node_id": owner.id,
        "avatar_url": "https://avatars.githubusercontent.com/u/1?v=4", "gravatar_id": "",
        "url": url, "html_url": format!("https://github.com/{}", owner.login),
        "type": if owner.is_organization { "Organization" } else { "User" }, "site_admin": false,
    });
    for name in [
        "followers",
        "following",
        "gists",
        "starred",
        "subscriptions",
        "organizations",
        "repos",
        "events",
        "received_events",
    ] {
        user[format!("{name}_url")] = json!(format!("{url}/{name}"));
    }
    user
}

fn author(store: &Store, login: &str, call: &Call) -> Value {
    store.owners.get(login).map(|owner| user(owner, call)).unwrap_or_default()
}

pub(super) fn repository(store: &Store, repository: &Repository, call: &Call) -> Value {
    let full = repository.full_name();
    let is_admin = repository.permission == "ADMIN";
    json!({
        "id": repository.database_id, "node_id": repository.id, "name": repository.name,
        "full_name": full, "owner": author(store, &repository.owner, call),
        "private": repository.is("isPrivate"), "fork": false, "description": null,
        "url": format!("{}/repos/{full}", call.base()), "html_url": format!("https://github.com/{full}"),
        "default_branch": repository.default_branch, "archived": repository.is("isArchived"),
        "disabled": false, "has_issues": repository.is("hasIssuesEnabled"), "has_projects": true,
        "allow_squash_merge": repository.is("squashMergeAllowed"),
        "allow_merge_commit": repository.is("mergeCommitAllowed"),
        "allow_rebase_merge": repository.is("rebaseMergeAllowed"),
        "allow_auto_merge": repository.is("autoMergeAllowed"),
        "delete_branch_on_merge": repository.is("deleteBranchOnMerge"),
        "permissions": { "admin": is_admin, "push": repository.is_writable(), "pull": true },
    })
}

pub(super) fn label(repository: &Repository, name: &str, call: &Call) -> Value {
    let url = format!("{}/repos/{}/labels/{name}", call.base(), repository.full_name());
    json!({
        "id": 1, "node_id": repository.labels.get(name), "url": url, "name": name,
        "color": "ededed", "default": false, "description": null,
    })
}

pub(super) fn issue(store: &Store, repository: &Repository, issue: &Issue, call: &Call) -> Value {
    let full = repository.full_name();
    let home = format!("{}/repos/{full}", call.base());
    let url = format!("{home}/issues/{}", issue.number);
    let assignees: Vec<Value> =
        issue.assignees.iter().map(|login| author(store, login, call)).collect();
    let labels: Vec<Value> =
        issue.labels.iter().map(|name| label(repository, name, call)).collect();
    let mut json = json!({
        "id": issue.database_id, "node_id": issue.id, "number": issue.number, "url": url,
        "repository_url": home, "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"), "events_url": format!("{url}/events"),
        "html_url": format!("https://github.com/{full}/issues/{}", issue.number),
        "title": issue.title, "body": issue.body, "state": state(issue), "state_reason": issue.reason,
        "user": author(store, &issue.author, call), "labels": labels,
        "assignee": assignees.first(), "assignees": assignees, "milestone": null, "locked": false,
        "comments": issue.comments.len(), "created_at": issue.created_at,
        "updated_at": issue.updated_at, "closed_at": issue.closed_at, "author_association": association(repository, &issue.author),
    });
    if issue.pull.is_some() {
        let url = format!("{home}/pulls/{}", issue.number);
        json["pull_request"] = json!({
            "url": url, "html_url": url, "diff_url": format!("{url}.diff"), "patch_url": format!("{url}.patch"),
        });
    }
    json
}

/// Says what somebody is to a repository: here only who has the token may work on any.
fn association(repository: &Repository, login: &str) -> &'static str {
    if login == VIEWER && repository.is_writable() { "OWNER" } else { "NONE" }
}

fn state(issue: &Issue) -> &'static str {
    match issue.state {
        State::Open => "open",
        State::Closed => "closed",
    }
}

pub(super) fn comment(
    store: &Store,
    of: (&Repository, u64),
    comment: &Comment,
    call: &Call,
) -> Value {
    let full = of.0.full_name();
    let home = format!("{}/repos/{full}/issues", call.base());
    let page =
        format!("https://github.com/{full}/issues/{}#issuecomment-{}", of.1, comment.database_id);
    json!({
        "id": comment.database_id, "node_id": comment.id, "body": comment.body,
        "url": format!("{home}/comments/{}", comment.database_id), "html_url": page,
        "issue_url": format!("{home}/{}", of.1), "user": author(store, &comment.author, call),
        "created_at": comment.created_at, "updated_at": comment.updated_at,
        "author_association": association(of.0, &comment.author),
    })
}

pub(super) fn pull(store: &Store, repository: &Repository, of: &Issue, call: &Call) -> Value {
    let mut json = issue(store, repository, of, call);
    let Some(pull) = &of.pull else { return json };
    let full = repository.full_name();
    let owner = author(store, &repository.owner, call);
    let side = |branch: &str, sha: Option<&String>| {
        let label = format!("{}:{branch}", repository.owner);
        json!({
            "label": label, "ref": branch, "sha": sha, "user": owner,
            "repo": self::repository(store, repository, call),
        })
    };
    let base = repository.refs.get(&format!("refs/heads/{}", pull.base));
    let mergeable = match pull.merge_state.as_str() {
        "UNKNOWN" => Value::Null,
        state => json!(state != "DIRTY"),
    };
    json["url"] = json!(format!("{}/repos/{full}/pulls/{}", call.base(), of.number));
    json["html_url"] = json!(format!("https://github.com/{full}/pull/{}", of.number));
    json["head"] = side(&pull.head, Some(&pull.head_sha));
    json["base"] = side(&pull.base, base);
    json["draft"] = json!(pull.is_draft);
    json["merged"] = json!(pull.merge_commit.is_some());
    json["merged_at"] = json!(pull.merge_commit.as_ref().and(of.closed_at.as_ref()));
    json["merge_commit_sha"] = json!(pull.merge_commit);
    json["mergeable"] = mergeable;
    json["mergeable_state"] = json!(pull.merge_state.to_lowercase());
    json["auto_merge"] = match &pull.auto_merge {
        Some(auto) => json!({ "merge_method": auto.method.to_lowercase(), "enabled_by": owner }),
        None => Value::Null,
    };
    if let Value::Object(map) = &mut json {
        map.remove("pull_request");
    }
    json
}

pub(super) fn commit(repository: &Repository, sha: &str, commit: &Commit, call: &Call) -> Value {
    let git = format!("{}/repos/{}/git", call.base(), repository.full_name());
    let person = json!({ "name": "ada", "email": "ada@example.org", "date": commit.at });
    let link = |kind: &str, sha: &str| json!({ "sha": sha, "url": format!("{git}/{kind}/{sha}") });
    let parents: Vec<Value> = commit.parents.iter().map(|sha| link("commits", sha)).collect();
    json!({
        "sha": sha, "node_id": format!("C_{sha}"), "url": format!("{git}/commits/{sha}"),
        "html_url": format!("https://github.com/{}/commit/{sha}", repository.full_name()),
        "author": person, "committer": person, "message": commit.message,
        "tree": link("trees", &commit.tree), "parents": parents,
        "verification": { "verified": false, "reason": "unsigned", "signature": null, "payload": null },
    })
}

pub(super) fn reference(repository: &Repository, name: &str, sha: &str, call: &Call) -> Value {
    let git = format!("{}/repos/{}/git", call.base(), repository.full_name());
    json!({
        "ref": name, "node_id": format!("REF_{name}"), "url": format!("{git}/{name}"),
        "object": { "type": "commit", "sha": sha, "url": format!("{git}/commits/{sha}") },
    })
}
