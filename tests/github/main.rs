//! The fake of GitHub, tried by itself: it executes what we send, refuses what GitHub refuses, and goes
//! wrong as told. What is proved here is the fake, never GitHub.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod documents;
mod faults;
mod limits;
mod mirror;
mod oracle;
mod rest;
mod rules;
mod server;
