//! Mutants: bugs put into the planner one at a time, each to be caught by the simulation. The list
//! is data (`mutants.json`); a mutant that survives is a missing fault, a missing check or a useless rule.
//!
//! `make mutants` runs them all, `ONLY=text make mutants` those whose name or file contains the text.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(clippy::disallowed_methods, reason = "what is built and simulated are other programs")]
#![expect(clippy::print_stdout, reason = "what became of each mutant is what a run is for")]

mod run;

use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;

/// One bug: in a file, a text that occurs once becomes another.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    /// What goes wrong, as a sentence.
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) find: String,
    pub(crate) replace: String,
    /// The rule that it breaks.
    pub(crate) breaks: String,
}

pub(crate) fn mutants() -> Vec<Mutant> {
    serde_json::from_str(include_str!("mutants.json")).unwrap()
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

impl Mutant {
    /// Returns its file with the bug in it; `Err` says what is wrong with its line of the list.
    pub(crate) fn text(&self, root: &Path) -> Result<String, String> {
        let Self { name, file, find, replace, .. } = self;
        let text = std::fs::read_to_string(root.join(file))
            .map_err(|error| format!("{name}: {file}: {error}"))?;
        match text.matches(find).count() {
            1 => Ok(text.replace(find, replace)),
            count => Err(format!("{name}: {count} places in {file} read `{find}`, one should")),
        }
    }
}

#[test]
fn every_mutant_finds_its_one_place() {
    let wrong: Vec<String> = mutants().iter().filter_map(|one| one.text(root()).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_mutant_has_a_name_of_its_own_and_a_rule_that_it_breaks() {
    let mutants = mutants();
    let names: BTreeSet<&str> = mutants.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names.len(), mutants.len(), "two mutants of one name");
    assert!(mutants.len() >= 30, "{} mutants are too few", mutants.len());
    let idle = mutants.iter().find(|one| one.breaks.is_empty() || one.find == one.replace);
    assert!(idle.is_none(), "{} breaks nothing", idle.map_or("", |one| &one.name));
}

#[test]
#[ignore = "takes many builds: `make mutants`"]
fn every_mutant_is_killed() {
    let survived = run::all(&mutants());
    assert!(survived.is_empty(), "{} survived: {}", survived.len(), survived.join(", "));
}
