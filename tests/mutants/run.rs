//! Builds and simulates each mutant in a copy of what the simulation needs: the pure rooms, the
//! clock, the simulated world and the engine, so that a build takes seconds. It writes under
//! `target/` only.

use crate::{Mutant, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
/// Where the simulation runs: it is optimized, while all it names is what every test was built with.
const PROFILE: &str = "profile.dev.package.reconciler.opt-level=1";

/// Runs every mutant and prints what became of it; returns the names of those that live, or that
/// do not even build.
pub(crate) fn all(mutants: &[Mutant]) -> Vec<String> {
    let only = variable("ONLY").unwrap_or_default();
    let tree = copy();
    // A simulation that fails by itself would kill every mutant.
    let healthy = judge(&tree);
    assert!(healthy == Fate::Survived, "without a mutant: {healthy:?}");
    let mut left = Vec::new();
    for mutant in mutants.iter().filter(|one| one.name.contains(&only)) {
        let place = tree.join(&mutant.file);
        fs::write(&place, mutant.text().unwrap()).unwrap();
        let fate = judge(&tree);
        fs::copy(root().join(&mutant.file), &place).unwrap();
        let told = match &fate {
            Fate::Killed(by) => format!("killed    {by}"),
            Fate::Survived => "SURVIVED".to_owned(),
            Fate::Broken(error) => format!("DOES NOT BUILD\n{error}"),
        };
        println!("{:<66} {told}", mutant.name);
        if !matches!(fate, Fate::Killed(_)) {
            left.push(format!("`{}` ({})", mutant.name, mutant.breaks));
        }
    }
    left
}

#[derive(Debug, PartialEq)]
enum Fate {
    Killed(String),
    Survived,
    Broken(String),
}

/// Builds what is in the tree and simulates it.
fn judge(tree: &Path) -> Fate {
    let built = cargo(tree, &["--no-run"]);
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr);
        let errors = said.lines().filter(|line| line.starts_with("error"));
        return Fate::Broken(errors.collect::<Vec<_>>().join("\n"));
    }
    let simulated = cargo(tree, &[]);
    if simulated.status.success() {
        return Fate::Survived;
    }
    let said = [simulated.stdout, simulated.stderr].concat();
    Fate::Killed(first_seed(&String::from_utf8_lossy(&said)))
}

/// Returns the first line that names a seed, the lowest one if there are several.
fn first_seed(said: &str) -> String {
    let seed = |line: &str| {
        let (_, rest) = line.split_once("SEED=")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        Some((digits.parse::<u64>().ok()?, rest.to_owned()))
    };
    let found = said.lines().filter_map(seed).min();
    found.map_or_else(
        || "not by a seed: by another test of the simulation".to_owned(),
        |(_, line)| format!("at seed {line}"),
    )
}

fn cargo(tree: &Path, more: &[&str]) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(tree).args(["test", "--locked", "--test", "sim", "--config", PROFILE]);
    cargo.env("CARGO_TARGET_DIR", root().join("target"));
    cargo.env("SEEDS", variable("SEEDS").unwrap_or_else(|| "1000".to_owned()));
    cargo.env_remove("SEED").args(more).output().unwrap()
}

/// Copies the tracked files that are needed; returns where to.
fn copy() -> PathBuf {
    let tree = root().join("target/mutants");
    let listed = Command::new("git").current_dir(root()).arg("ls-files").output().unwrap();
    if tree.try_exists().unwrap() {
        fs::remove_dir_all(&tree).unwrap();
    }
    for name in String::from_utf8(listed.stdout).unwrap().lines() {
        if NEEDED.iter().any(|one| name.starts_with(one)) {
            write(&tree.join(name), &fs::read(root().join(name)).unwrap());
        }
    }
    let read = |name| fs::read_to_string(root().join(name)).unwrap();
    let rooms = ROOMS.map(|room| format!("pub mod {room};\n")).concat();
    write(&tree.join("src/lib.rs"), rooms.as_bytes());
    let world = read("src/world/mod.rs").replace("pub mod host;\n", "");
    write(&tree.join("src/world/mod.rs"), world.as_bytes());
    // The lints are for whoever writes, and the other targets are not there.
    let unneeded = ["[[bin]]", "[[bench]]", "[lints"];
    let manifest = read("Cargo.toml");
    let sections = manifest.split("\n\n");
    let kept = sections.filter(|one| !unneeded.iter().any(|name| one.starts_with(name)));
    write(&tree.join("Cargo.toml"), kept.collect::<Vec<_>>().join("\n\n").as_bytes());
    write(&tree.join("Cargo.lock"), read("Cargo.lock").as_bytes());
    tree
}

fn write(path: &Path, text: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "what is to be run is asked of the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
