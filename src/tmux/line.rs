//! The command lines that change sessions. The server executes each as a whole, and changes nothing
//! whose mark is not the one that is named in it.

use super::quote::{quote, quote_directory};
use super::{Error, NewSession, Session, SessionId, format};
use crate::api::name::Owner;

/// Returns the line that makes a session and marks it.
pub(super) fn new_session(new: &NewSession) -> Result<String, Error> {
    let name = new.name();
    let program = program(new)?;
    let line = format!("new-session -d -P -F '{}' -s {name} {program}", format::FORMAT);
    let target = format!("={name}:");
    let marks = marks(new, &target);
    if new.seat.is_none() {
        return Ok(format!("{line} ; {marks}"));
    }
    // What the first task has in its environment is not the next one's, nor a person's.
    let variables = new.environment.keys();
    let unset = variables.map(|one| format!(" ; set-environment -u -t '{target}' {one}"));
    let unset: String = unset.collect();
    Ok(format!("{line} ; {marks} ; set-option -w -t '{target}' remain-on-exit on{unset}"))
}

/// Returns the line that begins anew in the pane of a session that a seat keeps. The marks go first:
/// a session that is marked for an attempt that no shim took is one where nothing runs.
pub(super) fn respawn(kept: &Session, new: &NewSession) -> Result<String, Error> {
    let (pane, condition) = (kept.pane, is_as_seen(kept));
    let (marks, program) = (marks(new, &pane.to_string()), program(new)?);
    Ok(format!(
        "if-shell -F -t '{pane}' '{condition}' {{ {marks} ; respawn-pane -k -t '{pane}' {program} ; \
         display-message -p -t '{pane}' 'respawned #{{pane_pid}}' }}"
    ))
}

/// Returns the line that ends a session that a seat kept.
pub(super) fn end_kept(kept: &Session) -> String {
    let (id, pane, condition) = (kept.id, kept.pane, is_as_seen(kept));
    format!(
        "if-shell -F -t '{pane}' '{condition}' \
         {{ kill-session -t '{id}' ; display-message -p killed }}"
    )
}

/// Returns the line that ends a session with this mark.
pub(super) fn kill_session(id: SessionId, only_if: &Owner) -> String {
    // The id is compared too: of an absent target tmux takes the current session's values.
    let same_id = format!("#{{==:#{{session_id}},{id}}}");
    let same_owner = format!("#{{==:#{{@reconciler-owner}},{only_if}}}");
    format!(
        "if-shell -F -t '{id}' '#{{&&:{same_id},{same_owner}}}' \
         {{ kill-session -t '{id}' ; display-message -p killed }}"
    )
}

/// Returns the condition that a kept session has the very process that was seen in it: as long as tmux
/// names it, no other can have its pid, or it is known to have ended.
fn is_as_seen(kept: &Session) -> String {
    let seat = kept.seat.as_ref().map(ToString::to_string).unwrap_or_default();
    let (id, pane, pid) = (kept.id, kept.pane, kept.pane_pid);
    let pane = format!("#{{&&:#{{==:#{{pane_id}},{pane}}},#{{==:#{{pane_pid}},{pid}}}}}");
    let session =
        format!("#{{&&:#{{==:#{{session_id}},{id}}},#{{==:#{{@reconciler-seat}},{seat}}}}}");
    format!("#{{&&:{pane},{session}}}")
}

/// Returns the commands that mark a session.
fn marks(new: &NewSession, target: &str) -> String {
    let to = format!("set-option -t '{target}'");
    let (owner, attempt) = (&new.owner, new.attempt);
    let marks = format!("{to} @reconciler-owner {owner} ; {to} @reconciler-attempt {attempt}");
    match &new.seat {
        Some(seat) => format!("{marks} ; {to} @reconciler-seat {seat}"),
        None => marks,
    }
}

/// Returns the directory, the variables and the command, as words of a command line.
fn program(new: &NewSession) -> Result<String, Error> {
    if new.command.len() < 2 {
        return Err(Error::NoArgument { command: new.command.clone() });
    }
    let mut line = format!("-c {}", quote_directory(&new.directory)?);
    for (variable, value) in &new.environment {
        line.push_str(" -e ");
        line.push_str(&quote(&format!("{variable}={value}"))?);
    }
    line.push_str(" --");
    for word in &new.command {
        line.push(' ');
        line.push_str(&quote(word)?);
    }
    Ok(line)
}
