//! Builds and simulates each mutant in a copy of what the simulation needs: the pure rooms, the
//! clock, the simulated world and the engine, so that a build takes seconds. It writes under
//! `target/` only.

use crate::{Mutant, root};
use reconciler::process::clock::since_boot;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

/// What of `src` and `tests` the simulation is built from.
const NEEDED: [&str; 9] = [
    "src/api/",
    "src/agents/",
    "src/plan/",
    "src/fault/",
    "src/process/",
    "src/world/mod.rs",
    "src/world/sim/",
    "src/engine/",
    "tests/sim",
];
/// The rooms whose sources these are.
const ROOMS: [&str; 7] = ["api", "agents", "plan", "fault", "process", "world", "engine"];
/// The one test that is run, and how it is built: fast, and apart from all that is built otherwise.
const TEST: [&str; 4] = ["--test", "sim", "first::no_seed_fails", "--"];
const PROFILE: [(&str, &str); 3] = [
    ("CARGO_PROFILE_DEV_OPT_LEVEL", "1"),
    ("CARGO_PROFILE_DEV_DEBUG", "0"),
    ("CARGO_INCREMENTAL", "1"),
];

/// Runs every mutant and prints what became of it; returns the names of those that live, or that
/// do not even build.
pub(crate) fn all(mutants: &[Mutant]) -> Vec<String> {
    let only = variable("ONLY").unwrap_or_default();
    let tree = copy();
    let began = since_boot();
    // A simulation that fails by itself would kill every mutant.
    let healthy = judge(&tree);
    assert!(healthy == Fate::Survived, "without a mutant: {healthy:?}");
    tell("no mutant", "as it should be", began);
    let (mut left, mut count) = (Vec::new(), 0);
    let is_asked = |one: &&Mutant| one.name.contains(&only) || one.file.contains(&only);
    for mutant in mutants.iter().filter(is_asked) {
        let (place, began) = (tree.join(&mutant.file), since_boot());
        // What is worked on meanwhile is another tree.
        let healthy = fs::read(&place).unwrap();
        fs::write(&place, mutant.text(&tree).unwrap()).unwrap();
        let fate = judge(&tree);
        fs::write(&place, healthy).unwrap();
        let told = match &fate {
            Fate::Killed(by) => format!("dead at {by}"),
            Fate::Survived => "SURVIVED".to_owned(),
            Fate::Broken(error) => format!("NO MUTANT: {error}"),
        };
        tell(&mutant.name, &told, began);
        count += 1;
        if !matches!(fate, Fate::Killed(_)) {
            left.push(format!("`{}` ({})", mutant.name, mutant.breaks));
        }
    }
    let dead = count - left.len();
    tell(&format!("{dead} of {count} mutants dead within {} seeds each", seeds()), "", began);
    left
}

fn tell(name: &str, what: &str, began: Duration) {
    let took = since_boot().saturating_sub(began).as_secs();
    println!("{name:<66} {took:>4} s  {what}");
}

#[derive(Debug, PartialEq)]
enum Fate {
    /// A seed failed: which, and for what.
    Killed(String),
    Survived,
    /// It does not build, or its simulation ended without naming a seed.
    Broken(String),
}

/// Builds what is in the tree and simulates it.
fn judge(tree: &Path) -> Fate {
    let built = cargo(tree, &["--no-run"], &TEST[..2]);
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        let errors = said.lines().filter(|line| line.starts_with("error"));
        return Fate::Broken(errors.collect::<Vec<_>>().join("\n"));
    }
    let simulated = cargo(tree, &[], &[&TEST[..], &["--exact", "--ignored"]].concat());
    let said = [simulated.stdout, simulated.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let seed = said.lines().find_map(|line| line.split_once("SEED="));
    match seed {
        Some((_, by)) => Fate::Killed(by.to_owned()),
        None if simulated.status.success() && said.contains("1 passed") => Fate::Survived,
        None => Fate::Broken(said.into_owned()),
    }
}

fn cargo(tree: &Path, first: &[&str], more: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(tree).args(["test", "--offline"]).args(first).args(more);
    cargo.env("CARGO_TARGET_DIR", root().join("target/mutants/target")).envs(PROFILE);
    cargo.env("SEEDS", seeds()).env_remove("SEED").output().unwrap()
}

fn seeds() -> String {
    variable("SEEDS").unwrap_or_else(|| "3000".to_owned())
}

/// Copies the tracked files that are needed; returns where to.
fn copy() -> PathBuf {
    let tree = root().join("target/mutants/tree");
    let listed = Command::new("git").current_dir(root()).arg("ls-files").output().unwrap();
    if tree.try_exists().unwrap() {
        fs::remove_dir_all(&tree).unwrap();
    }
    let mut sources = String::new();
    for name in String::from_utf8(listed.stdout).unwrap().lines() {
        if NEEDED.iter().any(|one| name.starts_with(one)) {
            let content = fs::read(root().join(name)).unwrap();
            sources.push_str(&String::from_utf8_lossy(&content));
            write(&tree.join(name), &content);
        }
    }
    let read = |name| fs::read_to_string(root().join(name)).unwrap();
    let rooms = ROOMS.map(|room| format!("pub mod {room};\n")).concat();
    write(&tree.join("src/lib.rs"), rooms.as_bytes());
    let host = ["pub mod host;\n", "pub mod ledger;\n", "pub mod ownership;\n"];
    let world = read("src/world/mod.rs");
    let world = host.iter().fold(world, |text, one| text.replace(one, ""));
    write(&tree.join("src/world/mod.rs"), world.as_bytes());
    write(&tree.join("Cargo.toml"), manifest(&read("Cargo.toml"), &sources).as_bytes());
    write(&tree.join("Cargo.lock"), read("Cargo.lock").as_bytes());
    tree
}

/// Returns the manifest without what is not there: the lints are for whoever writes, other targets
/// have other sources, and a dependency that nothing names would only be built.
fn manifest(whole: &str, sources: &str) -> String {
    let unneeded = ["[[bin]]", "[[bench]]", "[features]", "[lints", "[dev-dependencies]"];
    let sections = whole.split("\n\n");
    let kept = sections.filter(|one| !unneeded.iter().any(|name| one.starts_with(name)));
    let is_named = |line: &&str| {
        line.split_once(" = ").is_none_or(|(name, _)| {
            let name = name.replace('-', "_");
            sources.contains(&format!("{name}::"))
        })
    };
    let section = |one: &str| {
        let is_list = one.starts_with("[dependencies]");
        one.lines().filter(|line| !is_list || is_named(line)).collect::<Vec<_>>().join("\n")
    };
    kept.map(section).collect::<Vec<_>>().join("\n\n")
}

fn write(path: &Path, text: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "what is to be run is asked of the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
