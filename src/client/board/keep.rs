//! The board beside the loop: it follows what is there, at its own pace. When GitHub is away nothing here
//! waits for it.

use crate::api::board::Shadow;
use crate::client::{Client, Error};
use crate::github;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch::Receiver;

/// How soon it is tried again after it failed.
const AGAIN: Duration = Duration::from_mins(1);
/// How soon it is looked whether a board is named.
const UNNAMED: Duration = Duration::from_secs(30);

/// Does something until it is over, each time when it says. `told` is given what a person should know, once
/// while it stays so.
pub(in crate::client) async fn keep(
    mut over: Receiver<bool>,
    mut told: impl FnMut(&str),
    mut once: impl AsyncFnMut() -> (Vec<String>, Duration),
) {
    let mut before = BTreeSet::new();
    while !*over.borrow() {
        let (notes, wait) = once().await;
        let notes: BTreeSet<String> = notes.into_iter().collect();
        for note in notes.difference(&before) {
            told(note);
        }
        before = notes;
        // Nobody is left to say that it is over: then it is.
        if tokio::time::timeout(wait, over.changed()).await.is_ok_and(|said| said.is_err()) {
            return;
        }
    }
}

impl Client {
    /// Shows on the board where everything is now; returns what a person should know.
    pub async fn show_on_board(&self) -> Vec<String> {
        self.keep_once(None).await.0
    }

    /// Lets others have the board, where we have it; returns what a person should know.
    pub async fn leave_board(&self) -> Vec<String> {
        let left = async {
            let is_held = |shadow: Shadow| shadow.hold.is_some_and(|hold| hold.until.is_some());
            if !self.records().board()?.is_some_and(is_held) {
                return Ok(());
            }
            let hub = self.hub(&self.wanted().await?.policy().github)?;
            let _guard = self.board_guard().await?;
            self.give_back(&hub).await
        };
        let left: Result<(), Error> = left.await;
        let note = |error| format!("others wait ten minutes for the board: {error}");
        left.err().map(note).into_iter().collect()
    }

    /// Keeps the board up to date until it is over; a request under way then is the last. `told` is given
    /// what a person should know, once while it stays so.
    pub async fn keep_board(&self, over: Receiver<bool>, told: impl FnMut(&str)) {
        let asked = over.clone();
        keep(over, told, async || self.keep_once(Some(&asked)).await).await;
    }

    /// Syncs once, if a board is named; returns what a person should know, and when to come again.
    async fn keep_once(&self, over: Option<&Receiver<bool>>) -> (Vec<String>, Duration) {
        self.follow_once(over).await.unwrap_or_else(|error| {
            (vec![format!("the board is not up to date: {error}")], wait_after(&error))
        })
    }

    async fn follow_once(
        &self,
        over: Option<&Receiver<bool>>,
    ) -> Result<(Vec<String>, Duration), Error> {
        let desired = self.visitor.desired().await;
        let policy = desired.known().map(|desired| desired.policy().github.clone());
        let Some(policy) = policy.filter(|policy| policy.board.is_some()) else {
            return Ok((Vec::new(), UNNAMED));
        };
        let wait = Duration::from_secs(u64::from(policy.interval_seconds));
        let hub = self.hub_until(&policy, over)?;
        let snapshot = self.snapshot().await;
        let outcome = self.board_follow(&hub, &snapshot).await?;
        Ok(match outcome.held_by {
            None if outcome.is_whole => (outcome.notes, wait),
            None => (outcome.notes, wait.max(AGAIN)),
            Some(other) => (vec![format!("the board is not up to date: {other}")], AGAIN),
        })
    }
}

/// Returns how long is waited after this: at least as long as GitHub asks to.
pub(in crate::client) fn wait_after(error: &Error) -> Duration {
    match error {
        Error::Github(github::Error::Limited(wait)) => AGAIN.max(*wait),
        Error::Git(_)
        | Error::Records(_)
        | Error::Disk(_)
        | Error::Trust(_)
        | Error::Invalid(_)
        | Error::Unknown(_)
        | Error::Ownership(_)
        | Error::Ledger(_)
        | Error::Github(_)
        | Error::Refused { .. } => AGAIN,
    }
}
