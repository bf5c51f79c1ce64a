//! Masks secrets in a stream: the values it is told, and the well-known shapes of tokens. However
//! the stream is cut, a secret never comes out whole; it holds back what may become one.

use regex::bytes::{Regex, RegexBuilder};
use std::sync::LazyLock;

/// What stands in the place of a secret.
const MASK: &[u8] = b"***";
/// Shorter values are no secrets: masking them would eat the log.
const SECRET_MIN: usize = 6;
/// A longer unfinished word is let go, but for its last `KEPT` bytes.
const HELD_MAX: usize = 4096;
const KEPT: usize = 512;
/// A private key is no longer than this.
const KEY_MAX: usize = 16 * 1024;
const KEY_END: &[u8] = b"PRIVATE KEY-----";

/// Tokens of GitHub, of `OpenAI` and Anthropic, of Slack and AWS; bearers; passwords in addresses;
/// the first line of a private key. All but the last two hold no white space.
const SHAPES: &str = "gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}\
    |sk-[A-Za-z0-9_-]*[A-Za-z0-9]{20}[A-Za-z0-9_-]*|xox[abp]-[A-Za-z0-9-]{10,}|AKIA[A-Z0-9]{16}\
    |://[!-.0-9;-?A-~]*:[!-.0-?A-~]+@\
    |(?i:bearer)[ \\t]+[A-Za-z0-9._~+/=-]{16,}|-----BEGIN [A-Z ]*PRIVATE KEY-----";

/// The end of the stream may be the beginning of one of the two that hold white space.
static UNFINISHED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?-u)(?:(?i:bearer)[ \t]+[!-~]*|-----BEGIN[A-Z -]*)\z").expect("it is a pattern")
});

/// Returns a text in which these values and every well-known token are hidden.
pub fn masked(text: &str, secrets: &[Vec<u8>]) -> String {
    let mut mask = Mask::new(secrets);
    let mut shown = mask.push(text.as_bytes());
    shown.extend(mask.finish());
    String::from_utf8_lossy(&shown).into_owned()
}

/// A stream on its way to the log.
#[derive(Debug)]
pub(super) struct Mask {
    values: Vec<Vec<u8>>,
    secrets: Regex,
    held: Vec<u8>,
    inside: Inside,
}

#[derive(Debug, Clone, Copy)]
enum Inside {
    Text,
    /// A token whose end did not come yet.
    Token,
    /// A private key, and how much of it may still come.
    Key(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    MayCome,
    Never,
}

impl Mask {
    /// Prepares a stream that hides these values and every well-known token.
    pub(super) fn new(secrets: &[Vec<u8>]) -> Self {
        // A terminal ends lines by other bytes than the value has: each line is a secret.
        let lines = secrets.iter().flat_map(|value| value.split(|byte| *byte == b'\n'));
        let mut values: Vec<Vec<u8>> = lines
            .map(|line| line.trim_ascii().to_vec())
            .filter(|line| line.len() >= SECRET_MIN)
            .collect();
        // The first that matches wins, and of two with one beginning that must be the longer.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        let exact = |value: &Vec<u8>| {
            value.iter().map(|byte| format!("\\x{byte:02x}")).collect::<Vec<_>>().concat()
        };
        let mut patterns: Vec<String> = values.iter().map(exact).collect();
        patterns.push(SHAPES.to_owned());
        let secrets = RegexBuilder::new(&format!("(?-u){}", patterns.join("|")))
            .size_limit(usize::MAX)
            .build()
            .expect("bytes in hexadecimal are a pattern");
        Self { values, secrets, held: Vec::new(), inside: Inside::Text }
    }

    /// Takes the next bytes and returns what may be shown so far.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        self.advance(More::MayCome)
    }

    /// Returns what is left when the stream is over.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.advance(More::Never)
    }

    fn advance(&mut self, more: More) -> Vec<u8> {
        let mut out = Vec::new();
        while !self.held.is_empty() {
            let went_on = match self.inside {
                Inside::Text => self.advance_text(more, &mut out),
                Inside::Token => self.advance_token(),
                Inside::Key(left) => self.advance_key(left, more),
            };
            if !went_on {
                break;
            }
        }
        out
    }

    fn advance_text(&mut self, more: More, out: &mut Vec<u8>) -> bool {
        let (mut safe, mut forced) = (self.held.len(), false);
        if more == More::MayCome {
            safe = self.word_start();
            forced = self.held.len() - safe > HELD_MAX;
            if forced {
                safe = self.held.len() - KEPT;
            }
            safe = safe.min(self.value_start());
        }
        let found = self.secrets.find(&self.held).filter(|found| found.start() < safe);
        let Some(found) = found.map(|found| found.range()) else {
            out.extend(self.held.drain(..safe));
            return false;
        };
        let key = self.held[found.clone()].ends_with(KEY_END);
        let cut = forced && found.end == self.held.len();
        out.extend_from_slice(&self.held[..found.start]);
        out.extend_from_slice(MASK);
        self.held.drain(..found.end);
        if key {
            self.inside = Inside::Key(KEY_MAX);
        } else if cut {
            self.inside = Inside::Token;
        }
        true
    }

    fn advance_token(&mut self) -> bool {
        let end = self.held.iter().position(|byte| is_delimiter(*byte));
        self.held.drain(..end.unwrap_or(self.held.len()));
        if end.is_some() {
            self.inside = Inside::Text;
        }
        end.is_some()
    }

    fn advance_key(&mut self, left: usize, more: More) -> bool {
        let end = self.held.windows(KEY_END.len()).position(|window| window == KEY_END);
        if let Some(end) = end.filter(|end| *end <= left) {
            self.held.drain(..end + KEY_END.len());
            self.inside = Inside::Text;
            return true;
        }
        let whole = match more {
            More::MayCome => self.held.len().saturating_sub(KEY_END.len() - 1),
            More::Never => self.held.len(),
        };
        let gone = whole.min(left);
        self.held.drain(..gone);
        self.inside = if gone == left { Inside::Text } else { Inside::Key(left - gone) };
        gone == left
    }

    /// Returns where the last word begins, to which the next bytes may still belong.
    fn word_start(&self) -> usize {
        let delimiter = self.held.iter().rposition(|byte| is_delimiter(*byte));
        let word = delimiter.map_or(0, |at| at + 1);
        UNFINISHED.find(&self.held).map_or(word, |found| found.start().min(word))
    }

    /// Returns where a value may have begun that is not whole yet.
    fn value_start(&self) -> usize {
        let begun = |value: &Vec<u8>| {
            let longest = self.held.len().min(value.len() - 1);
            (1..=longest).rev().find(|length| self.held.ends_with(&value[..*length]))
        };
        self.held.len() - self.values.iter().filter_map(begun).max().unwrap_or(0)
    }
}

fn is_delimiter(byte: u8) -> bool {
    byte <= b' ' || byte == 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn masked(secrets: &[&str], pieces: &[&str]) -> String {
        let secrets: Vec<_> = secrets.iter().map(|one| one.as_bytes().to_vec()).collect();
        let mut mask = Mask::new(&secrets);
        let mut out: Vec<u8> = pieces.iter().flat_map(|one| mask.push(one.as_bytes())).collect();
        out.extend(mask.finish());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn well_known_tokens_are_masked_and_words_are_not() {
        let letters = "abcdefghijABCDEFGHIJ0123456789";
        for (text, shown) in [
            (format!("a \x1b[31mghp_{letters}\x1b[0m b"), "a \x1b[31m***\x1b[0m b"),
            (format!("x=github_pat_{letters}_{letters}\n"), "x=***\n"),
            (format!("\"sk-ant-api03-{letters}-x_y\""), "\"***\""),
            ("xoxb-123456-abcdef".to_owned(), "***"),
            ("AKIAABCDEFGHIJKLMNOP".to_owned(), "***"),
            ("https://me:pa55@example.org/".to_owned(), "https***example.org/"),
            (format!("Authorization: Bearer {letters}\r\n"), "Authorization: ***\r\n"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\r\nMII\r\n-----END RSA PRIVATE KEY-----\r\nx"
                    .into(),
                "***\r\nx",
            ),
        ] {
            assert_eq!(masked(&[], &[&text]), shown);
            let bytes: Vec<String> = text.chars().map(String::from).collect();
            let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
            assert_eq!(masked(&[], &bytes), shown);
        }
        let plain = "task-list-of-many-rather-long-words http://a/b:c @d bearer of news, sk-short";
        assert_eq!(masked(&[], &[plain]), plain);
    }

    #[test]
    fn lines_and_the_longer_of_two_values_are_masked() {
        assert_eq!(
            masked(&["first line\nsecond line"], &["first line\r\nsecond line"]),
            "***\r\n***"
        );
        assert_eq!(masked(&["secret", "secret-two"], &["secret", "-two secret"]), "*** ***");
        assert_eq!(masked(&["short"], &["short"]), "short");
    }

    #[test]
    fn text_is_shown_word_by_word_and_a_prompt_at_once() {
        let mut mask = Mask::new(&[]);
        assert_eq!(mask.push(b"Password: "), b"Password: ");
        assert_eq!(mask.push(b"one tw"), b"one ");
        assert_eq!(mask.push(b"o\n"), b"two\n");
    }

    #[test]
    fn a_key_without_end_hides_no_more_than_a_key() {
        let text = format!("-----BEGIN PRIVATE KEY-----{} the end", " x".repeat(20_000));
        let shown = masked(&[], &[&text]);
        assert!(shown.starts_with("***") && shown.ends_with("x the end"), "{}", shown.len());
    }

    #[test]
    fn endless_words_are_let_go_and_tokens_in_them_are_not() {
        let token = format!("ghp_{}", "a".repeat(9_000));
        let wall = "=".repeat(20_000);
        let text = format!("{wall}{token} end");
        let pieces: Vec<&str> =
            text.as_bytes().chunks(100).map(|c| std::str::from_utf8(c).unwrap()).collect();
        assert_eq!(masked(&[], &pieces), format!("{wall}*** end"));
        let mut mask = Mask::new(&[]);
        assert!(mask.push(wall.as_bytes()).len() >= 20_000 - HELD_MAX);
    }

    proptest! {
        #[test]
        fn however_the_stream_is_cut_no_secret_appears(
            secrets in prop::collection::vec("[ab_:-]{6,9}|[ab]{3} [ab]{3}", 1..4),
            before in "[ab \n_:@/-]{0,40}",
            between in "([ab \n\x1b_:@/-]{0,20}|bearer |://|ghp_)",
            cuts in prop::collection::vec(1..9usize, 1..60),
            letters in "[a-zA-Z0-9]{20,40}",
        ) {
            let token = format!("ghp_{letters}");
            let all: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let text = format!("{before}{}{between}{token}{between}{}", secrets[0], secrets.join(&between));
            let mut pieces = Vec::new();
            let mut rest = text.as_str();
            for cut in cuts {
                let (piece, tail) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = tail;
            }
            pieces.push(rest);
            let shown = masked(&all, &pieces);
            for secret in all.iter().map(|secret| secret.trim()).filter(|secret| secret.len() >= SECRET_MIN) {
                prop_assert!(!shown.contains(secret), "{secret:?} in {shown:?}");
            }
            prop_assert!(!shown.contains(&token), "{token} in {shown:?}");
            prop_assert_eq!(shown, masked(&all, &[&text]));
        }
    }
}
