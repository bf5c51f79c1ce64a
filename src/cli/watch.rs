//! Watch: a screen that is drawn again and again. On a terminal it replaces itself; in a pipe only
//! what changed is printed.

use super::context::Context;
use super::exit::Failure;
use super::print;
use crate::client::{Client, Snapshot};
use std::io::{self, Write as _};
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
    // A look that took long is not made up for by looking more often.
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut first = true;
    loop {
        clock.tick().await;
        let snapshot = client.snapshot().await;
        if first && watched != Watched::Screen {
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
                let screen = screen + &notices(&snapshot, context);
                // The last line stays free: to end it would push the first one out.
                let room = context.look.height.map_or(usize::MAX, |lines| usize::from(lines) - 1);
                let lines: Vec<&str> = screen.lines().take(room).collect();
                let lines = lines.join("\u{1b}[K\n") + "\u{1b}[K\n";
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
    pub(super) fn again(context: &Context) -> Self {
        if context.look.width.is_some() { Self::Screen } else { Self::Changes }
    }
}

/// Says on stderr what a reader of any screen must know.
pub(super) fn say_notices(snapshot: &Snapshot, context: &Context) {
    // A verb's answer is on stdout; nothing depends on this.
    write!(io::stderr(), "{}", notices(snapshot, context)).ok();
}

/// Returns what a reader of any screen must know, a line each; nothing for one who wants quiet.
fn notices(snapshot: &Snapshot, context: &Context) -> String {
    if context.quiet {
        return String::new();
    }
    let note = snapshot.loop_notice().map(|notice| format!("note: {notice}\n"));
    let warnings = snapshot.notices().iter();
    let warnings = warnings.map(|notice| format!("warning: {}\n", print::printable(notice)));
    note.into_iter().chain(warnings).collect()
}
