//! Repositories, their branches and commits. A ref moves by one function, so that what depends on it
//! (pull requests) follows; no file content is kept.

use super::mirror::Mirror;
use super::{Issue, Refusal, State, Store};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The commit id of nothing: "must not exist" before, "is deleted" after.
pub(crate) const ZEROS: &str = "0000000000000000000000000000000000000000";

#[derive(Debug, Clone)]
pub(crate) struct Repository {
    pub(crate) id: String,
    pub(crate) database_id: u64,
    pub(crate) owner: String,
    pub(crate) name: String,
    /// Names that it had.
    pub(crate) former: Vec<String>,
    pub(crate) default_branch: String,
    /// `ADMIN`, `WRITE`, `READ`: what the token may do.
    pub(crate) permission: String,
    /// Switches, as GraphQL names them.
    pub(crate) settings: BTreeMap<&'static str, bool>,
    /// Full names and commits.
    pub(crate) refs: BTreeMap<String, String>,
    pub(crate) commits: BTreeMap<String, Commit>,
    /// The entries of each tree, as they were given.
    pub(crate) trees: BTreeMap<String, Value>,
    /// Node ids, by name.
    pub(crate) labels: BTreeMap<String, String>,
    /// Issues and pull requests, by number.
    pub(crate) issues: BTreeMap<u64, Issue>,
    /// Issues that are there no more: where each is now, as the number of its repository and its own there;
    /// `None` of one that was deleted.
    pub(crate) gone: BTreeMap<u64, Option<(u64, u64)>>,
    /// The git repository that has its branches, if there is one.
    pub(crate) mirror: Option<Mirror>,
}

#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(crate) message: String,
    pub(crate) tree: String,
    pub(crate) parents: Vec<String>,
    pub(crate) at: String,
}

/// One wish of `updateRefs`.
struct Wish<'a> {
    name: &'a str,
    before: Option<&'a str>,
    after: &'a str,
    forced: bool,
}

impl Repository {
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    pub(crate) fn is(&self, setting: &str) -> bool {
        self.settings.get(setting).copied().unwrap_or(false)
    }

    /// Tells whether the token may write.
    pub(crate) fn is_writable(&self) -> bool {
        ["ADMIN", "MAINTAIN", "WRITE"].contains(&self.permission.as_str())
    }

    /// Tells whether a commit is another one or comes after it.
    pub(crate) fn contains(&self, tip: &str, old: &str) -> bool {
        let mut todo = vec![tip];
        let mut seen = Vec::new();
        while let Some(sha) = todo.pop() {
            if sha == old {
                return true;
            }
            if !seen.contains(&sha) {
                seen.push(sha);
                let parents = self.commits.get(sha).into_iter().flat_map(|commit| &commit.parents);
                todo.extend(parents.map(String::as_str));
            }
        }
        false
    }
}

impl Store {
    /// Makes a repository of an owner with one commit on `main`; returns its id.
    pub(crate) fn add_repository(&mut self, owner: &str, name: &str) -> String {
        let (id, database_id) = self.id("R");
        let on =
            ["hasIssuesEnabled", "autoMergeAllowed", "squashMergeAllowed", "mergeCommitAllowed"];
        let off =
            ["isArchived", "isEmpty", "isPrivate", "deleteBranchOnMerge", "isMergeQueueEnabled"];
        let on = on.into_iter().chain(["rebaseMergeAllowed"]).map(|name| (name, true));
        let repository = Repository {
            id: id.clone(),
            database_id,
            owner: owner.to_owned(),
            name: name.to_owned(),
            former: Vec::new(),
            default_branch: "main".to_owned(),
            permission: "ADMIN".to_owned(),
            settings: on.chain(off.map(|name| (name, false))).collect(),
            refs: BTreeMap::new(),
            commits: BTreeMap::new(),
            trees: BTreeMap::new(),
            labels: BTreeMap::new(),
            issues: BTreeMap::new(),
            gone: BTreeMap::new(),
            mirror: None,
        };
        self.repositories.insert(id.clone(), repository);
        self.push(name, "main", "the first commit");
        id
    }

    /// Returns a repository by the name that it has or had.
    pub(crate) fn find_repository(&self, owner: &str, name: &str) -> Option<&Repository> {
        let of = || self.repositories.values().filter(|one| one.owner.eq_ignore_ascii_case(owner));
        let now = of().find(|one| one.name.eq_ignore_ascii_case(name));
        now.or_else(|| of().find(|one| one.former.iter().any(|old| old == name)))
    }

    pub(crate) fn repository(&self, id: &str) -> Result<&Repository, Refusal> {
        self.repositories.get(id).ok_or_else(|| Refusal::no_node(id))
    }

    pub(super) fn writable_repository(&mut self, id: &str) -> Result<&mut Repository, Refusal> {
        let found = self.repositories.get_mut(id).ok_or_else(|| Refusal::no_node(id))?;
        if found.is("isArchived") {
            return Err(Refusal::forbidden("Repository was archived so is read-only."));
        }
        Ok(found)
    }

    /// Makes a commit, whose id follows from all that it holds; returns the id.
    pub(crate) fn create_commit(
        &mut self,
        repository: &str,
        message: &str,
        tree: String,
        parents: Vec<String>,
    ) -> Result<String, Refusal> {
        let at = self.clock.text();
        let repository = self.writable_repository(repository)?;
        if !repository.trees.contains_key(&tree) {
            return Err(Refusal::unprocessable("Tree SHA does not exist"));
        }
        if parents.iter().any(|parent| !repository.commits.contains_key(parent)) {
            return Err(Refusal::unprocessable(
                "Parent SHA does not exist or is not a commit object",
            ));
        }
        let sha = match &repository.mirror {
            Some(mirror) => mirror.commit(message, &tree, &parents)?,
            None => super::sha(&format!("{tree} {parents:?} {at} {message}")),
        };
        let commit = Commit { message: message.to_owned(), tree, parents, at };
        repository.commits.insert(sha.clone(), commit);
        Ok(sha)
    }

    /// Keeps a tree; returns its id.
    pub(crate) fn create_tree(
        &mut self,
        repository: &str,
        entries: Value,
    ) -> Result<String, Refusal> {
        let sha = super::sha(&format!("tree {entries}"));
        self.writable_repository(repository)?.trees.insert(sha.clone(), entries);
        Ok(sha)
    }

    /// Moves a ref, or deletes it.
    pub(crate) fn set_ref(&mut self, repository: &str, name: &str, to: Option<&str>) {
        if let Some(mirror) = self.repositories.get(repository).and_then(|one| one.mirror.as_ref())
        {
            mirror.set(name, to);
        }
        self.follow(repository, name, to);
    }

    /// Knows that a ref was moved; pull requests of the branch follow.
    pub(super) fn follow(&mut self, repository: &str, name: &str, to: Option<&str>) {
        let now = self.clock.text();
        let Some(repository) = self.repositories.get_mut(repository) else { return };
        match to {
            Some(sha) => repository.refs.insert(name.to_owned(), sha.to_owned()),
            None => repository.refs.remove(name),
        };
        for issue in repository.issues.values_mut().filter(|issue| issue.state == State::Open) {
            let Some(pull) = &mut issue.pull else { continue };
            if name != format!("refs/heads/{}", pull.head) {
                continue;
            }
            issue.updated_at.clone_from(&now);
            match to {
                Some(sha) => pull.push(sha),
                None => issue.close(None, &now),
            }
        }
    }

    /// Moves many refs or none, each only from the commit where it is expected to be.
    pub(crate) fn update_refs(
        &mut self,
        repository: &str,
        wishes: &[Value],
    ) -> Result<(), Refusal> {
        let id = repository;
        let wishes: Vec<Wish<'_>> = wishes.iter().map(wish).collect();
        let repository = self.writable_repository(id)?;
        if !repository.is_writable() {
            return Err(Refusal::forbidden("You do not have permission to update refs"));
        }
        for wish in &wishes {
            check(repository, wish)?;
        }
        for Wish { name, after, .. } in wishes {
            self.set_ref(id, name, (after != ZEROS).then_some(after));
        }
        Ok(())
    }

    /// Adds an issue's label to a repository that may not have it yet; returns the label's id.
    pub(crate) fn create_label(&mut self, repository: &str, name: &str) -> Result<String, Refusal> {
        let (id, _) = self.id("LA");
        let labels = &mut self.writable_repository(repository)?.labels;
        Ok(labels.entry(name.to_owned()).or_insert(id).clone())
    }
}

fn wish(value: &Value) -> Wish<'_> {
    Wish {
        name: super::text(value, "name").unwrap_or_default(),
        before: super::text(value, "beforeOid"),
        after: super::text(value, "afterOid").unwrap_or_default(),
        forced: value.get("force") == Some(&json!(true)),
    }
}

/// Tells why a ref may not be moved so.
fn check(repository: &Repository, wish: &Wish<'_>) -> Result<(), Refusal> {
    let Wish { name, before, after, forced } = wish;
    let refused = |why: &str| Err(Refusal::unprocessable(format!("{name}: {why}")));
    if !is_ref_name(name) {
        return refused("is not a valid ref name");
    }
    let present = repository.refs.get(*name).map(String::as_str);
    match before {
        Some(ZEROS) if present.is_some() => return refused("reference already exists"),
        Some(ZEROS) | None => {}
        Some(before) if present != Some(before) => {
            return refused("reference is not at the expected commit");
        }
        Some(_) => {}
    }
    if *after == ZEROS {
        return if present.is_some() { Ok(()) } else { refused("reference does not exist") };
    }
    if !repository.commits.contains_key(*after) {
        return refused("object does not exist");
    }
    match present {
        Some(old) if !forced && !repository.contains(after, old) => {
            refused("update is not a fast-forward")
        }
        Some(_) | None => Ok(()),
    }
}

/// Tells whether GitHub takes a ref of this name.
pub(crate) fn is_ref_name(name: &str) -> bool {
    let rest = name.strip_prefix("refs/").unwrap_or_default();
    rest.contains('/')
        && !rest.contains("..")
        && !rest.contains([' ', '~', '^', ':', '?', '*', '['])
}
