//! What an agent is told when it begins: its task, its place, its lock and those of the others. It
//! tells what is so now, and nothing that the prompt says already.

use crate::api::path::PathPattern;
use crate::client::{Client, Error, OwnAttempt};
use crate::locks::Claims;

/// So many locks of others, and patterns of one, are named.
const SHOWN: usize = 20;

/// Returns the brief of an attempt.
///
/// # Errors
/// When the locks cannot be read.
pub(super) fn of(client: &Client, own: &OwnAttempt) -> Result<String, Error> {
    let (task, attempt) = (&own.id.owner.task, &own.attempt);
    let variable = |name: &str| attempt.program.env.get(name).map(String::as_str);
    let mut lines = vec![format!(
        "You are {} of reconciler on task/{task}, attempt {}. You work in {}.",
        attempt.seat,
        own.id.number,
        attempt.directory.display(),
    )];
    if let Some(branch) = variable("RECONCILER_BRANCH").filter(|branch| !branch.is_empty()) {
        lines.push(format!("Your branch is {branch}."));
    }
    let claims = Claims::at(client.root()).list()?;
    match claims.get(task) {
        Some(Ok(claim)) if !claim.locked_files.is_empty() => lines.push(format!(
            "You may change {} and nothing else; more by: reconciler locks acquire PATH",
            patterns(&claim.locked_files),
        )),
        Some(_) | None => lines.push("You may change what nobody else holds.".to_owned()),
    }
    let others: Vec<String> = claims
        .iter()
        .filter(|(one, _)| *one != task)
        .map(|(one, claim)| match claim {
            Ok(claim) => format!("task/{one} ({}): {}", claim.seat, patterns(&claim.locked_files)),
            Err(_) => format!("task/{one}: its lock cannot be read, and may hold anything"),
        })
        .filter(|line| !line.ends_with(": "))
        .collect();
    if !others.is_empty() {
        lines.push("Others hold now:".to_owned());
        lines.extend(others.iter().take(SHOWN).map(|line| format!("- {line}")));
        if let Some(more) = others.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            lines.push(format!("- and {more} more: reconciler locks"));
        }
    }
    lines.push("Say how it goes: reconciler progress DONE/ALL 'STEP'.".to_owned());
    lines.push(
        "At the end: reconciler complete 'WHAT YOU DID', or reconciler fail 'WHY'.".to_owned(),
    );
    Ok(lines.join("\n"))
}

fn patterns(all: &[PathPattern]) -> String {
    let shown: Vec<&str> = all.iter().take(SHOWN).map(PathPattern::as_str).collect();
    let more = if all.len() > SHOWN { " and more" } else { "" };
    format!("{}{more}", shown.join(" "))
}
