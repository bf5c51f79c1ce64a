//! REST as the product uses it: issues that are polled, claims by refs, pull requests that are merged.

use crate::server::store::person::Setting;
use crate::server::{Server, TOKEN};
use serde_json::{Value, json};

const HOME: &str = "/repos/acme/shop";

fn scene() -> Server {
    let server = Server::start();
    server.store().add_repository("acme", "shop");
    server
}

fn numbers(body: &Value) -> Vec<u64> {
    body.as_array().unwrap().iter().map(|one| one["number"].as_u64().unwrap()).collect()
}

#[test]
fn issues_are_listed_by_label_state_and_time_in_pages() {
    let server = scene();
    for n in 0..3 {
        server.store().open_issue("shop", &format!("i{n}"), &["reconciler:ready"]);
        server.clock().advance(std::time::Duration::from_mins(1));
    }
    server.store().open_issue("shop", "other", &["bug"]);
    server.store().close_issue("shop", 2);
    let list = |query: &str| server.get(&format!("{HOME}/issues?{query}"));
    let ready = "labels=reconciler:ready&sort=updated&direction=asc";
    assert_eq!(numbers(&list(&format!("state=open&{ready}")).body), [1, 3]);
    assert_eq!(numbers(&list(&format!("state=all&{ready}")).body), [1, 3, 2]);
    let since = server.store().repository_mut("shop").issues[&3].updated_at.clone();
    assert_eq!(numbers(&list(&format!("state=all&{ready}&since={since}")).body), [3, 2]);
    let first = list("state=all&per_page=3");
    let next = first.header("link").unwrap().to_owned();
    assert!(next.contains("page=2") && next.contains("rel=\"next\""), "{next}");
    let url = next.split(['<', '>']).nth(1).unwrap().to_owned();
    let path = url.strip_prefix(&server.rest()).unwrap();
    assert_eq!((numbers(&first.body), numbers(&server.get(path).body)), (vec![4, 3, 2], vec![1]));
    assert_eq!(list("lables=x").status, 422);
    assert_eq!(server.odd(), ["GET /repos/{owner}/{repo}/issues: there is no query `lables`"]);
}

#[test]
fn an_idle_poll_is_answered_with_304() {
    let server = scene();
    server.store().open_issue("shop", "one", &[]);
    let tag = server.get(&format!("{HOME}/issues")).header("etag").unwrap().to_owned();
    let token = format!("Authorization: Bearer {TOKEN}");
    let poll = || {
        let tag = format!("If-None-Match: {tag}");
        server.try_send(&format!("GET {HOME}/issues"), &[&token, &tag], "").unwrap().status
    };
    assert_eq!(poll(), 304);
    server.store().comment("shop", 1, "news");
    assert_eq!(poll(), 200);
}

#[test]
fn an_issue_is_labelled_assigned_commented_and_closed() {
    let server = scene();
    let made =
        server.ask(&format!("POST {HOME}/issues"), &json!({ "title": "one", "labels": ["a b"] }));
    assert_eq!((made.status, &made.body["number"]), (201, &json!(1)));
    let one = format!("{HOME}/issues/1");
    let labels =
        server.ask(&format!("POST {one}/labels"), &json!({ "labels": ["reconciler:claimed"] }));
    assert_eq!(labels.body.as_array().unwrap().len(), 2);
    assert_eq!(server.ask(&format!("DELETE {one}/labels/a%20b"), &Value::Null).status, 200);
    assert_eq!(server.ask(&format!("DELETE {one}/labels/a%20b"), &Value::Null).status, 404);
    let assign = || server.ask(&format!("POST {one}/assignees"), &json!({ "assignees": ["ada"] }));
    server.store().set_permission("shop", "TRIAGE");
    assert_eq!((assign().status, &assign().body["assignees"]), (201, &json!([])));
    server.store().set_permission("shop", "WRITE");
    assert_eq!(assign().body["assignees"][0]["login"], "ada");
    let comment =
        server.ask(&format!("POST {one}/comments"), &json!({ "body": "<!-- mark --> hello" }));
    let edit = format!("PATCH {HOME}/issues/comments/{}", comment.body["id"]);
    assert_eq!((comment.status, server.ask(&edit, &json!({ "body": "bye" })).status), (201, 200));
    assert_eq!(server.get(&format!("{one}/comments")).body[0]["body"], "bye");
    let close = json!({ "state": "closed", "state_reason": "completed" });
    let closed = server.ask(&format!("PATCH {one}"), &close);
    assert_eq!(
        (&closed.body["state"], &closed.body["state_reason"]),
        (&json!("closed"), &json!("completed"))
    );
    let label = server.ask(&format!("POST {HOME}/labels"), &json!({ "name": "a b" }));
    assert_eq!((label.status, &label.body["errors"][0]["code"]), (422, &json!("already_exists")));
}

#[test]
fn a_key_that_rest_does_not_have_is_refused() {
    let server = scene();
    let answer =
        server.ask(&format!("POST {HOME}/issues"), &json!({ "title": "one", "lables": [] }));
    assert!(answer.status == 422 && answer.text.contains("lables"), "{}", answer.text);
    assert_eq!(server.ask(&format!("POST {HOME}/issues"), &json!({ "body": "x" })).status, 422);
    assert!(server.store().repository_mut("shop").issues.is_empty());
    let odd = server.odd();
    assert!(odd.len() == 2 && odd[0].contains("'lables' was unexpected"), "{odd:?}");
    assert!(odd[1].contains("\"title\" is a required property"), "{odd:?}");
}

#[test]
fn what_github_does_not_publish_is_odd_whatever_is_answered() {
    let server = scene();
    server.store().open_issue("shop", "one", &[]);
    for (line, body, why) in [
        ("POST /repos/acme/shop/issues/1/labels", json!({ "labels": [1] }), "is not valid"),
        (
            "POST /repos/acme/shop/git/refs",
            json!({ "ref": "refs/heads/a" }),
            "\"sha\" is a required",
        ),
        ("PATCH /repos/acme/shop/issues/1", json!({ "state": "shut" }), "is not one of"),
        ("GET /repos/acme/shop/issues?sort=number", Value::Null, "query `sort` is never `number`"),
        ("GET /repos/acme/shop/issues?since=today", Value::Null, "query `since` is a time"),
        ("PUT /repos/acme/shop/issues/1", Value::Null, "is not in GitHub's OpenAPI"),
        ("GET /repos/acme/shop/branches-of", Value::Null, "is not in GitHub's OpenAPI"),
        ("GET /user", json!({ "login": "ada" }), "it has no body"),
    ] {
        server.ask(line, &body);
        let odd = server.odd();
        assert!(odd.len() == 1 && odd[0].contains(why), "{line} {body}: {odd:?}");
    }
    // A renamed repository is asked by its number; a ref has a name of several parts.
    let number = server.store().repository_mut("shop").database_id;
    server.get(&format!("/repositories/{number}/issues/1"));
    server.get(&format!("{HOME}/git/ref/heads/main"));
    assert_eq!(server.odd(), [""; 0]);
}

#[test]
#[should_panic(expected = "not as GitHub's OpenAPI has it")]
fn a_test_fails_that_sends_what_github_does_not_publish() {
    let server = scene();
    server.ask(&format!("POST {HOME}/issues"), &json!({ "title": "one", "lables": [] }));
}

#[test]
fn a_claim_is_won_once_and_lost_by_everybody_else() {
    let server = scene();
    let main = server.get(&format!("{HOME}/git/ref/heads/main")).body["object"]["sha"].clone();
    let commit = server.get(&format!("{HOME}/git/commits/{}", main.as_str().unwrap()));
    let tree = commit.body["tree"]["sha"].clone();
    assert_eq!(server.get(&format!("{HOME}/git/trees/{}", tree.as_str().unwrap())).status, 200);
    let claim = |who: &str| {
        let body = json!({ "message": format!("claim by {who} [skip ci]"), "tree": tree, "parents": [main] });
        let made = server.ask(&format!("POST {HOME}/git/commits"), &body);
        assert_eq!(made.status, 201);
        let sha = made.body["sha"].clone();
        let name = "refs/heads/reconciler/claims/issue-1";
        (server.ask(&format!("POST {HOME}/git/refs"), &json!({ "ref": name, "sha": sha })), sha)
    };
    let ((won, sha), (lost, other)) = (claim("one"), claim("two"));
    assert_eq!(
        (won.status, lost.status, &lost.body["message"]),
        (201, 422, &json!("Reference already exists"))
    );
    let path = format!("{HOME}/git/refs/heads/reconciler/claims/issue-1");
    assert_eq!(server.ask(&format!("PATCH {path}"), &json!({ "sha": other })).status, 422);
    assert_eq!(
        server.ask(&format!("PATCH {path}"), &json!({ "sha": other, "force": true })).status,
        200
    );
    let refs = server.get(&format!("{HOME}/git/matching-refs/heads/reconciler/"));
    assert_eq!((refs.body.as_array().unwrap().len(), &refs.body[0]["object"]["sha"]), (1, &other));
    assert_ne!(sha, other);
    assert_eq!(server.ask(&format!("DELETE {path}"), &Value::Null).status, 204);
    assert_eq!(server.ask(&format!("DELETE {path}"), &Value::Null).status, 422);
}

#[test]
fn a_pull_request_is_opened_once_found_and_merged_at_its_tested_head() {
    let server = scene();
    server.store().open_issue("shop", "one", &[]);
    let head = server.store().push("shop", "work", "done");
    server.store().set_repository("shop", "deleteBranchOnMerge", Setting::On);
    let body = json!({ "title": "t", "head": "work", "base": "main", "body": "Closes #1" });
    let open = || server.ask(&format!("POST {HOME}/pulls"), &body);
    let made = open();
    assert_eq!(
        (made.status, &made.body["number"], &made.body["head"]["sha"]),
        (201, &json!(2), &json!(head))
    );
    assert!(open().text.contains("A pull request already exists for acme:work."));
    let missing = json!({ "title": "t", "head": "nowhere", "base": "main" });
    assert_eq!(
        server.ask(&format!("POST {HOME}/pulls"), &missing).body["errors"][0]["field"],
        "head"
    );
    let find = |query: &str| numbers(&server.get(&format!("{HOME}/pulls?{query}")).body);
    assert_eq!(find("head=acme:work&base=main&state=all"), [2]);
    assert_eq!(find("head=acme:other"), [0_u64; 0]);
    assert_eq!(numbers(&server.get(&format!("{HOME}/issues")).body), [2, 1]);
    let merge = |sha: &str| {
        let body = json!({ "sha": sha, "merge_method": "squash" });
        server.ask(&format!("PUT {HOME}/pulls/2/merge"), &body).status
    };
    assert_eq!(merge(&"0".repeat(40)), 409);
    server.store().set_merge_state("shop", 2, "BLOCKED");
    assert_eq!(merge(&head), 405);
    server.store().set_merge_state("shop", 2, "UNSTABLE");
    assert_eq!((merge(&head), merge(&head)), (200, 405));
    let merged = server.get(&format!("{HOME}/pulls/2")).body;
    assert_eq!((&merged["merged"], &merged["state"]), (&json!(true), &json!("closed")));
    assert_eq!(server.get(&format!("{HOME}/issues/1")).body["state"], "closed");
    assert_eq!(server.store().tip("shop", "work"), None);
}

#[test]
fn a_pull_request_follows_its_branch_and_is_closed_or_merged_by_people() {
    let server = scene();
    server.store().push("shop", "work", "one");
    let number = server.store().open_pull("shop", "work", "main");
    let moved = server.store().push("shop", "work", "two");
    let path = format!("{HOME}/pulls/{number}");
    assert_eq!(server.get(&path).body["head"]["sha"], json!(moved));
    assert_eq!(
        server.ask(&format!("PATCH {path}"), &json!({ "title": "new" })).body["title"],
        "new"
    );
    server.store().move_branch("shop", "work", None);
    assert_eq!(
        (&server.get(&path).body["state"], &server.get(&path).body["merged"]),
        (&json!("closed"), &json!(false))
    );
    server.store().push("shop", "more", "three");
    let number = server.store().open_pull("shop", "more", "main");
    server.store().merge_as_person("shop", number, "MERGE");
    assert_eq!(server.get(&format!("{HOME}/pulls/{number}/merge")).status, 204);
    server.store().open_issue("shop", "x", &["a"]);
    server.store().unlabel("shop", number + 1, "a");
    assert_eq!(server.get(&format!("{HOME}/issues/{}", number + 1)).body["labels"], json!([]));
}

#[test]
fn a_renamed_repository_leads_to_its_new_name() {
    let server = scene();
    server.store().open_issue("shop", "one", &[]);
    server.store().rename_repository("shop", "store");
    let answer = server.get(&format!("{HOME}/issues/1"));
    let to = answer.header("location").unwrap().to_owned();
    assert_eq!(answer.status, 301);
    assert_eq!(server.get(to.strip_prefix(&server.rest()).unwrap()).body["title"], "one");
    let text = "{ repository(owner: \"acme\", name: \"shop\") { nameWithOwner } }";
    assert_eq!(
        server.query(text, &Value::Null).data()["repository"]["nameWithOwner"],
        "acme/store"
    );
    assert_eq!(server.get("/repos/acme/store").body["full_name"], "acme/store");
    assert_eq!(server.get("/repos/acme/nothing").status, 404);
}

#[test]
fn an_issue_that_was_moved_or_deleted_leads_elsewhere_or_nowhere() {
    let server = scene();
    server.store().add_repository("acme", "other");
    let mallory = server.store().open_as_stranger("shop", "one", "x");
    server.store().open_issue("shop", "two", &[]);
    let one = |number: u64| server.get(&format!("{HOME}/issues/{number}"));
    let by =
        |answer: &Value| (answer["user"]["login"].clone(), answer["author_association"].clone());
    assert_eq!(by(&one(mallory).body), (json!("mallory"), json!("NONE")));
    assert_eq!(by(&one(2).body), (json!("ada"), json!("OWNER")));
    server.store().comment_as_stranger("shop", 2, "hello");
    assert_eq!(by(&server.get(&format!("{HOME}/issues/2/comments")).body[0]).0, "mallory");
    server.store().transfer_issue("shop", 1, "other");
    server.store().delete_issue("shop", 2);
    assert_eq!((one(1).status, one(2).status), (301, 410));
    let to = one(1).header("location").unwrap().to_owned();
    let moved = server.get(to.strip_prefix(&server.rest()).unwrap()).body;
    assert_eq!((&moved["number"], &moved["title"]), (&json!(1), &json!("one")));
}

#[test]
fn issues_that_are_disabled_are_gone() {
    let server = scene();
    server.store().set_repository("shop", "hasIssuesEnabled", Setting::Off);
    assert_eq!(server.get(&format!("{HOME}/issues")).status, 410);
}

#[test]
fn a_grouped_view_is_made_for_organizations_and_people() {
    let server = scene();
    let board = server.store().add_board("work");
    let status = server.store().field_of(&board, "Status").database_id;
    let make = |path: &str, body: Value| {
        server.ask(&format!("POST {path}/projectsV2/1/views"), &body).status
    };
    let view = |field: u64| json!({ "name": "By status", "layout": "board", "filter": "is:open", "group_by": [field], "sort_by": [[field, "asc"]] });
    assert_eq!((make("/orgs/acme", view(status)), make("/orgs/acme", view(9_999))), (201, 422));
    assert_eq!(make("/orgs/acme", json!({ "name": "x", "layout": "BOARD_LAYOUT" })), 422);
    assert!(server.odd()[0].contains("is not one of \"table\""));
    assert_eq!(server.store().boards[&board].views[1].rest["group_by"], json!([status]));
    let ada = server.store().owners["ada"].clone();
    server.store().create_board(&ada.id, "mine").unwrap();
    let own = json!({ "name": "All", "layout": "table" });
    assert_eq!(make(&format!("/users/{}", ada.database_id), own), 201);
}

#[test]
fn the_token_tells_its_scopes_or_none() {
    let server = scene();
    assert_eq!(server.get("/user").header("x-oauth-scopes"), Some("project, read:org, repo"));
    assert!(server.get("/user").header("date").unwrap().ends_with("GMT"));
    server.store().scopes = None;
    assert_eq!(server.get("/user").header("x-oauth-scopes"), None);
}
