//! Text -> pattern: what each character of a pattern stands for. It reads no tree, and refuses
//! what a shell would read otherwise.

use super::{ALTERNATIVES_MAX, Case, Segment, Token};

/// Replaces `{a,b}` by one text for each alternative, innermost last.
pub(super) fn expand(text: &str) -> Result<Vec<String>, &'static str> {
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

/// Reads the names of a pattern without braces.
pub(super) fn segments(text: &str, case: Case) -> Result<Vec<Segment>, &'static str> {
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
            _ => found.push(Segment::Name(tokens(name, case)?)),
        }
    }
    found.dedup_by(|a, b| *a == Segment::Deep && *b == Segment::Deep);
    Ok(found)
}

fn tokens(name: &str, case: Case) -> Result<Vec<Token>, &'static str> {
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
                Token::One(class(body, case)?)
            }
            ']' => return Err("`]` has no `[`"),
            '\\' => return Err("`\\` is not allowed; write `/` between names"),
            _ => Token::One(case.spellings(c)),
        });
    }
    Ok(found)
}

/// Reads the inside of `[...]`. What is excluded is so in either case.
fn class(body: &str, case: Case) -> Result<Vec<(char, char)>, &'static str> {
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
    case.close(&mut ranges);
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
