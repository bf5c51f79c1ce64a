//! `reconciler diff`: what committing the work tree would do, and what the branch of a task has. Exit
//! code 1 when there are differences, as of diff(1).

use super::conflicts::of_commit;
use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::print::printable_line;
use super::say::{self, Done};
use crate::api::name::TaskName;
use crate::client::{BranchDifference, Change, Difference, Field, FileCount, TaskBranch, What};
use clap::Args;
use std::process::ExitCode;

/// A patch of so many lines is shown unasked.
const PATCH_MAX: usize = 100;
/// How many paths are named that are not committed.
const PATHS_MAX: usize = 5;

/// Show what committing your edits of state files would do; of a task, also what its branch has.
///
/// A patch that is longer than 100 lines is shown by --patch only.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit code: 0 no differences, 1 differences.

Examples:
  reconciler diff                     your edits of state files, and what follows from them
  reconciler diff fix-login           the same of one task, then its commits, files and patch
  reconciler diff fix-login --stat    without the patch")]
pub(super) struct Diff {
    /// Only this object, as NAME or KIND/NAME
    name: Option<String>,
    /// Show the patch of a task's branch, however long it is
    #[arg(long, conflicts_with = "stat", requires = "name")]
    patch: bool,
    /// Leave the patch out
    #[arg(long, requires = "name")]
    stat: bool,
}

impl Diff {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let fail = |error| Failure::from(error).with(Code::Usage);
        let found = client.diff(self.name.as_deref()).await.map_err(fail)?;
        let branch = match self.name.as_deref().and_then(task) {
            Some(task) => client.task_branch(&task).await.map_err(fail)?,
            None => TaskBranch::None,
        };
        let is_same = match &branch {
            TaskBranch::There(branch) => branch.is_nothing(),
            TaskBranch::None | TaskBranch::Landed { .. } => true,
        };
        if context.output == Output::Json {
            say::out(format!("{:#}", self.as_json(&found, branch)?))?;
        } else {
            self.draw(&found, branch, context)?;
        }
        let is_same = is_same && found.changes.is_empty();
        Ok(if is_same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn as_json(
        &self,
        found: &Difference,
        branch: TaskBranch,
    ) -> Result<serde_json::Value, serde_json::Error> {
        let mut value = serde_json::to_value(found)?;
        let branch = match branch {
            TaskBranch::There(branch) => {
                let patch = branch.patch.clone().filter(|_| self.patch);
                Some(serde_json::to_value(BranchDifference { patch, ..*branch })?)
            }
            TaskBranch::None | TaskBranch::Landed { .. } => None,
        };
        if let (Some(object), Some(branch)) = (value.as_object_mut(), branch) {
            object.insert("branch".to_owned(), branch);
        }
        Ok(value)
    }

    fn draw(
        &self,
        found: &Difference,
        branch: TaskBranch,
        context: &Context,
    ) -> Result<(), Failure> {
        let is_there = matches!(branch, TaskBranch::There(_));
        if !is_there || !found.changes.is_empty() {
            for line in lines(found) {
                say::out(line)?;
            }
        }
        match branch {
            TaskBranch::None => {}
            TaskBranch::Landed { target, commit } => {
                let commit = commit.short();
                context.note(&format!("its branch is merged into {target}: git show {commit}"));
            }
            TaskBranch::There(branch) => {
                if !found.changes.is_empty() {
                    say::out("")?;
                }
                for line in of_branch(&branch) {
                    say::out(line)?;
                }
                self.draw_patch(&branch, context)?;
            }
        }
        Ok(())
    }

    fn draw_patch(&self, branch: &BranchDifference, context: &Context) -> Result<(), Failure> {
        let patch: Vec<&str> = branch.patch.iter().flat_map(|text| text.lines()).collect();
        if self.stat || patch.is_empty() {
            return Ok(());
        }
        if patch.len() > PATCH_MAX && !self.patch {
            let (lines, task) = (patch.len(), &branch.task);
            context.note(&format!("the patch has {lines} lines: reconciler diff {task} --patch"));
            return Ok(());
        }
        say::out("")?;
        for line in patch {
            say::out(printable_line(line))?;
        }
        Ok(())
    }
}

/// Returns the task that a name may be.
fn task(name: &str) -> Option<TaskName> {
    name.strip_prefix("task/").unwrap_or(name).parse().ok()
}

fn of_branch(one: &BranchDifference) -> Vec<String> {
    let many =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let branch = format!("{}@{}", one.branch, one.tip.short());
    let target = format!("{}@{}", one.target, one.target_tip.short());
    let mut lines = if one.commits.is_empty() {
        vec![format!("{branch}: nothing that {target} does not have")]
    } else {
        let ahead = many(one.commits.len(), "commit");
        vec![format!("{branch}: {ahead} ahead of {target}, {} behind", one.behind)]
    };
    lines.extend(one.commits.iter().map(|commit| format!("  {}", of_commit(commit, one.now))));
    let width = one.files.iter().map(|file| file.path.chars().count()).max().unwrap_or(0);
    lines.extend(one.files.iter().map(|file| of_file(file, width.min(60))));
    if !one.uncommitted.is_empty() {
        let named = one.uncommitted.iter().take(PATHS_MAX).map(|path| printable_line(path));
        let more = one.uncommitted.len().saturating_sub(PATHS_MAX);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = named.collect::<Vec<_>>().join(", ");
        let count = many(one.uncommitted.len(), "file");
        lines.push(format!("not committed in .worktrees/{}: {count}: {named}{more}", one.task));
    }
    lines
}

fn of_file(file: &FileCount, width: usize) -> String {
    let path = printable_line(&file.path);
    match (file.added, file.removed) {
        (Some(added), Some(removed)) => format!("  {path:width$}  +{added} -{removed}"),
        (_, None) | (None, _) => format!("  {path:width$}  no text"),
    }
}

fn lines(found: &Difference) -> Vec<String> {
    let of = |what| found.changes.iter().filter(|change| change.what == what).count();
    let branch = found.state_ref.trim_start_matches("refs/heads/");
    let applied = format!("work tree vs {branch}@{}", found.revision.short());
    if found.changes.is_empty() {
        return vec![format!("{applied}: no differences")];
    }
    let mut counts = format!(
        "{} to add, {} to change, {} to remove",
        of(What::Added),
        of(What::Changed),
        of(What::Removed)
    );
    if of(What::Invalid) > 0 {
        counts = format!("{counts}, {} not valid", of(What::Invalid));
    }
    let mut lines = vec![format!("{applied}: {counts}     (applies only once committed)")];
    lines.extend(found.changes.iter().flat_map(of_change));
    lines.extend(found.notices.iter().map(|notice| format!("! {notice}")));
    lines.push(if of(What::Invalid) > 0 {
        "look closer: reconciler check".to_owned()
    } else {
        format!("apply it: git add state && git commit     (on {branch})")
    });
    lines
}

fn of_change(change: &Change) -> Vec<String> {
    let (mark, remark) = match change.what {
        What::Added => ("+", " (new)"),
        What::Changed => ("~", ""),
        What::Removed => ("-", " (deleted)"),
        What::Invalid => ("!", " (not valid)"),
        What::Affected => ("=", " (its file is unchanged)"),
    };
    let mut lines = vec![format!("{mark} {}  {}{remark}", change.object, change.path)];
    lines.extend(change.fields.iter().map(|field| format!("    {}", of_field(field))));
    lines.extend(change.problems.iter().map(|problem| format!("    {problem}")));
    lines.extend(change.consequences.iter().map(|line| format!("    => {line}")));
    lines
}

/// Draws a field that differs.
pub(super) fn of_field(field: &Field) -> String {
    let text = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or("(none)".to_owned(), ToString::to_string)
    };
    format!("{}  {} -> {}", field.pointer, text(&field.old), text(&field.new))
}
