//! Sessions as tmux prints them, and back. Pure; a line it cannot read makes the whole list unknown,
//! never shorter.

use super::protocol::Block;
use super::{PaneId, Session, SessionId};
use crate::api::name::{Owner, Seat};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One pane on a line: six numbers, then name, attempt, seat and mark with `:` between. tmux allows no `:`
/// in a session's name. Without a mark like ours nothing is printed of mark and attempt, so that a
/// stranger's value does not break the line. (A pattern would tell more, at six times the cost.)
pub(super) const FORMAT: &str = concat!(
    "#{session_id} #{pane_id} #{pane_pid} #{pane_dead} #{session_created} #{session_attached} ",
    "#{session_name}:",
    "#{?#{m:reconciler:*,#{@reconciler-owner}},",
    "#{@reconciler-attempt}:#{@reconciler-seat}:#{@reconciler-owner},::}",
);

/// Returns the sessions of these panes, ordered by their ids; `None` when a line cannot be read.
/// Of a session with several panes the oldest is shown: it is the one the session began with.
pub(super) fn sessions(answer: &[Block]) -> Option<Vec<Session>> {
    let mut oldest: BTreeMap<SessionId, Session> = BTreeMap::new();
    for line in answer.iter().flat_map(|block| &block.lines) {
        let session = session(line)?;
        if oldest.get(&session.id).is_none_or(|known| session.pane < known.pane) {
            oldest.insert(session.id, session);
        }
    }
    Some(oldest.into_values().collect())
}

/// Returns the session of one line.
pub(super) fn session(line: &str) -> Option<Session> {
    let mut fields = line.splitn(7, ' ');
    let id = SessionId::parse(fields.next()?)?;
    let pane = PaneId(fields.next()?.strip_prefix('%')?.parse().ok()?);
    let pane_pid = fields.next()?.parse().ok()?;
    let pane_dead = fields.next()? == "1";
    let created = Timestamp::from_second(fields.next()?.parse().ok()?).ok()?;
    let attached = fields.next()?.parse().ok()?;
    let mut texts = fields.next()?.splitn(4, ':');
    let name = texts.next()?.to_owned();
    let attempt = texts.next()?.parse().ok();
    let seat = Seat::try_from(texts.next()?.to_owned()).ok();
    let owner = Owner::parse(texts.next()?);
    Some(Session { id, name, owner, attempt, seat, pane, pane_pid, pane_dead, created, attached })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> [Block; 1] {
        [Block { failed: false, lines: text.lines().map(str::to_owned).collect() }]
    }

    #[test]
    fn a_line_is_a_session() {
        let mark = "reconciler:fix-login:0123456789abcdef0123456789abcdef";
        let session =
            session(&format!("$1 %12 345 0 1700000000 2 fix-login:3:codegen-2:{mark}")).unwrap();
        assert_eq!(session.id.to_string(), "$1");
        assert_eq!(session.owner.unwrap().to_string(), mark);
        assert_eq!((session.attempt, session.pane_pid, session.attached), (Some(3), 345, 2));
        assert_eq!((session.pane, session.pane_dead), (PaneId(12), false));
        assert_eq!(session.seat.unwrap().to_string(), "codegen-2");
        assert_eq!(
            (session.created.as_second(), session.name.as_str()),
            (1_700_000_000, "fix-login")
        );
    }

    #[test]
    fn a_strangers_session_has_no_owner() {
        let session = session("$1 %12 345 1 1700000000 0 my own é:::").unwrap();
        assert_eq!(
            (session.name.as_str(), session.owner, session.attempt),
            ("my own é", None, None)
        );
        assert!(session.pane_dead);
    }

    #[test]
    fn the_oldest_pane_stands_for_the_session() {
        let text = "$2 %9 9 0 17 0 b:::\n$2 %10 10 0 17 0 b:::\n$1 %11 11 0 17 0 a:::\n$1 %3 3 0 17 0 a:::";
        let seen = sessions(&answer(text)).unwrap();
        let seen: Vec<_> = seen.iter().map(|one| (one.name.as_str(), one.pane_pid)).collect();
        assert_eq!(seen, [("a", 3), ("b", 9)]);
    }

    #[test]
    fn a_line_cut_short_makes_the_list_unknown() {
        let whole = "$1 %12 345 0 1700000000 2 fix-login:3::";
        assert!(session(whole).is_some());
        for end in 0..whole.len() {
            let cut = whole.get(..end).unwrap();
            assert_eq!(sessions(&answer(&format!("{whole}\n{cut} "))), None, "{cut}");
        }
    }
}
