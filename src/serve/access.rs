//! Who may ask: whoever reached this server by its own name, knows its token and says who they are.
//! It never tells how near a guess came.

use super::answer::Answer;
use crate::api::name::Seat;
use crate::client::{draw_secret, person_called};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

/// Which wrong guess in turn is answered as final. An older git-lfs (3.3) asks a helper that has
/// the wrong token again for ever, as long as it is told to authenticate.
const FINAL: u32 = 4;
/// The least characters of a token.
const TOKEN_MIN: usize = 16;

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token has 16 or more visible ASCII characters")]
pub struct TokenError;

/// The password of everybody.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes a token that somebody chose.
    ///
    /// # Errors
    /// When it is too easy to guess, or cannot be sent as it is.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let is_token = text.len() >= TOKEN_MIN && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_token { Ok(Self(text.to_owned())) } else { Err(TokenError) }
    }

    /// Draws one.
    pub fn drawn() -> Self {
        Self(draw_secret())
    }

    /// Returns it as it is to be sent.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns whether a guess is right, in the same time whichever of its characters are.
    fn is(&self, guess: &str) -> bool {
        let (own, guess) = (self.0.as_bytes(), guess.as_bytes());
        let differs =
            own.iter().zip(guess).fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
        own.len() == guess.len() && differs == 0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// Whom the server lets in.
#[derive(Debug)]
pub(super) struct Gate {
    token: Token,
    /// What the server is called: a page that has another name resolve to this machine is not.
    hosts: [String; 2],
    /// How many guesses were wrong.
    wrong: AtomicU32,
}

impl Gate {
    pub(super) fn new(address: SocketAddr, token: Token) -> Self {
        let hosts = [address.to_string(), format!("localhost:{}", address.port())];
        Self { token, hosts, wrong: AtomicU32::new(0) }
    }

    /// Returns the person who asks.
    pub(super) fn admit(&self, headers: &HeaderMap) -> Result<Seat, Answer> {
        let host = text(headers, &HOST).unwrap_or_default();
        if !self.hosts.iter().any(|one| one.eq_ignore_ascii_case(host))
            || headers.contains_key(ORIGIN)
        {
            let what = "this server answers git-lfs at its own address, and no web page";
            return Err(Answer::refusal(StatusCode::FORBIDDEN, what));
        }
        let Some((user, guess)) = text(headers, &AUTHORIZATION).and_then(basic) else {
            return Err(Answer::unauthorized());
        };
        if !self.token.is(&guess) {
            let before = self.wrong.fetch_add(1, Ordering::Relaxed);
            let is_final = before % FINAL == FINAL - 1;
            return Err(if is_final { Answer::wrong_token() } else { Answer::unauthorized() });
        }
        person_called(&user).ok_or_else(|| {
            let what = format!(
                "no name can be made of the user name `{user}`: give git a credential with letters \
                 or digits, as ada"
            );
            Answer::refusal(StatusCode::FORBIDDEN, &what)
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Reads the user name and the password of an `Authorization` header.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    let text = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (user.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    fn status(host: &str, login: &str, origin: Option<&str>) -> String {
        let token = Token::new("0123456789abcdef").unwrap();
        let gate = Gate::new(([127, 0, 0, 1], 8080).into(), token);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_str(host).unwrap());
        let login = format!("Basic {}", STANDARD.encode(login));
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&login).unwrap());
        if let Some(origin) = origin {
            headers.insert(ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        let admitted = gate.admit(&headers);
        admitted.map_or_else(|answer| answer.status().as_str().to_owned(), |seat| seat.to_string())
    }

    #[test]
    fn who_knows_the_token_is_who_they_say_they_are() {
        let right = "Ada Lovelace:0123456789abcdef";
        assert_eq!(status("127.0.0.1:8080", right, None), "ada-lovelace-1");
        assert_eq!(status("localhost:8080", right, None), "ada-lovelace-1");
        let refused = [
            ("evil.example:8080", right, None, "403"),
            ("127.0.0.1", right, None, "403"),
            ("127.0.0.1:8080", right, Some("http://127.0.0.1:8080"), "403"),
            ("127.0.0.1:8080", "ada:0123456789abcdeX", None, "401"),
            ("127.0.0.1:8080", "ada:0123456789abcde", None, "401"),
            ("127.0.0.1:8080", "ada:0123456789abcdef0", None, "401"),
            ("127.0.0.1:8080", "ada:", None, "401"),
            ("127.0.0.1:8080", ":0123456789abcdef", None, "403"),
        ];
        for (host, login, origin, expected) in refused {
            assert_eq!(status(host, login, origin), expected, "{host} {login} {origin:?}");
        }
    }

    #[test]
    fn a_helper_that_always_has_the_wrong_token_is_told_so_in_the_end() {
        let token = Token::new("0123456789abcdef").unwrap();
        let gate = Gate::new(([127, 0, 0, 1], 8080).into(), token);
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("127.0.0.1:8080"));
        let login = format!("Basic {}", STANDARD.encode("ada:wrong"));
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&login).unwrap());
        let statuses = [(); 4].map(|()| gate.admit(&headers).unwrap_err().status().as_u16());
        assert_eq!(statuses, [401, 401, 401, 403]);
    }

    #[test]
    fn a_token_that_is_easy_to_guess_is_none() {
        for bad in ["", "short", "with a space in it", "zeilenumbruch\nhier"] {
            assert_eq!(Token::new(bad), Err(TokenError), "{bad}");
        }
        assert_ne!(Token::drawn(), Token::drawn());
        assert_eq!(Token::drawn().reveal().len(), 64);
    }
}
