//! Verdict: may this author change these paths? The one answer that the hooks, the merge and the
//! push go by. It is pure, knows no git, and takes a lock that cannot be understood for held.

use super::observed::ClaimSighting;
use crate::api::claim::Claim;
use crate::api::name::{Owner, TaskName};
use crate::api::path::{Case, PathPattern, PatternIndex};
use std::collections::{BTreeMap, BTreeSet};

/// Who wants to change something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Author {
    /// The worker of a task, as its worktree says.
    Worker {
        /// The mark of the worktree.
        owner: Owner,
        /// The generation of the claim that it works under; `None` when nothing says it.
        generation: Option<u64>,
    },
    /// Anybody else: whoever works in a checkout that bears no mark.
    Person,
}

/// Why something may not be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal<'a> {
    /// Another task holds the path.
    Held {
        /// The path.
        path: &'a str,
        /// The pattern that holds it.
        pattern: &'a PathPattern,
        /// The claim.
        by: &'a Claim,
    },
    /// The worker's own claim does not cover the path.
    Outside {
        /// The path.
        path: &'a str,
        /// The claim.
        own: &'a Claim,
    },
    /// The worker's claim is not, or no longer, the one that it works under.
    Fenced {
        /// The mark of its worktree.
        owner: &'a Owner,
        /// The generation it works under.
        generation: Option<u64>,
        /// The claim of its task that stands now, if there is one.
        now: Option<&'a Claim>,
    },
    /// A lock cannot be understood, and may hold the path.
    Damaged {
        /// The path; `None` when nothing says what it holds, so that it may be anything.
        path: Option<&'a str>,
        /// The task whose lock it is.
        task: &'a TaskName,
        /// What is wrong with it.
        why: &'a str,
    },
}

/// What locks that cannot be understood may hold, as far as anything says it.
pub type Presumed = BTreeMap<TaskName, Vec<PathPattern>>;

/// Returns why an author may not change these paths, relative to the top of the work tree with `/`
/// between; nothing, when they may. Whether the case of their letters counts is asked for with them, as
/// it is set now: no claim says it. A person may change what nobody holds. A worker may change what
/// its claim covers; one whose task names no files, what nobody else holds. A lock that cannot be
/// understood holds what is presumed of it, and everything when nothing is.
pub fn verdict<'a>(
    author: &'a Author,
    (paths, case): (&'a [String], Case),
    claims: &'a BTreeMap<TaskName, ClaimSighting>,
    presumed: &Presumed,
) -> Vec<Refusal<'a>> {
    let mut found = Vec::new();
    let own = match author {
        Author::Person => None,
        Author::Worker { owner, generation } => match own(owner, *generation, claims) {
            Ok(claim) => Some(claim),
            Err(refusal) => {
                found.push(refusal);
                None
            }
        },
    };
    let itself = author.task();
    let others = || claims.iter().filter(|(task, _)| Some(*task) != itself);
    for (task, claim) in others() {
        if let Err(why) = claim {
            found.extend(damaged((task, why), (paths, case), presumed.get(task)));
        }
    }
    let held = held((paths, case), others().filter_map(|(_, claim)| claim.as_ref().ok()));
    found.extend(held);
    let told: BTreeSet<&str> = found.iter().filter_map(Refusal::path).collect();
    if let Some(own) = own.filter(|own| !own.locked_files.is_empty()) {
        let is_own = |path: &str| own.locked_files.iter().any(|one| covers(one, (path, case)));
        let outside = paths.iter().filter(|path| !told.contains(path.as_str()) && !is_own(path));
        let outside: Vec<_> = outside.map(|path| Refusal::Outside { path, own }).collect();
        found.extend(outside);
    }
    found
}

/// Returns which paths a lock that cannot be understood may hold.
fn damaged<'a>(
    (task, why): (&'a TaskName, &'a str),
    (paths, case): (&'a [String], Case),
    presumed: Option<&Vec<PathPattern>>,
) -> Vec<Refusal<'a>> {
    let Some(presumed) = presumed else {
        let anything = Refusal::Damaged { path: None, task, why };
        return Vec::from_iter((!paths.is_empty()).then_some(anything));
    };
    let is_held = |path: &&String| presumed.iter().any(|pattern| covers(pattern, (path, case)));
    let held = paths.iter().filter(is_held);
    held.map(|path| Refusal::Damaged { path: Some(path), task, why }).collect()
}

/// Returns the claim that a worker works under, if it is still that one.
fn own<'a>(
    owner: &'a Owner,
    generation: Option<u64>,
    claims: &'a BTreeMap<TaskName, ClaimSighting>,
) -> Result<&'a Claim, Refusal<'a>> {
    match claims.get(&owner.task) {
        Some(Err(why)) => Err(Refusal::Damaged { path: None, task: &owner.task, why }),
        Some(Ok(claim))
            if claim.uid == owner.uid && generation.is_none_or(|one| one == claim.generation) =>
        {
            Ok(claim)
        }
        Some(Ok(claim)) => Err(Refusal::Fenced { owner, generation, now: Some(claim) }),
        None => Err(Refusal::Fenced { owner, generation, now: None }),
    }
}

/// Returns which paths other claims hold, without comparing each with each.
fn held<'a>(
    (paths, case): (&'a [String], Case),
    claims: impl Iterator<Item = &'a Claim>,
) -> Vec<Refusal<'a>> {
    let of = |by: &'a Claim| by.locked_files.iter().map(move |pattern| (by, pattern));
    let patterns: Vec<(&Claim, &PathPattern)> = claims.flat_map(of).collect();
    let mut index = PatternIndex::default();
    for (number, (_, pattern)) in patterns.iter().enumerate() {
        index.insert(number, pattern);
    }
    let mut found = Vec::new();
    for path in paths {
        let mut last = None;
        for &(by, pattern) in index.above(path).filter_map(|number| patterns.get(number)) {
            if last != Some(&by.task) && covers(pattern, (path, case)) {
                last = Some(&by.task);
                found.push(Refusal::Held { path, pattern, by });
            }
        }
    }
    found
}

fn covers(pattern: &PathPattern, (path, case): (&str, Case)) -> bool {
    pattern.clone().on(case).covers(path)
}

impl Author {
    /// Returns the task whose worker it is; a person is none's.
    pub fn task(&self) -> Option<&TaskName> {
        match self {
            Self::Worker { owner, .. } => Some(&owner.task),
            Self::Person => None,
        }
    }
}

impl<'a> Refusal<'a> {
    /// Returns the path it is about, if it is about one.
    pub fn path(&self) -> Option<&'a str> {
        match self {
            Self::Held { path, .. } | Self::Outside { path, .. } => Some(path),
            Self::Damaged { path, .. } => *path,
            Self::Fenced { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::name::Uid;
    use serde_json::json;

    fn claim(task: &str, generation: u64, files: &[&str]) -> Claim {
        let time = "2026-01-01T00:00:00Z";
        let json = json!({
            "taskId": task, "uid": Uid::derive(1, task), "workerId": "codegen-1",
            "workerType": "ai_agent", "claimedAt": time, "lockedFiles": files, "expiresAt": time,
            "heartbeat": { "at": time, "bootId": "boot", "bootMillis": 0 }, "generation": generation, "nonce": "0".repeat(32), "node": "here",
        });
        serde_json::from_value(json).unwrap()
    }

    fn table(claims: &[Claim]) -> BTreeMap<TaskName, ClaimSighting> {
        claims.iter().map(|one| (one.task.clone(), Ok(one.clone()))).collect()
    }

    fn worker(task: &str, generation: Option<u64>) -> Author {
        let owner = Owner { task: task.parse().unwrap(), uid: Uid::derive(1, task) };
        Author::Worker { owner, generation }
    }

    fn judged(
        author: &Author,
        paths: &[&str],
        claims: &BTreeMap<TaskName, ClaimSighting>,
    ) -> String {
        judged_by(Case::Sensitive, (author, paths), claims)
    }

    fn judged_by(
        case: Case,
        (author, paths): (&Author, &[&str]),
        claims: &BTreeMap<TaskName, ClaimSighting>,
    ) -> String {
        let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
        let word = |one: Refusal<'_>| match one {
            Refusal::Held { path, by, .. } => format!("{path} held by {}", by.task),
            Refusal::Outside { path, .. } => format!("{path} outside"),
            Refusal::Fenced { generation, now, .. } => {
                format!("fenced {generation:?} {:?}", now.map(|claim| claim.generation))
            }
            Refusal::Damaged { task, .. } => format!("{task} damaged"),
        };
        verdict(author, (&paths, case), claims, &Presumed::new())
            .into_iter()
            .map(word)
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn a_person_who_holds_nothing_may_change_what_nobody_holds() {
        let claims = table(&[claim("login", 1, &["src/auth/"])]);
        assert_eq!(judged(&Author::Person, &["docs/a.md", "src/author.rs"], &claims), "");
        let both = ["docs/a.md", "src/auth/token.rs"];
        assert_eq!(judged(&Author::Person, &both, &claims), "src/auth/token.rs held by login");
    }

    #[test]
    fn a_worker_stays_within_its_claim_at_its_generation() {
        let claims = table(&[claim("login", 2, &["src/auth/"]), claim("docs", 1, &["docs/"])]);
        let login = worker("login", Some(2));
        assert_eq!(judged(&login, &["src/auth/a.rs"], &claims), "");
        assert_eq!(judged(&login, &["src/b.rs"], &claims), "src/b.rs outside");
        assert_eq!(judged(&login, &["docs/a.md"], &claims), "docs/a.md held by docs");
        let stale = worker("login", Some(1));
        assert_eq!(judged(&stale, &["src/auth/a.rs"], &claims), "fenced Some(1) Some(2)");
        assert_eq!(judged(&worker("gone", Some(1)), &["x"], &claims), "fenced Some(1) None");
        assert_eq!(judged(&worker("login", None), &["src/auth/a.rs"], &claims), "");
    }

    #[test]
    fn where_case_does_not_count_a_path_is_held_and_owned_by_any_spelling() {
        let claims = table(&[claim("login", 2, &["Src/Auth/"]), claim("docs", 1, &["docs/"])]);
        let paths = ["src/AUTH/a.rs", "Docs/b.md"];
        let (person, login) = (Author::Person, worker("login", Some(2)));
        assert_eq!(judged(&person, &paths, &claims), "");
        let folded = |author: &Author| judged_by(Case::Insensitive, (author, &paths), &claims);
        assert_eq!(folded(&person), "src/AUTH/a.rs held by login, Docs/b.md held by docs");
        assert_eq!(folded(&login), "Docs/b.md held by docs");
        assert_eq!(judged(&login, &paths[..1], &claims), "src/AUTH/a.rs outside");
    }

    #[test]
    fn what_the_index_leaves_out_is_held_by_no_pattern() {
        let patterns =
            ["src/", "src/a", "src/*/b.rs", "**/b.rs", "{src,docs}/a", "?rc/**", "*", "src/a/b.rs"];
        let paths = ["src", "src/a", "src/a/b.rs", "docs/a/x", "b.rs", "src/ab", "a/src/a", "x"];
        for pattern in patterns {
            let claims = table(&[claim("other", 1, &[pattern])]);
            let held: PathPattern = PathPattern::parse(pattern).unwrap();
            for path in paths {
                let said = judged(&Author::Person, &[path], &claims);
                assert_eq!(!said.is_empty(), held.covers(path), "{pattern} {path}");
            }
        }
    }

    #[test]
    fn a_worker_of_an_earlier_task_of_the_name_is_fenced() {
        let claims = table(&[claim("login", 1, &["src/"])]);
        let owner = Owner { task: "login".parse().unwrap(), uid: Uid::derive(2, "login") };
        let earlier = Author::Worker { owner, generation: Some(1) };
        assert_eq!(judged(&earlier, &["src/a.rs"], &claims), "fenced Some(1) Some(1)");
    }

    #[test]
    fn a_task_that_names_no_files_may_change_what_nobody_else_holds() {
        let claims = table(&[claim("free", 1, &[]), claim("docs", 1, &["docs/"])]);
        let free = worker("free", Some(1));
        assert_eq!(judged(&free, &["src/a.rs"], &claims), "");
        assert_eq!(judged(&free, &["docs/a.md"], &claims), "docs/a.md held by docs");
    }

    #[test]
    fn a_damaged_lock_holds_everything_and_an_empty_change_nothing() {
        let mut claims = table(&[]);
        claims.insert("torn".parse().unwrap(), Err("half a file".to_owned()));
        assert_eq!(judged(&Author::Person, &["a"], &claims), "torn damaged");
        assert_eq!(judged(&Author::Person, &[], &claims), "");
        assert_eq!(judged(&worker("torn", Some(1)), &["a"], &claims), "torn damaged");
    }
}
