//! Every fault that can be set does what it says, once, and leaves what it says.

use crate::documents::ITEMS;
use crate::server::{Entry, Fault, Flavor, Moment, Server, When};
use serde_json::{Value, json};
use std::time::Duration;

const ADD: (&str, &str) = ("addProjectV2DraftIssue", "projectItem { id }");
const SOON: Duration = Duration::from_secs(20);

fn scene() -> (Server, String) {
    let server = Server::start();
    let board = server.store().add_board("work");
    (server, board)
}

fn drafts(board: &str, count: usize) -> Vec<Value> {
    (0..count).map(|n| json!({ "projectId": board, "title": format!("t{n}") })).collect()
}

#[test]
fn an_answer_is_lost_before_after_and_in_the_middle_of_a_batch() {
    for (moment, done) in [(Moment::Before, 0), (Moment::Half, 2), (Moment::After, 4)] {
        let (server, board) = scene();
        server.fault(When::Mutation(ADD.0), Fault::BadGateway(moment));
        let answer = server.batch(ADD.0, ADD.1, &drafts(&board, 4));
        assert_eq!((answer.status, server.store().items_of(&board).len()), (502, done));
        assert!(answer.text.contains("<html>") && answer.body.is_null());
        server.fault(When::Next, Fault::Dropped(moment));
        assert!(server.try_batch(ADD.0, ADD.1, &drafts(&board, 4)).is_none());
        assert_eq!(server.store().items_of(&board).len(), done * 2);
        assert_eq!(server.log()[1].status, None);
        assert_eq!(server.batch(ADD.0, ADD.1, &drafts(&board, 1)).status, 200);
        assert!(server.faults_done());
    }
}

#[test]
fn a_rest_answer_is_lost_before_and_after_the_work() {
    for (moment, done) in [(Moment::Before, 0), (Moment::Half, 0), (Moment::After, 1)] {
        let server = Server::start();
        server.store().add_repository("acme", "shop");
        server.fault(When::Rest("POST", "/issues"), Fault::BadGateway(moment));
        assert_eq!(server.get("/repos/acme/shop").status, 200);
        let answer = server.ask("POST /repos/acme/shop/issues", &json!({ "title": "one" }));
        assert_eq!(
            (answer.status, server.store().repository_mut("shop").issues.len()),
            (502, done)
        );
    }
}

#[test]
fn an_answer_that_is_held_comes_when_it_is_let_go() {
    let (server, board) = scene();
    server.fault(When::Next, Fault::Held);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.batch(ADD.0, ADD.1, &drafts(&board, 1)));
        let deadline = reconciler::process::clock::since_boot() + SOON;
        while server.log().first().is_none_or(|entry| entry.status.is_none()) {
            assert!(reconciler::process::clock::since_boot() < deadline, "the request came");
            std::thread::yield_now();
        }
        assert!(!waiting.is_finished());
        assert_eq!(server.store().items_of(&board).len(), 1);
        server.release();
        assert_eq!(waiting.join().unwrap().status, 200);
    });
}

#[test]
fn limits_are_told_in_every_way_that_github_tells_them() {
    let (server, board) = scene();
    let ask = |fault: Fault| {
        server.fault(When::Operation("Items"), fault);
        server.query(ITEMS, &json!({ "p": board }))
    };
    let answer = ask(Fault::RetryAfter(17));
    assert_eq!((answer.status, answer.header("retry-after")), (403, Some("17")));
    let answer = ask(Fault::Secondary);
    assert!(answer.status == 403 && answer.text.contains("secondary rate limit"));
    assert_eq!(
        (answer.header("retry-after"), answer.header("x-ratelimit-remaining")),
        (None, None)
    );
    assert_eq!(ask(Fault::TooMany).status, 429);
    let answer = ask(Fault::RateLimited);
    assert_eq!(
        (answer.status, answer.refusal(), answer.body.get("data")),
        (200, "RATE_LIMITED", None)
    );
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("0"));
    let answer = ask(Fault::NoLimitHeaders);
    assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (200, None));
    assert!(answer.data()["node"].is_object());
    let answer = ask(Fault::Html);
    assert!(answer.status == 200 && answer.text.starts_with("<html>"));
    assert_eq!(ask(Fault::Unauthorized).status, 401);
    assert_eq!(server.query(ITEMS, &json!({ "p": board })).status, 200);
}

#[test]
fn one_alias_of_a_batch_goes_wrong_in_every_way() {
    let (server, board) = scene();
    let send = |fault: Fault| {
        server.fault(When::Mutation(ADD.0), fault);
        let before = server.store().items_of(&board).len();
        let answer = server.batch(ADD.0, ADD.1, &drafts(&board, 3));
        let data = &answer.body["data"];
        let nulls: Vec<bool> =
            ["m0", "m1", "m2"].iter().map(|alias| data[*alias].is_null()).collect();
        (answer.clone(), nulls, server.store().items_of(&board).len() - before)
    };
    let (answer, nulls, done) = send(Fault::AliasFails(1, "NOT_FOUND", "gone"));
    assert_eq!((answer.refusal(), nulls, done), ("NOT_FOUND", vec![false, true, false], 2));
    assert_eq!(answer.body["errors"][0]["path"], json!(["m1"]));
    let (answer, nulls, done) = send(Fault::AliasNull(1));
    assert_eq!((answer.body.get("errors"), nulls, done), (None, vec![false, true, false], 3));
    let (answer, nulls, done) = send(Fault::ResourceLimits(1));
    assert_eq!(
        (answer.refusal(), nulls, done),
        ("RESOURCE_LIMITS_EXCEEDED", vec![false, true, true], 1)
    );
    assert_eq!(answer.body["errors"][0].get("path"), None);
    let (answer, ..) = send(Fault::priority_not_unique());
    assert!(answer.text.contains("is not unique"));
    let (answer, ..) = send(Fault::content_exists());
    assert!(answer.text.contains("Content already exists in this project"));
}

#[test]
fn somebody_acts_right_before_a_request() {
    let (server, board) = scene();
    let item = server.store().add_draft(&board, "one", "").unwrap();
    let (gone, on) = (item.clone(), board.clone());
    server.fault(
        When::Mutation("archiveProjectV2Item"),
        Fault::meanwhile(move |store| {
            store.delete_item(&on, &gone).unwrap();
        }),
    );
    let input = json!({ "projectId": board, "itemId": item });
    assert_eq!(server.mutate("archiveProjectV2Item", "item { id }", &input).refusal(), "NOT_FOUND");
}

#[test]
fn a_value_may_be_of_a_kind_that_nobody_knows() {
    let (server, board) = scene();
    server.store().add_draft(&board, "one", "").unwrap();
    server.fault(When::Next, Fault::UnknownMember);
    let answer = server.query(ITEMS, &json!({ "p": board }));
    let values = &answer.data()["node"]["items"]["nodes"][0]["fieldValues"]["nodes"];
    assert_eq!(values, &json!([{ "__typename": "ProjectV2ItemFieldFutureValue" }]));
}

#[test]
fn a_new_item_is_missing_from_the_next_two_scans() {
    let (server, board) = scene();
    server.store().rules.scans_behind = 2;
    server.batch(ADD.0, ADD.1, &drafts(&board, 1)).data();
    let scan = || {
        server.query(ITEMS, &json!({ "p": board })).data()["node"]["items"]["nodes"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!([scan(), scan(), scan()], [0, 0, 1]);
}

#[test]
fn nobody_is_served_after_the_request_at_which_it_stops() {
    for (moment, done) in [(Moment::Before, 1), (Moment::After, 2)] {
        let (server, board) = scene();
        server.stop_at(2, moment);
        server.batch(ADD.0, ADD.1, &drafts(&board, 1)).data();
        assert!(!server.stopped(Duration::ZERO));
        assert!(server.try_batch(ADD.0, ADD.1, &drafts(&board, 1)).is_none());
        assert!(server.stopped(SOON));
        assert!(server.try_rest("GET /user", &Value::Null).is_none());
        assert_eq!((server.requests(), server.store().items_of(&board).len()), (2, done));
        server.resume();
        assert_eq!(server.get("/user").status, 200);
    }
}

#[test]
fn a_request_is_hit_by_its_number() {
    let server = Server::start();
    server.fault(When::Request(2), Fault::Unauthorized);
    let said: Vec<u16> = (0..3).map(|_| server.get("/user").status).collect();
    assert_eq!(said, [200, 401, 200]);
}

#[test]
fn enterprise_server_has_other_addresses_and_no_limits() {
    let server = Server::with(Flavor::Ghes);
    let board = server.store().add_board("work");
    assert!(server.rest().ends_with("/api/v3") && server.graphql().ends_with("/api/graphql"));
    let answer = server.query(ITEMS, &json!({ "p": board }));
    assert_eq!(
        (answer.header("x-ratelimit-remaining"), answer.data()["rateLimit"].is_null()),
        (None, true)
    );
    assert_eq!(answer.header("x-github-enterprise-version"), Some("3.17.0"));
    server.get("/user");
    let paths: Vec<String> = server.log().into_iter().map(|Entry { path, .. }| path).collect();
    assert_eq!(paths, ["/graphql", "/user"]);
}

#[test]
fn the_log_tells_what_was_asked_and_answered() {
    let (server, board) = scene();
    server.query(ITEMS, &json!({ "p": board }));
    server.batch(ADD.0, ADD.1, &drafts(&board, 3));
    server.get("/repos/acme/nothing/issues?page=2");
    let [query, batch, rest] = &server.log()[..] else {
        return assert_eq!(server.requests(), 3);
    };
    assert_eq!((query.operation.as_deref(), query.mutating), (Some("Items"), false));
    assert_eq!(query.body["variables"]["p"], json!(board));
    assert_eq!((batch.count(ADD.0), batch.mutating, batch.status), (3, true, Some(200)));
    assert_eq!((rest.method.as_str(), rest.status), ("GET", Some(404)));
    assert_eq!(
        (rest.path.as_str(), rest.query["page"].as_str()),
        ("/repos/acme/nothing/issues", "2")
    );
}
