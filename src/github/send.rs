//! The one way to GitHub: paced, with a deadline, and nothing sent twice. The token goes nowhere else and
//! is never written.

use super::envelope::{Envelope, Reply};
use super::pace::Pace;
use super::{Error, Server, Token};
use crate::process::clock;
use http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};
use octocrab::Octocrab;
use serde_json::{Value, json};
use std::fmt;
use std::sync::PoisonError;
use std::time::Duration;

/// How long an answer may take: GitHub itself gives up after ten seconds.
const DEADLINE: Duration = Duration::from_secs(30);

/// A client of one GitHub.
pub struct Github {
    graphql: Octocrab,
    rest: Octocrab,
    pace: Pace,
    server: Server,
    deadline: Duration,
    /// What time it was there, and when here since boot.
    time: std::sync::Mutex<Option<(Timestamp, Duration)>>,
}

impl fmt::Debug for Github {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Github({})", self.server)
    }
}

impl Github {
    /// Makes a client; it sends nothing yet. It is to be made within a runtime.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(server: Server, token: &Token, pace: Pace) -> Result<Self, Error> {
        let client = |base: &str| {
            let builder = Octocrab::builder()
                .base_uri(base)
                .map_err(|_error| Error::Address(base.to_owned()))?
                .personal_token(token.0.clone())
                .set_connect_timeout(Some(Duration::from_secs(10)))
                .set_read_timeout(Some(DEADLINE));
            builder.build().map_err(|error| Error::Unknown(error.to_string()))
        };
        let (graphql, rest) = (client(server.graphql())?, client(server.rest())?);
        let time = std::sync::Mutex::default();
        Ok(Self { graphql, rest, pace, server, deadline: DEADLINE, time })
    }

    /// Has answers be there in this time.
    #[must_use]
    pub fn within(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Returns where it is.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Returns what time it is there; `None` before the first answer.
    pub fn now(&self) -> Option<Timestamp> {
        let (then, at) = (*self.time.lock().unwrap_or_else(PoisonError::into_inner))?;
        let passed = clock::since_boot().saturating_sub(at);
        Some(then + SignedDuration::try_from(passed).ok()?)
    }

    async fn answered<B>(
        &self,
        sent: impl Future<Output = octocrab::Result<http::Response<B>>>,
    ) -> Result<Reply, Error>
    where
        B: http_body_util::BodyExt<Error = octocrab::Error>,
    {
        let late = || Error::Unknown("it took too long".to_owned());
        let reply = tokio::time::timeout(self.deadline, answered(sent)).await;
        let reply = reply.map_err(|_elapsed| late())??;
        if let Some(date) = reply.date {
            let mut time = self.time.lock().unwrap_or_else(PoisonError::into_inner);
            *time = Some((date, clock::since_boot()));
        }
        Ok(reply)
    }

    /// Asks by GraphQL; `what` names it for people.
    pub(super) async fn query(
        &self,
        document: &str,
        variables: &Value,
        what: &str,
    ) -> Result<Envelope, Error> {
        let body = json!({ "query": document, "variables": variables });
        self.post(&body).await?.envelope(what)
    }

    /// Changes by GraphQL, not faster than is allowed.
    pub(super) async fn mutate(
        &self,
        document: &str,
        variables: &Value,
        what: &str,
    ) -> Result<Envelope, Error> {
        let body = json!({ "query": document, "variables": variables });
        // Whoever comes next waits for this answer.
        let _turn = self.pace.turn().await?;
        self.post(&body).await?.envelope(what)
    }

    async fn post(&self, body: &Value) -> Result<Reply, Error> {
        self.answered(self.graphql._post("/graphql", Some(body))).await
    }

    /// Reads by REST.
    pub(super) async fn read(&self, path: &str) -> Result<Reply, Error> {
        self.answered(self.rest._get(path)).await
    }

    /// Reads by REST what may be as it was when it had this tag: that costs nothing.
    pub(super) async fn read_again(&self, path: &str, tag: Option<&str>) -> Result<Reply, Error> {
        let tag = tag.and_then(|tag| HeaderValue::from_str(tag).ok());
        let headers = tag.map(|tag| HeaderMap::from_iter([(IF_NONE_MATCH, tag)]));
        self.answered(self.rest._get_with_headers(path, headers)).await
    }

    /// Changes by REST, once, and not faster than is allowed.
    pub(super) async fn send(
        &self,
        (verb, path): (Verb, &str),
        body: &Value,
    ) -> Result<Reply, Error> {
        let _turn = self.pace.turn().await?;
        let body = (!body.is_null()).then_some(body);
        match verb {
            Verb::Post => self.answered(self.rest._post(path, body)).await,
            Verb::Patch => self.answered(self.rest._patch(path, body)).await,
            Verb::Delete => self.answered(self.rest._delete(path, body)).await,
        }
    }
}

/// How something is changed by REST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Something is made, or added.
    Post,
    /// It is made so.
    Patch,
    /// It is taken away.
    Delete,
}

/// Waits for an answer, and reads all of it.
async fn answered<B>(
    sent: impl Future<Output = octocrab::Result<http::Response<B>>>,
) -> Result<Reply, Error>
where
    B: http_body_util::BodyExt<Error = octocrab::Error>,
{
    let answer = sent.await.map_err(|error| lost(&error))?;
    let mut reply = head(answer.status().as_u16(), |name| {
        answer.headers().get(name)?.to_str().ok().map(str::to_owned)
    });
    reply.body =
        answer.into_body().collect().await.map_err(|error| lost(&error))?.to_bytes().to_vec();
    Ok(reply)
}

fn lost(error: &octocrab::Error) -> Error {
    // Itself it says only that something happened; what it was its sources say.
    let (mut said, mut source) = (Vec::new(), std::error::Error::source(error));
    while let Some(one) = source {
        said.push(one.to_string());
        source = one.source();
    }
    Error::Unknown(if said.is_empty() { error.to_string() } else { said.join(": ") })
}

/// Reads what headers say.
fn head(status: u16, header: impl Fn(&str) -> Option<String>) -> Reply {
    let number = |name| header(name)?.parse::<u64>().ok();
    let now = u64::try_from(clock::now().as_second()).unwrap_or(0);
    Reply {
        status,
        retry_after: number("retry-after"),
        remaining: number("x-ratelimit-remaining"),
        reset_in: number("x-ratelimit-reset").map(|at| at.saturating_sub(now) + 1),
        permissions: header("x-accepted-github-permissions"),
        location: header("location"),
        scopes: header("x-oauth-scopes"),
        etag: header("etag"),
        date: header("date").and_then(|text| rfc2822::parse(&text).ok()).map(|at| at.timestamp()),
        has_next: header("link").is_some_and(|links| links.contains("rel=\"next\"")),
        body: Vec::new(),
    }
}
