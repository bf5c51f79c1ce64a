//! Names and marks from anywhere: what is taken for one is safe in paths, refs and tmux, and is
//! written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use reconciler::api::name::{BranchName, Owner, Seat, TaskName};

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<TaskName>() {
        assert_eq!(name.as_str(), text);
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        assert!(!text.starts_with('-'));
    }
    if let Ok(branch) = BranchName::try_from(text.to_owned()) {
        assert_eq!(branch.as_str(), text);
        assert!(!text.contains("..") && !text.contains(' ') && !text.starts_with('-'));
        assert!(!text.bytes().any(|byte| byte.is_ascii_control()));
    }
    if let Ok(seat) = Seat::try_from(text.to_owned()) {
        assert_eq!(Seat::try_from(seat.to_string()).ok(), Some(seat));
    }
    if let Some(owner) = Owner::parse(text) {
        assert_eq!(Owner::parse(&owner.to_string()), Some(owner));
    }
});
