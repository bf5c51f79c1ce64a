//! GitHub's mutations by name: what each takes of its input, and what it gives back. The rules are the
//! store's; a mutation that is not here is refused as unknown to the fake, never taken for done.

use super::call::Refusal;
use super::store::{Kind, State, Store, text};
use serde_json::{Value, json};

type Done = Result<Value, Refusal>;

/// Does one mutation; returns its payload.
pub(super) fn apply(store: &mut Store, name: &str, input: &Value) -> Done {
    let done = on_board(store, name, input)
        .or_else(|| on_item(store, name, input))
        .or_else(|| on_repository(store, name, input));
    let message = || format!("the fake has no mutation {name}");
    let mut payload = done.ok_or_else(|| Refusal { kind: "FAKE", message: message() })??;
    payload["clientMutationId"] = input["clientMutationId"].clone();
    Ok(payload)
}

fn reference(id: &str) -> Value {
    json!({ "$ref": id })
}

/// Returns the text of a key that the schema requires, or an empty one.
fn of<'a>(input: &'a Value, key: &str) -> &'a str {
    text(input, key).unwrap_or_default()
}

fn list(input: &Value, key: &str) -> Option<Vec<Value>> {
    input.get(key).and_then(Value::as_array).cloned()
}

fn on_board(store: &mut Store, name: &str, input: &Value) -> Option<Done> {
    Some(match name {
        "createProjectV2" => create_board(store, input),
        "linkProjectV2ToRepository" => link(store, input),
        "updateProjectV2" => update_board(store, input),
        "createProjectV2Field" => create_field(store, input),
        "updateProjectV2Field" => {
            let options = list(input, "singleSelectOptions");
            let field = of(input, "fieldId");
            let done = store.update_field(field, text(input, "name"), options.as_deref());
            done.map(|()| json!({ "projectV2Field": reference(field) }))
        }
        "deleteProjectV2Field" => delete_field(store, input),
        "createProjectV2View" => {
            let (name, layout) = (of(input, "name"), of(input, "layout"));
            let rest = input["configuration"].clone();
            let rest = if rest.is_null() { json!({}) } else { rest };
            let done = store.create_view(of(input, "projectId"), name, layout, rest);
            done.map(|id| json!({ "projectV2View": reference(&id) }))
        }
        "updateProjectV2View" => update_view(store, input),
        "deleteProjectV2View" => delete_view(store, input),
        _ => return None,
    })
}

fn create_board(store: &mut Store, input: &Value) -> Done {
    if let Some(repository) = text(input, "repositoryId") {
        store.repository(repository)?;
    }
    let id = store.create_board(of(input, "ownerId"), of(input, "title"))?;
    if let (Some(repository), Some(board)) =
        (text(input, "repositoryId"), store.boards.get_mut(&id))
    {
        board.linked.push(repository.to_owned());
    }
    Ok(json!({ "projectV2": reference(&id) }))
}

fn link(store: &mut Store, input: &Value) -> Done {
    let repository = store.repository(of(input, "repositoryId"))?;
    let (id, owner) = (repository.id.clone(), repository.owner.clone());
    let board = store.writable(of(input, "projectId"))?;
    if board.owner != owner {
        let message = "The repository and the project must have the same owner";
        return Err(Refusal::unprocessable(message));
    }
    if !board.linked.contains(&id) {
        board.linked.push(id.clone());
    }
    Ok(json!({ "repository": reference(&id) }))
}

fn update_board(store: &mut Store, input: &Value) -> Done {
    let board = store.writable(of(input, "projectId"))?;
    for name in ["shortDescription", "readme", "public", "closed"] {
        if let Some(value) = input.get(name) {
            board.texts.insert(name, value.clone());
        }
    }
    if let Some(title) = text(input, "title") {
        title.clone_into(&mut board.title);
    }
    Ok(json!({ "projectV2": reference(&board.id) }))
}

fn create_field(store: &mut Store, input: &Value) -> Done {
    let kind = of(input, "dataType");
    let kind = Kind::named(kind);
    let kind = kind.ok_or_else(|| Refusal::unprocessable("the fake has no fields of this type"))?;
    let options = list(input, "singleSelectOptions").unwrap_or_default();
    let id = store.create_field(of(input, "projectId"), of(input, "name"), kind, &options)?;
    Ok(json!({ "projectV2Field": reference(&id) }))
}

fn delete_field(store: &mut Store, input: &Value) -> Done {
    let id = of(input, "fieldId");
    let view = store.view(id);
    store.delete_field(id)?;
    Ok(json!({ "projectV2Field": view }))
}

fn update_view(store: &mut Store, input: &Value) -> Done {
    let (board, index) = store.find_view(of(input, "viewId"))?;
    let view = &mut store.writable(&board)?.views[index];
    if let Some(name) = text(input, "name") {
        name.clone_into(&mut view.name);
    }
    if let Some(layout) = text(input, "layout") {
        layout.clone_into(&mut view.layout);
    }
    if let Some(filter) = text(input, "filter") {
        view.filter = Some(filter.to_owned());
    }
    if let Some(ids) = input["configuration"].get("visibleFieldIds") {
        view.rest["visibleFieldIds"] = ids.clone();
    }
    Ok(json!({ "projectV2View": reference(&view.id) }))
}

fn delete_view(store: &mut Store, input: &Value) -> Done {
    let id = of(input, "viewId");
    let (board, index) = store.find_view(id)?;
    let view = store.view(id);
    store.writable(&board)?.views.remove(index);
    Ok(json!({ "projectV2View": view }))
}

fn on_item(store: &mut Store, name: &str, input: &Value) -> Option<Done> {
    let [board, item, field] = ["projectId", "itemId", "fieldId"].map(|key| of(input, key));
    let item_payload =
        |done: Result<(), Refusal>, key: &str| done.map(|()| json!({ key: reference(item) }));
    Some(match name {
        "addProjectV2DraftIssue" => {
            let done = store.add_draft(board, of(input, "title"), of(input, "body"));
            done.map(|id| json!({ "projectItem": reference(&id) }))
        }
        "addProjectV2ItemById" => {
            let done = store.add_content(board, of(input, "contentId"));
            done.map(|id| json!({ "item": reference(&id) }))
        }
        "updateProjectV2DraftIssue" => {
            let draft = of(input, "draftIssueId");
            let done = store.update_draft(draft, text(input, "title"), text(input, "body"));
            done.map(|()| json!({ "draftIssue": reference(draft) }))
        }
        "updateProjectV2ItemFieldValue" => {
            item_payload(store.set(board, item, field, &input["value"]), "projectV2Item")
        }
        "clearProjectV2ItemFieldValue" => {
            item_payload(store.clear(board, item, field), "projectV2Item")
        }
        "archiveProjectV2Item" => item_payload(store.archive(board, item), "item"),
        "unarchiveProjectV2Item" => item_payload(store.unarchive(board, item), "item"),
        "deleteProjectV2Item" => {
            store.delete_item(board, item).map(|()| json!({ "deletedItemId": item }))
        }
        _ => return None,
    })
}

fn on_repository(store: &mut Store, name: &str, input: &Value) -> Option<Done> {
    let pull = of(input, "pullRequestId");
    let pull_payload =
        |done: Result<(), Refusal>| done.map(|()| json!({ "pullRequest": reference(pull) }));
    Some(match name {
        "createIssue" => create_issue(store, input),
        "closeIssue" => close_issue(store, input),
        "addComment" => add_comment(store, input),
        "updateRefs" => {
            let wishes = list(input, "refUpdates").unwrap_or_default();
            store.update_refs(of(input, "repositoryId"), &wishes).map(|()| json!({}))
        }
        "createPullRequest" => open_pull(store, input),
        "mergePullRequest" => pull_payload(store.merge_pull(input)),
        "enablePullRequestAutoMerge" => pull_payload(store.enable_auto_merge(input)),
        "disablePullRequestAutoMerge" => pull_payload(store.disable_auto_merge(pull)),
        "enqueuePullRequest" => store.enqueue(input).map(|()| queue_entry(pull)),
        "dequeuePullRequest" => {
            let pull = of(input, "id");
            store.dequeue(pull).map(|()| queue_entry(pull))
        }
        "updatePullRequestBranch" => pull_payload(store.update_branch(input)),
        _ => return None,
    })
}

fn queue_entry(pull: &str) -> Value {
    let entry = json!({
        "__typename": "MergeQueueEntry", "id": format!("MQE_{pull}"), "position": 1,
        "state": "QUEUED", "pullRequest": reference(pull),
    });
    json!({ "mergeQueueEntry": entry })
}

fn create_issue(store: &mut Store, input: &Value) -> Done {
    let repository = of(input, "repositoryId");
    let labels = list(input, "labelIds").unwrap_or_default();
    let labels = store.labels_named(repository, &labels)?;
    let number = store.create_issue(repository, of(input, "title"), of(input, "body"))?;
    for label in labels {
        store.add_label(repository, number, &label)?;
    }
    let id = store.issue(repository, number)?.id.clone();
    Ok(json!({ "issue": reference(&id) }))
}

fn open_pull(store: &mut Store, input: &Value) -> Done {
    let repository = of(input, "repositoryId");
    let branches = (of(input, "headRefName"), of(input, "baseRefName"));
    let number = store.create_pull(repository, branches, of(input, "title"), of(input, "body"))?;
    let id = store.issue(repository, number)?.id.clone();
    Ok(json!({ "pullRequest": reference(&id) }))
}

fn close_issue(store: &mut Store, input: &Value) -> Done {
    let id = of(input, "issueId");
    let (repository, number) = store.place_of(id)?;
    let reason = text(input, "stateReason").map(str::to_lowercase);
    store.set_state(&repository, number, State::Closed, reason.as_deref())?;
    Ok(json!({ "issue": reference(id) }))
}

fn add_comment(store: &mut Store, input: &Value) -> Done {
    let id = of(input, "subjectId");
    let (repository, number) = store.place_of(id)?;
    store.add_comment(&repository, number, of(input, "body"))?;
    let comments = store.issue(&repository, number)?.comments.len();
    let url = format!("https://github.com/{number}#issuecomment-{comments}");
    let node = json!({ "id": format!("IC_{comments}"), "url": url, "body": input["body"] });
    Ok(
        json!({ "commentEdge": { "cursor": comments.to_string(), "node": node }, "subject": reference(id) }),
    )
}
