//! Each thing of the store as GraphQL sees it: its plain fields and references. Lists, and fields with
//! arguments, are in `lists`.

use super::board::{Access, Board, BoardView, Field, Item, Kind, Subject};
use super::{Cell, Issue, Owner, Pull, Repository, State, Store};
use serde_json::{Map, Value, json};

/// A reference to what has this id.
pub(super) fn reference(id: &str) -> Value {
    json!({ "$ref": id })
}

impl Store {
    /// Returns what has this id, as far as the token may see it.
    pub(crate) fn view(&self, id: &str) -> Option<Value> {
        if let Some(board) = self.boards.get(id) {
            return (board.access != Access::Hidden).then(|| self.board_view(board));
        }
        if self.items.contains_key(id) {
            return self.item(id).ok().map(|item| self.item_view(item));
        }
        if let Some(repository) = self.repositories.get(id) {
            return Some(self.repository_view(repository));
        }
        if let Some((repository, issue)) = self.find_issue(id) {
            return Some(self.issue_view(repository, issue));
        }
        if let Some(owner) = self.owners.values().find(|owner| owner.id == id) {
            return Some(owner_view(owner));
        }
        self.part_view(id)
    }

    /// Returns a part of something else: a field, a view, a draft, a label.
    fn part_view(&self, id: &str) -> Option<Value> {
        for board in self.boards.values().filter(|board| board.access != Access::Hidden) {
            if let Some(field) = board.fields.iter().find(|field| field.id == id) {
                return Some(field_view(board, field));
            }
            if let Some(view) = board.views.iter().find(|view| view.id == id) {
                return Some(view_view(board, view));
            }
        }
        for item in self.items.values() {
            match &item.subject {
                Subject::Draft { id: draft, .. } if draft == id => return Some(self.content(item)),
                Subject::Draft { .. } | Subject::Issue(_) => {}
            }
        }
        self.repositories.values().find_map(|repository| {
            let label = repository.labels.iter().find(|(_, label)| *label == id);
            label.map(|(name, _)| label_view(repository, name))
        })
    }

    fn board_view(&self, board: &Board) -> Value {
        let owner = &self.owners[&board.owner];
        let area = if owner.is_organization { "orgs" } else { "users" };
        let path = format!("/{area}/{}/projects/{}", board.owner, board.number);
        let mut view = json!({
            "__typename": "ProjectV2", "id": board.id, "databaseId": board.database_id,
            "fullDatabaseId": board.database_id.to_string(), "number": board.number,
            "title": board.title, "owner": reference(&owner.id), "creator": self.viewer(),
            "url": format!("https://github.com{path}"), "resourcePath": path, "template": false,
            "createdAt": board.created_at, "updatedAt": board.created_at, "closedAt": null,
            "viewerCanUpdate": board.access == Access::Write,
            "viewerCanClose": board.access == Access::Write,
            "viewerCanReopen": board.access == Access::Write,
        });
        for (name, value) in &board.texts {
            view[*name] = value.clone();
        }
        view
    }

    pub(super) fn viewer(&self) -> Value {
        reference(&self.owners[super::VIEWER].id)
    }

    fn item_view(&self, item: &Item) -> Value {
        let (kind, content) = match &item.subject {
            _ if item.is_redacted => ("REDACTED", Value::Null),
            Subject::Draft { .. } => ("DRAFT_ISSUE", self.content(item)),
            Subject::Issue(id) => match self.find_issue(id) {
                Some((_, issue)) if issue.pull.is_some() => ("PULL_REQUEST", reference(id)),
                Some(_) => ("ISSUE", reference(id)),
                None => ("REDACTED", Value::Null),
            },
        };
        json!({
            "__typename": "ProjectV2Item", "id": item.id, "databaseId": item.database_id,
            "fullDatabaseId": item.database_id.to_string(), "isArchived": item.is_archived,
            "createdAt": item.created_at, "updatedAt": item.updated_at, "type": kind,
            "content": content, "project": reference(&item.board), "creator": self.viewer(),
        })
    }

    fn content(&self, item: &Item) -> Value {
        match &item.subject {
            Subject::Draft { id, title, body } => json!({
                "__typename": "DraftIssue", "id": id, "title": title, "body": body,
                "bodyText": body, "createdAt": item.created_at, "updatedAt": item.updated_at,
                "creator": self.viewer(),
            }),
            Subject::Issue(id) => reference(id),
        }
    }

    /// Returns the values of an item that are set, in the order of the fields.
    pub(super) fn values(&self, item: &Item) -> Vec<Value> {
        let Some(board) = self.boards.get(&item.board) else { return Vec::new() };
        board.fields.iter().filter_map(|field| self.value(board, item, field)).collect()
    }

    pub(super) fn value(&self, board: &Board, item: &Item, field: &Field) -> Option<Value> {
        let mut view = match item.cells.get(&field.id) {
            Some(Cell::Text(text)) => {
                json!({ "__typename": "ProjectV2ItemFieldTextValue", "text": text })
            }
            Some(Cell::Number(number)) => {
                json!({ "__typename": "ProjectV2ItemFieldNumberValue", "number": number })
            }
            Some(Cell::Date(date)) => {
                json!({ "__typename": "ProjectV2ItemFieldDateValue", "date": date })
            }
            Some(Cell::Option(id)) => {
                let option = field.options.iter().find(|option| option.id == *id)?;
                json!({
                    "__typename": "ProjectV2ItemFieldSingleSelectValue", "optionId": id,
                    "name": option.name, "color": option.color, "description": option.description,
                })
            }
            None if field.kind == Kind::Own("TITLE") && !item.is_redacted => {
                json!({ "__typename": "ProjectV2ItemFieldTextValue", "text": self.title_of(&item.id) })
            }
            None => return None,
        };
        view["id"] = json!(format!("PVTFV_{}_{}", item.database_id, field.database_id));
        view["field"] = field_view(board, field);
        view["item"] = reference(&item.id);
        view["createdAt"] = json!(item.created_at);
        view["updatedAt"] = json!(item.updated_at);
        Some(view)
    }

    fn repository_view(&self, repository: &Repository) -> Value {
        let path = format!("/{}", repository.full_name());
        let default = format!("refs/heads/{}", repository.default_branch);
        let default =
            repository.refs.get(&default).map(|sha| ref_view(&repository.default_branch, sha));
        let mut view = json!({
            "__typename": "Repository", "id": repository.id, "databaseId": repository.database_id,
            "name": repository.name, "nameWithOwner": repository.full_name(),
            "owner": reference(&self.owners[&repository.owner].id),
            "viewerPermission": repository.permission, "defaultBranchRef": default,
            "url": format!("https://github.com{path}"), "resourcePath": path,
            "isFork": false, "parent": null, "description": null, "hasProjectsEnabled": true,
            "hasWikiEnabled": true, "viewerDefaultMergeMethod": "MERGE",
        });
        for (name, value) in &repository.settings {
            view[*name] = json!(value);
        }
        view
    }

    fn issue_view(&self, repository: &Repository, issue: &Issue) -> Value {
        let area = if issue.pull.is_some() { "pull" } else { "issues" };
        let path = format!("/{}/{area}/{}", repository.full_name(), issue.number);
        let author = self.owners.get(&issue.author).map(|owner| reference(&owner.id));
        let mut view = json!({
            "__typename": "Issue", "id": issue.id, "databaseId": issue.database_id,
            "fullDatabaseId": issue.database_id.to_string(), "number": issue.number,
            "title": issue.title, "body": issue.body, "bodyText": issue.body,
            "state": match issue.state { State::Open => "OPEN", State::Closed => "CLOSED" },
            "stateReason": issue.reason.as_ref().map(|reason| reason.to_uppercase()),
            "closed": issue.state == State::Closed, "closedAt": issue.closed_at,
            "createdAt": issue.created_at, "updatedAt": issue.updated_at, "author": author,
            "url": format!("https://github.com{path}"), "resourcePath": path, "locked": false,
            "repository": reference(&repository.id), "milestone": null, "isPinned": false, "reactionGroups": [], "projectCards": null,
        });
        if let (Value::Object(map), Some(pull)) = (&mut view, pull_view(repository, issue)) {
            map.extend(pull);
        }
        view
    }
}

/// Returns what a pull request has besides what every issue has.
fn pull_view(repository: &Repository, issue: &Issue) -> Option<Map<String, Value>> {
    let pull = issue.pull.as_ref()?;
    let is_open = issue.state == State::Open;
    let state = match (issue.state, &pull.merge_commit) {
        (State::Open, _) => "OPEN",
        (State::Closed, Some(_)) => "MERGED",
        (State::Closed, None) => "CLOSED",
    };
    let mergeable = match pull.merge_state.as_str() {
        "DIRTY" => "CONFLICTING",
        "UNKNOWN" => "UNKNOWN",
        _ => "MERGEABLE",
    };
    let auto = pull
        .auto_merge
        .as_ref()
        .map(|auto| json!({ "enabledAt": auto.at, "mergeMethod": auto.method }));
    let rollup = pull.checks.as_ref().map(|state| rollup_view(&issue.id, state, pull));
    let can_auto = is_open
        && repository.is("autoMergeAllowed")
        && !["CLEAN", "UNSTABLE"].contains(&pull.merge_state.as_str());
    let view = json!({
        "__typename": "PullRequest", "state": state, "isDraft": pull.is_draft,
        "merged": pull.merge_commit.is_some(), "mergeable": mergeable,
        "mergedAt": pull.merge_commit.as_ref().and(issue.closed_at.as_ref()),
        "mergeStateStatus": pull.merge_state, "headRefOid": pull.head_sha, "headRefName": pull.head,
        "baseRefName": pull.base, "reviewDecision": pull.review,
        "isMergeQueueEnabled": repository.is("isMergeQueueEnabled"),
        "isInMergeQueue": pull.is_in_queue, "mergeQueueEntry": null, "viewerCanEnableAutoMerge": can_auto,
        "viewerCanDisableAutoMerge": pull.auto_merge.is_some(), "autoMergeRequest": auto,
        "mergeCommit": pull.merge_commit.as_deref().map(commit_view), "statusCheckRollup": rollup,
        "isCrossRepository": false, "headRepository": reference(&repository.id),
        "headRepositoryOwner": null, "additions": 1, "deletions": 0, "changedFiles": 1,
    });
    match view {
        Value::Object(map) => Some(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    }
}

fn rollup_view(id: &str, state: &str, pull: &Pull) -> Value {
    let contexts = pull.contexts.iter().map(|(name, state)| {
        let is_done = state != "IN_PROGRESS";
        let (status, end) =
            if is_done { ("COMPLETED", json!(state)) } else { ("IN_PROGRESS", Value::Null) };
        json!({ "__typename": "CheckRun", "name": name, "status": status, "conclusion": end })
    });
    let contexts: Vec<Value> = contexts.collect();
    json!({
        "__typename": "StatusCheckRollup", "id": format!("SC_{id}"), "state": state,
        "commit": commit_view(&pull.head_sha),
        "contexts": { "totalCount": contexts.len(), "nodes": contexts },
    })
}

fn owner_view(owner: &Owner) -> Value {
    let kind = if owner.is_organization { "Organization" } else { "User" };
    json!({
        "__typename": kind, "id": owner.id, "databaseId": owner.database_id, "login": owner.login,
        "name": owner.login, "url": format!("https://github.com/{}", owner.login),
    })
}

pub(super) fn field_view(board: &Board, field: &Field) -> Value {
    let kind = match field.kind {
        Kind::SingleSelect => "ProjectV2SingleSelectField",
        Kind::Text | Kind::Number | Kind::Date | Kind::Own(_) => "ProjectV2Field",
    };
    let mut view = json!({
        "__typename": kind, "id": field.id, "databaseId": field.database_id, "name": field.name,
        "dataType": field.kind.name(), "project": reference(&board.id),
        "createdAt": board.created_at, "updatedAt": board.created_at,
    });
    if field.kind == Kind::SingleSelect {
        let option = |option: &super::Option_| {
            let super::Option_ { id, name, color, description } = option;
            json!({ "id": id, "name": name, "nameHTML": name, "color": color, "description": description })
        };
        view["options"] = field.options.iter().map(option).collect();
    }
    view
}

fn view_view(board: &Board, view: &BoardView) -> Value {
    json!({
        "__typename": "ProjectV2View", "id": view.id, "number": view.number, "name": view.name,
        "layout": view.layout, "filter": view.filter, "project": reference(&board.id),
        "createdAt": board.created_at, "updatedAt": board.created_at,
    })
}

pub(super) fn label_view(repository: &Repository, name: &str) -> Value {
    let id = repository.labels.get(name);
    json!({
        "__typename": "Label", "id": id, "name": name, "color": "ededed", "description": "",
        "isDefault": false, "repository": reference(&repository.id),
    })
}

pub(super) fn ref_view(name: &str, sha: &str) -> Value {
    let short = name.trim_start_matches("refs/heads/");
    json!({
        "__typename": "Ref", "id": format!("REF_{short}"), "name": short, "prefix": "refs/heads/",
        "target": commit_view(sha),
    })
}

pub(super) fn commit_view(sha: &str) -> Value {
    json!({ "__typename": "Commit", "id": format!("C_{sha}"), "oid": sha })
}
