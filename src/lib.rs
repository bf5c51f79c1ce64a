//! `reconciler` keeps what is committed under `state/` running: tasks, in tmux sessions, in git
//! worktrees. This file is the map of the house: paths point down, and rooms of one floor do not
//! know each other (`tests/architecture.rs` holds both).

// Floor 0: vocabulary. Pure; names nothing of ours.
pub mod api;
// Floor 1: catalogue of agent programs. Pure.
pub mod agents;
// Floor 2: decisions. Pure.
pub mod plan;
// What a project board shows. Pure.
#[cfg(feature = "github")]
pub mod board;
// What becomes of labelled issues. Pure.
#[cfg(feature = "github")]
pub mod intake;
// Floor 3: faults that tests inject.
pub mod fault;
// Floor 4: the ground every driver stands on.
pub mod disk;
pub mod process;
// Floor 5: drivers, one outside system each.
pub mod git;
#[cfg(feature = "github")]
pub mod github;
pub mod locks;
pub mod records;
pub mod tmux;
// Floor 6: what is wanted, and what runs in each pane.
pub mod shim;
pub mod store;
// Floor 7: the port, where decisions meet drivers.
pub mod world;
// Floor 8: the loop.
pub mod engine;
// Floor 9: every verb a surface may ask.
pub mod client;
// Floor 10: servers, one protocol each: MCP for agents, locks for git-lfs.
#[cfg(feature = "mcp")]
pub mod mcp;
#[cfg(feature = "serve")]
pub mod serve;
// Floor 11: command line.
pub mod cli;
