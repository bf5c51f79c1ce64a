//! Which of many patterns could meet one: found by the literal names they begin with, without
//! comparing each with each. It only narrows, whatever the case of letters; whether two do meet is asked of
//! the patterns.

use super::{Alternative, PathPattern, Segment, Token};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Bound;

/// Patterns by the folder they are confined to, each with the number it was entered under.
#[derive(Debug, Default)]
pub struct PatternIndex {
    /// Folders are in lower case and end in `/`, so that everything beneath one is a range; the root is empty.
    by_folder: BTreeMap<String, Vec<usize>>,
}

impl PatternIndex {
    /// Enters a pattern under a number.
    pub fn insert(&mut self, number: usize, pattern: &PathPattern) {
        for Alternative { folder, .. } in pattern.alternatives.iter() {
            let numbers = self.by_folder.entry(folder.clone()).or_default();
            if numbers.last() != Some(&number) {
                numbers.push(number);
            }
        }
    }

    /// Returns the numbers of all patterns that could hold a path, in order; some of them may not.
    pub fn above(&self, path: &str) -> impl Iterator<Item = usize> + use<'_> {
        let whole = format!("{path}/").to_ascii_lowercase();
        let ends = whole.match_indices('/').map(|(at, _)| at + 1);
        let folders = [0].into_iter().chain(ends).filter_map(|end| whole.get(..end));
        let lists = folders.filter_map(|folder| self.by_folder.get(folder)).map(Vec::as_slice);
        merged(lists.collect())
    }

    /// Returns the numbers of all patterns that could meet one of these, in order; some of them
    /// may not. Each is looked for when it is asked for.
    pub fn near<'i, 'p, I>(&'i self, patterns: I) -> impl Iterator<Item = usize> + use<'i, 'p, I>
    where
        I: IntoIterator<Item = &'p PathPattern>,
    {
        let mut lists: Vec<&[usize]> = Vec::new();
        for Alternative { folder, .. } in
            patterns.into_iter().flat_map(|one| one.alternatives.iter())
        {
            let above = folder.match_indices('/').filter_map(|(at, _)| folder.get(..at));
            let above = above.filter_map(|one| folder.get(..one.rfind('/').map_or(0, |at| at + 1)));
            lists.extend(above.filter_map(|one| self.by_folder.get(one)).map(Vec::as_slice));
            let from = (Bound::Included(folder.as_str()), Bound::Unbounded);
            let beneath = self.by_folder.range::<str, _>(from);
            let beneath = beneath.take_while(|(one, _)| one.starts_with(folder.as_str()));
            lists.extend(beneath.map(|(_, numbers)| numbers.as_slice()));
        }
        merged(lists)
    }
}

/// Merges sorted lists; what is in several of them comes once.
fn merged(mut lists: Vec<&[usize]>) -> impl Iterator<Item = usize> {
    let firsts = lists.iter().enumerate();
    let firsts = firsts.filter_map(|(at, list)| Some(Reverse((*list.first()?, at))));
    let mut heads: BinaryHeap<Reverse<(usize, usize)>> = firsts.collect();
    let mut next = move || {
        let Reverse((number, at)) = heads.pop()?;
        let list = lists.get_mut(at)?;
        *list = list.get(1..).unwrap_or_default();
        heads.extend(list.first().map(|first| Reverse((*first, at))));
        Some(number)
    };
    let mut last = None;
    std::iter::from_fn(move || {
        loop {
            let number = next()?;
            if last.replace(number) != Some(number) {
                return Some(number);
            }
        }
    })
}

/// Returns the literal names that segments begin with, a `/` behind each.
pub(super) fn literal_folder(segments: &[Segment]) -> String {
    let mut folder = String::new();
    for name in segments.iter().map_while(literal_name) {
        folder.push_str(&name);
        folder.push('/');
    }
    folder
}

pub(super) fn literal_name(segment: &Segment) -> Option<String> {
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
