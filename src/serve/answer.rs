//! Answers as git-lfs reads them, and what it sends. Every refusal is one sentence that says what to
//! do, because git-lfs shows its user nothing else.

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

const MEDIA_TYPE: &str = "application/vnd.git-lfs+json";
const LFS_AUTHENTICATE: HeaderName = HeaderName::from_static("lfs-authenticate");
const CREDENTIALS: &str = "the user name is yours, the password is the token of the lock server: \
    RECONCILER_LFS_TOKEN where it was begun, else what it said then";
/// The most bytes of a request; the longest path has some thousand.
const BODY_MAX: usize = 64 * 1024;
/// How long somebody may take to send it.
const BODY_TIME: Duration = Duration::from_secs(5);

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    header: Option<(HeaderName, HeaderValue)>,
    body: String,
}

impl Answer {
    pub(super) fn new(status: StatusCode, body: &Value) -> Self {
        Self { status, header: None, body: body.to_string() }
    }

    /// Makes the answer that nothing was done, and why.
    pub(super) fn refusal(status: StatusCode, message: &str) -> Self {
        Self::new(status, &json!({ "message": message }))
    }

    /// Makes the answer to who has said no token, or a wrong one for once.
    pub(super) fn unauthorized() -> Self {
        let header = (LFS_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"reconciler\""));
        Self { header: Some(header), ..Self::refusal(StatusCode::UNAUTHORIZED, CREDENTIALS) }
    }

    /// Makes the answer to who says a wrong token again and again.
    pub(super) fn wrong_token() -> Self {
        Self::refusal(StatusCode::FORBIDDEN, &format!("the token is wrong; {CREDENTIALS}"))
    }

    /// Makes the answer that sends on to another server.
    pub(super) fn elsewhere(url: &str) -> Self {
        let Ok(url) = HeaderValue::from_str(url) else {
            return Self::refusal(StatusCode::BAD_REQUEST, "no URL can be made of this path");
        };
        let answer = Self::refusal(StatusCode::TEMPORARY_REDIRECT, "the objects are elsewhere");
        Self { header: Some((LOCATION, url)), ..answer }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::from(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.header);
        response
    }
}

/// Reads what a request says.
pub(super) async fn body<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Answer> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case(MEDIA_TYPE) {
        let what = format!("a request is sent as Content-Type: {MEDIA_TYPE}");
        return Err(Answer::refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, &what));
    }
    let read = Limited::new(request.into_body(), BODY_MAX).collect();
    let Ok(read) = tokio::time::timeout(BODY_TIME, read).await else {
        return Err(Answer::refusal(
            StatusCode::REQUEST_TIMEOUT,
            "the request never came to its end",
        ));
    };
    let bytes = read.map_err(|error| {
        let what =
            format!("the request cannot be read, or has more than {BODY_MAX} bytes: {error}");
        Answer::refusal(StatusCode::PAYLOAD_TOO_LARGE, &what)
    })?;
    serde_json::from_slice(&bytes.to_bytes()).map_err(|error| {
        Answer::refusal(
            StatusCode::BAD_REQUEST,
            &format!("the request is not what git-lfs sends: {error}"),
        )
    })
}
