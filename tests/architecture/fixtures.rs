//! The laws judge themselves: a small good house, and one with each thing that they forbid. A law
//! that finds nothing here would find nothing anywhere.

use crate::laws::{self, House};
use crate::reader;

const LIB: &str = "//! Map.
// Floor 0: words.
pub mod api;
// Floor 2: decisions.
pub mod plan;
// Floor 3: ground.
pub mod process;
// Floor 4: drivers.
pub mod git;
pub mod tmux;
// Floor 5: port.
pub mod world;
// Floor 6: loop.
pub mod engine;
// Floor 7: surface.
pub mod cli;
";

/// Judges the good house with one more file; returns the findings as `file: rule: what`.
fn judge(path: &str, text: &str) -> Vec<String> {
    let mut files = vec![reader::read("src/lib.rs", LIB)];
    for room in ["api", "plan", "process", "git", "tmux", "world", "engine", "cli"] {
        let path = format!("src/{room}/mod.rs");
        files.push(reader::read(&path, "//! Room.\n#[cfg(test)]\nmod tests;\n"));
    }
    files.retain(|file| file.path != path);
    files.push(reader::read(path, text));
    let crates = laws::crates_listed();
    let manifest =
        format!("[dependencies]\n{}\n[features]\n", crates.join(" = \"1\"\n") + " = \"1\"");
    laws::broken(&House { manifest, files })
        .into_iter()
        .inspect(|found| assert!(!found.reason.is_empty() && !found.way_out.is_empty()))
        .map(|found| format!("{}:{}: {}: {}", found.file, found.line, found.rule, found.what))
        .collect()
}

/// Asserts that a line of code breaks exactly these rules, in the second line of its file.
#[track_caller]
fn refused(path: &str, code: &str, rules: &[&str]) {
    let found = judge(path, &format!("//! File.\n{code}\n"));
    let expected: Vec<String> = rules.iter().map(|rule| format!("{path}:2: {rule}: ")).collect();
    let as_expected = found.len() == expected.len()
        && found.iter().zip(&expected).all(|(found, expected)| found.starts_with(expected));
    assert!(as_expected, "{code}\nfound: {found:#?}\nexpected: {expected:#?}");
}

#[track_caller]
fn fine(path: &str, code: &str) {
    refused(path, code, &[]);
}

#[test]
fn a_path_up_or_sideways_is_refused_however_it_is_spelled() {
    refused("src/process/a.rs", "use crate::world::World;", &["floors", "narrowing"]);
    refused(
        "src/world/a.rs",
        "use crate::{api::Name, engine::{self, Tick}};",
        &["floors", "floors"],
    );
    refused("src/plan/a.rs", "use super::super::git::Repository;", &["floors"]);
    refused("src/plan/mod.rs", "fn f() { super::git::f(); }", &["floors"]);
    refused("src/plan/a.rs", "fn f() { crate::git::f::<u8>(); }", &["floors"]);
    refused(
        "src/plan/a.rs",
        "mod b { use super::super::super::git::f; }",
        &["floors", "spellings"],
    );
    refused("src/plan/a.rs", "macro_rules! m { () => { $crate::git::f() } }", &["floors"]);
    refused("src/plan/a.rs", "fn f() { assert!(vec![crate::git::f()].is_empty()); }", &["floors"]);
    refused("src/plan/a.rs", "type A = Vec<crate::r#git::A>;", &["floors"]);
    refused("src/plan/a.rs", "fn f() { reconciler::git::f(); }", &["floors"]);
    fine("src/world/a.rs", "use crate::{git, plan::Plan, tmux::Server};");
    fine("src/git/refs.rs", "use super::git; use super::object::git as g; fn f() { git::f() }");
}

#[test]
fn what_only_tests_name_is_not_judged() {
    fine("src/plan/a.rs", "#[cfg(test)] mod tests { use crate::git::f; }");
    fine("src/plan/a.rs", "#[cfg(test)] #[expect(dead_code)] fn f() { crate::git::f() }");
    fine("src/plan/tests.rs", "use crate::git::f; use std::fs;");
    fine("src/plan/tests/scene.rs", "use crate::git::f;");
    refused("src/plan/a.rs", "#[cfg(test)] use a::b; use crate::git::f;", &["floors"]);
    refused("src/plan/a.rs", "#[cfg(unix)] mod b { use crate::git::f; }", &["floors"]);
}

#[test]
fn a_room_without_a_floor_and_a_floor_without_a_room_are_refused() {
    let found = judge("src/attic/mod.rs", "//! Room.\n");
    assert_eq!(found, ["src/attic/mod.rs:1: map: attic has no floor"]);
    let found = judge("src/lib.rs", &format!("{LIB}pub mod cellar;\n"));
    assert_eq!(found, ["src/lib.rs:1: map: cellar has a floor and no folder"]);
}

#[test]
fn a_room_names_only_what_its_line_allows() {
    refused("src/cli/run.rs", "use crate::git::f;", &["narrowing"]);
    refused("src/engine/turn.rs", "use crate::tmux::f;", &["narrowing"]);
    refused("src/git/refs.rs", "use crate::plan::f;", &["narrowing"]);
    refused("src/main.rs", "fn main() { reconciler::engine::f() }", &["narrowing"]);
    fine("src/main.rs", "fn main() { reconciler::cli::main() }");
}

#[test]
fn an_outside_crate_is_named_in_its_room_only() {
    refused("src/plan/a.rs", "use git2::Repository;", &["walls"]);
    refused("src/world/a.rs", "#[derive(clap::Parser)] struct A;", &["walls"]);
    refused("src/world/a.rs", "fn f() { ::regex::escape(a); }", &["walls"]);
    refused("src/world/a.rs", "use regex as r;", &["walls"]);
    refused("src/api/a.rs", "use futures_util::stream;", &["walls"]);
    fine("src/git/a.rs", "use git2::Repository;");
    fine("src/world/a.rs", "fn f(notify: u8) { self.notify(notify); }");
    let lib = LIB.to_owned();
    let files = vec![reader::read("src/lib.rs", &lib)];
    let manifest = "[dependencies]\nnew-crate = \"1\"\n".to_owned();
    let found = laws::broken(&House { manifest, files });
    assert!(found.iter().any(|one| one.rule == "walls" && one.what.starts_with("new_crate is")));
}

#[test]
fn the_pure_floors_touch_nothing() {
    let std =
        ["use std::fs;", "use std::{env, fmt};", "use std::net as n;", "use std::thread::spawn;"];
    let more = ["use std::process::Command;", "use std::time::{Duration, Instant};"];
    let code = ["fn f() { Timestamp::now(); }", "async fn f() {}", "fn f() { println!(); }"];
    for code in std.into_iter().chain(more).chain(code) {
        refused("src/plan/a.rs", code, &["purity"]);
        fine("src/world/a.rs", code);
    }
    refused("src/api/a.rs", "use std::time::*;", &["purity"]);
    refused("src/api/a.rs", "use tokio::sync::Notify;", &["walls", "purity"]);
    refused("src/api/a.rs", "fn f() { tracing::warn!(); }", &["walls", "purity"]);
    fine("src/plan/a.rs", "use std::time::Duration; fn f(now: u8) { scene.now; }");
}

#[test]
fn a_door_is_opened_at_its_site_only() {
    let code = "#[expect(clippy::disallowed_methods, reason = \"a\")] fn f() {}";
    refused("src/world/a.rs", code, &["doors"]);
    refused("src/world/a.rs", "#![allow(clippy::disallowed_methods)]", &["doors"]);
    fine("src/process/clock.rs", code);
}

#[test]
fn a_file_is_short_and_says_what_it_is_for() {
    let found = judge("src/plan/a.rs", "// Plan.\n");
    assert_eq!(found, ["src/plan/a.rs:1: shape: does not begin with `//!`"]);
    let found = judge("tests/a.rs", &format!("//! Long.\n{}", "// a\n".repeat(600)));
    assert_eq!(found, ["tests/a.rs:601: shape: 601 lines; 600 are the most"]);
}

#[test]
fn no_room_offers_what_another_owns() {
    refused("src/world/mod.rs", "pub use crate::git::Repository;", &["one name"]);
    refused("src/world/mod.rs", "pub(crate) use super::git;", &["one name"]);
    fine("src/world/mod.rs", "pub use host::World; use crate::git::Repository;");
}

#[test]
fn spellings_that_hide_where_a_path_leads_are_refused() {
    let paths = ["use crate as c;", "use crate::{self as c};", "use crate::*;", "use super::*;"];
    for code in paths.into_iter().chain(["use std as s;", "use std::*;", "extern crate self as c;"])
    {
        refused("src/world/mod.rs", code, &["spellings"]);
    }
    refused("src/world/a/b.rs", "use super::super::super::git;", &["spellings"]);
    fine("src/world/a/b.rs", "use super::*; use super::super::c;");
}
