//! The laws: what no plan may do, whatever it saw. They are run in tests, after every simulated
//! step, and before execution, where a broken one refuses the whole plan.

mod claims_are_disjoint;
mod issues_are_done_where_they_are_held;
mod limits_hold;
mod nothing_alive_is_removed;
mod nothing_done_unseen;
mod nothing_foreign_is_touched;
mod nothing_held_starts;
mod one_worker_per_task;
mod only_absence_deletes;
mod only_claimed_work_starts;
mod only_verified_work_lands;
mod only_what_is_due_starts;
mod people_are_left_alone;
mod unsaved_work_is_rescued_first;
mod what_is_kept_stays_its_time;

use super::Plan;
use super::desired::Desired;
use super::observed::Observed;
use std::fmt;

/// What a law reads.
#[derive(Clone, Copy)]
struct Case<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    plan: &'a Plan,
}

type Law = fn(Case<'_>) -> Vec<String>;

/// Every law, by the sentence it keeps.
const LAWS: [(&str, Law); 15] = [
    ("claims are disjoint", claims_are_disjoint::broken),
    ("issues are done where they are held", issues_are_done_where_they_are_held::broken),
    ("limits hold", limits_hold::broken),
    ("nothing alive is removed", nothing_alive_is_removed::broken),
    ("nothing is done unseen", nothing_done_unseen::broken),
    ("nothing foreign is touched", nothing_foreign_is_touched::broken),
    ("nothing held starts", nothing_held_starts::broken),
    ("one worker per task", one_worker_per_task::broken),
    ("only absence deletes", only_absence_deletes::broken),
    ("only claimed work starts", only_claimed_work_starts::broken),
    ("only verified work lands", only_verified_work_lands::broken),
    ("only what is due starts", only_what_is_due_starts::broken),
    ("people are left alone", people_are_left_alone::broken),
    ("unsaved work is rescued first", unsaved_work_is_rescued_first::broken),
    ("what is kept stays its time", what_is_kept_stays_its_time::broken),
];

/// A law that a plan breaks, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The law, as a sentence.
    pub law: &'static str,
    /// What breaks it.
    pub by: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.law, self.by)
    }
}

/// Returns every law that this plan breaks; none, unless the planner has a bug.
pub fn laws(desired: &Desired, observed: &Observed, plan: &Plan) -> Vec<Broken> {
    let case = Case { desired, observed, plan };
    let judge = |(law, broken): &(&'static str, Law)| {
        broken(case).into_iter().map(|by| Broken { law, by }).collect::<Vec<_>>()
    };
    LAWS.iter().flat_map(judge).collect()
}
