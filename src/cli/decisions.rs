//! `reconciler decide` and `decisions`: what workers decided, and why. Nothing is done because of it.

use super::context::{Context, Output};
use super::exit::Code;
use super::print::{self, Long, Row, Table, Tone};
use super::say::Done;
use crate::api::decision::Decision;
use crate::api::name::TaskName;
use crate::client::Decided;
use clap::Args;
use jiff::SignedDuration;
use serde_json::json;

/// Record what you decided and why: a worker, of its own task.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  reconciler decide '429 or 503 on burst?' --choice 429 --why 'RFC 6585' --confidence 80")]
pub(super) struct Decide {
    /// What was to be decided
    question: String,
    /// What you chose
    #[arg(long, value_name = "TEXT")]
    choice: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// What could have been chosen; may be given several times
    #[arg(long, value_name = "TEXT")]
    option: Vec<String>,
    /// How sure you are, in percent
    #[arg(long, value_name = "PERCENT")]
    confidence: Option<u8>,
    /// A task that came of it; may be given several times
    #[arg(long, value_name = "TASK")]
    task: Vec<TaskName>,
}

/// Show what workers decided, oldest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler decisions --since 7d
  reconciler decisions -o json")]
pub(super) struct Decisions {
    /// Only of this last time, as 90m, 12h or 7d
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<SignedDuration>,
}

/// Reads a time, as `7d`.
fn time(text: &str) -> Result<SignedDuration, String> {
    let unit = |text: &str| match text {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(86_400),
        "w" => Some(7 * 86_400),
        _ => None,
    };
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let seconds = text.strip_prefix(digits).and_then(unit);
    let number: Option<i64> = digits.parse().ok().filter(|number| *number >= 0);
    let seconds = number.zip(seconds).and_then(|(number, unit)| number.checked_mul(unit));
    let seconds = seconds.filter(|seconds| *seconds < 1_000_000_000);
    seconds.map(SignedDuration::from_secs).ok_or_else(|| "write it as 90m, 12h or 7d".to_owned())
}

impl Decide {
    pub(super) async fn run(self, context: &Context) -> Done {
        let client = context.client().await?;
        let own = client.own_attempt()?;
        let Self { question, option: options, choice, why, .. } = &self;
        let words = Decided { question, options, choice, why };
        let decision = client.record_decision(&own, words, self.confidence, self.task.clone())?;
        match context.output {
            Output::Json => print::out(&print::json(&decision)?)?,
            Output::Table | Output::Wide | Output::Name => context.note("recorded"),
        }
        Ok(Code::Success.into())
    }
}

impl Decisions {
    pub(super) async fn run(self, context: &Context) -> Done {
        let all = context.client().await?.decisions(self.since)?;
        match context.output {
            Output::Json => print::out(&print::json(&json!(all))?)?,
            Output::Name => {
                let names = all.iter().map(|one| format!("task/{}\n", one.attempt.owner.task));
                print::out(&names.collect::<String>())?;
            }
            Output::Table | Output::Wide if all.is_empty() => context.note("no decisions yet"),
            Output::Table | Output::Wide => {
                let header = vec!["AT", "TASK", "WORKER", "SURE", "QUESTION", "CHOICE", "WHY"];
                let rows = all.iter().map(row).collect();
                print::out(&Table { header, rows }.draw(context.look, Long::Cut, 0))?;
            }
        }
        Ok(Code::Success.into())
    }
}

fn row(one: &Decision) -> Row {
    let cells = vec![
        one.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        one.attempt.to_string(),
        one.seat.to_string(),
        one.confidence.map_or_else(|| "-".to_owned(), |percent| format!("{percent}%")),
        one.question.clone(),
        one.choice.clone(),
        print::or_dash(one.why.clone()),
    ];
    Row { tone: Tone::Plain, cells }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!(time("7d"), Ok(SignedDuration::from_hours(7 * 24)));
        assert_eq!(time("90m"), Ok(SignedDuration::from_mins(90)));
        for wrong in ["", "7", "d", "-7d", "7y", "7 d", "9999999999999999999d", "99999999w"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
