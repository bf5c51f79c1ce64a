//! Position: where in a JSON text each field and value stands, for errors that point. It reads
//! strict JSON only, and never decides what a field may hold.

use super::problem::{Finding, did_you_mean};
use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::{Range, Ranged as _};
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, ParseStringErrorKind, parse_to_ast};
use std::collections::BTreeMap;

/// A stretch of a text, in bytes.
pub type Span = std::ops::Range<usize>;

/// How deep objects and lists may lie in each other; no kind needs more than five.
const DEPTH_MAX: usize = 16;
/// How many values a file may have. With the other two it keeps a hostile file from taking
/// memory: each place holds its whole pointer.
const VALUES_MAX: usize = 10_000;
/// The longest name of a field, in bytes.
const NAME_MAX: usize = 128;

/// A JSON text and where everything in it stands.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    text: &'a str,
    json: serde_json::Value,
    /// Where each line begins.
    lines: Vec<usize>,
    places: BTreeMap<String, Place>,
    oddities: Vec<Finding>,
}

#[derive(Debug, Clone)]
struct Place {
    /// The name of the field; `None` for entries of lists and the whole.
    key: Option<Span>,
    value: Span,
}

impl<'a> Document<'a> {
    /// Reads a text of strict JSON: no comments, no trailing commas, double quotes only.
    pub(super) fn parse(text: &'a str) -> Result<Self, Finding> {
        if let Some(finding) = too_much(text) {
            return Err(finding);
        }
        let options = ParseOptions {
            allow_comments: false,
            allow_loose_object_property_names: false,
            allow_trailing_commas: false,
            allow_missing_commas: false,
            allow_single_quoted_strings: false,
            allow_hexadecimal_numbers: false,
            allow_unary_plus_numbers: false,
            allow_bare_decimal_point_numbers: false,
            allow_non_finite_numbers: false,
            allow_extended_string_escapes: false,
        };
        let parsed = parse_to_ast(text, &CollectOptions::default(), &options);
        match (parsed, strictly(text)) {
            (Ok(result), Ok(json)) => Self::located(text, json, result.value.as_ref()),
            (Ok(_), Err(strict)) => Err(strict),
            // The parser with words for people is lenient on numbers and on broken lines.
            (Err(error), Err(strict))
                if strict.message == NOT_A_NUMBER || strict.at.start < error.range().start =>
            {
                Err(strict)
            }
            (Err(error), _) => Err(in_words(&error, text)),
        }
    }

    /// Returns where everything stands in the text of a file that was admitted; `None` for a text
    /// that is no JSON.
    pub fn of(text: &'a str) -> Option<Self> {
        Self::parse(text).ok()
    }

    fn located(
        text: &'a str,
        json: serde_json::Value,
        root: Option<&Value<'_>>,
    ) -> Result<Self, Finding> {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        let (places, oddities) = (BTreeMap::new(), Vec::new());
        let mut document = Self { text, json, lines, places, oddities };
        root.map_or(Ok(()), |root| document.visit(String::new(), None, root))?;
        Ok(document)
    }

    /// Returns the values.
    pub(super) fn json(&self) -> &serde_json::Value {
        &self.json
    }

    /// Returns the whole text.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Returns whether there is a value at `pointer`.
    pub fn has(&self, pointer: &str) -> bool {
        self.places.contains_key(pointer)
    }

    /// Returns what stands at a value's place, as it is written.
    pub fn written(&self, pointer: &str) -> &'a str {
        self.text.get(self.value(pointer)).unwrap_or_default()
    }

    /// Returns the place of the value at `pointer`, or of the nearest value that would hold it.
    pub fn value(&self, pointer: &str) -> Span {
        self.nearest(pointer).map_or(0..0, |place| place.value.clone())
    }

    /// Returns the place of the name of the field at `pointer`, or of the nearest field that would
    /// hold it; an entry of a list is its own name.
    pub fn key(&self, pointer: &str) -> Span {
        self.nearest(pointer).map_or(0..0, |place| match &place.key {
            Some(key) => key.clone(),
            None => place.value.start..(place.value.start + 1).min(place.value.end),
        })
    }

    /// Returns the pointers of all values, and how they are written.
    pub(super) fn values(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.places.iter().map(|(pointer, place)| {
            (pointer.as_str(), self.text.get(place.value.clone()).unwrap_or_default())
        })
    }

    /// Returns what is JSON and yet means nothing: a field that is there twice, a NUL in a text.
    pub(super) fn oddities(&self) -> &[Finding] {
        &self.oddities
    }

    fn nearest(&self, pointer: &str) -> Option<&Place> {
        let parents = std::iter::successors(Some(pointer), |at| Some(at.rsplit_once('/')?.0));
        parents.into_iter().find_map(|at| self.places.get(at))
    }

    /// Notes the place of a value and of all in it. Its recursion is bounded by `DEPTH_MAX`.
    fn visit(
        &mut self,
        pointer: String,
        key: Option<Range>,
        value: &Value<'_>,
    ) -> Result<(), Finding> {
        let at = value.range();
        match value {
            Value::Object(object) => {
                for field in &object.properties {
                    let inner = child(&pointer, short_name(field)?);
                    self.visit(inner, Some(field.name.range()), &field.value)?;
                }
            }
            Value::Array(list) => {
                for (index, entry) in list.elements.iter().enumerate() {
                    self.visit(format!("{pointer}/{index}"), None, entry)?;
                }
            }
            Value::StringLit(text) if text.value.contains('\0') => {
                let message = "text must not hold a NUL character (`\\u0000`)".to_owned();
                self.note(at, &pointer, message);
            }
            Value::StringLit(_)
            | Value::NumberLit(_)
            | Value::BooleanLit(_)
            | Value::NullKeyword(_) => {}
        }
        if let (Some(key), Some(first)) = (key, self.places.get(&pointer)) {
            let line = self.lines.partition_point(|start| *start <= first.value.start);
            let name = self.text.get(key.start + 1..key.end - 1).unwrap_or_default();
            let message = format!("`{name}` is here a second time; the first is in line {line}");
            self.note(key, &pointer, message);
        } else {
            let place = Place { key: key.map(span), value: span(at) };
            self.places.insert(pointer, place);
        }
        Ok(())
    }

    fn note(&mut self, at: Range, pointer: &str, message: String) {
        let help = Some("remove it".to_owned());
        self.oddities.push(Finding { at: span(at), pointer: pointer.to_owned(), message, help });
    }
}

/// Returns the line and the column, in characters, of a byte of a text, both from 1.
pub fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before.get(line_start..).unwrap_or_default().chars().count() + 1)
}

/// Returns the JSON pointer (RFC 6901) of a field of the object at `pointer`.
pub fn child(pointer: &str, field: &str) -> String {
    format!("{pointer}/{}", field.replace('~', "~0").replace('/', "~1"))
}

fn short_name<'f>(field: &'f ObjectProp<'_>) -> Result<&'f str, Finding> {
    let name = field.name.as_str();
    if name.len() <= NAME_MAX {
        return Ok(name);
    }
    let message = format!("a field's name is longer than {NAME_MAX} bytes");
    Err(unclear(span(field.name.range()), message))
}

fn span(range: Range) -> Span {
    range.start..range.end
}

/// Refuses what is too deep or too much before any parser meets it: their stacks are finite.
fn too_much(text: &str) -> Option<Finding> {
    let (mut depth, mut values, mut quoted, mut escaped) = (0_usize, 0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                values += 1;
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            b',' if !quoted => values += 1,
            _ => {}
        }
        if depth > DEPTH_MAX {
            return Some(unclear(at..at + 1, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        if values > VALUES_MAX {
            return Some(unclear(at..at + 1, format!("more than {VALUES_MAX} values in one file")));
        }
    }
    None
}

/// Reads the values, by the parser whose word counts.
fn strictly(text: &str) -> Result<serde_json::Value, Finding> {
    serde_json::from_str(text).map_err(|error| {
        let lines = text.split_inclusive('\n').take(error.line().saturating_sub(1));
        let at = (lines.map(str::len).sum::<usize>() + error.column()).saturating_sub(1);
        let at = if error.is_eof() { text.len() } else { text.floor_char_boundary(at) };
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        let here = text.get(at..).and_then(|rest| rest.chars().next()).unwrap_or_default();
        let (message, help) = if words.starts_with("control character") {
            ("this text does not end on its line", "close it with `\"`; a line break is `\\n`")
        } else if words == "invalid number" {
            (NOT_A_NUMBER, "write it as 7 or -0.5")
        } else if here.is_whitespace() && !here.is_ascii_whitespace() {
            ("JSON does not know this kind of space", "write a plain one")
        } else {
            return unclear(at..at, format!("this is not JSON: {words}"));
        };
        advised(at..at, message, help)
    })
}

fn advised(at: Span, message: &str, help: &str) -> Finding {
    Finding { help: Some(help.to_owned()), ..unclear(at, message.to_owned()) }
}

fn unclear(at: Span, message: String) -> Finding {
    Finding { at, pointer: String::new(), message, help: None }
}

/// Says what is no JSON.
fn in_words(error: &ParseError, text: &str) -> Finding {
    use ParseErrorKind as Kind;
    let at = span(error.range());
    let (message, help) = match error.kind() {
        Kind::CommentsNotAllowed | Kind::UnterminatedCommentBlock => {
            ("JSON has no comments", "remove it, or put it into `metadata.annotations`")
        }
        Kind::TrailingCommasNotAllowed => {
            ("JSON has no comma after the last entry", "remove the comma")
        }
        Kind::ExpectedComma => ("expected `,` between two entries", "add a comma"),
        Kind::ExpectedColonAfterObjectKey => ("expected `:` after the name of the field", ""),
        Kind::ExpectedObjectValue => ("expected a value after `:`", ""),
        Kind::ExpectedStringObjectProperty | Kind::SingleQuotedStringsNotAllowed => {
            ("JSON has names and texts in double quotes only", "write `\"` on both sides")
        }
        Kind::UnterminatedObject => ("this `{` is never closed", HALF),
        Kind::UnterminatedArray => ("this `[` is never closed", HALF),
        Kind::String(ParseStringErrorKind::UnterminatedStringLiteral) => {
            ("this text is never closed", HALF)
        }
        Kind::String(
            ParseStringErrorKind::InvalidUnicodeEscapeSequence(_)
            | ParseStringErrorKind::ExpectedFourHexDigits,
        ) => ("incomplete `\\u` escape in a text", "write the character itself"),
        Kind::String(_) => {
            ("unknown escape in a text", "write a backslash twice: `\\\\`, or see json.org")
        }
        Kind::MultipleRootJsonValues => {
            ("the file goes on after its object", "one file is one object")
        }
        Kind::HexadecimalNumbersNotAllowed
        | Kind::UnaryPlusNumbersNotAllowed
        | Kind::BareDecimalPointNumbersNotAllowed
        | Kind::NonFiniteNumbersNotAllowed
        | Kind::ExpectedDigit
        | Kind::ExpectedDigitFollowingNegativeSign
        | Kind::ExpectedPlusMinusOrDigitInNumberLiteral => (NOT_A_NUMBER, "write it as 7 or -0.5"),
        Kind::UnexpectedWord
        | Kind::UnexpectedToken
        | Kind::UnexpectedTokenInObject
        | Kind::UnexpectedCloseBrace
        | Kind::UnexpectedCloseBracket
        | Kind::UnexpectedColon
        | Kind::UnexpectedComma
        | Kind::NestingDepthExceeded => return unexpected(at, text),
    };
    if help.is_empty() { unclear(at, message.to_owned()) } else { advised(at, message, help) }
}

const NOT_A_NUMBER: &str = "this is not a number of JSON";
const HALF: &str = "is the file half written?";

fn unexpected(at: Span, text: &str) -> Finding {
    let line_start = text.get(..at.start).and_then(|t| t.rfind('\n')).map_or(0, |end| end + 1);
    let line = text.get(line_start..).unwrap_or_default();
    if ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark)) {
        let marks = line_start..line_start + 7;
        return advised(marks, "an unresolved merge", "choose one side and remove the marks");
    }
    let here = text.get(at.start..).unwrap_or_default();
    let word_end = here.find(|c: char| !c.is_alphanumeric()).unwrap_or(here.len());
    if word_end > 0 {
        return word(at.start, here.get(..word_end).unwrap_or_default());
    }
    let here = here.chars().next().unwrap_or_default();
    let message = format!("`{here}` is out of place here");
    if "\u{201c}\u{201d}\u{201e}\u{2018}\u{2019}".contains(here) {
        return advised(at, &message, "write plain double quotes: `\"`");
    }
    unclear(at, message)
}

fn word(at: usize, here: &str) -> Finding {
    let near = did_you_mean(here, ["true", "false", "null"].into_iter());
    let help = near.map_or_else(
        || "write text in double quotes".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    let short: String = here.chars().take(40).collect();
    advised(at..at + here.len(), &format!("`{short}` is not JSON"), &help)
}
