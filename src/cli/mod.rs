//! The command line: reads arguments, starts what they name and turns its answer into an exit code.
//! It decides nothing about tasks.

mod check;
mod completion;
mod delete;
mod diff;
mod doctor;
mod editing;
mod init;
mod new;
mod say;
mod schema;
mod shim;
mod suspend;
mod trust;

use clap::{Parser, Subcommand};
use say::{Done, Say};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "reconciler", version, about)]
struct Arguments {
    /// Work on the repository of this directory
    #[arg(short = 'C', long = "repo", global = true, value_name = "DIR", default_value = ".")]
    #[arg(hide_default_value = true)]
    repo: PathBuf,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Init(init::Init),
    Doctor(doctor::Doctor),
    Trust(trust::Trust),
    Diff(diff::Diff),
    New(new::New),
    Suspend(suspend::Suspend),
    Resume(suspend::Resume),
    Delete(delete::Delete),
    Check(check::Check),
    Schema(schema::Schema),
    Completion(completion::Completion),
    Shim(shim::Shim),
}

/// Runs what the arguments ask for.
pub fn main() -> ExitCode {
    let Arguments { repo, verb } = Arguments::parse();
    let done = match verb {
        Verb::Shim(shim) => shim.run(),
        verb => Say::new(repo).map_err(Into::into).and_then(|say| start(verb, &say)),
    };
    done.unwrap_or_else(|error| complain(error.as_ref()))
}

fn start(verb: Verb, say: &Say) -> Done {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match verb {
            Verb::Init(verb) => verb.run(say).await,
            Verb::Doctor(verb) => verb.run(say).await,
            Verb::Trust(verb) => verb.run(say).await,
            Verb::Diff(verb) => verb.run(say).await,
            Verb::New(verb) => verb.run(say).await,
            Verb::Suspend(verb) => verb.run(say).await,
            Verb::Resume(verb) => verb.run(say).await,
            Verb::Delete(verb) => verb.run(say).await,
            Verb::Check(verb) => verb.run(say).await,
            Verb::Schema(verb) => verb.run(),
            Verb::Completion(verb) => verb.run(),
            Verb::Shim(verb) => verb.run(),
        }
    })
}

fn complain(error: &dyn std::error::Error) -> ExitCode {
    let mut text = format!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    // Nobody is left to complain to when this fails.
    writeln!(std::io::stderr(), "{text}").ok();
    ExitCode::FAILURE
}
