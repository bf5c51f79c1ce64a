//! Every operation that the product needs of GraphQL is valid in GitHub's schema, and is executed.

use crate::client::batch;
use crate::server::schema::{self, Overlay};
use crate::server::store::Subject;
use crate::server::{Flavor, Server};
use apollo_compiler::ExecutableDocument;
use serde_json::{Value, json};

const PREFLIGHT: &str = r#"query Preflight($o: String!, $r: String!, $p: ID!) {
  viewer { login }
  repository(owner: $o, name: $r) { id nameWithOwner viewerPermission isArchived isEmpty hasIssuesEnabled
    autoMergeAllowed squashMergeAllowed mergeCommitAllowed rebaseMergeAllowed deleteBranchOnMerge }
  node(id: $p) { ... on ProjectV2 { id number title closed viewerCanUpdate } }
  optionInput: __type(name: "ProjectV2SingleSelectFieldOptionInput") { inputFields { name } }
  archivedStates: __type(name: "ProjectV2ItemArchivedState") { name }
  rateLimit { limit cost remaining resetAt }
}"#;
const OWNER: &str = "query Owner($login: String!, $t: String!) { organization(login: $login) { id projectsV2(first: 20, query: $t) { nodes { id number title closed viewerCanUpdate } } } }";
const USER: &str = "query Owner($login: String!, $t: String!) { user(login: $login) { id projectsV2(first: 20, query: $t) { nodes { id number title closed viewerCanUpdate } } } }";
const FIELDS: &str = "query Fields($p: ID!, $after: String) { node(id: $p) { ... on ProjectV2 { id number closed viewerCanUpdate
  fields(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { __typename
    ... on ProjectV2FieldCommon { id name dataType }
    ... on ProjectV2SingleSelectField { options { id name color description } } } } } } }";
pub(crate) const ITEMS: &str = "query Items($p: ID!, $after: String) { rateLimit { cost remaining resetAt } node(id: $p) { ... on ProjectV2 {
  items(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    id isArchived createdAt updatedAt type
    content { __typename ... on DraftIssue { id title body } ... on Issue { id number } ... on PullRequest { id number } }
    fieldValues(first: 20) { nodes { __typename
      ... on ProjectV2ItemFieldTextValue { text field { ... on ProjectV2FieldCommon { id } } } ... on ProjectV2ItemFieldNumberValue { number field { ... on ProjectV2FieldCommon { id } } }
      ... on ProjectV2ItemFieldDateValue { date field { ... on ProjectV2FieldCommon { id } } }
      ... on ProjectV2ItemFieldSingleSelectValue { optionId name field { ... on ProjectV2FieldCommon { id } } } } } } } } } }";
const ARCHIVED: &str = "query Items($p: ID!) { node(id: $p) { ... on ProjectV2 { items(first: 100, archivedStates: [ARCHIVED, NOT_ARCHIVED], query: \"\") { nodes { id isArchived } } } } }";
const BY_ISSUE: &str = "query ByIssue($ids: [ID!]!) { nodes(ids: $ids) { ... on Issue { id projectItems(first: 20, includeArchived: true) { nodes { id isArchived project { id } } } } } }";
const BY_ITEM: &str = "query ByItem($ids: [ID!]!) { nodes(ids: $ids) { __typename ... on ProjectV2Item { id isArchived updatedAt project { id } } } }";
const PULL: &str = "query PR($o: String!, $r: String!, $n: Int!) { repository(owner: $o, name: $r) { autoMergeAllowed
  pullRequest(number: $n) { id state isDraft merged mergeable mergeStateStatus headRefOid baseRefName reviewDecision
    isMergeQueueEnabled isInMergeQueue viewerCanEnableAutoMerge autoMergeRequest { enabledAt mergeMethod }
    mergeCommit { oid } statusCheckRollup { state } } } }";

/// Each mutation, what is asked of it, and whether only the overlay knows it.
const MUTATIONS: [(&str, &str, Overlay); 23] = [
    ("createProjectV2", "projectV2 { id number }", Overlay::AsPublished),
    ("linkProjectV2ToRepository", "repository { id }", Overlay::AsPublished),
    ("updateProjectV2", "projectV2 { id }", Overlay::AsPublished),
    (
        "createProjectV2Field",
        "projectV2Field { ... on ProjectV2FieldCommon { id } }",
        Overlay::AsPublished,
    ),
    (
        "updateProjectV2Field",
        "projectV2Field { ... on ProjectV2FieldCommon { id } }",
        Overlay::AsPublished,
    ),
    (
        "deleteProjectV2Field",
        "projectV2Field { ... on ProjectV2FieldCommon { id } }",
        Overlay::AsPublished,
    ),
    (
        "addProjectV2DraftIssue",
        "projectItem { id content { ... on DraftIssue { id } } }",
        Overlay::AsPublished,
    ),
    ("addProjectV2ItemById", "item { id }", Overlay::AsPublished),
    ("updateProjectV2DraftIssue", "draftIssue { id }", Overlay::AsPublished),
    ("updateProjectV2ItemFieldValue", "projectV2Item { id }", Overlay::AsPublished),
    ("clearProjectV2ItemFieldValue", "projectV2Item { id }", Overlay::AsPublished),
    ("archiveProjectV2Item", "item { id }", Overlay::AsPublished),
    ("unarchiveProjectV2Item", "item { id }", Overlay::AsPublished),
    ("deleteProjectV2Item", "deletedItemId", Overlay::AsPublished),
    ("createProjectV2View", "projectV2View { id }", Overlay::Newer),
    ("updateProjectV2View", "projectV2View { id }", Overlay::Newer),
    ("deleteProjectV2View", "projectV2View { id }", Overlay::Newer),
    ("createIssue", "issue { id number }", Overlay::AsPublished),
    ("updateRefs", "clientMutationId", Overlay::AsPublished),
    ("enablePullRequestAutoMerge", "pullRequest { id }", Overlay::AsPublished),
    ("disablePullRequestAutoMerge", "pullRequest { id }", Overlay::AsPublished),
    ("updatePullRequestBranch", "pullRequest { id headRefOid }", Overlay::AsPublished),
    ("createProjectV2StatusUpdate", "statusUpdate { id }", Overlay::AsPublished),
];

fn is_valid(overlay: Overlay, text: &str) -> bool {
    ExecutableDocument::parse_and_validate(schema::of(overlay), text, "it").is_ok()
}

#[test]
fn every_document_is_valid_in_githubs_schema() {
    for text in [PREFLIGHT, OWNER, USER, FIELDS, ITEMS, BY_ISSUE, BY_ITEM, PULL] {
        assert!(is_valid(Overlay::Newer, text), "{text}");
        assert!(is_valid(Overlay::AsPublished, text), "{text}");
    }
    for (kind, payload, since) in MUTATIONS {
        for count in [1, 20, 40] {
            let text = batch(kind, payload, count);
            assert!(is_valid(Overlay::Newer, &text), "{text}");
            assert_eq!(
                is_valid(Overlay::AsPublished, &text),
                since == Overlay::AsPublished,
                "{kind}"
            );
        }
    }
    assert!(is_valid(Overlay::Newer, ARCHIVED) && !is_valid(Overlay::AsPublished, ARCHIVED));
}

#[test]
fn githubs_schema_needs_both_repairs() {
    use apollo_compiler::Schema;
    assert!(
        Schema::parse_and_validate(schema::published(), "it").is_err(),
        "fields are defined twice"
    );
    assert!(
        !schema::published().contains("ProjectV2ItemArchivedState"),
        "the overlay is needed no more"
    );
    assert!(schema::text(Overlay::Newer).contains("archivedStates: [ProjectV2ItemArchivedState!]"));
    let lines = |text: String| text.lines().count();
    assert_eq!(lines(schema::published()) - lines(schema::text(Overlay::AsPublished)), 40);
}

#[test]
fn a_key_that_github_does_not_know_is_refused_before_anything_is_done() {
    let server = Server::start();
    let board = server.store().add_board("work");
    let input = json!({ "projectId": board, "title": "one", "colour": "RED" });
    let answer = server.mutate("addProjectV2DraftIssue", "projectItem { id }", &input);
    assert_eq!((answer.status, answer.body.get("data")), (200, None), "{}", answer.text);
    assert!(answer.text.contains("colour"), "{}", answer.text);
    assert!(server.store().items.is_empty());
}

#[test]
fn preflight_tells_what_the_server_can_do() {
    for (flavor, knows) in [(Flavor::Dotcom, true), (Flavor::Ghes, false)] {
        let server = Server::with(flavor);
        let board = server.store().add_board("work");
        server.store().add_repository("acme", "shop");
        let answer = server.query(PREFLIGHT, &json!({ "o": "acme", "r": "shop", "p": board }));
        let data = answer.data();
        assert_eq!(data["viewer"]["login"], "ada");
        assert_eq!(data["repository"]["nameWithOwner"], "acme/shop");
        assert_eq!(data["repository"]["autoMergeAllowed"], true);
        assert_eq!(data["node"]["viewerCanUpdate"], true);
        let names = data["optionInput"]["inputFields"].as_array().unwrap();
        assert_eq!(names.contains(&json!({ "name": "id" })), knows);
        assert_eq!(data["archivedStates"].is_null(), !knows);
        assert_eq!(data["rateLimit"].is_null(), !knows, "{}", answer.text);
    }
}

#[test]
fn owners_are_found_with_their_projects_closed_ones_too() {
    let server = Server::start();
    let board = server.store().add_board("The work");
    server.store().add_board("other");
    server.store().close_board(&board);
    let answer = server.query(OWNER, &json!({ "login": "acme", "t": "work" }));
    let nodes = &answer.data()["organization"]["projectsV2"]["nodes"];
    let found = json!([{ "id": board, "number": 1, "title": "The work", "closed": true, "viewerCanUpdate": true }]);
    assert_eq!(nodes, &found);
    let answer = server.query(USER, &json!({ "login": "ada", "t": "" }));
    assert_eq!(answer.data()["user"]["projectsV2"]["nodes"], json!([]));
    let answer = server.query(OWNER, &json!({ "login": "nobody", "t": "" }));
    assert_eq!(
        (answer.refusal(), &answer.body["data"]["organization"]),
        ("NOT_FOUND", &Value::Null)
    );
}

#[test]
fn a_board_is_made_and_filled_by_mutations_alone() {
    let server = Server::start();
    let owner = server.store().owners["acme"].id.clone();
    let repository = server.store().add_repository("acme", "shop");
    let made = server.mutate(
        "createProjectV2",
        "projectV2 { id number }",
        &json!({ "ownerId": owner, "title": "work" }),
    );
    let board = made.data()["m0"]["projectV2"]["id"].as_str().unwrap().to_owned();
    let link = json!({ "projectId": board, "repositoryId": repository });
    server.mutate("linkProjectV2ToRepository", "repository { id }", &link).data();
    let readme = json!({ "projectId": board, "readme": "by a program" });
    server.mutate("updateProjectV2", "projectV2 { id readme }", &readme).data();
    let field =
        |name: &str, kind: &str| json!({ "projectId": board, "name": name, "dataType": kind });
    let mut select = field("Worker Type", "SINGLE_SELECT");
    select["singleSelectOptions"] =
        json!([{ "name": "human", "color": "BLUE", "description": "" }]);
    let inputs =
        [field("Task ID", "TEXT"), field("Progress", "NUMBER"), field("Due", "DATE"), select];
    let payload = "projectV2Field { ... on ProjectV2FieldCommon { id name } ... on ProjectV2SingleSelectField { options { id } } }";
    let fields = server.batch("createProjectV2Field", payload, &inputs);
    let id = |index: usize| fields.data()[format!("m{index}")]["projectV2Field"]["id"].clone();
    let option = fields.data()["m3"]["projectV2Field"]["options"][0]["id"].clone();
    let drafts: Vec<Value> = (0..20)
        .map(|n| json!({ "projectId": board, "title": format!("t{n}"), "body": "b" }))
        .collect();
    let items = server.batch(
        "addProjectV2DraftIssue",
        "projectItem { id content { ... on DraftIssue { id } } }",
        &drafts,
    );
    let item = items.data()["m7"]["projectItem"]["id"].clone();
    let values = [
        json!({ "text": "x" }),
        json!({ "number": 2.5 }),
        json!({ "date": "2026-02-28" }),
        json!({ "singleSelectOptionId": option }),
    ];
    let set: Vec<Value> = values.iter().enumerate()
        .map(|(n, value)| json!({ "projectId": board, "itemId": item, "fieldId": id(n), "value": value })).collect();
    server.batch("updateProjectV2ItemFieldValue", "projectV2Item { id }", &set).data();
    let store = server.store();
    let shown = |name: &str| store.shown(item.as_str().unwrap(), name);
    let all = ["Task ID", "Progress", "Due", "Worker Type", "Status"].map(shown);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(all, [text("x"), text("2.5"), text("2026-02-28"), text("human"), None]);
    assert_eq!(store.boards[&board].linked, [repository]);
    drop(store);
    let kinds: Vec<usize> = server.log().iter().map(|entry| entry.kinds.len()).collect();
    assert_eq!(kinds, [1, 1, 1, 4, 20, 4]);
    assert_eq!(server.log()[4].count("addProjectV2DraftIssue"), 20);
    assert_eq!(server.mutations(), 6);
}

#[test]
fn items_come_in_pages_with_their_values() {
    let server = Server::start();
    let board = server.store().add_board("work");
    for n in 0..120 {
        let item = server.store().add_draft(&board, &format!("t{n}"), "body").unwrap();
        server.store().edit(&item, "Status", Some("Todo"));
    }
    let first = server.query(ITEMS, &json!({ "p": board }));
    let items = &first.data()["node"]["items"];
    assert_eq!(items["pageInfo"], json!({ "hasNextPage": true, "endCursor": "100" }));
    assert_eq!(first.data()["rateLimit"]["cost"], 1);
    let node = &items["nodes"][99];
    assert_eq!((&node["type"], &node["content"]["title"]), (&json!("DRAFT_ISSUE"), &json!("t99")));
    let values = node["fieldValues"]["nodes"].as_array().unwrap();
    assert_eq!((values.len(), &values[1]["name"]), (2, &json!("Todo")));
    assert_eq!(values[1]["field"]["id"], json!(server.store().field_of(&board, "Status").id));
    let second = server.query(ITEMS, &json!({ "p": board, "after": "100" }));
    assert_eq!(second.data()["node"]["items"]["nodes"].as_array().unwrap().len(), 20);
    assert_eq!(server.log()[0].nodes, 2_100);
}

#[test]
fn an_items_content_and_a_contents_items_find_each_other() {
    let server = Server::start();
    server.store().add_repository("acme", "shop");
    let board = server.store().add_board("work");
    let number = server.store().open_issue("shop", "broken", &[]);
    let issue = server.store().repository_mut("shop").issues[&number].id.clone();
    let add = json!({ "projectId": board, "contentId": issue });
    let added = server.mutate("addProjectV2ItemById", "item { id }", &add);
    let item = added.data()["m0"]["item"]["id"].clone();
    let by_issue = server.query(BY_ISSUE, &json!({ "ids": [issue] }));
    let found = &by_issue.data()["nodes"][0]["projectItems"]["nodes"];
    assert_eq!(found, &json!([{ "id": item, "isArchived": false, "project": { "id": board } }]));
    let by_item = server.query(BY_ITEM, &json!({ "ids": [item, "PVTI_nothing"] }));
    assert_eq!(by_item.body["data"]["nodes"][0]["project"]["id"], json!(board));
    assert_eq!((by_item.refusal(), &by_item.body["data"]["nodes"][1]), ("NOT_FOUND", &Value::Null));
    let fields = server.query(FIELDS, &json!({ "p": board }));
    assert_eq!(fields.data()["node"]["fields"]["nodes"][2]["options"][0]["name"], "Todo");
}

#[test]
fn drafts_views_archives_and_deletions_do_what_they_say() {
    let server = Server::start();
    let board = server.store().add_board("work");
    let item = server.store().add_draft(&board, "one", "body").unwrap();
    let Subject::Draft { id: draft, .. } = server.store().items[&item].subject.clone() else {
        return assert!(item.is_empty(), "it is a draft");
    };
    let input = json!({ "draftIssueId": draft, "title": "two", "body": "<!-- mark -->" });
    let said = server.mutate("updateProjectV2DraftIssue", "draftIssue { title body }", &input);
    assert_eq!(said.data()["m0"]["draftIssue"]["body"], "<!-- mark -->");
    server
        .mutate(
            "archiveProjectV2Item",
            "item { isArchived }",
            &json!({ "projectId": board, "itemId": item }),
        )
        .data();
    let scan = server.query(ITEMS, &json!({ "p": board }));
    assert_eq!(scan.data()["node"]["items"]["nodes"], json!([]));
    let scan = server.query(ARCHIVED, &json!({ "p": board }));
    assert_eq!(scan.data()["node"]["items"]["nodes"], json!([{ "id": item, "isArchived": true }]));
    server
        .mutate(
            "unarchiveProjectV2Item",
            "item { id }",
            &json!({ "projectId": board, "itemId": item }),
        )
        .data();
    let view = json!({ "projectId": board, "name": "By worker", "layout": "BOARD_LAYOUT" });
    let view = server.mutate("createProjectV2View", "projectV2View { id number }", &view);
    let view = view.data()["m0"]["projectV2View"]["id"].clone();
    let change = json!({ "viewId": view, "filter": "status:Todo" });
    let said = server.mutate("updateProjectV2View", "projectV2View { filter }", &change);
    assert_eq!(said.data()["m0"]["projectV2View"]["filter"], "status:Todo");
    server
        .mutate("deleteProjectV2View", "projectV2View { name }", &json!({ "viewId": view }))
        .data();
    assert_eq!(server.store().boards[&board].views.len(), 1);
    let gone = server.mutate(
        "deleteProjectV2Item",
        "deletedItemId",
        &json!({ "projectId": board, "itemId": item }),
    );
    assert_eq!(gone.data()["m0"]["deletedItemId"], json!(item));
    assert!(server.store().items_of(&board).is_empty());
}

#[test]
fn a_pull_request_is_read_with_all_that_decides_about_merging() {
    let server = Server::start();
    server.store().add_repository("acme", "shop");
    let head = server.store().push("shop", "work", "done");
    let number = server.store().open_pull("shop", "work", "main");
    server.store().set_merge_state("shop", number, "BLOCKED");
    server.store().set_checks("shop", number, Some("PENDING"));
    let variables = json!({ "o": "acme", "r": "shop", "n": number });
    let answer = server.query(PULL, &variables);
    let pull = &answer.data()["repository"]["pullRequest"];
    let expected = json!({
        "id": pull["id"], "state": "OPEN", "isDraft": false, "merged": false, "mergeable": "MERGEABLE",
        "mergeStateStatus": "BLOCKED", "headRefOid": head, "baseRefName": "main", "reviewDecision": null,
        "isMergeQueueEnabled": false, "isInMergeQueue": false, "viewerCanEnableAutoMerge": true,
        "autoMergeRequest": null, "mergeCommit": null, "statusCheckRollup": { "state": "PENDING" },
    });
    assert_eq!(pull, &expected);
}

#[test]
fn what_the_fake_does_not_have_it_says() {
    let server = Server::start();
    let board = server.store().add_board("work");
    let text = "query($p: ID!) { node(id: $p) { ... on ProjectV2 { workflows(first: 1) { totalCount } } } }";
    assert_eq!(server.query(text, &json!({ "p": board })).refusal(), "FAKE");
    let input = json!({ "projectId": board, "body": "fine" });
    let answer = server.mutate("createProjectV2StatusUpdate", "statusUpdate { id }", &input);
    assert_eq!(answer.refusal(), "FAKE");
}
