//! Answers, as they are and as they are meant: status, headers and body become what was done or one of
//! our errors. It sends nothing.

use super::Error;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::time::Duration;

/// How long is waited when GitHub says that it is too much, and not how long.
const WAIT: Duration = Duration::from_mins(1);

/// An answer of HTTP.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Seconds, of the header `retry-after`.
    pub(super) retry_after: Option<u64>,
    /// The points that are left, and when there are more, in seconds from now.
    pub(super) remaining: Option<u64>,
    pub(super) reset_in: Option<u64>,
    /// The permissions that would do.
    pub(super) permissions: Option<String>,
    pub(super) location: Option<String>,
    pub(super) scopes: Option<String>,
    /// What the answer was, for the next time: 304 says that it is the same.
    pub(super) etag: Option<String>,
    /// What time it is there.
    pub(super) date: Option<Timestamp>,
    /// Whether another page follows.
    pub(super) has_next: bool,
    pub(super) body: Vec<u8>,
}

/// An answer of GraphQL: data and errors come together.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Envelope {
    #[serde(default)]
    pub(super) data: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) errors: Vec<Fault>,
    #[serde(default)]
    message: Option<String>,
}

/// An error of GraphQL.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Fault {
    #[serde(default)]
    pub(super) message: String,
    #[serde(default, rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) path: Vec<Value>,
}

impl Reply {
    /// Returns how long to wait, if that is what it says.
    fn asks_to_wait(&self) -> Option<Duration> {
        if let Some(seconds) = self.retry_after {
            return Some(Duration::from_secs(seconds));
        }
        let text = String::from_utf8_lossy(&self.body).to_lowercase();
        if self.remaining == Some(0) && (self.status != 200 || text.contains("rate_limited")) {
            return Some(self.reset_in.map_or(WAIT, Duration::from_secs));
        }
        let limited = self.status == 429
            || text.contains("secondary rate limit")
            || text.contains("was submitted too quickly");
        limited.then_some(WAIT)
    }

    /// Returns why it is no success, if it is none; `what` was asked for.
    pub(super) fn trouble(&self, what: &str) -> Option<Error> {
        let said = || {
            let message = serde_json::from_slice::<Envelope>(&self.body).ok();
            let message = message.and_then(|one| one.message);
            message.unwrap_or_else(|| format!("status {}", self.status))
        };
        Some(match self.status {
            200..=299 | 304 => return None,
            300..=399 => Error::Renamed(self.location.clone().unwrap_or_else(said)),
            401 => Error::Unauthorized,
            403 | 429 => match self.asks_to_wait() {
                Some(wait) => Error::Limited(wait),
                None => Error::Forbidden { said: said(), permissions: self.permissions.clone() },
            },
            404 => Error::NotFound(what.to_owned()),
            500.. => Error::Unknown(format!("status {}", self.status)),
            _ => Error::Refused(said()),
        })
    }

    /// Reads the JSON of an answer that is a success.
    pub(super) fn json<T: DeserializeOwned>(&self, what: &str) -> Result<T, Error> {
        if let Some(trouble) = self.trouble(what) {
            return Err(trouble);
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| Error::Unknown(format!("{what} cannot be understood: {error}")))
    }

    /// Reads an answer of GraphQL.
    pub(super) fn envelope(&self, what: &str) -> Result<Envelope, Error> {
        if let Some(trouble) = self.trouble(what) {
            return Err(trouble);
        }
        let envelope: Envelope = serde_json::from_slice(&self.body)
            .map_err(|error| Error::Unknown(format!("it is no JSON: {error}")))?;
        let limited = envelope.errors.iter().any(|one| one.kind.as_deref() == Some("RATE_LIMITED"));
        if (limited || self.retry_after.is_some())
            && let Some(wait) = self.asks_to_wait().or(limited.then_some(WAIT))
            && envelope.data.is_none()
        {
            return Err(Error::Limited(wait));
        }
        if envelope.data.is_some() {
            return Ok(envelope);
        }
        match envelope.errors.first() {
            Some(fault) => Err(fault.meant(what)),
            None => Err(Error::Unknown("it has neither data nor errors".to_owned())),
        }
    }
}

impl Fault {
    /// Returns what it means.
    pub(super) fn meant(&self, what: &str) -> Error {
        let text = self.message.to_lowercase();
        match self.kind.as_deref() {
            Some("NOT_FOUND") => Error::NotFound(what.to_owned()),
            Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => {
                Error::Forbidden { said: self.message.clone(), permissions: None }
            }
            Some("RATE_LIMITED") => Error::Limited(WAIT),
            _ if text.contains("could not resolve to a") => Error::NotFound(what.to_owned()),
            _ if text.contains("resource limits") => Error::TooMuch,
            _ if text.contains("secondary rate limit") || text.contains("too quickly") => {
                Error::Limited(WAIT)
            }
            _ => Error::Refused(self.message.clone()),
        }
    }

    /// Returns the alias that it is about.
    pub(super) fn alias(&self) -> Option<&str> {
        self.path.first()?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, body: body.as_bytes().to_vec(), ..Reply::default() }
    }

    #[test]
    fn what_an_answer_means_is_told_by_its_status_first_and_its_words_last() {
        let limited = Reply { retry_after: Some(7), ..reply(403, "{}") };
        assert_eq!(limited.trouble("x"), Some(Error::Limited(Duration::from_secs(7))));
        let secondary = reply(403, r#"{"message":"You have exceeded a secondary rate limit"}"#);
        assert_eq!(secondary.trouble("x"), Some(Error::Limited(WAIT)));
        let used_up = Reply { remaining: Some(0), reset_in: Some(90), ..reply(403, "{}") };
        assert_eq!(used_up.trouble("x"), Some(Error::Limited(Duration::from_secs(90))));
        // Where nobody limits there is no such header, and that is not 0.
        assert!(matches!(reply(403, "{}").trouble("x"), Some(Error::Forbidden { .. })));
        assert!(matches!(reply(502, "<html>").trouble("x"), Some(Error::Unknown(_))));
        assert_eq!(reply(401, "{}").trouble("x"), Some(Error::Unauthorized));
    }

    #[test]
    fn data_beside_errors_is_kept_and_neither_of_both_is_unknown() {
        let both = reply(200, r#"{"data":{"m0":null},"errors":[{"message":"no","path":["m0"]}]}"#);
        let envelope = both.envelope("x").unwrap();
        assert_eq!(envelope.errors[0].alias(), Some("m0"));
        assert!(matches!(reply(200, "{}").envelope("x"), Err(Error::Unknown(_))));
        assert!(matches!(reply(200, "<html>").envelope("x"), Err(Error::Unknown(_))));
        let limited = r#"{"errors":[{"type":"RATE_LIMITED","message":"no"}]}"#;
        assert!(matches!(reply(200, limited).envelope("x"), Err(Error::Limited(_))));
        let gone = r#"{"data":null,"errors":[{"type":"NOT_FOUND","message":"no"}]}"#;
        assert_eq!(reply(200, gone).envelope("x").unwrap_err(), Error::NotFound("x".to_owned()));
    }
}
