//! Branches and worktrees: made, found half-made, repaired.

use crate::scene::{AlreadySo, Done, Failed, Refused, Stage};
use reconciler::world::sim::Deed;

pub(crate) fn a_branch_is_made_once(on: &Stage) {
    on.act(&on.create_branch("alpha", 0), Done);
    on.sees("branch task/alpha");
    on.act(&on.create_branch("alpha", 0), AlreadySo);
}

pub(crate) fn a_branch_that_is_elsewhere_is_left_there(on: &Stage) {
    on.act(&on.create_branch("alpha", 0), Done);
    on.act(&on.create_branch("alpha", 1), Refused);
}

pub(crate) fn a_worktree_is_added_once(on: &Stage) {
    on.with_worktree("alpha");
    on.sees("worktree alpha: alpha/uid1, ready");
    on.sees("worktree alpha is on task/alpha");
    on.act(&on.add_worktree("alpha", 1), Failed);
    on.act(&on.add_worktree("alpha", 2), Failed);
}

pub(crate) fn a_worktree_needs_its_branch(on: &Stage) {
    on.act(&on.add_worktree("alpha", 1), Failed);
}

pub(crate) fn a_place_that_is_taken_is_left_alone(on: &Stage) {
    on.act(&on.create_branch("alpha", 0), Done);
    on.deed(&Deed::Occupy(on.place("alpha")));
    on.sees("worktree alpha: nobody, ready");
    on.act(&on.add_worktree("alpha", 1), Failed);
    on.act(&on.repair("alpha", 1, 1), Failed);
    on.act(&on.retire("alpha", 1, 1), Failed);
}

pub(crate) fn a_half_made_worktree_is_seen_as_such_and_repaired(on: &Stage) {
    on.act(&on.create_branch("alpha", 0), Done);
    on.deed(&on.tear("alpha", 1));
    on.sees("worktree alpha: alpha/uid1, half-made");
    on.sees("worktree alpha is on task/alpha");
    on.act(&on.add_worktree("alpha", 1), Failed);
    on.act(&on.repair("alpha", 2, 1), Failed);
    on.act(&on.repair("alpha", 1, 1), Done);
    on.sees_not("worktree alpha: alpha/uid1, half-made");
    on.sees("trash alpha.uid1.1");
    on.act(&on.add_worktree("alpha", 1), Done);
}

pub(crate) fn a_lost_worktree_is_seen_as_such_and_repaired(on: &Stage) {
    on.with_worktree("alpha");
    on.deed(&Deed::Lose(on.place("alpha")));
    on.sees("worktree alpha: alpha/uid1, missing");
    on.sees("worktree alpha is on task/alpha");
    on.act(&on.add_worktree("alpha", 1), Failed);
    on.act(&on.repair("alpha", 2, 1), Failed);
    on.act(&on.repair("alpha", 1, 1), Done);
    on.sees_not("worktree alpha: alpha/uid1, missing");
    on.act(&on.add_worktree("alpha", 1), Done);
}

pub(crate) fn the_commit_of_a_lost_detached_worktree_is_saved(on: &Stage) {
    let owner = on.with_worktree("alpha");
    on.deed(&Deed::Detach(owner.clone()));
    on.sees_not("worktree alpha is on task/alpha");
    on.deed(&Deed::Write(owner.clone()));
    on.deed(&Deed::Commit(owner));
    on.deed(&Deed::Lose(on.place("alpha")));
    on.act(&on.repair("alpha", 1, 1), Done);
    on.sees("rescue alpha/0");
    on.sees_not("worktree alpha: alpha/uid1, missing");
}

pub(crate) fn a_whole_worktree_is_not_repaired(on: &Stage) {
    on.with_worktree("alpha");
    on.act(&on.repair("alpha", 1, 1), Failed);
}

pub(crate) fn a_repair_of_nothing_is_done(on: &Stage) {
    on.act(&on.repair("alpha", 1, 1), Done);
    on.act(&on.repair("alpha", 1, 1), Done);
}
