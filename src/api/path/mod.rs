//! `PathPattern`: a glob over paths of the repository, and the exact question whether two of them
//! can match one path. It reads no tree: who can see whether a path is a folder says so.

mod case;
mod index;
mod parse;

pub use case::Case;
pub use index::PatternIndex;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// The longest pattern, in bytes.
pub const PATTERN_MAX: usize = 300;
/// How many patterns one `{a,b}` pattern may stand for.
const ALTERNATIVES_MAX: usize = 64;

/// A glob from the root of the repository: `*` and `?` stay within one name, `**` crosses folders,
/// `[a-z]`, `[!a]` and `{a,b}` are as in a shell. `src/auth/` is the folder and all that is in it;
/// without the slash it is so too, unless it is known, or by a dot in its name seems, to be a file.
///
/// It holds paths as they are spelled, until [`Self::on`] says that the case of letters does not
/// count. That is of the place and not of the pattern: two that are written alike are equal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern {
    text: Arc<str>,
    alternatives: Arc<[Alternative]>,
    /// Whether everything beneath a match is held too.
    folder: bool,
    case: Case,
}

/// One of the patterns without braces that a pattern stands for.
#[derive(Debug, Clone)]
struct Alternative {
    segments: Vec<Segment>,
    /// The literal names it begins with, a `/` behind each, in lower case: all its paths are this
    /// one or beneath, however they are spelled.
    folder: String,
    /// The name it ends with, in lower case, if that is literal.
    last: Option<String>,
}

impl Alternative {
    fn parse(text: &str, case: Case) -> Result<Self, &'static str> {
        let plain = parse::segments(text, Case::Sensitive)?;
        let folder = index::literal_folder(&plain).to_ascii_lowercase();
        let last = plain.last().and_then(index::literal_name);
        let last = last.map(|name| name.to_ascii_lowercase());
        let segments = match case {
            Case::Sensitive => plain,
            Case::Insensitive => parse::segments(text, case)?,
        };
        Ok(Self { segments, folder, last })
    }

    /// Returns whether one of the two begins as the other does, whatever the case of letters: else
    /// no path is in both.
    fn begins_as(&self, other: &Self) -> bool {
        self.folder.starts_with(&other.folder) || other.folder.starts_with(&self.folder)
    }

    /// Returns whether two files, one of each, may have one name, whatever the case of letters.
    fn ends_as(&self, other: &Self) -> bool {
        self.last.is_none() || other.last.is_none() || self.last == other.last
    }
}

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a path pattern: {why}")]
pub struct PatternError {
    text: String,
    why: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    /// `**`: any number of names.
    Deep,
    /// One name.
    Name(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    /// `*`: any characters within the name.
    Star,
    /// One character out of these ranges.
    One(Vec<(char, char)>),
}

impl PathPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When the text is not a pattern; the error says what to change.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let fail = |why| PatternError { text: text.to_owned(), why };
        if text.len() > PATTERN_MAX {
            return Err(fail("it is longer than 300 bytes"));
        }
        if text.chars().any(char::is_control) {
            return Err(fail("it has a control character"));
        }
        let alternatives = alternatives(text, Case::Sensitive).map_err(fail)?;
        let last = text.rsplit('/').next().unwrap_or_default();
        let folder = last.is_empty() || (is_literal(text) && !last.contains('.'));
        Ok(Self { text: text.into(), alternatives, folder, case: Case::Sensitive })
    }

    /// Returns the pattern as it is meant in a repository with this rule. Of two patterns that are
    /// compared it suffices that one is so: any other meets it as if it were so too.
    #[must_use]
    pub fn on(self, case: Case) -> Self {
        if self.case == case {
            return self;
        }
        let again = alternatives(&self.text, case).expect("it was read before");
        Self { alternatives: again, case, ..self }
    }

    /// Makes the pattern of one path as it is, whatever characters it has.
    ///
    /// # Errors
    /// When the text is not the path of a file in a repository.
    pub fn of_path(path: &str) -> Result<Self, PatternError> {
        let fail = |why| PatternError { text: path.to_owned(), why };
        if path.ends_with('/') {
            return Err(fail("it is a folder"));
        }
        let mut text = String::with_capacity(path.len());
        for c in path.chars() {
            if "*?[]{}\\".contains(c) {
                text.extend(['[', c, ']']);
            } else {
                text.push(c);
            }
        }
        Self::parse(&text)
    }

    /// Returns the path, if there is but one that the pattern names: [`Self::of_path`] turned around.
    pub fn only_path(&self) -> Option<String> {
        let [one]: [String; 1] = parse::expand(&self.text).ok()?.try_into().ok()?;
        if self.text.ends_with('/') {
            return None;
        }
        let segments = parse::segments(&one, Case::Sensitive).ok()?;
        let names: Option<Vec<String>> = segments.iter().map(index::literal_name).collect();
        Some(names?.join("/"))
    }

    /// Returns the path, if the pattern has no wildcard and does not say itself that it is a
    /// folder: then only the tree knows, and [`Self::known_as_folder`] takes its word.
    pub fn unclear_path(&self) -> Option<&str> {
        (is_literal(&self.text) && !self.text.ends_with('/')).then_some(&*self.text)
    }

    /// Returns the pattern of a path that is known to be a folder.
    #[must_use]
    pub fn known_as_folder(mut self) -> Self {
        self.text = format!("{}/", self.text).into();
        Self { folder: true, ..self }
    }

    /// Returns the pattern of a path that is known to be a file.
    #[must_use]
    pub fn known_as_file(self) -> Self {
        Self { folder: false, ..self }
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns whether the pattern holds this path.
    pub fn covers(&self, path: &str) -> bool {
        let names: Vec<Segment> = path.split('/').map(literal).collect();
        let shortest = if self.folder { 1 } else { names.len() };
        let within = |one: &Alternative| {
            let matches = |n| matches(&one.segments, n);
            (shortest..=names.len()).any(|end| names.get(..end).is_some_and(matches))
        };
        self.alternatives.iter().any(within)
    }

    /// Returns a path that both patterns hold, or `None` when there is none at all. The answer is
    /// exact; two literal patterns cost one comparison, others a walk over pairs of segments.
    pub fn overlap(&self, other: &Self) -> Option<String> {
        self.alternatives.iter().find_map(|a| {
            let folders = (self.folder, other.folder);
            let may_meet =
                |b: &&Alternative| a.begins_as(b) && (folders != (false, false) || a.ends_as(b));
            other.alternatives.iter().filter(may_meet).find_map(|b| {
                let (a, b) = (&a.segments, &b.segments);
                let mut walk = Walk { a, b, folders, path: Vec::new(), dead: BTreeSet::new() };
                walk.meet(0, 0).then(|| walk.path.join("/"))
            })
        })
    }
}

/// Returns the first pair of patterns that can match one path, with such a path.
pub fn first_overlap<'a>(
    ours: &'a [PathPattern],
    theirs: &'a [PathPattern],
) -> Option<(&'a PathPattern, &'a PathPattern, String)> {
    ours.iter()
        .find_map(|a| theirs.iter().find_map(|b| a.overlap(b).map(|witness| (a, b, witness))))
}

/// Reads the patterns without braces that a text stands for.
fn alternatives(text: &str, case: Case) -> Result<Arc<[Alternative]>, &'static str> {
    parse::expand(text)?.iter().map(|one| Alternative::parse(one, case)).collect()
}

impl PartialEq for PathPattern {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for PathPattern {}

impl PartialOrd for PathPattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for PathPattern {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.text, self.folder).cmp(&(&other.text, other.folder))
    }
}

impl TryFrom<String> for PathPattern {
    type Error = PatternError;
    fn try_from(text: String) -> Result<Self, PatternError> {
        Self::parse(&text)
    }
}

impl From<PathPattern> for String {
    fn from(pattern: PathPattern) -> Self {
        pattern.text.to_string()
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl JsonSchema for PathPattern {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        "PathPattern".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "minLength": 1, "maxLength": PATTERN_MAX })
    }
}

fn is_literal(text: &str) -> bool {
    !text.contains(['*', '?', '[', '{'])
}

fn literal(name: &str) -> Segment {
    Segment::Name(name.chars().map(|c| Token::One(vec![(c, c)])).collect())
}

fn matches(pattern: &[Segment], names: &[Segment]) -> bool {
    match (pattern.split_first(), names.split_first()) {
        (None, left) => left.is_none(),
        (Some((Segment::Deep, rest)), None) => matches(rest, names),
        (Some((Segment::Deep, rest)), Some((_, left))) => {
            matches(rest, names) || matches(pattern, left)
        }
        (Some((Segment::Name(a), rest)), Some((Segment::Name(b), left))) => {
            name_overlap(a, b).is_some() && matches(rest, left)
        }
        (Some((Segment::Name(_), _)), None) | (Some(_), Some((Segment::Deep, _))) => false,
    }
}

fn all_deep(pattern: &[Segment], from: usize) -> bool {
    pattern.iter().skip(from).all(|segment| *segment == Segment::Deep)
}

/// A walk over the product of two patterns: a meeting of both ends is a path in both.
struct Walk<'a> {
    a: &'a [Segment],
    b: &'a [Segment],
    folders: (bool, bool),
    path: Vec<String>,
    dead: BTreeSet<(usize, usize)>,
}

impl Walk<'_> {
    /// Returns whether some path continues both patterns from here; then `path` is one.
    fn meet(&mut self, i: usize, j: usize) -> bool {
        if self.dead.contains(&(i, j)) {
            return false;
        }
        let found = match (self.a.get(i), self.b.get(j)) {
            // One pattern has ended: a folder holds everything beneath, whatever the other asks.
            (None, None) => self.fill(&[], 0),
            (None, Some(_)) => (self.folders.0 || all_deep(self.b, j)) && self.fill(self.b, j),
            (Some(_), None) => (self.folders.1 || all_deep(self.a, i)) && self.fill(self.a, i),
            (Some(Segment::Deep), Some(Segment::Deep)) => {
                self.meet(i + 1, j) || self.meet(i, j + 1)
            }
            (Some(Segment::Deep), Some(Segment::Name(name))) => {
                self.meet(i + 1, j) || self.push(name, (i, j + 1))
            }
            (Some(Segment::Name(name)), Some(Segment::Deep)) => {
                self.meet(i, j + 1) || self.push(name, (i + 1, j))
            }
            (Some(Segment::Name(one)), Some(Segment::Name(two))) => {
                name_overlap(one, two).is_some_and(|name| self.enter(name, (i + 1, j + 1)))
            }
        };
        if !found {
            self.dead.insert((i, j));
        }
        found
    }

    fn push(&mut self, name: &[Token], next: (usize, usize)) -> bool {
        name_overlap(name, &[Token::Star]).is_some_and(|name| self.enter(name, next))
    }

    fn enter(&mut self, name: String, next: (usize, usize)) -> bool {
        self.path.push(name);
        let found = self.meet(next.0, next.1);
        if !found {
            self.path.pop();
        }
        found
    }

    /// Completes the path with the rest of one pattern.
    fn fill(&mut self, pattern: &[Segment], from: usize) -> bool {
        let length = self.path.len();
        for segment in pattern.iter().skip(from) {
            let Segment::Name(name) = segment else {
                continue;
            };
            let Some(text) = name_overlap(name, &[Token::Star]) else {
                self.path.truncate(length);
                return false;
            };
            self.path.push(text);
        }
        if self.path.is_empty() {
            self.path.push("x".to_owned());
        }
        true
    }
}

/// Returns a name that both match.
fn name_overlap(a: &[Token], b: &[Token]) -> Option<String> {
    fn walk(
        pair: (&[Token], &[Token]),
        name: &mut String,
        dead: &mut BTreeSet<(usize, usize)>,
    ) -> bool {
        let (a, b) = pair;
        if dead.contains(&(a.len(), b.len())) {
            return false;
        }
        let found = match (a.split_first(), b.split_first()) {
            (None, None) => true,
            (Some((Token::Star, rest)), _) if walk((rest, b), name, dead) => true,
            (_, Some((Token::Star, rest))) if walk((a, rest), name, dead) => true,
            (Some((one, rest_a)), Some((two, rest_b))) => common(one, two).is_some_and(|c| {
                // A star stays where it is and eats the character; a single one is used up.
                let next_a = if *one == Token::Star { a } else { rest_a };
                let next_b = if *two == Token::Star { b } else { rest_b };
                let both = *one == Token::Star && *two == Token::Star;
                name.push(c);
                let found = !both && walk((next_a, next_b), name, dead);
                if !found {
                    name.pop();
                }
                found
            }),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !found {
            dead.insert((a.len(), b.len()));
        }
        found
    }
    let mut name = String::new();
    walk((a, b), &mut name, &mut BTreeSet::new()).then(|| {
        // Only stars match the empty name, which no path has; they match any other as well. And a
        // name that reads like a file's is better to show than one that begins with its suffix.
        let longer = format!("x{name}");
        let reads_ill = name.is_empty() || name.starts_with('.');
        if reads_ill && accepts(a, &longer) && accepts(b, &longer) { longer } else { name }
    })
}

/// Returns whether a name matches.
fn accepts(tokens: &[Token], name: &str) -> bool {
    let Segment::Name(letters) = literal(name) else { return false };
    matches(&[Segment::Name(tokens.to_vec())], &[Segment::Name(letters)])
}

/// Returns a character that both tokens take, a readable one if possible.
fn common(a: &Token, b: &Token) -> Option<char> {
    let any = [('a', 'z'), ('\u{1}', '.'), ('0', char::MAX)];
    let ranges = |token: &Token| match token {
        Token::Star => any.to_vec(),
        Token::One(ranges) => ranges.clone(),
    };
    let (a, b) = (ranges(a), ranges(b));
    let both = |x: &(char, char), y: &(char, char)| {
        let (from, to) = (x.0.max(y.0), x.1.min(y.1));
        (from <= to).then_some(if from <= 'a' && 'a' <= to { 'a' } else { from })
    };
    a.iter().find_map(|x| b.iter().find_map(|y| both(x, y)))
}

#[cfg(test)]
mod tests;
