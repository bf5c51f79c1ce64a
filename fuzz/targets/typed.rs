//! What people and agents say, on its way into a terminal: nothing in it steers the terminal, and
//! nothing ends the paste before its end.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::shim::door::{Pastes, keys};

fuzz_target!(|text: &str| {
    let pasted = keys(text, Pastes::Taken);
    let inside = pasted.strip_prefix("\u{1b}[200~").unwrap().strip_suffix("\u{1b}[201~").unwrap();
    assert!(!inside.contains('\u{1b}') && !inside.contains('\u{9b}'), "{inside:?}");
    assert!(inside.chars().all(|c| !c.is_control() || c == '\n' || c == '\t'), "{inside:?}");
    let typed = keys(text, Pastes::Unknown);
    assert!(typed.chars().all(|c| !c.is_control() || c == '\r' || c == '\t'), "{typed:?}");
});
