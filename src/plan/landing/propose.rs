//! The queue of what lands by pull request: each is tried on the target and verified by itself, once, then
//! proposed. It lands nothing: GitHub does, and says so in the record of the landing.

use super::queue::{Queue, Verified, failed_alone, push};
use super::{Member, tell};
use crate::api::landing::Stage;
use crate::plan::Row;
use crate::plan::action::Candidate;
use crate::plan::report::Reason;

impl<'a> Queue<'a> {
    /// Does the next step of everything in the queue, and returns what is ready to be proposed.
    pub(super) fn propose(&self, rows: &mut [Row<'a>], members: &[Member<'a>]) -> Vec<Candidate> {
        for member in members {
            tell(rows, member, Reason::Landing, self.told(member));
        }
        let (tried, untried): (Vec<_>, Vec<_>) =
            members.iter().partition(|member| self.is_tried(member));
        // One after the other: each may first move the target to where its remote is.
        if let Some(first) = untried.first() {
            push(rows, first, self.put_onto(&self.target.1, &[first]));
        }
        let (mut ready, mut due) = (Vec::new(), None);
        for member in tried {
            if !self.needs_verification(member) {
                ready.push(member.work());
                continue;
            }
            match self.verified(member) {
                Verified::Yes => ready.push(member.work()),
                Verified::Failed { attempt, how } => {
                    push(rows, member, failed_alone(member, (attempt, &how)));
                }
                Verified::Running => {}
                seen @ Verified::Later(_) => self.verify(rows, &[member], &[seen], None),
                Verified::No => due = due.or(Some(member)),
            }
        }
        // The next look sees which places are taken.
        if let Some(member) = due {
            self.verify(rows, &[member], &[Verified::No], None);
        }
        ready
    }

    /// Returns whether the work, as it is now, was put onto the target. Where that moved since, GitHub
    /// says what comes of it.
    fn is_tried(&self, member: &Member<'a>) -> bool {
        member.landing.is_some_and(|one| {
            one.target == self.target.0
                && one.tip == *member.tip
                && matches!(one.stage, Stage::Candidate { .. })
        })
    }

    fn told(&self, member: &Member<'a>) -> String {
        let pull = member.landing.and_then(|one| one.pull.as_ref());
        let said = pull.map(|pull| &pull.said).filter(|said| !said.is_empty());
        said.map_or_else(
            || format!("done; a pull request into {} is made next", self.target.0),
            |said| format!("done; {said}"),
        )
    }
}
