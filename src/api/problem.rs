//! Problem: what is wrong in a file, where exactly, and what to write instead. It words nothing of
//! its own and has no colours: surfaces choose between its one line and its picture.

use super::position::{Document, Span, position};
use std::fmt;

/// How many problems of one file are told; who mends these sees the rest.
const PROBLEMS_MAX: usize = 20;
/// The longest source line that is shown, in characters.
const SHOWN_MAX: usize = 160;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file is not taken.
    Error,
    /// The file is taken, and may not do what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One thing wrong in one file. No text in it has control characters, whatever the file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, from the root of the repository.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The JSON pointer (RFC 6901) of what is wrong; empty for the file as a whole.
    pub pointer: String,
    /// What is wrong, in words of JSON.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// How bad it is.
    pub severity: Severity,
    /// The line as it stands in the file; `None` when there is none to show.
    source: Option<String>,
    /// How many characters to underline.
    width: usize,
}

impl Problem {
    /// Makes a problem of the file as a whole.
    pub fn of_file(path: &str, message: String, help: Option<String>) -> Self {
        Self::in_text(path, "", Finding { at: 0..0, pointer: String::new(), message, help })
    }

    /// Makes a problem of one place in a text.
    pub(super) fn in_text(path: &str, text: &str, finding: Finding) -> Self {
        let Finding { at, pointer, message, help } = finding;
        let (line, column) = position(text, at.start);
        let whole = text.split('\n').nth(line - 1).unwrap_or_default().trim_end_matches('\r');
        let rest = whole.chars().count().saturating_sub(column - 1);
        let marked = text.get(at).map_or(1, |marked| marked.chars().count());
        let shown = !whole.is_empty() && whole.chars().count() <= SHOWN_MAX;
        Self {
            path: printable(path),
            line,
            column,
            pointer: printable(&pointer),
            message: printable(&message),
            help: help.map(|help| printable(&help)),
            severity: Severity::Error,
            source: shown.then(|| whole.chars().map(visible).collect()),
            width: marked.min(rest).max(1),
        }
    }

    /// Returns the problem over several lines, with the place in the file underlined.
    pub fn picture(&self) -> String {
        let mut lines = vec![
            format!("{}: {}", self.severity, self.message),
            format!("  --> {}:{}:{}", self.path, self.line, self.column),
        ];
        if let Some(source) = &self.source {
            let blank = |c| if c == '\t' { '\t' } else { ' ' };
            let indent: String = source.chars().take(self.column - 1).map(blank).collect();
            lines.push(format!("  {source}"));
            lines.push(format!("  {indent}{}", "^".repeat(self.width)));
        }
        lines.extend(self.help.iter().map(|help| format!("  help: {help}")));
        lines.join("\n")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, column, severity, message, .. } = self;
        write!(f, "{path}:{line}:{column}: {severity}: {message}")?;
        if !self.pointer.is_empty() {
            write!(f, " ({})", self.pointer)?;
        }
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

/// One thing wrong, before its line and column are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) at: Span,
    pub(super) pointer: String,
    pub(super) message: String,
    pub(super) help: Option<String>,
}

/// Gathers what is wrong in one file; checks that see several files point into them with it.
#[derive(Debug)]
pub struct Report<'a> {
    path: &'a str,
    document: &'a Document<'a>,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    /// Makes the report of a file in which nothing is wrong yet.
    pub fn new(path: &'a str, document: &'a Document<'a>) -> Self {
        Self { path, document, findings: Vec::new() }
    }

    /// Returns the file that is reported on.
    pub fn document(&self) -> &'a Document<'a> {
        self.document
    }

    /// Returns whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// Adds a problem that points at the value of `pointer`, or at what would hold it.
    pub fn at_value(&mut self, pointer: &str, message: String, help: Option<String>) {
        self.add(self.document.value(pointer), pointer, message, help);
    }

    /// Adds a problem that points at the name of the field `pointer`, or of what would hold it.
    pub fn at_key(&mut self, pointer: &str, message: String, help: Option<String>) {
        self.add(self.document.key(pointer), pointer, message, help);
    }

    /// Adds a problem at a place of the text.
    pub(super) fn add(&mut self, at: Span, pointer: &str, message: String, help: Option<String>) {
        self.findings.push(Finding { at, pointer: pointer.to_owned(), message, help });
    }

    /// Returns the problems as they stand in the file, the same one once, at most 20 and one that
    /// counts the others.
    pub fn into_problems(mut self) -> Vec<Problem> {
        self.findings.sort_by_key(|finding| finding.at.start);
        self.findings.dedup();
        let more = self.findings.len().saturating_sub(PROBLEMS_MAX);
        if let Some(first_left_out) = self.findings.get_mut(PROBLEMS_MAX) {
            let plural = if more == 1 { "" } else { "s" };
            first_left_out.message = format!("and {more} more problem{plural}");
            first_left_out.help = None;
            first_left_out.pointer.clear();
        }
        self.findings.truncate(PROBLEMS_MAX + 1);
        let text = self.document.text();
        self.findings.into_iter().map(|one| Problem::in_text(self.path, text, one)).collect()
    }
}

/// Returns the known word that was most likely meant, if one is close: case, `-` and `_` do not
/// count, and one letter in three may differ.
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(word);
    if wanted.is_empty() || wanted.len() > 64 {
        return None;
    }
    known
        .map(|known| (strsim::damerau_levenshtein(&wanted, &plain(known)), known))
        .filter(|(distance, known)| *distance <= wanted.len().max(known.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Returns whether a character is none to be seen, but steers a terminal or turns the direction of
/// what follows.
pub(super) fn steers(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Escapes control characters: what a file holds must not steer the terminal that shows it.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    shown
}

/// Like [`printable`], one for one, so that columns stay.
fn visible(c: char) -> char {
    if steers(c) && c != '\t' { char::REPLACEMENT_CHARACTER } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_word_is_offered_and_no_other() {
        let known = ["priority", "dependencies", "requiredSkills", "fix"];
        for (word, meant) in [
            ("priorty", Some("priority")),
            ("required_skills", Some("requiredSkills")),
            ("Priority", Some("priority")),
            ("fox", Some("fix")),
            ("zebra", None),
            ("", None),
            ("--", None),
        ] {
            assert_eq!(did_you_mean(word, known.into_iter()), meant, "{word}");
        }
    }

    #[test]
    fn a_picture_underlines_the_place() {
        let text = "{\n\t\"é\": 1, \"priorty\": 5\n}";
        let at = text.find("\"priorty").unwrap();
        let finding = Finding {
            at: at..at + 9,
            pointer: "/priorty".to_owned(),
            message: "unknown field `priorty`".to_owned(),
            help: Some("did you mean `priority`?".to_owned()),
        };
        let problem = Problem::in_text("state/tasks/a.json", text, finding);
        let picture = "\
error: unknown field `priorty`
  --> state/tasks/a.json:2:10
  \t\"é\": 1, \"priorty\": 5
  \t        ^^^^^^^^^
  help: did you mean `priority`?";
        assert_eq!(problem.picture(), picture);
    }

    #[test]
    fn a_problem_cannot_steer_the_terminal() {
        let problem = Problem::of_file("state/\u{1b}[2J", "\u{9b}2J\u{202e}".to_owned(), None);
        assert_eq!(problem.to_string(), r"state/\u{1b}[2J:1:1: error: \u{9b}2J\u{202e}");
    }
}
