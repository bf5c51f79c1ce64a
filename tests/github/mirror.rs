//! A repository of the fake whose branches are in git: what is pushed is seen, what is merged is there.

use crate::server::Server;
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
