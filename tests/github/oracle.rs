//! `gh`, a client that we did not write, against the fake. Without `gh` on this machine the test says
//! that it was skipped.

use crate::server::{Server, TOKEN};
use serde_json::Value;
use std::process::Command;

/// Runs `gh` through the socket of the server; `None` if it failed.
#[expect(clippy::disallowed_methods, reason = "gh is a program of the test")]
fn gh(folder: &std::path::Path, args: &[&str]) -> Option<String> {
    let mut gh = Command::new("gh");
    gh.args(args).env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("HOME", folder);
    gh.env("GH_CONFIG_DIR", folder).env("GH_HOST", "github.localhost").env("GH_TOKEN", TOKEN);
    gh.env("GH_PROMPT_DISABLED", "1").env("NO_COLOR", "1").current_dir(folder);
    let said = gh.output().ok()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    assert!(
        said.status.success(),
        "gh {args:?}: {}{}",
        text(said.stdout.clone()),
        text(said.stderr)
    );
    Some(text(said.stdout))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A server with a repository that `gh` speaks to; `None` without `gh`.
#[expect(clippy::print_stderr, reason = "who runs the tests is to know what was not tried")]
fn scene() -> Option<(Server, tempfile::TempDir)> {
    let folder = tempfile::tempdir().ok()?;
    if gh(folder.path(), &["--version"]).is_none() {
        eprintln!("skipped: there is no gh on this machine");
        return None;
    }
    let socket = folder.path().join("socket");
    let server = Server::start();
    server.listen_unix(&socket);
    server.store().add_repository("acme", "shop");
    gh(folder.path(), &["config", "set", "http_unix_socket", socket.to_str()?])?;
    Some((server, folder))
}

#[test]
fn gh_works_with_issues() {
    let Some((server, folder)) = scene() else { return };
    let run = |args: &[&str]| {
        gh(folder.path(), &[args, &["-R", "github.localhost/acme/shop"]].concat()).unwrap()
    };
    server.store().open_issue("shop", "broken", &["reconciler:ready"]);
    let listed = json(&run(&["issue", "list", "--json", "number,title,labels"]));
    assert_eq!(listed[0]["labels"][0]["name"], "reconciler:ready");
    run(&["issue", "create", "--title", "by gh", "--body", "text"]);
    run(&["issue", "comment", "2", "--body", "hello"]);
    let issue = json(&run(&["issue", "view", "2", "--json", "title,body,comments,state"]));
    assert_eq!(
        (&issue["title"], &issue["comments"][0]["body"]),
        (&"by gh".into(), &"hello".into())
    );
    run(&["issue", "close", "1"]);
    let closed = json(&run(&["issue", "list", "--state", "closed", "--json", "number"]));
    assert_eq!(closed[0]["number"], 1);
}

#[test]
fn gh_works_with_pull_requests() {
    let Some((server, folder)) = scene() else { return };
    let run = |args: &[&str]| {
        gh(folder.path(), &[args, &["-R", "github.localhost/acme/shop"]].concat()).unwrap()
    };
    let head = server.store().push("shop", "work", "done");
    server.store().open_pull("shop", "work", "main");
    let fields = "number,state,headRefOid,mergeStateStatus,isDraft";
    let pull = json(&run(&["pr", "view", "1", "--json", fields]));
    assert_eq!((&pull["headRefOid"], &pull["mergeStateStatus"]), (&head.into(), &"CLEAN".into()));
    assert_eq!(json(&run(&["pr", "list", "--json", "number"]))[0]["number"], 1);
}

/// `gh project` came with 2.31.
#[test]
fn gh_works_with_projects() {
    let Some((server, folder)) = scene() else { return };
    let run = |args: &[&str]| gh(folder.path(), args).unwrap();
    if !run(&["--help"]).contains("project:") {
        return;
    }
    let run = |args: &[&str]| json(&run(&[&["project"], args, &["--format", "json"]].concat()));
    let owner = ["--owner", "acme"];
    let made = run(&[&["create", "--title", "work"], &owner[..]].concat());
    assert_eq!(run(&[&["list"], &owner[..]].concat())["projects"][0]["title"], "work");
    let kind = ["--name", "Task ID", "--data-type", "TEXT"];
    let field = run(&[&["field-create", "1"], &owner[..], &kind].concat());
    let text = ["--title", "one", "--body", "text"];
    let item = run(&[&["item-create", "1"], &owner[..], &text].concat());
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let (board, field, item) = (id(&made), id(&field), id(&item));
    run(&["item-edit", "--id", &item, "--project-id", &board, "--field-id", &field, "--text", "x"]);
    assert_eq!(server.store().shown(&item, "Task ID").as_deref(), Some("x"));
    let listed = run(&[&["field-list", "1"], &owner[..]].concat());
    assert_eq!(listed["totalCount"], server.store().boards[&board].fields.len());
    run(&[&["item-archive", "1", "--id", &item], &owner[..]].concat());
    assert!(server.store().items[&item].is_archived);
}

#[test]
fn gh_asks_rest_and_graphql() {
    let Some((server, folder)) = scene() else { return };
    let run = |args: &[&str]| gh(folder.path(), args).unwrap();
    server.store().add_board("work");
    let said = run(&["api", "user", "--jq", ".login"]);
    assert_eq!(said.trim(), "ada");
    let text = "query=query { organization(login: \"acme\") { projectsV2(first: 5) { nodes { title } } } }";
    let said = json(&run(&["api", "graphql", "-f", text]));
    assert_eq!(said["data"]["organization"]["projectsV2"]["nodes"][0]["title"], "work");
    run(&["api", "repos/acme/shop/issues", "-f", "title=by gh"]);
    assert_eq!(server.store().repository_mut("shop").issues[&1].title, "by gh");
}
