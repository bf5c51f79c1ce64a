//! One writer of a board: before the first change, and again before it lapses, a sync has the lease, where the
//! policy names a repository that can keep it. Processes of one machine wait for each other by a lock.

use super::Hub;
use super::sync::{Failure, Sync};
use crate::api::board::Hold;
use crate::api::policy::BoardRef;
use crate::board::lease::{self, Bases, Lease, TERM, Way, lease_ref};
use crate::client::{Client, Error, draw_secret};
use crate::github::{self, Grip, Home};
use crate::locks::{Guard, Holder, Taken};
use crate::process::{clock, identity};
use jiff::Timestamp;
use std::time::Duration;

/// How often it is tried again when another was faster.
const TRIES: u32 = 3;
/// How long is waited for another process of this machine, and how often it is looked.
const GUARD_TRIES: u32 = 50;
const GUARD_PAUSE: Duration = Duration::from_millis(100);

impl Sync<'_> {
    /// Has the lease, and asks for nothing while it is held for long enough.
    pub(super) async fn hold(&mut self) -> Result<(), Failure> {
        let Some(repository) = self.hub.policy.repository.clone() else { return Ok(()) };
        if self.shadow.hold.as_ref().is_some_and(|hold| hold.repository != repository) {
            // Who wrote by the other one is not known.
            self.shadow.hold = Some(Hold { repository: repository.clone(), ..Hold::default() });
        }
        let now = self.hub.github.now();
        if now.is_some_and(|now| lease::holds(self.shadow.hold.as_ref(), now)) {
            return Ok(());
        }
        let name = name(self.hub)?;
        for _ in 0..TRIES {
            let way =
                self.way((&repository, &name)).await.map_err(|error| renamed(&repository, error));
            let (way, now) = way?;
            let (from, bases) = match way {
                Way::Ours => return Ok(self.confirm(None)?),
                Way::Wait(other) => return Err(Failure::Held(other)),
                Way::Make(bases) => (None, bases),
                Way::Move(from, bases) => (Some(from), bases),
            };
            if bases == Bases::Doubted {
                // What was read before may be older than what another wrote.
                (self.shadow.is_doubted, self.items) = (true, None);
            }
            let home = writable(self.hub.github.home(&repository).await?)?;
            let lease = drawn(Some(now + TERM));
            let commit = self.hub.github.claim_commit(&home, &lease.message()).await?;
            self.moving(&repository, (from.clone(), &commit))?;
            let grip = change(self.hub, (&home, &name), (from.as_deref(), &commit)).await?;
            match grip {
                Grip::Ours => return Ok(self.confirm(Some((commit, lease.until)))?),
                Grip::NotYet | Grip::Lost => {}
            }
        }
        Err(github::Error::Unknown("others are always faster to have the board".to_owned()).into())
    }

    /// Returns how the lease is had, and what time it is at GitHub.
    async fn way(
        &self,
        (repository, name): (&str, &str),
    ) -> Result<(Way, Timestamp), github::Error> {
        let github = &self.hub.github;
        let (at, now) = github.claim(repository, name).await?;
        let hold = self.shadow.hold.as_ref();
        let way = lease::way(hold, (at.as_deref(), None), now);
        // What it says matters only where it is not ours.
        let (Way::Wait(_), Some(at)) = (&way, at) else { return Ok((way, now)) };
        let message = github.claim_message(repository, &at).await?;
        let lease = Lease::read(&message);
        Ok((lease::way(hold, (Some(&at), lease.as_ref()), now), now))
    }

    /// Remembers what is about to be done.
    fn moving(
        &mut self,
        repository: &str,
        (from, to): (Option<String>, &str),
    ) -> Result<(), Error> {
        let known = self.shadow.hold.take().unwrap_or_default();
        let is_ours = from.is_some() && (known.commit == from || known.moving == from);
        self.shadow.hold = Some(Hold {
            repository: repository.to_owned(),
            commit: if is_ours { from } else { known.commit },
            moving: Some(to.to_owned()),
            until: None,
        });
        self.remember()
    }

    /// Remembers that it is ours.
    fn confirm(&mut self, made: Option<(String, Option<Timestamp>)>) -> Result<(), Error> {
        if let Some(hold) = &mut self.shadow.hold {
            hold.moving = None;
            if let Some((commit, until)) = made {
                (hold.commit, hold.until) = (Some(commit), until);
            }
        }
        self.remember()
    }
}

impl Client {
    /// Waits until no other process of this machine is at the board, not for long.
    pub(super) async fn board_guard(&self) -> Result<Guard, Error> {
        let holder = Holder { pid: std::process::id(), since: clock::now() };
        let mut first = None;
        for _ in 0..GUARD_TRIES {
            match Guard::take_board(self.repository.common_dir(), &holder)? {
                Taken::Yes(guard) => return Ok(guard),
                Taken::No(other) => first = other,
            }
            tokio::time::sleep(GUARD_PAUSE).await;
        }
        let who = first.map(|one| format!("process {}", one.pid));
        let who = who.unwrap_or_else(|| "another process".to_owned());
        Err(Error::Refused {
            what: format!("{who} on this machine is writing to the board"),
            help: "it goes on by itself; run this again when that has ended".to_owned(),
        })
    }

    /// Gives the lease back, if it is held here, so that others need not wait for its end.
    pub(super) async fn give_back(&self, hub: &Hub) -> Result<(), Error> {
        let Some(mut shadow) = self.records().board()? else { return Ok(()) };
        let Some(Hold { repository, commit: Some(from), moving: None, until: Some(_) }) =
            shadow.hold.clone()
        else {
            return Ok(());
        };
        let home = writable(hub.github.home(&repository).await?)?;
        let commit = hub.github.claim_commit(&home, &drawn(None).message()).await?;
        let hold =
            |commit, moving| Hold { repository: repository.clone(), commit, moving, until: None };
        shadow.hold = Some(hold(Some(from.clone()), Some(commit.clone())));
        self.records().set_board(&shadow)?;
        let grip = change(hub, (&home, &name(hub)?), (Some(&from), &commit)).await?;
        let at = if grip == Grip::Ours { commit } else { from };
        shadow.hold = Some(hold(Some(at), None));
        Ok(self.records().set_board(&shadow)?)
    }
}

fn name(hub: &Hub) -> Result<String, Error> {
    let BoardRef { owner, number } = super::board_of(&hub.policy)?;
    Ok(lease_ref(owner, *number))
}

/// Says what to do about a repository that has another name by now.
fn renamed(repository: &str, error: github::Error) -> Failure {
    if !matches!(error, github::Error::Renamed(_)) {
        return error.into();
    }
    Failure::Ours(Error::Refused {
        what: format!("the repository {repository} has another name by now"),
        help: "name it as it is called now in state/policy.json, as `github.repository`".to_owned(),
    })
}

/// Draws what the next commit of the lease says.
fn drawn(until: Option<Timestamp>) -> Lease {
    Lease { node: identity::node().to_owned(), nonce: draw_secret(), until }
}

/// Returns the repository that keeps the lease, if the token may write there.
fn writable(home: Home) -> Result<Home, Error> {
    if home.writable {
        return Ok(home);
    }
    Err(Error::Refused {
        what: format!(
            "the token may not write to {}, where a branch says who writes to the board",
            home.name
        ),
        help: "give it Contents: read and write; reconciler doctor --for github".to_owned(),
    })
}

async fn change(
    hub: &Hub,
    (home, name): (&Home, &str),
    (from, to): (Option<&str>, &str),
) -> Result<Grip, github::Error> {
    match from {
        None => hub.github.make_claim(home, name, to).await,
        Some(from) => hub.github.move_claim(home, name, (from, Some(to))).await,
    }
}
