//! `state/` of this repository is documentation, demo and fixture at once: every file is valid.

use reconciler::api::admission::admit;
use std::path::Path;

#[test]
fn every_file_of_the_example_is_valid() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    let mut folders = vec![root.join("state")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            admit(name, &std::fs::read(&path).unwrap())
                .unwrap_or_else(|problems| panic!("{}", problems[0].picture()));
            seen += 1;
        }
    }
    assert!(seen >= 10, "only {seen} files");
}
