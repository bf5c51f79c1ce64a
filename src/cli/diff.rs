//! `reconciler diff`: what committing the work tree would do. Exit code 1 when there are
//! differences, as of diff(1).

use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::say::{self, Done};
use crate::client::{Change, Difference, Field, What};
use clap::Args;
use std::process::ExitCode;

/// Show what committing your edits of state files would do.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 no differences, 1 differences.\n\nExample:\n  reconciler diff fix-login"
)]
pub(super) struct Diff {
    /// Only this object, as NAME or KIND/NAME
    name: Option<String>,
}

impl Diff {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let found = client.diff(self.name.as_deref()).await;
        let found = found.map_err(|error| Failure::from(error).with(Code::Usage))?;
        if context.output == Output::Json {
            say::out(format!("{:#}", serde_json::to_value(&found)?))?;
        } else {
            for line in lines(&found) {
                say::out(line)?;
            }
        }
        Ok(if found.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
    lines.extend(change.fields.iter().map(of_field));
    lines.extend(change.problems.iter().map(|problem| format!("    {problem}")));
    lines.extend(change.consequences.iter().map(|line| format!("    => {line}")));
    lines
}

fn of_field(field: &Field) -> String {
    let text = |value: &Option<serde_json::Value>| {
        value.as_ref().map_or("(none)".to_owned(), ToString::to_string)
    };
    format!("    {}  {} -> {}", field.pointer, text(&field.old), text(&field.new))
}
