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
    let one = server.store().open_issue("shop", "broken", &["reconciler:ready"]);
    let listed = json(&run(&["issue", "list", "--json", "number,title,labels"]));
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["number"]), (1, &Value::from(one)));
    run(&["issue", "close", "1"]);
    assert_eq!(
        json(&run(&["issue", "list", "--state", "closed", "--json", "number"]))[0]["number"],
        one
    );
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
