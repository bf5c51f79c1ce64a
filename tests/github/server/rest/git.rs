//! Refs, commits and trees by REST. It has no compare-and-swap, because GitHub's REST has none.

use super::super::call::Reply;
use super::super::store::{Store, is_ref_name};
use super::{Answer, Ask, missing, shapes, texts};
use serde_json::{Value, json};

pub(super) fn answer(store: &mut Store, ask: &Ask<'_>) -> Answer {
    match (ask.call.method.as_str(), &ask.rest[1..]) {
        ("GET", ["ref", name @ ..]) => {
            let name = full(name);
            let repository = store.repository(&ask.repository)?;
            let sha = repository.refs.get(&name).ok_or_else(missing)?;
            Ok(Reply::json(200, &shapes::reference(repository, &name, sha, ask.call)))
        }
        ("GET", ["matching-refs", prefix @ ..]) => {
            let prefix = full(prefix);
            let repository = store.repository(&ask.repository)?;
            let refs = repository.refs.iter().filter(|(name, _)| name.starts_with(&prefix));
            let refs: Vec<Value> = refs
                .map(|(name, sha)| shapes::reference(repository, name, sha, ask.call))
                .collect();
            Ok(Reply::json(200, &json!(refs)))
        }
        ("POST", ["refs"]) => create(store, ask),
        ("PATCH", ["refs", name @ ..]) => update(store, ask, &full(name)),
        ("DELETE", ["refs", name @ ..]) => {
            let name = full(name);
            writable(store, ask)?;
            if !store.repository(&ask.repository)?.refs.contains_key(&name) {
                return Err(Reply::error(422, "Reference does not exist"));
            }
            store.set_ref(&ask.repository, &name, None);
            Ok(Reply::json(204, &Value::Null))
        }
        ("POST", ["commits"]) => create_commit(store, ask),
        ("GET", ["commits", sha]) => commit(store, ask, sha, 200),
        ("POST", ["trees"]) => {
            writable(store, ask)?;
            let body = ask.call.fields(&["tree!", "base_tree"])?;
            let sha = store.create_tree(&ask.repository, body["tree"].clone())?;
            tree(store, ask, &sha, 201)
        }
        ("GET", ["trees", sha]) => tree(store, ask, sha, 200),
        _ => Err(missing()),
    }
}

fn full(name: &[&str]) -> String {
    format!("refs/{}", name.join("/"))
}

fn writable(store: &Store, ask: &Ask<'_>) -> Result<(), Reply> {
    if store.repository(&ask.repository)?.is_writable() {
        return Ok(());
    }
    Err(Reply::error(403, "Resource not accessible by personal access token"))
}

fn shown(store: &Store, ask: &Ask<'_>, name: &str, status: u16) -> Answer {
    let repository = store.repository(&ask.repository)?;
    let sha = repository.refs.get(name).ok_or_else(missing)?;
    Ok(Reply::json(status, &shapes::reference(repository, name, sha, ask.call)))
}

fn create(store: &mut Store, ask: &Ask<'_>) -> Answer {
    writable(store, ask)?;
    let body = ask.call.fields(&["ref!", "sha!"])?;
    let [name, sha] = ["ref", "sha"].map(|key| body[key].as_str().unwrap_or_default());
    let repository = store.repository(&ask.repository)?;
    if !is_ref_name(name) {
        return Err(Reply::error(
            422,
            "Reference name must start with 'refs/' and contain two slashes",
        ));
    }
    if repository.refs.contains_key(name) {
        return Err(Reply::error(422, "Reference already exists"));
    }
    if !repository.commits.contains_key(sha) {
        return Err(Reply::error(422, "Object does not exist"));
    }
    store.set_ref(&ask.repository, name, Some(sha));
    shown(store, ask, name, 201)
}

fn update(store: &mut Store, ask: &Ask<'_>, name: &str) -> Answer {
    writable(store, ask)?;
    let body = ask.call.fields(&["sha!", "force"])?;
    let sha = body["sha"].as_str().unwrap_or_default();
    let repository = store.repository(&ask.repository)?;
    let Some(old) = repository.refs.get(name) else {
        return Err(Reply::error(422, "Reference does not exist"));
    };
    if !repository.commits.contains_key(sha) {
        return Err(Reply::error(422, "Object does not exist"));
    }
    if body.get("force") != Some(&json!(true)) && !repository.contains(sha, old) {
        return Err(Reply::error(422, "Update is not a fast forward"));
    }
    store.set_ref(&ask.repository, name, Some(sha));
    shown(store, ask, name, 200)
}

fn create_commit(store: &mut Store, ask: &Ask<'_>) -> Answer {
    writable(store, ask)?;
    let allowed = ["message!", "tree!", "parents", "author", "committer", "signature"];
    let body = ask.call.fields(&allowed)?;
    let [message, tree] = ["message", "tree"].map(|key| body[key].as_str().unwrap_or_default());
    let parents = texts(body, "parents").into_iter().map(str::to_owned).collect();
    let sha = store.create_commit(&ask.repository, message, tree.to_owned(), parents)?;
    commit(store, ask, &sha, 201)
}

fn commit(store: &Store, ask: &Ask<'_>, sha: &str, status: u16) -> Answer {
    let repository = store.repository(&ask.repository)?;
    let commit = repository.commits.get(sha).ok_or_else(missing)?;
    Ok(Reply::json(status, &shapes::commit(repository, sha, commit, ask.call)))
}

fn tree(store: &Store, ask: &Ask<'_>, sha: &str, status: u16) -> Answer {
    let repository = store.repository(&ask.repository)?;
    let entries = repository.trees.get(sha).ok_or_else(missing)?;
    let url = format!("{}/repos/{}/git/trees/{sha}", ask.call.base(), repository.full_name());
    let body = json!({ "sha": sha, "url": url, "tree": entries, "truncated": false });
    Ok(Reply::json(status, &body))
}
