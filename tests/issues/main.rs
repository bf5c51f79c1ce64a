//! Labelled issues: claims, contention and the life-cycle on an in-process GitHub that executes GitHub's
//! published schema. What is proved is that we speak it and survive what may go wrong, not GitHub.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]

mod claims;
#[path = "../common/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest of it")]
mod common;
mod contend;
mod emulate;
mod faults;
mod fence;
#[path = "../github/server/mod.rs"]
#[expect(dead_code, reason = "its own tests use the rest of it")]
mod github;
mod life;
mod people;
mod poll;
mod scene;
mod verbs;
