//! `reconciler agent-hook`: what the hooks of Claude Code and Codex call. Not for people. Where it
//! cannot tell, an edit is refused, and nothing else is.

use super::context::Context;
use super::exit::chain;
use super::hook;
use super::print::printable;
use super::say::{self, Done};
use crate::client::{AgentAnswer, AgentCall, AgentEvent, judge_agent};
use clap::Args;
use serde_json::json;
use std::io::{self, Read as _};
use std::process::ExitCode;

/// The status by which a hook blocks; every other but 0 lets the agent go on.
const BLOCKED: u8 = 2;
/// The longest call that is read, in bytes: it holds what is to be written.
const INPUT_MAX: u64 = 64 * 1024 * 1024;

/// Answers a hook of an agent, which is on the standard input.
#[derive(Debug, Args)]
#[command(hide = true)]
pub(super) struct AgentHook;

impl AgentHook {
    pub(super) fn run(context: &Context) -> Done {
        // One thread is enough, and starts sooner.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(answer(context))
    }
}

async fn answer(context: &Context) -> Done {
    let mut input = Vec::new();
    io::stdin().lock().take(INPUT_MAX).read_to_end(&mut input)?;
    let call: AgentCall = match serde_json::from_slice(&input) {
        Ok(call) => call,
        Err(error) => return Ok(blocked(&format!("this call cannot be understood: {error}"))),
    };
    match judge_agent(&call, context.environment.clone()).await {
        Ok(answer) => tell(&answer, context),
        Err(error) if call.event == AgentEvent::PreToolUse => {
            let why = printable(&chain(&error));
            Ok(blocked(&format!("nobody can tell who holds what: {why}")))
        }
        Err(error) => {
            say::note(format!("reconciler: {}", printable(&chain(&error))));
            Ok(ExitCode::FAILURE)
        }
    }
}

fn tell(answer: &AgentAnswer, context: &Context) -> Done {
    match answer {
        AgentAnswer::Nothing => {}
        AgentAnswer::Refused(refused) => {
            for line in hook::lines(refused, &context.zone) {
                say::note(line);
            }
            return Ok(ExitCode::from(BLOCKED));
        }
        AgentAnswer::Denied(why) => return Ok(blocked(why)),
        AgentAnswer::Context(text) => {
            let told = json!({ "hookEventName": "SessionStart", "additionalContext": text });
            say::out(json!({ "hookSpecificOutput": told }).to_string())?;
        }
        AgentAnswer::GoOn(why) => {
            say::out(json!({ "decision": "block", "reason": why }).to_string())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn blocked(why: &str) -> ExitCode {
    say::note(format!("reconciler: refused: {why}"));
    ExitCode::from(BLOCKED)
}
