//! `PathPattern`: a glob over paths of the repository, and the exact question whether two of them
//! can match one path. It reads no tree: who can see whether a path is a folder says so.

mod index;

pub use index::PatternIndex;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathPattern {
    text: Arc<str>,
    alternatives: Arc<[Alternative]>,
    /// Whether everything beneath a match is held too.
    folder: bool,
}

/// One of the patterns without braces that a pattern stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Alternative {
    segments: Vec<Segment>,
    /// The literal names it begins with, a `/` behind each: all its paths are this one or beneath.
    folder: String,
    /// The name it ends with, if that is literal.
    last: Option<String>,
}

impl Alternative {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let segments = segments(text)?;
        let folder = index::literal_folder(&segments);
        let last = segments.last().and_then(index::literal_name);
        Ok(Self { segments, folder, last })
    }

    /// Returns whether one of the two begins as the other does: else no path is in both.
    fn begins_as(&self, other: &Self) -> bool {
        self.folder.starts_with(&other.folder) || other.folder.starts_with(&self.folder)
    }

    /// Returns whether two files, one of each, may have one name.
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
    /// One character out of these ranges, which are sorted and disjoint.
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
        let alternatives = expand(text)
            .map_err(fail)?
            .iter()
            .map(|one| Alternative::parse(one))
            .collect::<Result<Arc<[_]>, _>>()
            .map_err(fail)?;
        let last = text.rsplit('/').next().unwrap_or_default();
        let folder = last.is_empty() || (is_literal(text) && !last.contains('.'));
        Ok(Self { text: text.into(), alternatives, folder })
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
        let [one] = &*self.alternatives else { return None };
        if self.text.ends_with('/') {
            return None;
        }
        let names: Option<Vec<String>> = one.segments.iter().map(index::literal_name).collect();
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

/// Replaces `{a,b}` by one text for each alternative, innermost last.
fn expand(text: &str) -> Result<Vec<String>, &'static str> {
    let brace = |wanted| unclassed(text).find(|(_, c)| *c == wanted).map(|(at, _)| at);
    let Some(open) = brace('{') else {
        return if brace('}').is_some() {
            Err("`}` has no `{`")
        } else {
            Ok(vec![text.to_owned()])
        };
    };
    let (choices, close) = choices(text, open)?;
    let mut all = Vec::new();
    for choice in choices {
        let whole = [&text[..open], choice, &text[close + 1..]].concat();
        all.extend(expand(&whole)?);
        if all.len() > ALTERNATIVES_MAX {
            return Err("its braces stand for more than 64 patterns");
        }
    }
    Ok(all)
}

/// Returns the characters that do not stand within `[...]`.
fn unclassed(text: &str) -> impl Iterator<Item = (usize, char)> {
    let mut class_ends = 0;
    text.char_indices().filter(move |(at, c)| {
        if *at < class_ends {
            return false;
        }
        if *c == '[' {
            class_ends = class_end(text, at + 1).map_or(0, |end| end + 1);
        }
        true
    })
}

/// Returns where the class ends whose inside begins at `from`. A `]` at its very beginning stands for
/// itself.
fn class_end(text: &str, from: usize) -> Option<usize> {
    let inside = text.get(from..)?;
    let first = inside.strip_prefix(['!', '^']).unwrap_or(inside);
    let first = first.strip_prefix(']').unwrap_or(first);
    let skipped = inside.len() - first.len();
    first.find(']').map(|end| from + skipped + end)
}

/// Returns the alternatives of the brace at `open`, and where it closes.
fn choices(text: &str, open: usize) -> Result<(Vec<&str>, usize), &'static str> {
    let (mut depth, mut from, mut found) = (0_usize, open + 1, Vec::new());
    for (at, c) in unclassed(text).skip_while(|(at, _)| *at < open) {
        match c {
            '{' => depth += 1,
            ',' if depth == 1 => {
                found.push(&text[from..at]);
                from = at + 1;
            }
            '}' if depth == 1 => {
                found.push(&text[from..at]);
                return Ok((found, at));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    Err("`{` has no `}`")
}

fn segments(text: &str) -> Result<Vec<Segment>, &'static str> {
    let text = text.strip_suffix('/').unwrap_or(text);
    if text.starts_with('/') {
        return Err("write it from the root of the repository, without a leading `/`");
    }
    let mut found = Vec::new();
    for name in text.split('/') {
        match name {
            "" => return Err("it has an empty name"),
            "." | ".." => return Err("`.` and `..` are not allowed"),
            "**" => found.push(Segment::Deep),
            _ => found.push(Segment::Name(tokens(name)?)),
        }
    }
    found.dedup_by(|a, b| *a == Segment::Deep && *b == Segment::Deep);
    Ok(found)
}

fn tokens(name: &str) -> Result<Vec<Token>, &'static str> {
    let mut rest = name.chars();
    let mut found = Vec::new();
    while let Some(c) = rest.next() {
        found.push(match c {
            '*' if found.last() == Some(&Token::Star) => continue,
            '*' => Token::Star,
            '?' => Token::One(complement(&[])),
            '[' => {
                let inside = rest.as_str();
                let end = class_end(inside, 0).ok_or("`[` has no `]`")?;
                let (body, after) = inside.split_at(end);
                rest = after.get(1..).unwrap_or_default().chars();
                Token::One(class(body)?)
            }
            ']' => return Err("`]` has no `[`"),
            '\\' => return Err("`\\` is not allowed; write `/` between names"),
            _ => Token::One(vec![(c, c)]),
        });
    }
    Ok(found)
}

/// Reads the inside of `[...]`.
fn class(body: &str) -> Result<Vec<(char, char)>, &'static str> {
    let (negated, body) = match body.strip_prefix(['!', '^']) {
        Some(inner) => (true, inner),
        None => (false, body),
    };
    let chars: Vec<char> = body.chars().collect();
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(&from) = chars.get(at) {
        let range = chars.get(at + 2).filter(|_| chars.get(at + 1) == Some(&'-'));
        at += if range.is_some() { 3 } else { 1 };
        let to = *range.unwrap_or(&from);
        if from > to {
            return Err("a range in `[...]` runs backwards");
        }
        ranges.push((from, to));
    }
    if ranges.is_empty() {
        return Err("`[...]` is empty");
    }
    ranges.sort_unstable();
    let outside = complement(&ranges);
    Ok(if negated { outside } else { complement(&outside) })
}

/// Returns every character but `/` and those of the ranges, as sorted, disjoint ranges.
fn complement(sorted: &[(char, char)]) -> Vec<(char, char)> {
    let mut holes = sorted.to_vec();
    holes.push(('/', '/'));
    holes.sort_unstable();
    let mut found = Vec::new();
    let mut next = Some('\u{1}');
    for (from, to) in holes {
        let Some(start) = next else { break };
        if start < from {
            found.push((start, before(from)));
        }
        next = next.max(after(to)).filter(|_| after(to).is_some());
    }
    found.extend(next.map(|start| (start, char::MAX)));
    found
}

fn after(c: char) -> Option<char> {
    (c..=char::MAX).nth(1)
}

fn before(c: char) -> char {
    ('\u{0}'..c).next_back().unwrap_or('\u{0}')
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
