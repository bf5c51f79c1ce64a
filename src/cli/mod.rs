//! The command line: reads arguments, starts what they name and turns its answer into an exit code.
//! It decides nothing about tasks.

mod demo;
mod run;
mod shim;

use clap::{Parser, Subcommand};
use std::io::Write as _;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "reconciler", version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Demo),
    Run(run::Run),
    Shim(shim::Shim),
}

/// Runs what the arguments ask for.
pub fn main() -> ExitCode {
    let done = match Arguments::parse().verb {
        Verb::Demo(_) => {
            let environment = crate::client::Environment {
                program: std::env::current_exe().unwrap_or_default(),
                variables: std::env::vars().collect(),
            };
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .expect("rt")
                .block_on(demo::Demo::run(environment))
        }
        Verb::Run(run) => {
            let environment = crate::client::Environment {
                program: std::env::current_exe().unwrap_or_default(),
                variables: std::env::vars().collect(),
            };
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .expect("rt")
                .block_on(run.run(std::path::Path::new("."), environment))
        }
        Verb::Shim(shim) => shim.run(),
    };
    done.unwrap_or_else(|error| complain(error.as_ref()))
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
