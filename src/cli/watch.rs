//! Watch: a screen that is drawn again and again. On a terminal it replaces itself; in a pipe only
//! what changed is printed.

use super::context::Context;
use super::exit::Failure;
use super::print;
use crate::client::{Client, Snapshot};
use std::time::Duration;

/// How often a watched screen looks again.
const INTERVAL: Duration = Duration::from_secs(1);

/// Looks once or, while `watched`, until it is interrupted. `draw` returns what is to be printed.
pub(super) async fn show(
    client: &Client,
    context: &Context,
    watched: Watched,
    mut draw: impl FnMut(&Snapshot) -> Result<String, Failure>,
) -> Result<Snapshot, Failure> {
    let mut clock = tokio::time::interval(INTERVAL);
    let mut first = true;
    loop {
        clock.tick().await;
        let snapshot = client.snapshot().await?;
        if first {
            say_notices(&snapshot, context);
        }
        let screen = draw(&snapshot)?;
        match watched {
            Watched::Once => {
                print::out(&screen)?;
                return Ok(snapshot);
            }
            // Home, the screen, each line's rest cleared, everything below cleared: no flicker.
            Watched::Screen => {
                let lines = screen.replace('\n', "\u{1b}[K\n");
                let clear = if first { "\u{1b}[2J" } else { "" };
                print::out(&format!("{clear}\u{1b}[H{lines}\u{1b}[J"))?;
            }
            Watched::Changes => print::out(&screen)?,
        }
        first = false;
    }
}

/// How often something is shown, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    /// Once.
    Once,
    /// Again and again in one place.
    Screen,
    /// Again and again, below each other.
    Changes,
}

impl Watched {
    /// Returns how a verb with `-w` is shown.
    pub(super) fn by(watch: bool, context: &Context) -> Self {
        match (watch, context.look.width) {
            (false, _) => Self::Once,
            (true, Some(_)) => Self::Screen,
            (true, None) => Self::Changes,
        }
    }
}

/// Says on stderr what a reader of any screen must know.
pub(super) fn say_notices(snapshot: &Snapshot, context: &Context) {
    if let Some(notice) = snapshot.loop_notice() {
        context.note(&notice);
    }
    for notice in snapshot.notices() {
        context.warning(notice);
    }
}
