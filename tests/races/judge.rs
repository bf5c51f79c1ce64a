//! What must be true after a race, whoever was killed in it: by the files and by the ledger.

use crate::common::TestEnvironment;
use crate::contender::{Contender, Ended};
use reconciler::api::claim::{Claim, Holding};
use reconciler::api::name::Uid;
use reconciler::api::path::{PathPattern, first_overlap};
use reconciler::locks::Claims;
use std::collections::BTreeMap;

const LOCKS: &str = "refs/reconciler/locks";

/// How the contenders of all races ended.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) won: usize,
    pub(crate) refused: usize,
    pub(crate) killed: usize,
    /// Of the killed, those who hold what they asked for.
    pub(crate) killed_after_it_was_theirs: usize,
}

pub(crate) struct Judge<'a> {
    env: &'a TestEnvironment,
    /// Every claim that was ever seen: of a task and a generation, the nonce.
    seen: BTreeMap<(String, u64), Uid>,
    pub(crate) tally: Tally,
}

fn patterns(paths: &[String]) -> Vec<PathPattern> {
    paths.iter().map(|one| PathPattern::parse(one).unwrap()).collect()
}

/// Returns whether each of these contenders meets each other.
pub(crate) fn all_meet(contenders: &[Contender]) -> bool {
    let meet = |one: &Contender, other: &Contender| {
        first_overlap(&patterns(&one.paths), &patterns(&other.paths)).is_some()
    };
    contenders.iter().all(|one| contenders.iter().all(|other| meet(one, other)))
}

impl<'a> Judge<'a> {
    pub(crate) fn new(env: &'a TestEnvironment) -> Self {
        Self { env, seen: BTreeMap::new(), tally: Tally::default() }
    }

    fn claims(&self) -> Vec<Claim> {
        let found = Claims::at(&self.env.path("")).list().unwrap();
        found.into_values().map(|one| one.expect("no lock is ever half a file")).collect()
    }

    /// The tasks that are held.
    pub(crate) fn held(&self) -> Vec<String> {
        self.claims().iter().map(|claim| claim.task.to_string()).collect()
    }

    pub(crate) fn after_race(&mut self, all: &[Contender], ended: &[Ended], told: &str) {
        let claims = self.claims();
        for (number, one) in claims.iter().enumerate() {
            for other in &claims[number + 1..] {
                let overlap = first_overlap(&one.locked_files, &other.locked_files);
                assert!(overlap.is_none(), "{told}: {one:?} and {other:?} at {overlap:?}");
            }
        }
        let mut owned = 0;
        for (contender, ended) in all.iter().zip(ended) {
            let own: Vec<&Claim> = claims.iter().filter(|one| is_of(one, contender)).collect();
            let whole = |one: &&Claim| {
                patterns(&contender.paths).iter().all(|path| one.locked_files.contains(path))
            };
            assert!(own.len() <= 1 && own.iter().all(whole), "{told}: {contender:?} has {own:?}");
            owned += own.len();
            match ended {
                Ended::Done => {
                    self.tally.won += 1;
                    assert_eq!(own.len(), 1, "{told}: {contender:?} was told to have won");
                }
                Ended::Refused => {
                    self.tally.refused += 1;
                    assert_eq!(own.len(), 0, "{told}: {contender:?} was refused and has {own:?}");
                    let lost = claims.iter().any(|one| is_in_the_way(one, contender));
                    assert!(lost, "{told}: {contender:?} lost to nobody");
                }
                Ended::Killed => {
                    self.tally.killed += 1;
                    self.tally.killed_after_it_was_theirs += own.len();
                }
            }
        }
        assert_eq!(owned, claims.len(), "{told}: somebody else holds something: {claims:?}");
        let survived = ended.iter().any(|one| *one != Ended::Killed);
        if all_meet(all) {
            assert!(claims.len() <= 1, "{told}: {claims:?}");
            assert!(!survived || claims.len() == 1, "{told}: nobody won");
        }
        self.after_release(told);
    }

    /// Files and ledger agree after the next command, whoever was cut off before it.
    pub(crate) fn after_release(&mut self, told: &str) {
        let before = self.claims();
        let said = self.env.run(&["renew", "--as", "nobody"]);
        assert!(said.status.success(), "{told}: {said:?}");
        let claims = self.claims();
        assert_eq!(claims, before, "{told}: a command of somebody else changed who holds what");
        let recorded = self.recorded();
        for claim in &claims {
            let of_it = recorded.iter().find(|one| one.claim.task == claim.task);
            let same = of_it
                .is_some_and(|one| one.claim.is_continued_by(claim) && one.released_at.is_none());
            assert!(same, "{told}: the ledger says {of_it:?} of {claim:?}");
        }
        for one in recorded.iter().filter(|one| one.released_at.is_none()) {
            assert!(claims.iter().any(|claim| claim.task == one.claim.task), "{told}: {one:?}");
        }
        for claim in claims.iter().chain(recorded.iter().map(|one| &one.claim)) {
            self.note(claim, told);
        }
    }

    /// No generation has two nonces.
    fn note(&mut self, claim: &Claim, told: &str) {
        let key = (claim.task.to_string(), claim.generation);
        let first = self.seen.entry(key).or_insert_with(|| claim.nonce.clone());
        assert_eq!(*first, claim.nonce, "{told}: two claims of one generation: {claim:?}");
    }

    /// Notes what the files say, which may not be in the ledger yet.
    pub(crate) fn look(&mut self, told: &str) -> Vec<Claim> {
        let claims = self.claims();
        for claim in &claims {
            self.note(claim, told);
        }
        claims
    }

    pub(crate) fn is_recorded(&self, claim: &Claim) -> bool {
        self.recorded().iter().any(|one| one.claim.nonce == claim.nonce)
    }

    fn recorded(&self) -> Vec<Holding> {
        let names = self.env.try_git(&["ls-tree", "--name-only", LOCKS]).unwrap_or_default();
        let read = |name: &str| self.env.git(&["show", &format!("{LOCKS}:{name}")]);
        names.lines().map(|name| serde_json::from_str(&read(name)).unwrap()).collect()
    }

    /// Along the whole history the generations of a task grow, one at a time.
    pub(crate) fn history(&mut self) {
        let all = self.env.git(&["log", "--reverse", "--format=", "--raw", "--no-abbrev", LOCKS]);
        let blob = |line: &str| {
            let mut words = line.split_ascii_whitespace().skip(3);
            let (new, status) = (words.next()?.to_owned(), words.next()?);
            (status != "D").then_some(new)
        };
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for blob in all.lines().filter_map(blob) {
            let one: Holding =
                serde_json::from_str(&self.env.git(&["cat-file", "blob", &blob])).unwrap();
            self.note(&one.claim, "the history");
            let (task, generation) = (one.claim.task.to_string(), one.claim.generation);
            let before = last.insert(task.clone(), generation).unwrap_or(0);
            let grows = generation == before || generation == before + 1;
            assert!(grows, "{task}: generation {generation} after {before}");
        }
        assert!(!last.is_empty(), "there is a history");
        assert_eq!(self.env.git(&["fsck", "--strict", "--no-dangling"]), "");
    }
}

fn is_of(claim: &Claim, contender: &Contender) -> bool {
    let of_task = contender.task.as_deref().is_none_or(|task| claim.task.as_str() == task);
    claim.seat.to_string() == contender.seat && of_task
}

fn is_in_the_way(claim: &Claim, contender: &Contender) -> bool {
    contender.task.as_deref() == Some(claim.task.as_str())
        || first_overlap(&patterns(&contender.paths), &claim.locked_files).is_some()
}
