//! The lease of a board: who may write to it. It is a ref that one machine at a time can move; what follows
//! from where it is, is decided here. Pure; every time is GitHub's.

use crate::api::board::Hold;
use jiff::{SignedDuration, Timestamp};
use std::fmt;

/// How long it holds. A cold sync of 450 changes takes seven and a half minutes, at one in a second: it
/// renews it once.
pub const TERM: SignedDuration = SignedDuration::from_mins(10);
/// It is renewed before a write when less than this is left: a request that waits for its turn is over by
/// then.
const LEFT_MIN: SignedDuration = SignedDuration::from_secs(200);
/// How long after its end it is left to who had it.
const MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// What the commit of the ref says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The machine, for people.
    pub node: String,
    /// Drawn for this commit: without it two machines could make the same, and both had it.
    pub nonce: String,
    /// Until when; `None` once it was given back.
    pub until: Option<Timestamp>,
}

/// Who writes to a board instead of us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// The machine, as far as it says.
    pub node: Option<String>,
    /// Until when, as far as it says.
    pub until: Option<Timestamp>,
}

impl fmt::Display for Other {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "`{node}` writes to the board"),
            None => f.write_str("somebody else writes to the board"),
        }
    }
}

/// Whether what was remembered of the cards is what we wrote last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bases {
    /// Nobody else had the lease since.
    Hold,
    /// Another machine may have written.
    Doubted,
}

/// How the lease is had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// It is ours, and will be for long enough.
    Ours,
    /// Its ref is made.
    Make(Bases),
    /// Its ref is moved from this commit.
    Move(String, Bases),
    /// It is another's.
    Wait(Other),
}

/// Returns the ref of a board; people may write the owner in capitals.
pub fn lease_ref(owner: &str, number: u64) -> String {
    format!("refs/heads/reconciler/lease/project-{}-{number}", owner.to_lowercase())
}

impl Lease {
    /// Returns the message of its commit; no workflow is to start by it.
    pub fn message(&self) -> String {
        let Self { node, nonce, until } = self;
        let until = until.map_or("released".to_owned(), |until| until.to_string());
        format!(
            "reconciler: lease of a board [skip ci]\n\nNode: {node}\nNonce: {nonce}\nUntil: {until}\n"
        )
    }

    /// Reads the message of a commit; `None` when it is none of ours.
    pub fn read(message: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.map(|text| text.trim().to_owned())
        };
        let until = match field("Until")?.as_str() {
            "released" => None,
            text => Some(text.parse().ok()?),
        };
        Some(Self { node: field("Node")?, nonce: field("Nonce")?, until })
    }
}

/// Returns whether a lease is ours for long enough to write; nothing needs to be asked for it.
pub fn holds(hold: Option<&Hold>, now: Timestamp) -> bool {
    let until = hold.filter(|hold| hold.moving.is_none()).and_then(|hold| hold.until);
    until.is_some_and(|until| now + LEFT_MIN < until)
}

/// Decides how the lease is had whose ref is at a commit that says this.
pub fn way(
    hold: Option<&Hold>,
    (at, lease): (Option<&str>, Option<&Lease>),
    now: Timestamp,
) -> Way {
    let Some(at) = at else {
        // Where it was ours before, somebody took the ref away, and nobody knows what came before that.
        return Way::Make(if hold.is_none() { Bases::Hold } else { Bases::Doubted });
    };
    let is_ours = |hold: &Hold| [&hold.commit, &hold.moving].contains(&&Some(at.to_owned()));
    if hold.is_some_and(is_ours) {
        let is_at = hold.is_some_and(|hold| hold.commit.as_deref() == Some(at));
        let settled = hold.map(|hold| Hold { moving: None, ..hold.clone() });
        return if is_at && holds(settled.as_ref(), now) {
            Way::Ours
        } else {
            Way::Move(at.to_owned(), Bases::Hold)
        };
    }
    let (node, until) = (lease.map(|lease| lease.node.clone()), lease.and_then(|one| one.until));
    let is_over = lease.is_some_and(|lease| lease.until.is_none_or(|until| until + MARGIN < now));
    if is_over {
        return Way::Move(at.to_owned(), Bases::Doubted);
    }
    Way::Wait(Other { node, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn lease(until: Option<i64>) -> Lease {
        Lease { node: "there".to_owned(), nonce: "n".to_owned(), until: until.map(at) }
    }

    fn hold(until: Option<i64>) -> Hold {
        Hold { commit: Some("a".to_owned()), until: until.map(at), ..Hold::default() }
    }

    #[test]
    fn a_lease_is_read_as_it_was_written_and_anything_else_is_none() {
        for until in [None, Some(7)] {
            assert_eq!(Lease::read(&lease(until).message()), Some(lease(until)));
        }
        assert_eq!(Lease::read("Merge branch 'main'"), None);
        assert_eq!(lease_ref("Acme", 3), "refs/heads/reconciler/lease/project-acme-3");
    }

    #[test]
    fn ours_is_renewed_when_a_third_is_left_and_what_was_remembered_holds() {
        let ours = hold(Some(1000));
        assert!(holds(Some(&ours), at(799)) && !holds(Some(&ours), at(800)));
        assert_eq!(way(Some(&ours), (Some("a"), None), at(1)), Way::Ours);
        let renew = Way::Move("a".to_owned(), Bases::Hold);
        assert_eq!(way(Some(&ours), (Some("a"), None), at(800)), renew);
        // Also when it lapsed, or was given back, and nobody came in between.
        assert_eq!(way(Some(&ours), (Some("a"), None), at(9000)), renew);
        assert_eq!(way(Some(&hold(None)), (Some("a"), None), at(1)), renew);
        // What nobody confirmed was done.
        let moving = Hold { moving: Some("b".to_owned()), ..hold(Some(1000)) };
        assert!(!holds(Some(&moving), at(1)));
        let moved = Way::Move("b".to_owned(), Bases::Hold);
        assert_eq!(way(Some(&moving), (Some("b"), None), at(1)), moved);
        assert_eq!(way(Some(&moving), (Some("a"), None), at(1)), Way::Ours);
    }

    #[test]
    fn anothers_is_had_only_when_it_is_over_and_then_nothing_remembered_holds() {
        let theirs =
            |until, now| way(Some(&hold(Some(1))), (Some("x"), Some(&lease(until))), at(now));
        let wait = Other { node: Some("there".to_owned()), until: Some(at(500)) };
        assert_eq!(theirs(Some(500), 560), Way::Wait(wait));
        let take = Way::Move("x".to_owned(), Bases::Doubted);
        assert_eq!((theirs(Some(500), 561), theirs(None, 1)), (take.clone(), take));
        let foreign = Way::Wait(Other { node: None, until: None });
        assert_eq!(way(None, (Some("x"), None), at(9000)), foreign);
    }

    #[test]
    fn a_ref_that_is_not_there_is_made_and_one_that_is_gone_is_doubted() {
        assert_eq!(way(None, (None, None), at(1)), Way::Make(Bases::Hold));
        assert_eq!(way(Some(&hold(Some(9))), (None, None), at(1)), Way::Make(Bases::Doubted));
    }
}
