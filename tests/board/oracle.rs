//! `gh`, a client that we did not write, reads the same board and agrees. Without `gh project` on this
//! machine the test says that it was skipped.

use crate::scene::Scene;
use serde_json::Value;

#[test]
fn gh_reads_what_we_wrote() {
    let scene = Scene::new();
    let folder = scene.env.out("gh");
    std::fs::create_dir(&folder).unwrap();
    let socket = scene.env.base().join("gh.socket");
    scene.server.listen_unix(&socket);
    let gh = |arguments: &[&str]| {
        let mut gh = scene.env.command("gh");
        gh.args(arguments).env("GH_CONFIG_DIR", &folder).env("GH_HOST", "github.localhost");
        gh.env("GH_TOKEN", crate::github::TOKEN).env("GH_PROMPT_DISABLED", "1");
        gh.env_remove("GITHUB_TOKEN").output().ok().filter(|said| said.status.success())
    };
    let has_projects = gh(&["--help"])
        .is_some_and(|said| String::from_utf8_lossy(&said.stdout).contains("project:"));
    if !has_projects {
        eprintln!("skipped: there is no gh with `gh project` on this machine");
        return;
    }
    gh(&["config", "set", "http_unix_socket", socket.to_str().unwrap()]).unwrap();
    scene.resting(3);
    let list = ["project", "item-list", "1", "--owner", "acme", "--format", "json"];
    let said = gh(&list).unwrap();
    let list: Value = serde_json::from_slice(&said.stdout).unwrap();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 3, "{list}");
    for (number, item) in items.iter().enumerate() {
        assert_eq!(item["title"], format!("Task {number}"));
        assert_eq!(item["status"], "Todo");
        assert_eq!(item["task"], format!("t{number}"));
        assert_eq!(item["priority"], 1 + number);
        assert_eq!(item["files Modified"], format!("src/{number}.rs"));
    }
}
