//! The limits by the published formulas, on a clock that only the test moves.

use crate::documents::ITEMS;
use crate::server::store::Kind;
use crate::server::{Limited, Server, Usage};
use serde_json::{Value, json};
use std::time::Duration;

const ADD: (&str, &str) = ("addProjectV2DraftIssue", "projectItem { id }");

fn scene(step: u64) -> (Server, String) {
    let server = Server::start();
    let board = server.store().add_board("work");
    server.clock().set_step(Duration::from_secs(step));
    (server, board)
}

#[test]
fn the_points_of_the_hour_end_and_come_back() {
    let (server, board) = scene(0);
    server.spend(4_999);
    let ask = || server.query(ITEMS, &json!({ "p": board }));
    let last = ask();
    assert_eq!((last.status, last.header("x-ratelimit-remaining")), (200, Some("0")));
    let reset: i64 = last.header("x-ratelimit-reset").unwrap().parse().unwrap();
    assert_eq!(reset - server.clock().seconds(), 3_600);
    let over = ask();
    assert_eq!((over.status, over.refusal()), (200, "RATE_LIMITED"));
    assert_eq!(server.get("/user").status, 200);
    assert_eq!(
        (server.get("/user").status, server.get("/user").header("retry-after")),
        (403, None)
    );
    server.clock().advance(Duration::from_hours(1));
    assert_eq!(ask().header("x-ratelimit-remaining"), Some("4999"));
}

#[test]
fn eighty_creations_a_minute_are_the_most_and_others_go_on() {
    let (server, board) = scene(0);
    let draft = json!({ "projectId": board, "title": "t" });
    for _ in 0..80 {
        server.mutate(ADD.0, ADD.1, &draft).data();
    }
    let over = server.mutate(ADD.0, ADD.1, &draft);
    assert_eq!((over.status, over.header("retry-after")), (403, Some("60")));
    assert!(over.text.contains("secondary rate limit"));
    let item = server.store().items_of(&board)[0].id.clone();
    let archive = json!({ "projectId": board, "itemId": item });
    server.mutate("archiveProjectV2Item", "item { id }", &archive).data();
    server.clock().advance(Duration::from_mins(1));
    server.mutate(ADD.0, ADD.1, &draft).data();
    let usage = Usage { rest: 0, graphql: 82, busiest_minute: 405, refused: 1 };
    assert_eq!(server.usage(), usage);
}

#[test]
fn five_hundred_creations_an_hour_are_the_most() {
    let (server, board) = scene(1);
    let draft = json!({ "projectId": board, "title": "t" });
    let said: Vec<u16> = (0..501).map(|_| server.mutate(ADD.0, ADD.1, &draft).status).collect();
    assert!(said[..500].iter().all(|status| *status == 200));
    assert_eq!(said[500], 403);
}

#[test]
fn writes_of_rest_cost_five_points_and_an_unchanged_answer_none() {
    let (server, _) = scene(0);
    server.store().add_repository("acme", "shop");
    server.store().open_issue("shop", "one", &[]);
    let path = "/repos/acme/shop/issues/1";
    for _ in 0..180 {
        assert_eq!(server.ask(&format!("PATCH {path}"), &json!({ "body": "x" })).status, 200);
    }
    assert_eq!(server.get(path).status, 403);
    server.clock().advance(Duration::from_mins(1));
    let tag = server.get(path).header("etag").unwrap().to_owned();
    let used = server.usage().rest;
    let token = format!("Authorization: Bearer {}", crate::server::TOKEN);
    let same = server
        .try_send(&format!("GET {path}"), &[&token, &format!("If-None-Match: {tag}")], "")
        .unwrap();
    assert_eq!((same.status, same.text.as_str(), server.usage().rest), (304, "", used));
}

#[test]
fn a_query_costs_by_its_connections() {
    let (server, board) = scene(0);
    let text = "query($p: ID!) { rateLimit { cost nodeCount } node(id: $p) { ... on ProjectV2 { items(first: 100) { nodes {
        fieldValues(first: 40) { nodes { ... on ProjectV2ItemFieldUserValue { users(first: 10) { totalCount } } } } } } } } }";
    let answer = server.query(text, &json!({ "p": board }));
    // 1 + 100 + 100 * 40 requests; 100 + 4,000 + 40,000 nodes.
    assert_eq!(answer.data()["rateLimit"], json!({ "cost": 41, "nodeCount": 44_100 }));
    assert_eq!(answer.header("x-ratelimit-used"), Some("41"));
}

#[test]
fn limits_can_be_switched_off() {
    let (server, board) = scene(0);
    server.limit(Limited::No);
    for _ in 0..100 {
        server.mutate(ADD.0, ADD.1, &json!({ "projectId": board, "title": "t" })).data();
    }
    assert_eq!(server.ask("GET /user", &Value::Null).header("x-ratelimit-limit"), None);
}

#[test]
fn a_thousand_tasks_of_eight_fields_are_450_requests_within_all_limits() {
    let (server, board) = scene(1);
    let names: Vec<String> = (0..8).map(|n| format!("F{n}")).collect();
    let fields: Vec<String> = names
        .iter()
        .map(|name| server.store().create_field(&board, name, Kind::Text, &[]).unwrap())
        .collect();
    let mut items = Vec::new();
    for batch in 0..50 {
        let drafts: Vec<Value> = (0..20)
            .map(|n| json!({ "projectId": board, "title": format!("t{batch}-{n}"), "body": "b" }))
            .collect();
        let made = server.batch(ADD.0, ADD.1, &drafts).data().clone();
        items.extend((0..20).map(|n| made[format!("m{n}")]["projectItem"]["id"].clone()));
    }
    let values = items.iter().flat_map(|item| {
        let value = json!({ "text": "x" });
        let board = &board;
        fields.iter().map(move |field| {
            json!({ "projectId": board, "itemId": item, "fieldId": field, "value": value })
        })
    });
    let values: Vec<Value> = values.collect();
    for batch in values.chunks(20) {
        server.batch("updateProjectV2ItemFieldValue", "projectV2Item { id }", batch).data();
    }
    let usage = Usage { rest: 0, graphql: 450, busiest_minute: 300, refused: 0 };
    assert_eq!((server.mutations(), server.usage()), (450, usage));
    assert_eq!(server.store().shown(items[999].as_str().unwrap(), "F7").as_deref(), Some("x"));
}
