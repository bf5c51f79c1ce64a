//! What a tool answers: a JSON object, or a refusal that says what to do next. It words no answer of
//! the client anew.

use crate::api::report::{Outcome, Report};
use crate::client::{Error, Obstacle, Taken};
use rmcp::ErrorData;
use rmcp::handler::server::tool::IntoCallToolResult;
use rmcp::model::{CallToolResponse, CallToolResult};
use serde::Serialize;
use serde_json::{Value, json};

/// What a tool answers.
pub(super) type Answer = Result<CallToolResult, Refusal>;

/// Why a tool did nothing.
#[derive(Debug)]
pub(super) struct Refusal {
    code: &'static str,
    message: String,
    next: String,
    holders: Vec<Obstacle>,
}

impl Refusal {
    /// Makes the refusal of arguments that cannot be read.
    pub(super) fn of_arguments(message: &str) -> Self {
        let next = "call it again with arguments as its schema has them";
        Self::new("invalid_arguments", message, next)
    }

    pub(super) fn new(
        code: &'static str,
        message: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self { code, message: message.into(), next: next.into(), holders: Vec::new() }
    }

    /// Makes the refusal of somebody who is no worker, or no longer.
    pub(super) fn of_stranger(error: &Error) -> Self {
        Self { code: "no_attempt", ..Self::from_client(error) }
    }

    fn from_client(error: &Error) -> Self {
        let code = match error {
            Error::Refused { .. } => "refused",
            Error::Invalid(_) => "invalid",
            Error::Unknown(_) => "unknown",
            Error::Ownership(_) | Error::Ledger(_) => "locks",
            #[cfg(feature = "github")]
            Error::Github(_) => "failed",
            Error::Git(_) | Error::Records(_) | Error::Disk(_) | Error::Trust(_) => "failed",
        };
        let next = match error {
            Error::Invalid(_) => "mend what is said, and call it again",
            Error::Unknown(_) | Error::Ownership(_) | Error::Ledger(_) => {
                "look with get_context what holds now, then try once more"
            }
            #[cfg(feature = "github")]
            Error::Github(_) => "go on: people see to GitHub",
            Error::Refused { .. }
            | Error::Git(_)
            | Error::Records(_)
            | Error::Disk(_)
            | Error::Trust(_) => "try once more; if it stays so, tell a person with request_input",
        };
        Self::new(code, error.to_string(), error.hint().unwrap_or(next))
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::from_client(&error)
    }
}

impl IntoCallToolResult for Refusal {
    fn into_call_tool_result(self) -> Result<CallToolResponse, ErrorData> {
        let Self { code, message, next, holders } = self;
        let mut said = json!({ "code": code, "message": message, "next": next });
        if let (false, Some(said)) = (holders.is_empty(), said.as_object_mut()) {
            said.insert("holders".to_owned(), json!(holders));
        }
        Ok(CallToolResult::structured_error(said).into())
    }
}

/// Returns a value, which is an object, as the answer.
pub(super) fn say(value: &impl Serialize) -> CallToolResult {
    CallToolResult::structured(json!(value))
}

/// Returns what became of a wish to hold something.
pub(super) fn taken(taken: Taken) -> Answer {
    match taken {
        Taken::Claimed { claim } | Taken::Renewed { claim } => Ok(say(&json!({
            "held": claim.locked_files,
            "generation": claim.generation,
            "until": claim.expires_at,
        }))),
        Taken::Refused { obstacles } => {
            let who = |one: &Obstacle| {
                let worker = one.worker.as_ref().map(ToString::to_string).unwrap_or_default();
                let path = one.held.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("task/{} ({worker}) holds {path}", one.task)
            };
            let who: Vec<String> = obstacles.iter().map(who).collect();
            let next = "do what needs none of it, or ask a person with request_input; nothing was \
                        acquired";
            Err(Refusal { holders: obstacles, ..Refusal::new("held", who.join("; "), next) })
        }
    }
}

/// Returns what became of a last word: the first one stands.
pub(super) fn ended(said: Outcome, stands: &Report) -> Answer {
    if said == stands.outcome {
        return Ok(say(&json!({ "recorded": stands, "next": "end now" })));
    }
    let message = "you said something else of this attempt before, and that stands";
    Err(Refusal::new("said_already", message, "end now"))
}

/// Returns a list as an object, with how many there are in all.
pub(super) fn page(all: &[Value], (offset, limit): (usize, usize)) -> CallToolResult {
    let items: Vec<&Value> = all.iter().skip(offset).take(limit).collect();
    let next = offset.saturating_add(items.len());
    let next = (next < all.len()).then_some(next);
    say(&json!({ "total": all.len(), "items": items, "nextOffset": next }))
}
