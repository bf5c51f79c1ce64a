//! Agent hook: may the agent do what it is about to do, and what is it told when it begins and ends?
//! It changes nothing in the repository, and takes what cannot be seen for a refusal.

mod command;
mod place;

use super::hook::{Objection, Refused, Ruling, judge_paths};
use super::{Client, Environment, Error, OwnAttempt};
use crate::api::attempt::Attempt;
use crate::api::task::Class;
use crate::git::HookPlace;
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;

/// One call of a hook, in the protocol of Claude Code, which Codex speaks too.
#[derive(Debug, Clone, Deserialize)]
pub struct AgentCall {
    /// What happens.
    #[serde(rename = "hook_event_name")]
    pub event: AgentEvent,
    /// Where the agent is.
    #[serde(default)]
    cwd: PathBuf,
    /// The tool that it is about to use.
    #[serde(default)]
    tool_name: String,
    /// With what.
    #[serde(default)]
    tool_input: Value,
    /// Whether a hook kept it from ending before.
    #[serde(default)]
    stop_hook_active: bool,
    /// What it wants a person to see.
    #[serde(default)]
    message: String,
}

/// What happens in an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum AgentEvent {
    /// It begins, goes on, or has forgotten what was said.
    SessionStart,
    /// It is about to use a tool.
    PreToolUse,
    /// It is about to end its turn.
    Stop,
    /// It waits for a person.
    Notification,
    /// It asks whether it may use a tool.
    PermissionRequest,
    /// Something that concerns nobody here.
    #[serde(other)]
    Other,
}

/// What an agent is answered.
#[derive(Debug, Clone)]
pub enum AgentAnswer {
    /// Nothing: it may go on, or end.
    Nothing,
    /// Locks stand in the way.
    Refused(Refused),
    /// It may not, for this reason.
    Denied(String),
    /// It is to know this.
    Context(String),
    /// It is not to end yet, for this reason.
    GoOn(String),
}

/// The tools that change a file, and where they name it.
const EDITS: [(&str, &str); 4] = [
    ("Edit", "file_path"),
    ("MultiEdit", "file_path"),
    ("NotebookEdit", "notebook_path"),
    ("Write", "file_path"),
];

/// Answers a call of an agent's hook.
///
/// # Errors
/// When it cannot be told who asks, or who holds what: refuse an edit then.
pub async fn judge_agent(call: &AgentCall, environment: Environment) -> Result<AgentAnswer, Error> {
    let worktree = environment.path("RECONCILER_WORKTREE").unwrap_or_else(|| call.cwd.clone());
    let client = Client::open(&worktree, environment).await?;
    let own = client.own_attempt()?;
    match call.event {
        AgentEvent::SessionStart => Ok(AgentAnswer::Context(client.brief_in_short(&own)?)),
        AgentEvent::PreToolUse => {
            let answer = client.before_tool(call, &own.attempt).await?;
            client.note_denial(&own, &answer);
            Ok(answer)
        }
        AgentEvent::Stop => client.before_end(call, &own).await,
        AgentEvent::Notification | AgentEvent::PermissionRequest => client.pass_on(call, &own),
        AgentEvent::Other => Ok(AgentAnswer::Nothing),
    }
}

impl Client {
    async fn before_tool(&self, call: &AgentCall, attempt: &Attempt) -> Result<AgentAnswer, Error> {
        let text = |field: &str| call.tool_input.get(field).and_then(Value::as_str);
        let edit = EDITS.iter().find(|(tool, _)| *tool == call.tool_name);
        let paths: Vec<&str> = match (edit, text("command")) {
            (Some((tool, field)), _) => match text(field) {
                Some(path) => vec![path],
                None => return Ok(AgentAnswer::Denied(format!("{tool} names no file"))),
            },
            (None, Some(command)) => {
                if let Some(why) = command::forbidden(command) {
                    return Ok(AgentAnswer::Denied(why.to_owned()));
                }
                command::patched(command)
            }
            (None, None) => return Ok(AgentAnswer::Nothing),
        };
        let whose = (attempt.class, attempt.directory.as_path());
        let mut inside = Vec::new();
        for path in paths {
            match place::of(&call.cwd.join(path), whose, self.root())? {
                place::Place::Elsewhere => {}
                place::Place::Own(path) => inside.push(path),
                place::Place::Forbidden(why) => return Ok(AgentAnswer::Denied(why)),
            }
        }
        if inside.is_empty() {
            return Ok(AgentAnswer::Nothing);
        }
        let mut ruling = judge_paths(&inside, &attempt.directory, &self.environment).await?;
        if matches!(ruling, Ruling::Refused(_)) {
            // What git ignores is in this worktree alone, and no commit brings it to others.
            let ignored = HookPlace::of(&attempt.directory).await?.ignored(&inside).await?;
            inside.retain(|path| !ignored.contains(path));
            ruling = judge_paths(&inside, &attempt.directory, &self.environment).await?;
        }
        Ok(match ruling {
            Ruling::Passed | Ruling::Bypassed(_) => AgentAnswer::Nothing,
            Ruling::Refused(refused) => AgentAnswer::Refused(refused),
            Ruling::Invalid(_) => AgentAnswer::Denied("its state would not be valid".to_owned()),
        })
    }

    /// Notes in the journal what an agent was kept from; not each time that it tries again.
    fn note_denial(&self, own: &OwnAttempt, answer: &AgentAnswer) {
        let what = match answer {
            AgentAnswer::Refused(refused) => refused.objections.first().map(told),
            AgentAnswer::Denied(why) => Some(why.clone()),
            AgentAnswer::Nothing | AgentAnswer::Context(_) | AgentAnswer::GoOn(_) => None,
        };
        let text = what.and_then(|what| self.own_text(own, &format!("edit denied: {what}")).ok());
        // It is history: what cannot be noted is denied all the same.
        if let Some(text) = text
            && self.records().is_new_denial(&own.id, &text).unwrap_or(false)
        {
            self.note_words(&own.id.owner.task, "EditDenied", &text);
        }
    }

    /// Keeps an agent that ends from leaving what was said to it unread, what it did uncommitted,
    /// and its end unsaid; but for the first, once.
    async fn before_end(&self, call: &AgentCall, own: &OwnAttempt) -> Result<AgentAnswer, Error> {
        if self.records().reported(&own.id)?.is_some() {
            return Ok(AgentAnswer::Nothing);
        }
        let said = self.take_messages(own)?;
        let mut reasons: Vec<String> =
            said.iter().map(|one| format!("{} says: {}", one.by, one.text)).collect();
        if !call.stop_hook_active {
            reasons.extend(self.left_undone(&own.attempt).await?);
        }
        Ok(if reasons.is_empty() {
            AgentAnswer::Nothing
        } else {
            AgentAnswer::GoOn(reasons.join("\n"))
        })
    }

    async fn left_undone(&self, attempt: &Attempt) -> Result<Option<String>, Error> {
        let is_dirty = attempt.class == Class::Execution
            && !self.repository.unsaved(&attempt.directory).await?.clean;
        let how = "say so: reconciler complete 'WHAT YOU DID'; if it cannot be done: reconciler \
                   fail 'WHY'";
        Ok(if is_dirty {
            Some(format!(
                "Not everything in your worktree is committed. Look: git status. Commit what \
                 belongs to your task and undo the rest; when the task is done, {how}"
            ))
        } else {
            let must = attempt.program.dialogue.must_report;
            must.then(|| format!("You did not say whether the task is done. If it is, {how}"))
        })
    }

    /// Makes a question of what an agent wants a person to see; one that is open is not asked again.
    fn pass_on(&self, call: &AgentCall, own: &OwnAttempt) -> Result<AgentAnswer, Error> {
        let text = match (call.message.is_empty(), call.tool_name.is_empty()) {
            (false, _) => call.message.clone(),
            (true, false) => format!("May I use {}? {}", call.tool_name, call.tool_input),
            (true, true) => return Ok(AgentAnswer::Nothing),
        };
        let open = self.records().exchanges(&own.id)?;
        let is_open = open.iter().any(|one| one.answer.is_none() && one.question.text == text);
        if !is_open {
            self.ask_person(own, &text, &[])?;
        }
        Ok(AgentAnswer::Nothing)
    }
}

/// Says in a few words what stands in the way of an edit.
fn told(objection: &Objection) -> String {
    match objection {
        Objection::Held { path, task, .. } => format!("{path} held by {task}"),
        Objection::Outside { path, .. } => format!("{path} is not among the files of its task"),
        Objection::Fenced { .. } => "its worktree works under an earlier lock".to_owned(),
        Objection::Elsewhere { task, .. } => format!("this is not the worktree of {task}"),
        Objection::Damaged { path, task, .. } => {
            let path = path.as_deref().unwrap_or("any file");
            format!("{path} may be held by {task}, whose lock is damaged")
        }
    }
}
