//! Ear: hears in what a program writes whether it is ready, done, or in trouble. It reads text as a
//! terminal would show it, keeps the last of it only, and takes no text for more than its agent's
//! profile says.

use crate::api::attempt::{Dialogue, FailureClass};
use regex::Regex;
use std::cell::{Cell, RefCell};
use tokio::sync::Notify;
use tokio::time::Instant;
use vte::{Params, Parser, Perform};

/// So much of the text is kept, in bytes: enough for an error at the end, and a question before it.
const TAIL_MAX: usize = 8 * 1024;
/// The longest line that can be the end marker, decoration included.
const LINE_MAX: usize = 512;

/// What was heard, for those who wait for it.
#[derive(Debug)]
pub(super) struct Heard {
    /// Told when the program is ready for its prompt.
    pub(super) ready: Notify,
    /// Told when the program said by the end marker that it is done.
    pub(super) marked: Notify,
    /// When it wrote something last; `None` before it did.
    pub(super) last_output: Cell<Option<Instant>>,
    /// Whether it asked for bracketed pastes (xterm's mode 2004).
    pub(super) takes_pastes: Cell<bool>,
    /// The conversation that it named.
    pub(super) conversation: RefCell<Option<String>>,
}

impl Heard {
    pub(super) fn nothing() -> Self {
        Self {
            ready: Notify::new(),
            marked: Notify::new(),
            last_output: Cell::new(None),
            takes_pastes: Cell::new(false),
            conversation: RefCell::new(None),
        }
    }
}

/// Hears one program.
pub(super) struct Ear {
    parser: Parser,
    text: Text,
    ready: Option<Regex>,
    conversation: Option<Regex>,
    signs: Vec<(Regex, FailureClass)>,
}

impl Ear {
    /// Listens for what a dialogue names.
    pub(super) fn new(dialogue: &Dialogue) -> Self {
        // The profile was checked when it was admitted: what is no pattern any more is not heard.
        let pattern = |text: &Option<String>| Regex::new(text.as_ref()?).ok();
        let sign = |sign: &crate::api::agent::Sign| {
            Some((Regex::new(sign.pattern.as_str()).ok()?, sign.means))
        };
        Self {
            parser: Parser::new(),
            text: Text { marker: dialogue.marker.clone(), ..Text::default() },
            ready: pattern(&dialogue.ready),
            conversation: pattern(&dialogue.conversation),
            signs: dialogue.signs.iter().filter_map(sign).collect(),
        }
    }

    /// Takes the next bytes that the program wrote.
    pub(super) fn hear(&mut self, bytes: &[u8], heard: &Heard) {
        self.parser.advance(&mut self.text, bytes);
        heard.last_output.set(Some(Instant::now()));
        heard.takes_pastes.set(self.text.takes_pastes);
        if std::mem::take(&mut self.text.marked) {
            heard.marked.notify_one();
        }
        let tail = self.text.tail();
        if self.ready.as_ref().is_some_and(|ready| ready.is_match(tail)) {
            self.ready = None;
            heard.ready.notify_one();
        }
        if let Some(found) = self.conversation.as_ref().and_then(|one| one.captures(tail)) {
            let name = found.get(1).or_else(|| found.get(0)).map(|one| one.as_str().to_owned());
            heard.conversation.replace(name);
            self.conversation = None;
        }
    }

    /// Returns what the end of the output says of a failure.
    pub(super) fn trouble(&self) -> Option<FailureClass> {
        let tail = self.text.tail();
        self.signs.iter().find(|(sign, _)| sign.is_match(tail)).map(|(_, means)| *means)
    }
}

/// The text of an output, without what steers the terminal.
#[derive(Debug, Default)]
struct Text {
    marker: Option<String>,
    /// The line that is being written.
    line: String,
    tail: String,
    marked: bool,
    takes_pastes: bool,
}

impl Text {
    fn tail(&self) -> &str {
        &self.tail
    }

    fn push(&mut self, c: char) {
        self.tail.push(c);
        if self.tail.len() > 2 * TAIL_MAX {
            let from = self.tail.ceil_char_boundary(self.tail.len() - TAIL_MAX);
            self.tail.drain(..from);
        }
    }

    /// A line is over when it is fed, returned from or left by the cursor.
    fn end_line(&mut self) {
        if let Some(marker) = &self.marker {
            // Programs frame and indent what they show; none frames it by letters or digits.
            let frame = |c: char| !c.is_alphanumeric() && c != '-';
            if self.line.trim_matches(frame) == marker {
                self.marked = true;
            }
        }
        self.line.clear();
        if !self.tail.ends_with('\n') {
            self.push('\n');
        }
    }
}

impl Perform for Text {
    fn print(&mut self, c: char) {
        if self.line.len() < LINE_MAX {
            self.line.push(c);
        }
        self.push(c);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' | b'\r' => self.end_line(),
            b'\t' => self.print(' '),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, between: &[u8], _ignore: bool, action: char) {
        match action {
            'A'..='H' | 'J' | 'd' | 'f' => self.end_line(),
            'h' | 'l' if between == b"?" && params.iter().any(|one| one == [2004]) => {
                self.takes_pastes = action == 'h';
            }
            _ => {}
        }
    }
}

/// Returns whether an output in these pieces has the end marker.
pub fn is_marked(marker: &str, pieces: &[&[u8]]) -> bool {
    let (mut parser, mut text) = (Parser::new(), Text::default());
    text.marker = Some(marker.to_owned());
    for piece in pieces {
        parser.advance(&mut text, piece);
    }
    text.marked
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const MARKER: &str = "---END-OF-OUTPUT-5f2c---";

    fn ear(dialogue: serde_json::Value) -> Ear {
        Ear::new(&serde_json::from_value(dialogue).unwrap())
    }

    fn is_marked(output: &str) -> bool {
        let bytes: Vec<&[u8]> = output.as_bytes().chunks(1).collect();
        super::is_marked(MARKER, &bytes)
    }

    #[test]
    fn the_marker_counts_on_a_line_of_its_own() {
        assert!(is_marked(&format!("done\r\n{MARKER}\r\n")));
        assert!(is_marked(&format!("\x1b[32m  \u{25cf} {MARKER} \u{2502}\x1b[0m\r\n")));
        assert!(is_marked(&format!("\x1b[5;1H{MARKER}\x1b[6;1Hmore")));
        assert!(!is_marked(&format!("I shall print {MARKER}\r\n")));
        assert!(!is_marked(&format!("{MARKER} is what I print at the end\r\n")));
        assert!(!is_marked(&format!("RECONCILER_END_MARKER={MARKER}\r\n")));
        assert!(!is_marked("---END-OF-OUTPUT-1111---\r\n"), "it is another attempt's");
        assert!(!is_marked(MARKER), "the line is not over");
    }

    #[test]
    fn readiness_pastes_and_the_conversation_are_heard_across_pieces() {
        let mut ear =
            ear(json!({ "ready": "^> $", "conversation": "session id: ([0-9a-f-]+)\\n" }));
        ear.ready = Some(Regex::new("(?m)^> ").unwrap());
        let heard = Heard::nothing();
        ear.hear(b"session id: 01", &heard);
        assert_eq!(*heard.conversation.borrow(), None);
        ear.hear(b"9-a\r\n\x1b[?2004h\x1b[1m>\x1b[0m ", &heard);
        assert_eq!(heard.conversation.borrow().as_deref(), Some("019-a"));
        assert!(heard.takes_pastes.get() && ear.ready.is_none());
    }

    #[test]
    fn a_flood_is_forgotten_but_for_its_end() {
        let sign = json!({ "pattern": "(?i)rate limit", "means": "rate_limited" });
        let mut ear = ear(json!({ "signs": [sign] }));
        let heard = Heard::nothing();
        ear.hear(b"rate limit\r\n", &heard);
        assert_eq!(ear.trouble(), Some(FailureClass::RateLimited));
        for _ in 0..1000 {
            ear.hear("\u{20ac}uro ".repeat(100).as_bytes(), &heard);
        }
        assert_eq!(ear.trouble(), None);
        assert!(ear.text.tail.len() <= 2 * TAIL_MAX && ear.text.line.len() <= LINE_MAX + 4);
    }
}
