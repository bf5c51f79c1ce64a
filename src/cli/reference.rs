//! Reference: how people name objects on the command line: `task fix-login`, `task/fix-login`, and
//! the labels and states that choose among them.

use super::exit::Failure;
use crate::api::problem::did_you_mean;
use crate::client::Snapshot;
use std::collections::BTreeMap;
use std::str::FromStr;

/// The types of objects that can be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Type {
    Task,
    Worker,
    Agent,
    Policy,
    Event,
    Attempt,
    Lock,
}

impl Type {
    const ALL: [Self; 7] = [
        Self::Task,
        Self::Worker,
        Self::Agent,
        Self::Policy,
        Self::Event,
        Self::Attempt,
        Self::Lock,
    ];

    /// Returns what a person may call it; the first is the singular, the second the plural.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Task => &["task", "tasks", "tk"],
            Self::Worker => &["worker", "workers", "wk"],
            Self::Agent => &["agent", "agents"],
            Self::Policy => &["policy", "policies"],
            Self::Event => &["event", "events", "ev"],
            Self::Attempt => &["attempt", "attempts"],
            Self::Lock => &["lock", "locks", "lk"],
        }
    }

    /// Returns the word for one.
    pub(super) fn word(self) -> &'static str {
        self.words().first().copied().unwrap_or_default()
    }

    /// Returns the word for many.
    pub(super) fn plural(self) -> &'static str {
        self.words().get(1).copied().unwrap_or_default()
    }
}

impl FromStr for Type {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let found = Self::ALL.into_iter().find(|one| one.words().contains(&text));
        found.ok_or_else(|| {
            let words = Self::ALL.into_iter().flat_map(Self::words).copied();
            let failure = Failure::usage(format!("unknown type `{text}`"));
            match did_you_mean(text, words) {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(
                    "known are tasks, workers, agents, policy, events, attempts and locks"
                        .to_owned(),
                ),
            }
        })
    }
}

/// Reads `TYPE [NAME...]` and `TYPE/NAME...`; several `TYPE/NAME` must be of one type.
pub(super) fn parse(words: &[String]) -> Result<(Type, Vec<String>), Failure> {
    let Some((first, rest)) = words.split_first() else {
        return Err(Failure::usage("which type?").hint("for example: reconciler get tasks"));
    };
    let Some((kind, _)) = first.split_once('/') else {
        return Ok((first.parse()?, rest.to_vec()));
    };
    let kind: Type = kind.parse()?;
    let name = |word: &String| match word.split_once('/') {
        Some((one, name)) if one.parse::<Type>().is_ok_and(|one| one == kind) => {
            Ok(name.to_owned())
        }
        Some(_) | None => Err(Failure::usage(format!("`{word}` is not {}/NAME", kind.word()))),
    };
    Ok((kind, words.iter().map(name).collect::<Result<_, _>>()?))
}

/// Returns the failure that an object does not exist, with the name that may have been meant.
pub(super) fn unknown(kind: Type, name: &str, known: &[&str], snapshot: &Snapshot) -> Failure {
    let word = kind.word();
    if let Some(why) = snapshot.why_blind() {
        let why = super::print::printable(why);
        return Failure::new(format!("cannot tell whether there is a {word} `{name}`: {why}"))
            .hint("see what is wrong: reconciler doctor");
    }
    let failure = Failure::new(format!("there is no {word} `{}`", super::print::printable(name)));
    match did_you_mean(name, known.iter().copied()) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint(format!("see them all: reconciler get {}", kind.plural())),
    }
}

/// Which labels objects must have: `key=value`, `key!=value` and `key`, joined by commas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Is(String, String),
    IsNot(String, String),
    Has(String),
}

impl Selector {
    /// Returns whether labels are as asked.
    pub(super) fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|term| match term {
            Term::Is(key, value) => labels.get(key) == Some(value),
            Term::IsNot(key, value) => labels.get(key) != Some(value),
            Term::Has(key) => labels.contains_key(key),
        })
    }
}

impl FromStr for Selector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let term = |term: &str| {
            let term = term.trim();
            if term.is_empty() {
                return Err("a label is missing; write key=value".to_owned());
            }
            Ok(match (term.split_once("!="), term.split_once('=')) {
                (Some((key, value)), _) => Term::IsNot(key.to_owned(), value.to_owned()),
                (None, Some((key, value))) => {
                    let value = value.strip_prefix('=').unwrap_or(value);
                    Term::Is(key.to_owned(), value.to_owned())
                }
                (None, None) => Term::Has(term.to_owned()),
            })
        };
        text.split(',').map(term).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_type_and_names_can_be_written_in_two_ways() {
        let expected = (Type::Task, words("a b"));
        assert_eq!(parse(&words("task a b")).unwrap(), expected);
        assert_eq!(parse(&words("tasks/a tk/b")).unwrap(), expected);
        assert_eq!(parse(&words("wk")).unwrap(), (Type::Worker, Vec::new()));
        assert!(parse(&words("task/a worker/b")).is_err());
        assert!(parse(&words("taks")).is_err());
    }

    #[test]
    fn labels_choose() {
        let labels = BTreeMap::from([("area".to_owned(), "auth".to_owned())]);
        for (text, matches) in [
            ("area=auth", true),
            ("area==auth", true),
            ("area=docs", false),
            ("area!=docs", true),
            ("area,area!=auth", false),
            ("team", false),
        ] {
            assert_eq!(text.parse::<Selector>().unwrap().matches(&labels), matches, "{text}");
        }
        assert!("".parse::<Selector>().is_err());
    }
}
