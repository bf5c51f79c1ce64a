//! The verbs that set up and change files, as a person runs them, on real repositories.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "verbs/branch.rs"]
mod branch;
#[path = "verbs/change.rs"]
mod change;
#[path = "verbs/claim.rs"]
mod claim;
#[path = "verbs/conflicts.rs"]
mod conflicts;
#[path = "verbs/forecast.rs"]
mod forecast;
#[path = "verbs/history.rs"]
mod history;
#[path = "verbs/look.rs"]
mod look;
#[path = "verbs/merge.rs"]
mod merge;
#[path = "verbs/rescue.rs"]
mod rescue;
#[path = "verbs/scene.rs"]
mod scene;
#[path = "verbs/setup.rs"]
mod setup;
