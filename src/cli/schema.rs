//! `reconciler schema`: the JSON Schema of a kind.

use super::say::{self, Done};
use crate::api::{Kind, schema};
use clap::Args;
use std::process::ExitCode;

/// Print the JSON Schema of a kind of state file.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler schema task > state/schema/task.v1alpha1.json")]
pub(super) struct Schema {
    /// Which; all of them, one JSON text after the other, without it
    #[arg(value_parser = ["task", "worker", "agent", "policy"])]
    kind: Option<String>,
}

impl Schema {
    pub(super) fn run(&self) -> Done {
        let wanted = |kind: &Kind| self.kind.as_ref().is_none_or(|word| word == kind.word());
        for kind in Kind::ALL.into_iter().filter(wanted) {
            say::out(schema::text_of(kind).trim_end())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
