//! The whole thing: the built binary on real git and real tmux, with real kills. Each test has a
//! world of its own and looks at how that world is in the end, never at calls or at the clock.
#![expect(clippy::disallowed_methods, reason = "a test starts programs, and waits by the clock")]
#![expect(clippy::unwrap_used, reason = "what goes wrong in a scene fails the test")]

mod common;

#[path = "e2e/agent_hook.rs"]
mod agent_hook;
#[path = "e2e/agents.rs"]
mod agents;
#[path = "e2e/backup.rs"]
mod backup;
#[path = "e2e/claims.rs"]
mod claims;
#[path = "e2e/cleanup.rs"]
mod cleanup;
#[path = "e2e/damage.rs"]
mod damage;
#[path = "e2e/foreign.rs"]
mod foreign;
#[path = "e2e/holds.rs"]
mod holds;
#[path = "e2e/idle.rs"]
mod idle;
#[path = "e2e/kept.rs"]
mod kept;
#[path = "e2e/kills.rs"]
mod kills;
#[path = "e2e/ledger.rs"]
mod ledger;
#[path = "e2e/limits.rs"]
mod limits;
#[path = "e2e/lives.rs"]
mod lives;
#[path = "e2e/merge_run.rs"]
mod merge_run;
#[path = "e2e/merges.rs"]
mod merges;
#[path = "e2e/places.rs"]
mod places;
#[path = "e2e/queue.rs"]
mod queue;
#[path = "e2e/remotes.rs"]
mod remotes;
#[path = "e2e/rescues.rs"]
mod rescues;
#[path = "e2e/restarts.rs"]
mod restarts;
#[path = "e2e/start.rs"]
mod start;
#[path = "e2e/state.rs"]
mod state;
#[path = "e2e/the_loop.rs"]
mod the_loop;
#[path = "e2e/view.rs"]
mod view;
