//! What the store refuses and does of itself, as GitHub: the rules that a careless client breaks.

use crate::documents::ITEMS;
use crate::server::store::Kind;
use crate::server::store::board::Access;
use crate::server::store::person::Setting;
use crate::server::store::refs::ZEROS;
use crate::server::{Server, TOKEN};
use serde_json::{Value, json};

const SET: (&str, &str) = ("updateProjectV2ItemFieldValue", "projectV2Item { id }");

/// A server with a board and one draft on it: the ids of both.
fn scene() -> (Server, String, String) {
    let server = Server::start();
    let board = server.store().add_board("work");
    let item = server.store().add_draft(&board, "one", "").unwrap();
    (server, board, item)
}

fn ids(server: &Server, board: &str) -> Vec<String> {
    let options = server.store().field_of(board, "Status").options.clone();
    options.into_iter().map(|option| option.id).collect()
}

#[test]
fn a_project_is_born_with_title_and_status_and_titles_may_repeat() {
    let (server, board, _) = scene();
    let again = server.store().add_board("work");
    let store = server.store();
    assert_eq!((store.boards[&board].number, store.boards[&again].number), (1, 2));
    assert_eq!(store.field_of(&board, "Title").kind, Kind::Own("TITLE"));
    let names: Vec<&str> =
        store.field_of(&board, "Status").options.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["Todo", "In Progress", "Done"]);
    drop(store);
    assert!(
        ids(&server, &board).iter().all(|id| id.len() == 8 && u64::from_str_radix(id, 16).is_ok())
    );
}

#[test]
fn a_field_needs_a_new_name_and_a_single_select_its_options() {
    let (server, board, _) = scene();
    let payload = "projectV2Field { ... on ProjectV2FieldCommon { id } }";
    let make = |name: &str, kind: &str, options: Value| {
        let input = json!({ "projectId": board, "name": name, "dataType": kind, "singleSelectOptions": options });
        server.mutate("createProjectV2Field", payload, &input)
    };
    assert!(make("status", "TEXT", Value::Null).text.contains("Name has already been taken"));
    assert_eq!(make("Worker", "SINGLE_SELECT", Value::Null).refusal(), "UNPROCESSABLE");
    make("Worker", "TEXT", Value::Null).data();
}

#[test]
fn options_that_are_sent_without_ids_replace_the_old_and_clear_all_values() {
    let (server, board, item) = scene();
    server.store().edit(&item, "Status", Some("Done"));
    let field = server.store().field_of(&board, "Status").id.clone();
    let old = ids(&server, &board);
    let option = |name: &str, id: Option<&String>| json!({ "name": name, "color": "GRAY", "description": "", "id": id });
    let send = |options: Value| {
        let payload = "projectV2Field { ... on ProjectV2FieldCommon { id } }";
        server
            .mutate(
                "updateProjectV2Field",
                payload,
                &json!({ "fieldId": field, "singleSelectOptions": options }),
            )
            .data()
            .clone()
    };
    let kept = [
        option("Todo", old.first()),
        option("In Progress", old.get(1)),
        option("Finished", old.get(2)),
        option("New", None),
    ];
    send(json!(kept));
    assert_eq!(ids(&server, &board)[..3], old[..]);
    assert_eq!(server.store().shown(&item, "Status").as_deref(), Some("Finished"));
    send(
        json!([{ "name": "Todo", "color": "GRAY", "description": "" }, { "name": "Finished", "color": "RED", "description": "" }]),
    );
    assert!(ids(&server, &board).iter().all(|id| !old.contains(id)));
    assert_eq!(server.store().shown(&item, "Status"), None);
}

#[test]
fn a_value_must_be_one_of_the_type_of_the_field() {
    let (server, board, item) = scene();
    let number = server.store().create_field(&board, "Progress", Kind::Number, &[]).unwrap();
    let date = server.store().create_field(&board, "Due", Kind::Date, &[]).unwrap();
    let status = server.store().field_of(&board, "Status").id.clone();
    let refused = |field: &str, value: Value| {
        let input = json!({ "projectId": board, "itemId": item, "fieldId": field, "value": value });
        let answer = server.mutate(SET.0, SET.1, &input);
        (answer.refusal().to_owned(), answer.body["data"]["m0"].is_null())
    };
    let no = ("UNPROCESSABLE".to_owned(), true);
    assert_eq!(refused(&number, json!({ "text": "1" })), no);
    assert_eq!(refused(&number, json!({ "number": 1, "text": "1" })), no);
    assert_eq!(refused(&number, json!({})), no);
    assert_eq!(refused(&date, json!({ "date": "2026-02-30" })), no);
    assert_eq!(refused(&status, json!({ "singleSelectOptionId": "" })), no);
    assert_eq!(refused(&status, json!({ "singleSelectOptionId": "00000000" })), no);
    let title = server.store().field_of(&board, "Title").id.clone();
    assert_eq!(refused(&title, json!({ "text": "x" })), no);
    assert_eq!(refused(&number, json!({ "number": 1 })), (String::new(), false));
}

#[test]
fn items_and_fields_of_another_board_are_not_found() {
    let (server, board, item) = scene();
    let other = server.store().add_board("other");
    let field = server.store().create_field(&other, "Text", Kind::Text, &[]).unwrap();
    let set = |board: &str| {
        let input = json!({ "projectId": board, "itemId": item, "fieldId": field, "value": { "text": "x" } });
        server.mutate(SET.0, SET.1, &input).refusal().to_owned()
    };
    assert_eq!(
        (set(&board), set(&other), set("PVT_x")),
        ("NOT_FOUND".into(), "NOT_FOUND".into(), "NOT_FOUND".into())
    );
}

#[test]
fn an_archived_item_refuses_values_but_not_to_come_back() {
    let (server, board, item) = scene();
    let field = server.store().create_field(&board, "Text", Kind::Text, &[]).unwrap();
    server.store().archive(&board, &item).unwrap();
    let input =
        json!({ "projectId": board, "itemId": item, "fieldId": field, "value": { "text": "x" } });
    assert!(server.mutate(SET.0, SET.1, &input).text.contains("archived"));
    server
        .mutate(
            "unarchiveProjectV2Item",
            "item { id }",
            &json!({ "projectId": board, "itemId": item }),
        )
        .data();
    server.mutate(SET.0, SET.1, &input).data();
}

#[test]
fn a_draft_that_is_edited_without_its_body_loses_it() {
    let (server, board, _) = scene();
    let item = server.store().add_draft(&board, "two", "text").unwrap();
    let node = "query($i: ID!) { node(id: $i) { ... on ProjectV2Item { content { ... on DraftIssue { id body } } } } }";
    let content = || server.query(node, &json!({ "i": item })).data()["node"]["content"].clone();
    assert_eq!(content()["body"], "text");
    let input = json!({ "draftIssueId": content()["id"], "title": "three" });
    server.mutate("updateProjectV2DraftIssue", "draftIssue { id }", &input).data();
    assert_eq!(content()["body"], "");
}

#[test]
fn a_batch_does_the_others_when_one_of_it_fails() {
    let (server, board, _) = scene();
    let draft = |title: &str| json!({ "projectId": board, "title": title });
    let answer = server.batch(
        "addProjectV2DraftIssue",
        "projectItem { id }",
        &[draft("a"), draft(""), draft("c")],
    );
    assert_eq!(answer.body["errors"][0]["path"], json!(["m1"]));
    assert!(answer.body["data"]["m1"].is_null() && answer.body["data"]["m2"].is_object());
    assert_eq!(server.store().items_of(&board).len(), 3);
}

#[test]
fn every_connection_says_how_much_and_none_asks_for_too_much() {
    let (server, board, _) = scene();
    let ask = |items: &str| {
        let text =
            format!("query($p: ID!) {{ node(id: $p) {{ ... on ProjectV2 {{ items{items} }} }} }}");
        server.query(&text, &json!({ "p": board }))
    };
    assert_eq!(ask(" { nodes { id } }").refusal(), "MISSING_PAGINATION_BOUNDARIES");
    assert_eq!(ask("(first: 101) { totalCount }").refusal(), "EXCESSIVE_PAGINATION");
    for counted in [" { totalCount }", "(first: 0) { totalCount }"] {
        assert_eq!(ask(counted).data()["node"]["items"]["totalCount"], 1);
    }
    let many: Vec<String> = (0..101).map(|n| n.to_string()).collect();
    let text = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }";
    assert_eq!(server.query(text, &json!({ "ids": many })).refusal(), "ARGUMENT_LIMIT");
    let deep = "query($p: ID!) { node(id: $p) { ... on ProjectV2 { items(first: 100) { nodes { content { ... on Issue {
        projectItems(first: 100) { nodes { fieldValues(first: 100) { totalCount } } } } } } } } } }";
    assert_eq!(server.query(deep, &json!({ "p": board })).refusal(), "MAX_NODE_LIMIT_EXCEEDED");
}

#[test]
fn who_has_no_token_or_no_access_gets_nothing() {
    let (server, board, item) = scene();
    let answer = server.try_send("GET /user", &["Authorization: Bearer wrong"], "").unwrap();
    assert_eq!((answer.status, &answer.body["message"]), (401, &json!("Bad credentials")));
    assert_eq!(server.try_send("POST /graphql", &[], "{}").unwrap().status, 401);
    let token = format!("Authorization: token {TOKEN}");
    assert_eq!(server.try_send("GET /user", &[&token], "").unwrap().body["login"], "ada");
    server.store().set_access(&board, Access::Read);
    let input = json!({ "projectId": board, "itemId": item });
    assert_eq!(server.mutate("archiveProjectV2Item", "item { id }", &input).refusal(), "FORBIDDEN");
    server.store().set_access(&board, Access::Hidden);
    let answer = server.query(ITEMS, &json!({ "p": board }));
    assert_eq!((answer.refusal(), &answer.body["data"]["node"]), ("NOT_FOUND", &Value::Null));
    server.store().rules.token_is_revoked = true;
    assert_eq!(server.query(ITEMS, &json!({ "p": board })).status, 401);
}

#[test]
fn what_people_do_to_a_board_is_seen_by_the_next_scan() {
    let (server, board, item) = scene();
    server.store().create_field(&board, "Note", Kind::Text, &[]).unwrap();
    server.store().edit(&item, "Note", Some("by hand"));
    server.store().edit(&item, "Status", Some("Done"));
    server.store().edit_draft(&item, "renamed", "text");
    server.store().rename_field(&board, "Note", "Remark");
    server.store().drop_option(&board, "Status", "Done");
    let store = server.store();
    assert_eq!(
        (store.title_of(&item), store.shown(&item, "Remark")),
        ("renamed".into(), Some("by hand".into()))
    );
    assert_eq!(store.shown(&item, "Status"), None);
    drop(store);
    server.store().retype_field(&board, "Remark", Kind::Number);
    assert_eq!(server.store().shown(&item, "Remark"), None);
    server.store().drop_field(&board, "Remark");
    server.store().overwrite_options(&board, "Status", &["A", "B"]);
    server.store().redact(&item);
    let scan = server.query(ITEMS, &json!({ "p": board }));
    let node = &scan.data()["node"]["items"]["nodes"][0];
    assert_eq!((&node["type"], &node["content"]), (&json!("REDACTED"), &Value::Null));
    assert!(
        server.store().board_titled("work").is_some_and(|board| board.field("Remark").is_none())
    );
}

#[test]
fn content_is_added_once_and_may_be_refused_then() {
    let (server, board, _) = scene();
    server.store().add_repository("acme", "shop");
    let number = server.store().open_issue("shop", "one", &[]);
    let issue = server.store().repository_mut("shop").issues[&number].id.clone();
    let input = json!({ "projectId": board, "contentId": issue });
    let add = || server.mutate("addProjectV2ItemById", "item { id }", &input);
    let first = add().data()["m0"]["item"]["id"].clone();
    assert_eq!(add().data()["m0"]["item"]["id"], first);
    server.store().rules.content_must_be_new = true;
    assert!(add().text.contains("Content already exists in this project"));
}

#[test]
fn refs_move_all_or_none_and_only_from_where_they_are_expected() {
    let server = Server::start();
    let repository = server.store().add_repository("acme", "shop");
    let one = server.store().push("shop", "work", "one");
    let two = server.store().push("shop", "work", "two");
    let claim = "refs/heads/reconciler/claims/issue-1";
    let update = |wishes: Value| {
        let input = json!({ "repositoryId": repository, "refUpdates": wishes });
        server.mutate("updateRefs", "clientMutationId", &input).refusal().to_owned()
    };
    let wish = |name: &str, before: &str, after: &str| json!({ "name": name, "beforeOid": before, "afterOid": after });
    assert_eq!(update(json!([wish(claim, ZEROS, &one)])), "");
    assert_eq!(update(json!([wish(claim, ZEROS, &two)])), "UNPROCESSABLE");
    assert_eq!(update(json!([wish(claim, &two, &one)])), "UNPROCESSABLE");
    let other = wish("refs/heads/other", ZEROS, &one);
    assert_eq!(update(json!([other, wish(claim, &two, ZEROS)])), "UNPROCESSABLE");
    assert_eq!(server.store().tip("shop", "other"), None);
    assert_eq!(update(json!([wish("refs/heads/work", &two, &one)])), "UNPROCESSABLE");
    let mut forced = wish("refs/heads/work", &two, &one);
    forced["force"] = json!(true);
    assert_eq!(update(json!([forced, wish(claim, &one, ZEROS)])), "");
    let tip = |branch: &str| server.store().tip("shop", branch);
    assert_eq!((tip("work"), tip("reconciler/claims/issue-1")), (Some(one), None));
    let nothing = "f".repeat(40);
    assert_eq!(update(json!([wish("refs/heads/new", ZEROS, &nothing)])), "UNPROCESSABLE");
}

#[test]
fn auto_merge_waits_is_refused_when_clean_and_merges_when_it_may() {
    let server = Server::start();
    let shop = server.store().add_repository("acme", "shop");
    let head = server.store().push("shop", "work", "done");
    let number = server.store().open_pull("shop", "work", "main");
    let id = server.store().issue(&shop, number).unwrap().id.clone();
    let enable = |sha: &str| {
        let input = json!({ "pullRequestId": id, "expectedHeadOid": sha, "mergeMethod": "SQUASH" });
        server.mutate(
            "enablePullRequestAutoMerge",
            "pullRequest { autoMergeRequest { mergeMethod } }",
            &input,
        )
    };
    assert!(enable(&head).text.contains("Pull request is in clean status"));
    server.store().set_merge_state("shop", number, "UNSTABLE");
    assert!(enable(&head).text.contains("Pull request is in unstable status"));
    server.store().set_merge_state("shop", number, "BLOCKED");
    assert_eq!(enable(&"0".repeat(40)).refusal(), "UNPROCESSABLE");
    server.store().set_repository("shop", "autoMergeAllowed", Setting::Off);
    assert!(enable(&head).text.contains("Auto merge is not allowed"));
    server.store().set_repository("shop", "autoMergeAllowed", Setting::On);
    assert_eq!(
        enable(&head).data()["m0"]["pullRequest"]["autoMergeRequest"]["mergeMethod"],
        "SQUASH"
    );
    server
        .mutate(
            "disablePullRequestAutoMerge",
            "pullRequest { id }",
            &json!({ "pullRequestId": id }),
        )
        .data();
    enable(&head).data();
    server.store().set_merge_state("shop", number, "CLEAN");
    let store = server.store();
    let pull = store.issue(&shop, number).unwrap().pull.clone().unwrap();
    assert_eq!(pull.merge_commit, store.tip("shop", "main"));
}

#[test]
fn a_branch_that_is_behind_is_brought_up_to_date() {
    let server = Server::start();
    let shop = server.store().add_repository("acme", "shop");
    let head = server.store().push("shop", "work", "done");
    let number = server.store().open_pull("shop", "work", "main");
    let base = server.store().push("shop", "main", "meanwhile");
    server.store().set_merge_state("shop", number, "BEHIND");
    let id = server.store().issue(&shop, number).unwrap().id.clone();
    let input = json!({ "pullRequestId": id, "expectedHeadOid": head });
    let answer = server.mutate(
        "updatePullRequestBranch",
        "pullRequest { headRefOid mergeStateStatus }",
        &input,
    );
    let tip = server.store().tip("shop", "work").unwrap();
    assert_eq!(
        answer.data()["m0"]["pullRequest"],
        json!({ "headRefOid": tip, "mergeStateStatus": "CLEAN" })
    );
    assert_eq!(server.store().repository_mut("shop").commits[&tip].parents, [head, base]);
    assert_eq!(
        server.mutate("updatePullRequestBranch", "pullRequest { id }", &input).refusal(),
        "UNPROCESSABLE"
    );
}

#[test]
fn an_issue_is_made_with_labels_by_their_ids() {
    let server = Server::start();
    let shop = server.store().add_repository("acme", "shop");
    let label = server.store().create_label(&shop, "reconciler:ready").unwrap();
    let input = json!({ "repositoryId": shop, "title": "one", "labelIds": [label] });
    let payload = "issue { number labels(first: 5) { nodes { name } } }";
    let made = server.mutate("createIssue", payload, &input);
    let issue = json!({ "number": 1, "labels": { "nodes": [{ "name": "reconciler:ready" }] } });
    assert_eq!(made.data()["m0"]["issue"], issue);
}
