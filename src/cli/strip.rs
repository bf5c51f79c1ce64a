//! Strip: takes out of an agent's output what steers a terminal, byte by byte, so that a log can be
//! read in pieces. Colours may stay; nothing else that begins with an escape does.

use super::context::Paint;

/// The longest colour sequence that is let through, in bytes.
const COLOUR_MAX: usize = 64;

/// Takes escape sequences and control characters out of a stream.
#[derive(Debug)]
pub(super) struct Stripper {
    colours: Paint,
    place: Place,
    /// A control sequence so far.
    sequence: Vec<u8>,
    is_coloured: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    /// After ESC.
    Escape,
    /// After ESC and one of ` !"#$%&'()*+,-./`: one more byte belongs to it.
    Charset,
    /// After ESC `[`.
    Control,
    /// After ESC and one of `]PX^_`: a string, until BEL or ESC `\`.
    Words,
}

impl Stripper {
    /// Makes one for a stream that begins.
    pub(super) fn new(colours: Paint) -> Self {
        Self { colours, place: Place::Text, sequence: Vec::new(), is_coloured: false }
    }

    /// Returns what is left of the next piece.
    pub(super) fn strip(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut left = Vec::with_capacity(bytes.len());
        for byte in bytes {
            self.take(*byte, &mut left);
        }
        left
    }

    /// Returns what ends the stream: the end of its colours.
    pub(super) fn end(&self) -> Vec<u8> {
        if self.is_coloured { b"\x1b[0m".to_vec() } else { Vec::new() }
    }

    fn take(&mut self, byte: u8, left: &mut Vec<u8>) {
        self.place = match (self.place, byte) {
            (Place::Words, 0x07) => Place::Text,
            (_, 0x1b) => Place::Escape,
            (Place::Text, b'\n' | b'\t' | 0x20..=0x7e | 0x80..) => {
                left.push(byte);
                Place::Text
            }
            (Place::Escape, b'[') => {
                self.sequence = b"\x1b[".to_vec();
                Place::Control
            }
            (Place::Escape | Place::Charset, 0x20..=0x2f) => Place::Charset,
            (Place::Control, 0x20..=0x3f) => {
                if self.sequence.len() < COLOUR_MAX {
                    self.sequence.push(byte);
                }
                Place::Control
            }
            (Place::Control, b'm') if self.colours == Paint::Colored && self.is_colour() => {
                left.append(&mut self.sequence);
                left.push(b'm');
                self.is_coloured = true;
                Place::Text
            }
            (Place::Escape, b']' | b'P' | b'X' | b'^' | b'_') | (Place::Words, _) => Place::Words,
            (Place::Text | Place::Escape | Place::Charset | Place::Control, _) => Place::Text,
        };
    }

    fn is_colour(&self) -> bool {
        let numbers = self.sequence.get(2..).unwrap_or_default();
        self.sequence.len() < COLOUR_MAX
            && numbers.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str, colours: Paint) -> String {
        let mut stripper = Stripper::new(colours);
        String::from_utf8(stripper.strip(text.as_bytes())).unwrap()
    }

    #[test]
    fn nothing_that_steers_the_terminal_is_left() {
        let text = "\x1b]0;title\x07a\x1b[2Jb\x1b[1;31mé\x1b[0m\x1b(Bc\r\n\x07\x1b]52;c;AAA\x1b\\d\x08\x1bMe";
        assert_eq!(stripped(text, Paint::Plain), "abéc\nde");
        assert_eq!(stripped(text, Paint::Colored), "ab\x1b[1;31mé\x1b[0mc\nde");
    }

    #[test]
    fn only_plain_colours_are_kept() {
        assert_eq!(stripped("\x1b[>4;1ma\x1b[?25lb", Paint::Colored), "ab");
        assert_eq!(stripped(&format!("\x1b[{}ma", "1;".repeat(100)), Paint::Colored), "a");
    }

    #[test]
    fn colours_end_with_the_stream() {
        let mut stripper = Stripper::new(Paint::Colored);
        stripper.strip(b"\x1b[31mred");
        assert_eq!(stripper.end(), b"\x1b[0m");
    }
}
