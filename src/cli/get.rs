//! `reconciler get`: objects of one type, as a table or for programs.

use super::context::{Context, Output};
use super::exit::{Code, Failure};
use super::listing::{Columns, Item, Listing, list};
use super::print::{self, Long};
use super::reference::{self, Selector, Type};
use super::watch::{self, Watched};
use crate::client::Snapshot;
use clap::Args;
use serde_json::{Value, json};
use std::process::ExitCode;

/// List tasks, workers, agents, the policy, events, attempts or locks.
#[derive(Debug, Args)]
#[command(override_usage = "reconciler get [FLAGS] TYPE [NAME...]")]
#[command(after_help = "\
Types: tasks (task, tk), workers (worker, wk), agents, policy, events (ev), attempts, locks (lk).
Who needs a person comes first. Names of events, attempts and locks are those of their tasks.

Examples:
  reconciler get tasks                     every task, and why it is where it is
  reconciler get tasks --status failed     only those that failed
  reconciler get task/fix-login -o json    all that is known of one
  reconciler get workers -w                who does what, again each second")]
pub(super) struct Get {
    /// What to list: `tasks`, `task NAME...` or `task/NAME...`.
    #[arg(required = true, value_name = "TYPE")]
    what: Vec<String>,
    /// Only objects with these labels: key=value, key!=value, key; joined by commas.
    #[arg(short = 'l', long, value_name = "LABELS")]
    selector: Option<Selector>,
    /// Only tasks of these, as in the columns STATUS and STATE: suspended, failed.
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    status: Vec<String>,
    /// Look again each second; in a pipe, print what changed.
    #[arg(short, long)]
    watch: bool,
}

impl Get {
    /// Lists the locks.
    pub(super) fn locks() -> Self {
        Self { what: vec!["locks".to_owned()], selector: None, status: Vec::new(), watch: false }
    }

    /// Runs the verb.
    pub(super) fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        let (kind, names) = reference::parse(&self.what)?;
        if !self.status.is_empty() && kind != Type::Task {
            return Err(Failure::usage("only tasks have a status to choose by"));
        }
        let wish = Wish { kind, names, selector: self.selector, status: self.status };
        let watched = if self.watch { Watched::again(context) } else { Watched::Once };
        let mut seen = Vec::new();
        let screen = |snapshot: &Snapshot| {
            let listing = wish.choose(list(kind, snapshot, columns(context))?, snapshot)?;
            if watched == Watched::Changes {
                return draw_changes(&listing, &mut seen, context);
            }
            let blind = wish.why_blind(snapshot).filter(|_| listing.items.is_empty());
            if let (Watched::Once, Some(why)) = (watched, blind) {
                // An empty list would say that there are none.
                let message = format!("cannot tell which {} there are: {why}", kind.plural());
                return Err(Failure::new(message));
            }
            wish.draw(&listing, snapshot, context)
        };
        Context::block_on(async {
            let client = context.client().await?;
            watch::show(&client, context, watched, screen).await?;
            Ok(Code::Success.into())
        })
    }
}

fn columns(context: &Context) -> Columns {
    if context.output == Output::Wide { Columns::All } else { Columns::Few }
}

/// Which objects are wanted.
struct Wish {
    kind: Type,
    names: Vec<String>,
    selector: Option<Selector>,
    status: Vec<String>,
}

impl Wish {
    /// Leaves what is wanted, and refuses names that do not exist.
    fn choose(&self, mut listing: Listing, snapshot: &Snapshot) -> Result<Listing, Failure> {
        let is_called = |item: &Item, name: &String| item.name == *name || item.also.contains(name);
        for name in &self.names {
            if !listing.items.iter().any(|item| is_called(item, name)) {
                let names = listing
                    .items
                    .iter()
                    .flat_map(|item| [&item.name].into_iter().chain(&item.also));
                let known: Vec<&str> = names.map(String::as_str).collect();
                return Err(reference::unknown(self.kind, name, &known, snapshot));
            }
        }
        listing.items.retain(|item| {
            let named =
                self.names.is_empty() || self.names.iter().any(|name| is_called(item, name));
            let labelled = self.selector.as_ref().is_none_or(|one| one.matches(&item.labels));
            let status = item.status.as_ref();
            let fits = |word: &String| status.is_some_and(|status| status.is_called(word));
            named && labelled && (self.status.is_empty() || self.status.iter().any(fits))
        });
        Ok(listing)
    }

    /// Returns why it cannot be told which objects there are, if so.
    fn why_blind<'a>(&self, snapshot: &'a Snapshot) -> Option<&'a str> {
        match self.kind {
            Type::Event => snapshot.events.why_unknown(),
            Type::Lock => snapshot.observed.claims.why_unknown(),
            Type::Task | Type::Worker | Type::Agent | Type::Policy | Type::Attempt => {
                snapshot.why_blind()
            }
        }
    }

    fn draw(
        &self,
        listing: &Listing,
        snapshot: &Snapshot,
        context: &Context,
    ) -> Result<String, Failure> {
        match context.output {
            Output::Json => print::json(&self.json(listing, snapshot)),
            Output::Name => Ok(self.names_of(listing)),
            Output::Table | Output::Wide if listing.items.is_empty() => {
                context.note(&self.nothing(snapshot));
                Ok(String::new())
            }
            Output::Table | Output::Wide => {
                // The policy is one object in many lines.
                let long = if self.kind == Type::Policy { Long::Wrap } else { Long::Cut };
                Ok(listing.table().draw(context.look, long, 0))
            }
        }
    }

    /// Returns one object when one was asked for by name, and a list otherwise.
    fn json(&self, listing: &Listing, snapshot: &Snapshot) -> Value {
        if let ([_], [item], true) =
            (self.names.as_slice(), listing.items.as_slice(), self.has_own_names())
        {
            return item.json.clone();
        }
        let items: Vec<&Value> = listing.items.iter().map(|item| &item.json).collect();
        json!({
            "apiVersion": crate::api::API_VERSION,
            "kind": "List",
            "metadata": { "revision": snapshot.revision() },
            "items": items,
        })
    }

    /// Returns whether a name is of one object, and not of all that belongs to it.
    fn has_own_names(&self) -> bool {
        match self.kind {
            Type::Task | Type::Worker | Type::Agent | Type::Policy | Type::Lock => true,
            Type::Event | Type::Attempt => false,
        }
    }

    fn names_of(&self, listing: &Listing) -> String {
        let line = |item: &Item| match self.kind {
            Type::Event => format!("{}\n", print::printable(&item.name)),
            Type::Task | Type::Worker | Type::Agent | Type::Policy | Type::Attempt | Type::Lock => {
                format!("{}/{}\n", self.kind.word(), item.name)
            }
        };
        listing.items.iter().map(line).collect()
    }

    /// Says why there is nothing to list, and what to do.
    fn nothing(&self, snapshot: &Snapshot) -> String {
        let (plural, source) = (self.kind.plural(), snapshot.source());
        if !self.status.is_empty() {
            return format!("no task has status {}", self.status.join(" or "));
        }
        if self.selector.is_some() {
            return format!("no {plural} with these labels at {source}");
        }
        match self.kind {
            Type::Task => format!("no tasks at {source}; make one: reconciler new task NAME"),
            Type::Worker => format!("no workers at {source}; make one: reconciler new worker NAME"),
            Type::Agent | Type::Policy => format!("no {plural} at {source}"),
            Type::Event => "no events yet: nothing has happened".to_owned(),
            Type::Attempt => "no attempts yet: no task has been started".to_owned(),
            Type::Lock => "no locks: nobody holds a file".to_owned(),
        }
    }
}

/// Draws the objects that changed since the last look.
fn draw_changes(
    listing: &Listing,
    seen: &mut Vec<Value>,
    context: &Context,
) -> Result<String, Failure> {
    let is_first = seen.is_empty();
    let changed = |item: &&Item| !seen.contains(&item.json);
    let items: Vec<Item> = listing.items.iter().filter(changed).cloned().collect();
    let text = match context.output {
        Output::Json => {
            let lines = items.iter().map(|item| serde_json::to_string(&item.json));
            lines.map(|line| Ok(line? + "\n")).collect::<Result<_, Failure>>()?
        }
        Output::Name => items.iter().map(|item| item.name.clone() + "\n").collect(),
        Output::Table | Output::Wide => {
            let header = if is_first { listing.header.clone() } else { Vec::new() };
            let news = Listing { header, items };
            if news.items.is_empty() {
                String::new()
            } else {
                news.table().draw(context.look, Long::Cut, 0)
            }
        }
    };
    *seen = listing.items.iter().map(|item| item.json.clone()).collect();
    Ok(text)
}
