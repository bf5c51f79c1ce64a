//! A repository of the fake whose branches are in git: what is pushed is seen, what is merged is there.

use crate::server::Server;
use crate::server::store::person::Setting;
use git2::{Oid, Repository, Signature};
use serde_json::json;

/// Commits one file on a branch, as a push does; returns the commit's id.
fn commit(git: &Repository, branch: &str, parent: Option<&str>, file: (&str, &str)) -> String {
    let blob = git.blob(file.1.as_bytes()).unwrap();
    let parent = parent.map(|id| git.find_commit(Oid::from_str(id).unwrap()).unwrap());
    let old = parent.as_ref().map(|parent| parent.tree().unwrap());
    let mut tree = git.treebuilder(old.as_ref()).unwrap();
    tree.insert(file.0, blob, 0o100_644).unwrap();
    let tree = git.find_tree(tree.write().unwrap()).unwrap();
    let who = Signature::now("ada", "ada@example.org").unwrap();
    let parents: Vec<_> = parent.iter().collect();
    let name = format!("refs/heads/{branch}");
    let id = git.commit(None, &who, &who, file.0, &tree, &parents).unwrap();
    git.reference(&name, id, true, "pushed").unwrap();
    id.to_string()
}

fn file(git: &Repository, commit: &str, name: &str) -> Option<String> {
    let tree = git.find_commit(Oid::from_str(commit).unwrap()).unwrap().tree().unwrap();
    let blob = git.find_blob(tree.get_name(name)?.id()).ok()?;
    Some(String::from_utf8_lossy(blob.content()).into_owned())
}

#[test]
fn what_is_pushed_with_git_is_opened_and_merged_into_git() {
    let folder = tempfile::tempdir().unwrap();
    let git = Repository::init_bare(folder.path()).unwrap();
    let first = commit(&git, "main", None, ("a", "one"));
    let server = Server::start();
    server.store().add_repository("acme", "shop");
    server.store().mirror("shop", folder.path());
    let head = commit(&git, "work", Some(&first), ("b", "two"));
    commit(&git, "main", Some(&first), ("c", "three"));
    let body = json!({ "title": "t", "head": "work", "base": "main" });
    let pull = server.ask("POST /repos/acme/shop/pulls", &body);
    assert_eq!((pull.status, &pull.body["head"]["sha"]), (201, &json!(head)), "{}", pull.text);
    let merged = server.ask("PUT /repos/acme/shop/pulls/1/merge", &json!({ "sha": head }));
    let sha = merged.body["sha"].as_str().expect("it is merged").to_owned();
    assert_eq!(git.refname_to_id("refs/heads/main").unwrap().to_string(), sha);
    let files = ["a", "b", "c"].map(|name| file(&git, &sha, name));
    assert_eq!(files, ["one", "two", "three"].map(|text| Some(text.to_owned())));
}

#[test]
fn refs_that_are_moved_here_are_moved_in_git_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let git = Repository::init_bare(folder.path()).unwrap();
    let first = commit(&git, "main", None, ("a", "one"));
    let server = Server::start();
    server.store().add_repository("acme", "shop");
    server.store().mirror("shop", folder.path());
    let claim = "refs/heads/reconciler/claims/issue-1";
    let made = server.ask("POST /repos/acme/shop/git/refs", &json!({ "ref": claim, "sha": first }));
    assert_eq!(made.status, 201);
    assert_eq!(git.refname_to_id(claim).unwrap().to_string(), first);
    git.find_reference(claim).unwrap().delete().unwrap();
    let path = "/repos/acme/shop/git/ref/heads/reconciler/claims/issue-1";
    assert_eq!(server.get(path).status, 404);
}

/// A repository with one pull request of two commits into a target that has one more.
fn of_two_commits(folder: &std::path::Path) -> (Repository, Server, String) {
    let git = Repository::init_bare(folder).unwrap();
    let first = commit(&git, "main", None, ("a", "one"));
    let server = Server::start();
    server.store().add_repository("acme", "shop");
    let begun = commit(&git, "work", Some(&first), ("b", "two"));
    let head = commit(&git, "work", Some(&begun), ("b2", "more"));
    commit(&git, "main", Some(&first), ("c", "three"));
    server.store().mirror("shop", folder);
    server.store().open_pull("shop", "work", "main");
    (git, server, head)
}

#[test]
fn squash_makes_one_commit_and_rebase_one_of_each() {
    for (method, commits) in [("SQUASH", 1), ("REBASE", 2)] {
        let folder = tempfile::tempdir().unwrap();
        let (git, server, head) = of_two_commits(folder.path());
        let before = git.refname_to_id("refs/heads/main").unwrap();
        server.store().merge_as_person("shop", 1, method);
        let after = git.refname_to_id("refs/heads/main").unwrap();
        assert_eq!(git.graph_ahead_behind(after, before).unwrap(), (commits, 0), "{method}");
        assert!(!git.graph_descendant_of(after, Oid::from_str(&head).unwrap()).unwrap());
        let sha = after.to_string();
        let files = ["a", "b", "b2", "c"].map(|name| file(&git, &sha, name));
        assert_eq!(files, ["one", "two", "more", "three"].map(|text| Some(text.to_owned())));
    }
}

#[test]
fn a_pull_request_tells_its_commits_its_checks_and_whether_it_is_in_the_queue() {
    let folder = tempfile::tempdir().unwrap();
    let (_git, server, head) = of_two_commits(folder.path());
    server.store().set_repository("shop", "isMergeQueueEnabled", Setting::On);
    server.store().set_checks("shop", 1, Some("FAILURE"));
    server.store().name_checks("shop", 1, &[("lint", "FAILURE")]);
    server.store().set_review("shop", 1, Some("APPROVED"));
    let asked = "query Q { repository(owner: \"acme\", name: \"shop\") { pullRequest(number: 1) {
        id isInMergeQueue reviewDecision commits(last: 9) { nodes { commit { oid } } }
        statusCheckRollup { commit { oid } contexts(first: 9) { nodes {
            ... on CheckRun { name conclusion } } } } } } }";
    let read = || {
        let answer = server.ask("POST /graphql", &json!({ "query": asked })).body;
        answer["data"]["repository"]["pullRequest"].clone()
    };
    let told = read();
    assert_eq!(told["commits"]["nodes"][1]["commit"]["oid"], json!(head), "{told}");
    assert_eq!(told["reviewDecision"], "APPROVED");
    let rollup = &told["statusCheckRollup"];
    assert_eq!(rollup["commit"]["oid"], json!(head));
    let lint = json!([{ "name": "lint", "conclusion": "FAILURE" }]);
    assert_eq!(rollup["contexts"]["nodes"], lint);
    let change = |name: &str, input: &str| {
        let key = if name == "dequeuePullRequest" { "id" } else { "pullRequestId" };
        let id = &told["id"];
        let text = format!(
            "mutation {{ {name}(input: {{ {key}: {id}{input} }}) {{ clientMutationId }} }}"
        );
        server.ask("POST /graphql", &json!({ "query": text })).body["errors"][0]["message"].clone()
    };
    let through = change("mergePullRequest", "");
    assert_eq!(through, "Changes must be made through the merge queue");
    let other = format!(", expectedHeadOid: \"{}\"", "0".repeat(40));
    assert_eq!(change("enqueuePullRequest", &other), "Head sha didn't match expected head sha");
    assert_eq!(change("enqueuePullRequest", ""), json!(null));
    assert_eq!(read()["isInMergeQueue"], true);
    server.store().queue_drops("shop", 1);
    assert_eq!(change("dequeuePullRequest", ""), "Pull request is not in the merge queue");
    assert_eq!(change("enqueuePullRequest", ""), json!(null));
    server.store().queue_merges("shop", 1);
    assert_eq!(read()["isInMergeQueue"], false);
    assert_eq!(read()["commits"]["nodes"].as_array().map(Vec::len), Some(2), "merged as well");
}

#[test]
fn a_new_head_has_no_checks_yet_and_a_person_can_switch_auto_merge_off() {
    let folder = tempfile::tempdir().unwrap();
    let (_git, server, head) = of_two_commits(folder.path());
    let mut store = server.store();
    let id = store.repository_mut("shop").id.clone();
    store.set_merge_state("shop", 1, "BEHIND");
    let node = store.issue(&id, 1).unwrap().id.clone();
    store.enable_auto_merge(&json!({ "pullRequestId": node })).unwrap();
    store.cancel_auto_merge("shop", 1);
    store.set_checks("shop", 1, Some("SUCCESS"));
    store.update_as_person("shop", 1);
    let pull = store.pull_mut(&id, 1).unwrap();
    assert_ne!(pull.head_sha, head);
    assert_eq!((pull.checks.clone(), pull.auto_merge.clone()), (None, None));
}
