//! The project board: the built program against an in-process GitHub that executes GitHub's published
//! schema. What is proved is that we speak that schema and survive what may go wrong, not GitHub.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]

mod checks;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod common;
mod documents;
mod edits;
mod faults;
#[path = "../github/server/mod.rs"]
#[expect(dead_code, reason = "its own tests use the rest of it")]
mod github;
mod holds;
mod kills;
mod landed;
mod lease;
mod make;
mod oracle;
mod pulls;
mod real;
mod scene;
mod shop;
mod shows;
mod trouble;
