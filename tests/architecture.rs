//! The laws of the house, held against every file of `src`: who may name whom, and what may be
//! written where. It reads tokens and changes nothing; a finding says what is the way out.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "architecture/fixtures.rs"]
mod fixtures;
#[path = "architecture/laws.rs"]
mod laws;
#[path = "architecture/reader.rs"]
mod reader;

use laws::House;
use std::path::Path;

/// Lines of a file from which on it is named, though not refused.
const LONG: usize = 400;

#[test]
fn the_house_keeps_its_laws() {
    let house = house();
    for file in &house.files {
        let lines = file.text.lines().count();
        if lines > LONG {
            println!("{} is long: {lines} lines", file.path);
        }
    }
    let found = laws::broken(&house);
    let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(found.is_empty(), "{} laws are broken\n\n{}", found.len(), shown.join("\n\n"));
}

/// Reads this package.
fn house() -> House {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.join("src"), root.join("tests"), root.join("benches")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.symlink_metadata().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|one| one == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                files.push(reader::read(name, &std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    House { manifest: std::fs::read_to_string(root.join("Cargo.toml")).unwrap(), files }
}
