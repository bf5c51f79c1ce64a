//! Work is saved before its worktree goes; branches and trash go last.

use crate::scene::{AlreadySo, Done, Failed, Stage};
use reconciler::plan::action::Action;
use reconciler::world::sim::Deed;

pub(crate) fn unsaved_work_is_rescued_once(on: &Stage) {
    let owner = on.with_worktree("alpha");
    on.act(&on.rescue("alpha", 1), AlreadySo);
    on.deed(&Deed::Write(owner));
    on.act(&on.rescue("alpha", 1), Done);
    on.sees("rescue alpha/1");
    on.act(&on.rescue("alpha", 1), AlreadySo);
}

pub(crate) fn new_work_is_rescued_beside_the_old(on: &Stage) {
    let owner = on.with_worktree("alpha");
    for reference in ["rescue alpha/1", "rescue alpha/1-2"] {
        on.deed(&Deed::Write(owner.clone()));
        on.act(&on.rescue("alpha", 1), Done);
        on.sees(reference);
    }
    on.sees("rescue alpha/1");
}

pub(crate) fn commits_in_no_branch_are_rescued(on: &Stage) {
    let owner = on.with_worktree("alpha");
    on.deed(&Deed::Detach(owner.clone()));
    on.deed(&Deed::Write(owner.clone()));
    on.deed(&Deed::Commit(owner));
    on.act(&on.retire("alpha", 1, 1), Failed);
    on.act(&on.rescue("alpha", 1), Done);
    on.act(&on.retire("alpha", 1, 1), Done);
    on.sees("trash alpha.uid1.1");
}

pub(crate) fn the_worktree_of_another_is_neither_rescued_nor_retired(on: &Stage) {
    let owner = on.with_worktree("alpha");
    on.deed(&Deed::Write(owner));
    on.act(&on.rescue("alpha", 2), Failed);
    on.act(&on.rescue("beta", 1), Failed);
    on.act(&on.retire("alpha", 2, 1), Failed);
    on.act(&on.retire("beta", 1, 1), Failed);
}

pub(crate) fn unsaved_work_keeps_a_worktree(on: &Stage) {
    let owner = on.with_worktree("alpha");
    on.deed(&Deed::Write(owner));
    on.act(&on.retire("alpha", 1, 1), Failed);
}

pub(crate) fn rescued_work_goes_to_the_trash(on: &Stage) {
    let owner = on.with_worktree("alpha");
    on.deed(&Deed::Write(owner));
    on.act(&on.rescue("alpha", 1), Done);
    on.act(&on.retire("alpha", 1, 1), Done);
    on.sees("trash alpha.uid1.1");
    on.sees_not("worktree alpha: alpha/uid1, ready");
    // Its place and its branch are free.
    on.act(&on.add_worktree("alpha", 2), Done);
}

pub(crate) fn work_after_the_rescue_keeps_a_worktree(on: &Stage) {
    let owner = on.with_worktree("alpha");
    on.deed(&Deed::Write(owner.clone()));
    on.act(&on.rescue("alpha", 1), Done);
    on.deed(&Deed::Write(owner));
    on.act(&on.retire("alpha", 1, 1), Failed);
}

pub(crate) fn a_branch_with_commits_is_kept(on: &Stage) {
    let owner = on.with_worktree("alpha");
    on.deed(&Deed::Write(owner.clone()));
    on.deed(&Deed::Commit(owner));
    on.act(&on.retire("alpha", 1, 1), Done);
    on.sees_not("trash alpha.uid1.1");
    on.act(&on.drop_branch("alpha"), AlreadySo);
    on.sees("branch task/alpha");
}

pub(crate) fn a_branch_that_is_checked_out_is_kept(on: &Stage) {
    on.with_worktree("alpha");
    on.act(&on.drop_branch("alpha"), AlreadySo);
    on.act(&on.retire("alpha", 1, 1), Done);
    on.sees_not("trash alpha.uid1.1");
    on.act(&on.drop_branch("alpha"), Done);
    on.sees_not("branch task/alpha");
    on.act(&on.drop_branch("alpha"), AlreadySo);
}

pub(crate) fn trash_is_emptied(on: &Stage) {
    let owner = on.with_worktree("alpha");
    on.deed(&Deed::Write(owner.clone()));
    on.act(&on.rescue("alpha", 1), Done);
    on.act(&on.retire("alpha", 1, 1), Done);
    let empty = Action::EmptyTrash { trash: Stage::trash(&owner, 1) };
    on.act(&empty, Done);
    on.sees_not("trash alpha.uid1.1");
    on.act(&empty, Done);
}
