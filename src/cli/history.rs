//! `reconciler history`: the life of one object, as git and the journal have it, oldest first.

use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::print::{self, Long, Row, Table, Tone, ago, or_dash, printable};
use super::reference::{self, Type};
use super::say::Done;
use crate::api::event::EventKind;
use crate::api::key::Key;
use crate::api::problem::did_you_mean;
use crate::client::{Client, Life, Moment, Snapshot};
use clap::Args;
use jiff::Timestamp;

/// Show the life of one object: its commits, events, attempts, claims and landings, oldest first.
///
/// Commits are for ever, also of an object that is deleted; events and attempts are those that this
/// machine still keeps. What happens now: reconciler events -f.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  reconciler history fix-login         who changed what, when it ran, what became of it
  reconciler history worker/codegen
  reconciler history policy -o json")]
pub(super) struct History {
    /// The object, as NAME or KIND/NAME
    name: String,
}

impl History {
    /// Runs the verb.
    pub(super) async fn run(self, context: &Context) -> Done {
        let keys = keys(&self.name)?;
        let client = context.client().await?;
        let snapshot = client.snapshot().await;
        let Some(life) = first_known(&client, &snapshot, &keys).await? else {
            return Err(unknown(&self.name, &snapshot));
        };
        match context.output {
            Output::Json => print::out(&print::json(&serde_json::json!({
                "apiVersion": crate::api::API_VERSION, "kind": "List",
                "metadata": { "object": life.object, "path": life.path, "unclear": life.unclear },
                "items": life.items,
            }))?)?,
            Output::Name => print::out(&format!("{}\n", life.object))?,
            Output::Table | Output::Wide => {
                print::out(&draw(&life, snapshot.now(), context))?;
                for why in &life.unclear {
                    context.note(&format!("not told: {why}"));
                }
            }
        }
        Ok(Code::Success.into())
    }
}

/// Returns the life of the first of these objects of which anything is known.
async fn first_known(
    client: &Client,
    snapshot: &Snapshot,
    keys: &[Key],
) -> Result<Option<Life>, Failure> {
    for key in keys {
        let life = client.life(snapshot, key).await?;
        if !life.items.is_empty() {
            return Ok(Some(life));
        }
    }
    Ok(None)
}

/// Returns what a name may mean, the likeliest first.
fn keys(text: &str) -> Result<Vec<Key>, Failure> {
    if text == "policy" {
        return Ok(vec![Key::Policy]);
    }
    let usage = |why: String| Failure::usage(format!("`{}` is no name: {why}", printable(text)));
    if !text.contains('/') {
        let task = text.parse().map(Key::Task).map_err(|why| usage(format!("{why}")))?;
        let worker = text.parse().ok().map(Key::Worker);
        let agent = text.parse().ok().map(Key::Agent);
        return Ok([Some(task), worker, agent].into_iter().flatten().collect());
    }
    let (kind, names) = reference::parse(&[text.to_owned()])?;
    let name = names.concat();
    let key = match kind {
        Type::Task => name.parse().map(Key::Task).map_err(|why| usage(format!("{why}"))),
        Type::Worker => name.parse().map(Key::Worker).map_err(|why| usage(format!("{why}"))),
        Type::Agent => name.parse().map(Key::Agent).map_err(|why| usage(format!("{why}"))),
        Type::Policy => Ok(Key::Policy),
        Type::Event | Type::Attempt | Type::Lock => {
            Err(Failure::usage(format!("{} have no file, so no history", kind.plural()))
                .hint("known are task/NAME, worker/NAME, agent/NAME and policy"))
        }
    };
    Ok(vec![key?])
}

fn unknown(name: &str, snapshot: &Snapshot) -> Failure {
    let failure = Failure::new(format!("nothing was ever called `{}` here", printable(name)));
    let name = name.rsplit('/').next().unwrap_or(name);
    let tasks = snapshot.desired.known().into_iter().flat_map(|desired| desired.tasks.keys());
    match did_you_mean(name, tasks.map(crate::api::name::TaskName::as_str)) {
        Some(near) => failure.hint(format!("did you mean `{near}`?")),
        None => failure.hint("see what there is: reconciler get tasks"),
    }
}

fn draw(life: &Life, now: Timestamp, context: &Context) -> String {
    let rows = life.items.iter().map(|one| row(one, now)).collect();
    let header = vec!["LAST", "WHO", "WHAT", "MESSAGE"];
    Table { header, rows }.draw(context.look, Long::Wrap, 0)
}

fn row(one: &Moment, now: Timestamp) -> Row {
    let tone = match one.kind {
        EventKind::Normal => Tone::Plain,
        EventKind::Warning => Tone::Waiting,
    };
    let fields = one.fields.iter().map(super::diff::of_field);
    let message = std::iter::once(one.message.clone()).chain(fields).collect::<Vec<_>>().join("; ");
    let who = or_dash(one.who.clone().unwrap_or_default());
    Row { tone, cells: vec![ago(Some(one.time), now), who, one.reason.clone(), message] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_alone_is_a_task_or_a_worker_or_an_agent() {
        let words = |text| keys(text).unwrap().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(words("a"), ["task/a", "worker/a", "agent/a"]);
        assert_eq!(
            (words("wk/a"), words("policy")),
            (vec!["worker/a".into()], vec!["policy".into()])
        );
        assert!(keys("lock/a").is_err() && keys("A b").is_err());
    }
}
