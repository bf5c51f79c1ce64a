//! Which of many patterns could meet one: found by the literal names they begin with, without
//! comparing each with each. It only narrows; whether two do meet is asked of the patterns.

use super::{PathPattern, Segment, Token};
use std::collections::{BTreeMap, BTreeSet};

/// Patterns by the folder they are confined to, each with the number it was entered under.
#[derive(Debug, Default)]
pub struct PatternIndex {
    /// Folders end in `/`, so that everything beneath one is a range; the root is empty.
    by_folder: BTreeMap<String, Vec<usize>>,
}

impl PatternIndex {
    /// Enters a pattern under a number.
    pub fn insert(&mut self, number: usize, pattern: &PathPattern) {
        for folder in folders(pattern) {
            let numbers = self.by_folder.entry(folder).or_default();
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }

    /// Returns the numbers of all patterns that could meet one of these, in order; some of them
    /// may not.
    pub fn near<'a, I>(&self, patterns: I) -> BTreeSet<usize>
    where
        I: IntoIterator<Item = &'a PathPattern>,
    {
        let mut found = BTreeSet::new();
        for folder in patterns.into_iter().flat_map(folders) {
            let above = folder.match_indices('/').filter_map(|(at, _)| folder.get(..=at));
            for one in std::iter::once("").chain(above) {
                found.extend(self.by_folder.get(one).into_iter().flatten());
            }
            let beneath = self.by_folder.range(folder.clone()..);
            let beneath = beneath.take_while(|(one, _)| one.starts_with(&folder));
            found.extend(beneath.flat_map(|(_, numbers)| numbers));
        }
        found
    }
}

/// Returns, for each alternative, the names it begins with, up to the first that is not literal.
/// Every path of the pattern is this one or beneath it.
fn folders(pattern: &PathPattern) -> impl Iterator<Item = String> {
    pattern.alternatives.iter().map(|segments| {
        let mut folder = String::new();
        for segment in segments {
            let Some(name) = literal_name(segment) else { break };
            folder.push_str(&name);
            folder.push('/');
        }
        folder
    })
}

fn literal_name(segment: &Segment) -> Option<String> {
    let Segment::Name(tokens) = segment else { return None };
    let letter = |token: &Token| match token {
        Token::One(ranges) => match ranges.as_slice() {
            [(from, to)] if from == to => Some(*from),
            _ => None,
        },
        Token::Star => None,
    };
    tokens.iter().map(letter).collect()
}
