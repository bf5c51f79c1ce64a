//! `reconciler serve`: our locks for programs that speak another protocol, until Ctrl-C. It says once
//! how they are told where to find them.

use super::context::{Context, Output};
use super::exit::Failure;
use super::print;
use super::run::stop;
use super::say::{self, Done};
use crate::client::Client;
use crate::serve::{Server, Token};
use clap::{Args, Subcommand};
use serde_json::json;
use std::net::SocketAddr;
use std::process::ExitCode;

/// The variable that holds the token.
const TOKEN: &str = "RECONCILER_LFS_TOKEN";

/// Serve the locks to other programs: git lfs lock, locks and unlock.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reconciler serve lfs-locks --listen 127.0.0.1:4290")]
pub(super) struct Serve {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Let git-lfs lock files here: git lfs lock, locks, unlock, and the look at locks before a push.
    ///
    /// A file locked so is held as by `locks acquire`: hooks refuse everybody else's commits of it, it
    /// lapses unless renewed, and each push renews it. It belongs to the user name that git has for
    /// the server; the password is a token, the same for all. Whoever can read that is trusted to be who
    /// they say: it is for the people of one machine, and the server listens there alone. Hooks know
    /// people by git's user.name: let the user name be the same.
    ///
    /// git-lfs has one server for locks and objects. Who has no LFS objects needs no other; who has
    /// tells us by --objects where they are, and git-lfs is sent on. Patterns of tasks are listed as
    /// they are written; git-lfs compares names alone, our hooks know the rest. Where our hooks are
    /// installed already: git lfs update --force, then reconciler hooks install.
    #[command(after_help = "\
The token is taken from RECONCILER_LFS_TOKEN; without it one is drawn, and said once.

Examples:
  reconciler serve lfs-locks                               at a free port
  RECONCILER_LFS_TOKEN=... reconciler serve lfs-locks --listen 127.0.0.1:4290
  reconciler serve lfs-locks --objects https://git.example.org/shop.git/info/lfs")]
    LfsLocks {
        /// Where to listen: a loopback address; port 0 is any that is free
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
        /// The LFS server that has the objects
        #[arg(long, value_name = "URL", value_parser = web)]
        objects: Option<String>,
    },
}

/// Reads the URL of another server.
fn web(text: &str) -> Result<String, String> {
    let is_web = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    let url = text.trim_end_matches('/').to_owned();
    if is_web { Ok(url) } else { Err("it begins with http:// or https://".to_owned()) }
}

impl Serve {
    pub(super) async fn run(self, context: &Context) -> Done {
        let What::LfsLocks { listen, objects } = self.what;
        if !listen.ip().is_loopback() {
            let what = format!("{listen} is not a loopback address");
            return Err(Failure::usage(what).hint("as in --listen 127.0.0.1:4290, or [::1]:4290"));
        }
        let client = context.holder().await?;
        let chosen = context.environment.variables.get(TOKEN).map(|text| Token::new(text));
        let chosen = chosen.transpose().map_err(|error| {
            Failure::new(format!("{TOKEN}: {error}")).hint("draw one: openssl rand -hex 32")
        })?;
        let drawn = chosen.is_none().then(Token::drawn);
        let token = chosen.or_else(|| drawn.clone()).expect("one is drawn where none was chosen");
        let stop = stop()?;
        let server = Server::bind(listen, token).await?;
        tell(context, &client, (server.address(), drawn.as_ref())).await?;
        server.run(client, objects, stop).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Says where the server is, and what git is to be told.
async fn tell(
    context: &Context,
    client: &Client,
    (address, drawn): (SocketAddr, Option<&Token>),
) -> Result<(), Failure> {
    let url = format!("http://{address}");
    match context.output {
        Output::Json => {
            let token = drawn.map(Token::reveal);
            return print::out(&print::json(&json!({ "url": url, "token": token }))?);
        }
        Output::Name => return print::out(&format!("{url}\n")),
        Output::Table | Output::Wide => {}
    }
    let person = client.person(None).await;
    let user = person.map_or_else(|_| "NAME".to_owned(), |person| person.worker.to_string());
    let root = client.root().display();
    let mut lines = vec![format!("locks of {root} at {url} (Ctrl-C ends it); tell git, once:")];
    lines.extend([
        format!("  git config lfs.url {url}"),
        format!("  git config lfs.{url}.locksverify true"),
        format!("  git config credential.{url}.username {user}"),
        format!("  git config credential.{url}.helper '!f() {{ echo \"password=${TOKEN}\"; }}; f'"),
    ]);
    lines.push("and in each shell, the token:".to_owned());
    lines.push(match drawn {
        Some(token) => format!("  export {TOKEN}={}", token.reveal()),
        None => format!("  export {TOKEN}, as it is here"),
    });
    for line in lines {
        say::out(line)?;
    }
    Ok(())
}
