//! The board beside the loop: it follows what is there, at its own pace. When GitHub is away nothing here
//! waits for it.

use super::Hub;
use crate::client::{Client, Error};
use std::time::Duration;

impl Client {
    /// Keeps the board up to date until it is dropped. `told` is given what a person should know.
    pub async fn keep_board(&self, mut told: impl FnMut(&str)) {
        let mut last = String::new();
        loop {
            let wait = match self.keep_once().await {
                Ok((notes, wait)) => {
                    notes.iter().for_each(|note| told(note));
                    last.clear();
                    wait
                }
                Err(error) => {
                    let text = format!("the board is not up to date: {error}");
                    if text != last {
                        told(&text);
                    }
                    last = text;
                    Duration::from_mins(1)
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Syncs once, if a board is named; returns what a person should know, and when to come again.
    async fn keep_once(&self) -> Result<(Vec<String>, Duration), Error> {
        let snapshot = self.snapshot().await;
        let Some(desired) = snapshot.desired.known() else {
            return Ok((Vec::new(), Duration::from_secs(30)));
        };
        let policy = desired.policy().github.clone();
        if policy.board.is_none() {
            return Ok((Vec::new(), Duration::from_secs(30)));
        }
        let wait = Duration::from_secs(u64::from(policy.interval_seconds));
        let hub: Hub = self.hub(&policy)?;
        let outcome = self.board_follow(&hub, &snapshot).await?;
        Ok((outcome.notes, wait))
    }
}
