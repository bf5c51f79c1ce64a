//! Driver of GitHub: project boards by GraphQL, issues and refs by REST. It re-sends nothing by itself
//! that could be done twice, and an answer that it did not get is unknown, never a failure.

mod batch;
mod claims;
mod documents;
mod envelope;
mod issues;
mod items;
mod pace;
mod project;
mod pulls;
mod send;
mod views;

pub use batch::{Change, Done};
pub use claims::{Grip, Home};
pub use documents::{CHANGES, DOCUMENTS, batch_document};
pub use issues::{Found, Listing};
pub use pace::{Limits, Pace};
pub use project::{Budget, Owner, Project, Write};
pub use pulls::Pulls;
pub use send::Github;
pub use views::{Layout, View};

use std::fmt;
use std::time::Duration;

/// Where GitHub is, as its REST address: `https://api.github.com`, or `https://HOST/api/v3` of a GitHub
/// Enterprise Server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server(String);

impl Server {
    /// Returns github.com.
    pub fn dotcom() -> Self {
        Self("https://api.github.com".to_owned())
    }

    /// Reads an address, as the variable `GITHUB_API_URL` has it.
    ///
    /// # Errors
    /// When it is not the address of a server: then no token is sent anywhere.
    pub fn parse(address: &str) -> Result<Self, Error> {
        let address = address.trim_end_matches('/');
        let rest = address.strip_prefix("https://");
        // Without encryption only to this machine: that is how it is tried.
        let rest = rest.or_else(|| address.strip_prefix("http://127.0.0.1"));
        match rest {
            Some(rest) if !rest.is_empty() && !rest.contains(['@', '?', '#', ' ']) => {
                Ok(Self(address.to_owned()))
            }
            Some(_) | None => Err(Error::Address(address.to_owned())),
        }
    }

    fn rest(&self) -> &str {
        &self.0
    }

    /// Returns the base to which `/graphql` is appended.
    fn graphql(&self) -> &str {
        self.0.strip_suffix("/v3").unwrap_or(&self.0)
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A secret that is never shown.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Takes a token as its variable has it; `None` when that is empty.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why GitHub did not do what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address is none.
    #[error(
        "`{0}` is not the address of a GitHub API: GITHUB_API_URL is as https://api.github.com or \
         https://HOST/api/v3"
    )]
    Address(String),
    /// Whether it was done is not known: no answer came, or none that says so.
    #[error("GitHub gave no answer that can be understood: {0}")]
    Unknown(String),
    /// It was asked too much. Nothing was done.
    #[error("GitHub asks to wait for {} s", .0.as_secs())]
    Limited(Duration),
    /// It was too much at once: some of it may be done.
    #[error("GitHub found it too much for one request")]
    TooMuch,
    /// The token is not valid.
    #[error("GitHub does not accept the token: it is not valid, or has expired")]
    Unauthorized,
    /// The token may not do that.
    #[error("the token may not do that: {said}{}", needed(.permissions.as_deref()))]
    Forbidden {
        /// What GitHub said.
        said: String,
        /// The permissions that would do, if GitHub named them.
        permissions: Option<String>,
    },
    /// It is not there, or may not be seen.
    #[error("{0} is not there, or the token may not see it")]
    NotFound(String),
    /// GitHub refuses it, and will again.
    #[error("GitHub refuses it: {0}")]
    Refused(String),
    /// It has another name by now.
    #[error("it was renamed, GitHub says: {0}")]
    Renamed(String),
}

fn needed(permissions: Option<&str>) -> String {
    permissions.map(|one| format!(" (it needs {one})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_only_to_an_encrypted_address_or_to_this_machine() {
        for good in
            ["https://api.github.com/", "https://git.example.com/api/v3", "http://127.0.0.1:80"]
        {
            Server::parse(good).unwrap();
        }
        for bad in ["http://api.github.com", "https://", "api.github.com", "https://a@b", ""] {
            Server::parse(bad).unwrap_err();
        }
        let server = Server::parse("https://git.example.com/api/v3").unwrap();
        assert_eq!(server.graphql(), "https://git.example.com/api");
        assert_eq!(Server::dotcom().graphql(), "https://api.github.com");
    }

    #[test]
    fn a_token_is_not_shown() {
        assert_eq!(format!("{:?}", Token::new(" secret ")), "Some(Token(..))");
        assert!(Token::new(" ").is_none());
    }
}
