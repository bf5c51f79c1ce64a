//! `reconciler events`: what happened, oldest first.

use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::listing::event_row;
use super::print::{Long, Table, json, printable};
use super::reference;
use super::watch::{self, Watched};
use crate::api::event::Event;
use crate::client::Snapshot;
use clap::Args;
use jiff::Timestamp;
use std::process::ExitCode;

/// Show what happened, oldest first.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler events --for task/fix-login    the history of one task
  reconciler events -f                      stay, and show what happens")]
pub(super) struct Events {
    /// Only of this object.
    #[arg(long = "for", value_name = "TYPE/NAME")]
    object: Option<String>,
    /// Stay, and show what happens.
    #[arg(short, long)]
    follow: bool,
}

impl Events {
    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let object = self.object.as_deref().map(canonical).transpose()?;
        // What was printed stays where it is, on a terminal too.
        let watched = if self.follow { Watched::Changes } else { Watched::Once };
        let mut shown = Shown { last: None, is_follow: self.follow };
        Context::block_on(async {
            let client = context.client().await?;
            watch::show(&client, context, watched, |snapshot| {
                shown.draw(snapshot, object.as_deref(), context)
            })
            .await?;
            Ok(Code::Success.into())
        })
    }
}

/// Returns an object's name as events have it; a name alone is that of a task.
fn canonical(text: &str) -> Result<String, Failure> {
    if !text.contains('/') {
        return Ok(format!("task/{text}"));
    }
    let (kind, names) = reference::parse(&[text.to_owned()])?;
    Ok(format!("{}/{}", kind.word(), names.concat()))
}

/// How far events were shown.
struct Shown {
    last: Option<Event>,
    is_follow: bool,
}

impl Shown {
    fn draw(
        &mut self,
        snapshot: &Snapshot,
        object: Option<&str>,
        context: &Context,
    ) -> Result<String, Failure> {
        if let Some(why) = snapshot.events.why_unknown() {
            return Err(Failure::new(format!("what happened cannot be read: {why}")));
        }
        let events = self.news(snapshot.events_of(object));
        let is_first = self.last.is_none();
        self.last = events.last().copied().cloned().or(self.last.take());
        if events.is_empty() && is_first && context.output != Output::Json {
            if !self.is_follow {
                context.note("no events yet: nothing has happened");
            }
            return Ok(String::new());
        }
        let now = snapshot.now();
        match context.output {
            Output::Json if self.is_follow => {
                let lines = events.iter().map(|event| Ok(serde_json::to_string(event)? + "\n"));
                lines.collect()
            }
            Output::Json => json(&serde_json::json!({
                "apiVersion": crate::api::API_VERSION,
                "kind": "List",
                "metadata": { "revision": snapshot.revision() },
                "items": events,
            })),
            Output::Name => {
                Ok(events.iter().map(|event| printable(&event.object) + "\n").collect())
            }
            Output::Table | Output::Wide => {
                let header = ["LAST", "TYPE", "OBJECT", "REASON", "MESSAGE"];
                let header = if is_first { header.to_vec() } else { Vec::new() };
                let rows = events.iter().map(|event| self.row(event, now)).collect();
                Ok(Table { header, rows }.draw(context.look, Long::Cut, 0))
            }
        }
    }

    /// Returns what came after the last one that was shown.
    fn news<'a>(&self, events: Vec<&'a Event>) -> Vec<&'a Event> {
        let Some(last) = &self.last else { return events };
        let after = match events.iter().rposition(|event| *event == last) {
            Some(at) => at + 1,
            None => events.iter().take_while(|event| event.time <= last.time).count(),
        };
        events.get(after..).unwrap_or_default().to_vec()
    }

    /// Returns an event as a row; lines that stay on the screen need the time itself.
    fn row(&self, event: &Event, now: Timestamp) -> super::print::Row {
        let mut row = event_row(event, now);
        if let (true, Some(last)) = (self.is_follow, row.cells.first_mut()) {
            *last = format!("{:.0}", event.time);
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::view::scene::{NOW, Scene};

    #[test]
    fn only_news_is_shown_again() {
        let mut scene = Scene::new().event("task/a", "Claimed", "claimed for shell-1");
        let first = scene.snapshot();
        let mut shown = Shown { last: None, is_follow: true };
        assert_eq!(shown.news(first.events_of(None)).len(), 1);
        shown.last = first.events_of(None).last().copied().cloned();
        assert!(shown.news(first.events_of(None)).is_empty());
        scene = scene.event("task/a", "SessionStarted", "started session a");
        let second = scene.snapshot();
        let news = shown.news(second.events_of(None));
        assert_eq!(
            news.iter().map(|event| event.reason.as_str()).collect::<Vec<_>>(),
            ["SessionStarted"]
        );
        assert_eq!(shown.row(news[0], NOW).cells[0], "2026-01-14T12:00:00Z");
    }

    #[test]
    fn a_name_alone_is_that_of_a_task() {
        assert_eq!(canonical("a").unwrap(), "task/a");
        assert_eq!(canonical("wk/a").unwrap(), "worker/a");
    }
}
