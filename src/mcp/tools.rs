//! The tools, one verb of the client each; the comment of a tool is its description for the agent. None
//! deletes, kills, forces, or edits what is wanted.

use super::Server;
use super::answer::{Answer, Refusal, ended, page, say, taken};
use super::words::{
    Acquire, Ask, Complete, Decide, Fail, GetTask, ListTasks, Paths, Progress, Propose, Read,
    Release,
};
use crate::api::name::TaskName;
use crate::api::report::{Outcome, Source};
use crate::client::view::task::{TaskView, tasks};
use crate::client::{Decided, OwnAttempt, Proposed, Which, spec, task_text};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::{tool, tool_router};
use serde_json::{Value, json};
use std::time::Duration;

/// The longest that a tool waits, in seconds.
const WAIT_MAX: u64 = 3600;

#[tool_router(vis = "pub(super)")]
impl Server {
    /// Call this first: your task and prompt, branch, base, worktree, deadline, your locks and those
    /// of others, what came of the attempts before, your open questions, unread messages, and the
    /// rules.
    #[tool(annotations(read_only_hint = true))]
    async fn get_context(&self) -> Answer {
        Ok(say(&self.client.brief(&self.own()?).await?))
    }

    /// Lists the tasks of this repository: their state, why they are in it, their worker and files.
    #[tool(annotations(read_only_hint = true))]
    async fn list_tasks(&self, Parameters(asked): Parameters<ListTasks>) -> Answer {
        let snapshot = self.client.snapshot().await;
        if let Some(why) = snapshot.why_blind() {
            return Err(Refusal::new("unknown", why, "try again later"));
        }
        let status = asked.status.as_deref();
        let all = tasks(&snapshot).into_iter();
        let all = all.filter(|task| status.is_none_or(|word| task.status.is_called(word)));
        let all: Vec<Value> = all.map(|task| row(&task)).collect();
        Ok(page(&all, (asked.offset, asked.limit)))
    }

    /// Shows one task with all that is known of it.
    #[tool(annotations(read_only_hint = true))]
    async fn get_task(&self, Parameters(GetTask { name }): Parameters<GetTask>) -> Answer {
        let snapshot = self.client.snapshot().await;
        let found = tasks(&snapshot).into_iter().find(|task| task.metadata.name == name);
        match (found, snapshot.why_blind()) {
            (Some(task), _) => Ok(say(&task)),
            (None, Some(why)) => Err(Refusal::new("unknown", why, "try again later")),
            (None, None) => {
                let message = format!("there is no task `{name}`");
                Err(Refusal::new("not_found", message, "see their names with list_tasks"))
            }
        }
    }

    /// Says of each path whether you may change it: `mine`, `free` (acquire it first) or `refused`,
    /// and then who holds it until when.
    #[tool(annotations(read_only_hint = true))]
    async fn check_locks(&self, Parameters(Paths { paths }): Parameters<Paths>) -> Answer {
        let judged = self.client.check_paths(&self.own()?, &paths).await?;
        Ok(say(&json!({ "paths": judged })))
    }

    /// Adds paths to what you hold: all of them or none. Do it before you change a file that your task
    /// does not name.
    #[tool]
    async fn acquire_locks(&self, Parameters(asked): Parameters<Acquire>) -> Answer {
        if asked.paths.is_empty() {
            return Err(Refusal::of_arguments("no path is named"));
        }
        let own = self.own()?;
        taken(self.client.acquire_own(&own, &asked.paths, Some(&asked.reason)).await?)
    }

    /// Gives back paths that you acquired. Those of your task itself stay yours.
    #[tool]
    async fn release_locks(&self, Parameters(Release { paths }): Parameters<Release>) -> Answer {
        let which = if paths.is_empty() { Which::All } else { Which::Paths(paths) };
        let changed = self.client.release_own(&self.own()?, &which).await?;
        Ok(say(&json!({ "released": !changed.is_empty() })))
    }

    /// Says how far you are. Call it after each step.
    #[tool]
    async fn report_progress(&self, Parameters(said): Parameters<Progress>) -> Answer {
        let steps = (said.done, said.total);
        Ok(say(&self.client.say_progress(&self.own()?, steps, &said.note).await?))
    }

    /// Asks a person. If you can go on without the answer, do not block: it comes as a message, which
    /// `read_messages` returns.
    #[tool]
    async fn request_input(&self, Parameters(asked): Parameters<Ask>) -> Answer {
        let own = self.own()?;
        let number = self.client.ask_person(&own, &asked.question, &asked.options)?;
        let answer = if asked.blocking {
            self.client.answer_within(&own, number, within(asked.wait_seconds)).await?
        } else {
            None
        };
        let next = answer.is_none().then_some("the answer comes as a message: read_messages");
        Ok(say(&json!({ "question": number, "answer": answer, "next": next })))
    }

    /// Returns what people said to you since you read last, answers to your questions among it.
    #[tool]
    async fn read_messages(&self, Parameters(Read { wait_seconds }): Parameters<Read>) -> Answer {
        let messages = self.client.messages_within(&self.own()?, within(wait_seconds)).await?;
        Ok(say(&json!({ "messages": messages })))
    }

    /// Says that your task is done. Everything in your worktree must be committed; verification comes
    /// after it. End then.
    #[tool]
    async fn complete_task(&self, Parameters(said): Parameters<Complete>) -> Answer {
        let Complete { summary, evidence } = said;
        self.end(Outcome::Completed, &summary, &evidence).await
    }

    /// Says that you cannot do your task, and why. End then.
    #[tool]
    async fn fail_task(&self, Parameters(said): Parameters<Fail>) -> Answer {
        let Fail { reason, retryable } = said;
        self.end(Outcome::Failed { retryable }, &reason, &[]).await
    }

    /// Records a decision of yours: what was to be decided, what you chose and why.
    #[tool]
    async fn record_decision(&self, Parameters(said): Parameters<Decide>) -> Answer {
        let own = self.own()?;
        let tasks = said.tasks.iter().map(|one| name(one)).collect::<Result<_, _>>()?;
        let Decide { question, options, choice, why, .. } = &said;
        let words = Decided { question, options, choice, why };
        let decided = self.client.record_decision(&own, words, said.confidence, tasks).await?;
        Ok(say(&decided))
    }

    /// Proposes a new task. It waits for a person, unless the policy accepts proposals at once.
    #[tool]
    async fn propose_task(&self, Parameters(asked): Parameters<Propose>) -> Answer {
        let own = self.own()?;
        let name = name(&asked.name)?;
        let why = asked.why.clone();
        let text = task_text(&name, &spec_of(asked));
        let answer = match self.client.propose(&own, (&name, &text), &why).await? {
            Proposed::Accepted(edited) => {
                json!({ "task": name, "outcome": "accepted", "commit": edited.commit })
            }
            Proposed::Waits { why } => {
                json!({ "task": name, "outcome": "proposed", "waitsBecause": why })
            }
        };
        Ok(say(&answer))
    }

    /// Returns the attempt that this server is part of; it is looked up each time, because it may end.
    fn own(&self) -> Result<OwnAttempt, Refusal> {
        self.client.own_attempt().map_err(|error| Refusal::of_stranger(&error))
    }

    async fn end(&self, outcome: Outcome, words: &str, evidence: &[String]) -> Answer {
        let said = (outcome, Source::Mcp);
        let stands = self.client.say_ended(&self.own()?, said, words, evidence).await?;
        ended(outcome, &stands)
    }
}

fn within(seconds: u64) -> Duration {
    Duration::from_secs(seconds.min(WAIT_MAX))
}

fn name(text: &str) -> Result<TaskName, Refusal> {
    text.parse().map_err(|why| Refusal::of_arguments(&format!("`{text}` names no task: {why}")))
}

/// Returns what of a task stands in a list.
fn row(task: &TaskView) -> Value {
    let (spec, status) = (task.spec.as_ref(), &task.status);
    json!({
        "name": task.metadata.name,
        "title": spec.map(|spec| &spec.title),
        "priority": spec.map(|spec| spec.priority),
        "files": spec.map(|spec| &spec.files),
        "dependencies": spec.map(|spec| &spec.dependencies),
        "state": status.state,
        "reason": status.reason,
        "message": status.message,
        "worker": status.worker,
        "branch": status.branch,
    })
}

fn spec_of(asked: Propose) -> Value {
    let list = |values: Vec<String>| (!values.is_empty()).then(|| json!(values));
    spec([
        ("title", asked.title.map(Value::from)),
        ("type", asked.r#type.map(Value::from)),
        ("class", asked.class.map(Value::from)),
        ("priority", asked.priority.map(Value::from)),
        ("dependencies", list(asked.dependencies)),
        ("files", list(asked.files)),
        ("requiredSkills", list(asked.required_skills)),
        ("prompt", asked.prompt.map(Value::from)),
        ("command", asked.command.map(Value::from)),
        ("verify", asked.verify.map(Value::from)),
    ])
}
