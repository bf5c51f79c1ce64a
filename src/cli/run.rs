//! `run`: the loop itself, in the foreground. What happens is told as it happens, one line each.

use crate::api::event::{Event, EventKind};
use crate::client::{Client, Environment};
use clap::{Args, ValueEnum};
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Make what is committed so, and keep it so, until Ctrl-C. Workers go on when the loop ends, and
/// are adopted when it runs again.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Do what is to be done now, then end; workers go on.
    #[arg(long, conflicts_with = "until")]
    once: bool,
    /// End when nothing runs any more, and nothing will without somebody's doing.
    #[arg(long)]
    until: Option<Until>,
    /// An empty `state/` is meant: delete all tasks.
    #[arg(long)]
    allow_empty: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Until {
    Settled,
}

impl Run {
    pub(super) async fn run(
        self,
        directory: &Path,
        environment: Environment,
    ) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let client = Client::open(directory, environment).await?;
        let until = match (self.once, self.until) {
            (true, _) => crate::engine::Until::Once,
            (false, Some(Until::Settled)) => crate::engine::Until::Settled,
            (false, None) => crate::engine::Until::Stopped,
        };
        let empty = if self.allow_empty {
            crate::plan::observed::EmptyState::Meant
        } else {
            crate::plan::observed::EmptyState::Doubted
        };
        let stop = told_to_end()?;
        let end = client
            .run(until, empty, stop, |tick, events| {
                for event in events {
                    say(event);
                }
                if !tick.deeds.is_empty() {
                    tracing::debug!(?tick.deeds);
                }
                ControlFlow::Continue(())
            })
            .await?;
        for (name, task) in &end.report.tasks {
            writeln!(
                std::io::stdout(),
                "{name:12} {:12} {:18} {}",
                task.state,
                task.reason,
                task.message
            )?;
        }
        for notice in &end.report.notices {
            writeln!(std::io::stdout(), "{notice}")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns what is done when somebody wants the loop to end: Ctrl-C, a service manager, or a
/// terminal that closes.
///
/// # Errors
/// When the system takes no more signals.
fn told_to_end() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupted.recv() => {}
            _ = terminated.recv() => {}
            _ = hung_up.recv() => {}
        }
    })
}

fn say(event: &Event) {
    let mark = match event.kind {
        EventKind::Normal => " ",
        EventKind::Warning => "!",
    };
    let line = format!(
        "{}{mark} {:22} {:16} {}",
        event.time.strftime("%H:%M:%S%.3f"),
        event.object,
        event.reason,
        event.message
    );
    writeln!(std::io::stdout(), "{line}").ok();
}
