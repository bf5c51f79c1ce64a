//! Audit: which commits changed what another task held at the time. It judges the past by the same
//! verdict as the hooks do the present, and knows no git.

use super::verdict::{Author, Presumed, Refusal, verdict};
use crate::api::claim::{Claim, Holding};
use crate::api::name::TaskName;
use crate::api::path::Case;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// All that was ever held, and how long: each claim once, as it was known last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    claims: BTreeMap<TaskName, BTreeMap<u64, Holding>>,
}

/// A commit that is judged.
#[derive(Debug, Clone, Copy)]
pub struct Commit<'a> {
    /// When it was made.
    pub at: Timestamp,
    /// The tasks on whose branch it was made.
    pub tasks: &'a [&'a TaskName],
    /// The paths it changed.
    pub paths: &'a [String],
    /// Whether the case of their letters counts.
    pub case: Case,
}

/// What a commit changed although another task held it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trespass {
    /// The path.
    pub path: String,
    /// Who held it.
    pub by: Claim,
}

impl FromIterator<Holding> for History {
    /// Collects what the ledger said, oldest first.
    fn from_iter<T: IntoIterator<Item = Holding>>(said: T) -> Self {
        let mut history = Self::default();
        for one in said {
            let of_task = history.claims.entry(one.claim.task.clone()).or_default();
            of_task.insert(one.claim.generation, one);
        }
        history
    }
}

impl History {
    /// Returns every claim there was.
    pub fn holdings(&self) -> impl Iterator<Item = &Holding> {
        self.claims.values().flat_map(BTreeMap::values)
    }

    /// Returns what was held at a time, to the second, as git has it. A claim ends when it is
    /// released, or when the next one of its task begins.
    fn at(&self, time: Timestamp) -> BTreeMap<TaskName, Result<Claim, String>> {
        let held = |(task, all): (&TaskName, &BTreeMap<u64, Holding>)| {
            let began = |one: &&Holding| one.claim.claimed_at.as_second() <= time.as_second();
            let last = all.values().rev().find(began)?;
            let ended = last.released_at;
            let ended = ended.is_some_and(|end| end.as_second() <= time.as_second());
            (!ended).then(|| (task.clone(), Ok(last.claim.clone())))
        };
        self.claims.iter().filter_map(held).collect()
    }

    /// Returns what a commit changed of what others held. The clocks of those who committed and of
    /// those who claimed are taken as they are.
    pub fn judge(&self, commit: Commit<'_>) -> Vec<Trespass> {
        let mut claims = self.at(commit.at);
        claims.retain(|task, _| !commit.tasks.contains(&task));
        let found =
            verdict(&Author::Person, (commit.paths, commit.case), &claims, &Presumed::new());
        let trespass = |one: Refusal<'_>| match one {
            Refusal::Held { path, by, .. } => {
                Some(Trespass { path: path.to_owned(), by: by.clone() })
            }
            Refusal::Outside { .. } | Refusal::Fenced { .. } | Refusal::Damaged { .. } => None,
        };
        found.into_iter().filter_map(trespass).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::name::Uid;
    use serde_json::json;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn holding(task: &str, generation: u64, span: (i64, Option<i64>)) -> Holding {
        let mut json = json!({
            "taskId": task, "uid": Uid::derive(1, task), "workerId": "codegen-1",
            "workerType": "ai_agent", "claimedAt": time(span.0), "lockedFiles": ["src/"],
            "expiresAt": time(span.0 + 60), "heartbeat": { "at": time(span.0), "bootId": "boot", "bootMillis": 0 }, "generation": generation,
            "nonce": "0".repeat(32), "node": "here",
        });
        json["releasedAt"] = span.1.map(time).map_or(serde_json::Value::Null, |at| json!(at));
        serde_json::from_value(json).unwrap()
    }

    fn trespasses(history: &History, at: i64, tasks: &[&str]) -> Vec<u64> {
        let tasks: Vec<TaskName> = tasks.iter().map(|task| task.parse().unwrap()).collect();
        let tasks: Vec<&TaskName> = tasks.iter().collect();
        let paths = ["src/a.rs".to_owned(), "docs/b.md".to_owned()];
        let case = Case::Sensitive;
        let commit = Commit { at: time(at), tasks: &tasks, paths: &paths, case };
        history.judge(commit).into_iter().map(|one| one.by.generation).collect()
    }

    #[test]
    fn a_path_is_held_from_the_claim_to_the_release_and_by_its_holder_only() {
        let said = [
            holding("a", 1, (100, None)),
            holding("a", 1, (100, Some(200))),
            holding("a", 2, (300, None)),
        ];
        let history: History = said.into_iter().collect();
        assert_eq!(trespasses(&history, 99, &[]), [0; 0]);
        assert_eq!(trespasses(&history, 100, &[]), [1]);
        assert_eq!(trespasses(&history, 199, &["b"]), [1]);
        assert_eq!(trespasses(&history, 150, &["a"]), [0; 0], "its own work");
        assert_eq!(trespasses(&history, 250, &[]), [0; 0], "released");
        assert_eq!(trespasses(&history, 999, &[]), [2], "held still");
    }

    #[test]
    fn a_claim_whose_release_nobody_recorded_ends_with_the_next() {
        let said = [holding("a", 1, (100, None)), holding("a", 2, (300, Some(400)))];
        let history: History = said.into_iter().collect();
        assert_eq!(trespasses(&history, 250, &[]), [1]);
        assert_eq!(trespasses(&history, 350, &[]), [2]);
        assert_eq!(trespasses(&history, 450, &[]), [0; 0]);
    }
}
