//! `Case`: whether names that differ only in upper and lower case are one file. It folds the letters
//! of ASCII alone, as git does, and never changes how a name is shown.

/// Whether `A.rs` and `a.rs` are two files here, or one: git's `core.ignorecase`. As for git, only
/// the letters A to Z have a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Case {
    /// They are two.
    #[default]
    Sensitive,
    /// They are one.
    Insensitive,
}

impl Case {
    /// Returns whether two paths are those of one file.
    pub fn is_same(self, one: &str, other: &str) -> bool {
        match self {
            Self::Sensitive => one == other,
            Self::Insensitive => one.eq_ignore_ascii_case(other),
        }
    }

    /// Returns the characters that one stands for, itself first: a path in two patterns is shown as
    /// the first of them spells it.
    pub(super) fn spellings(self, c: char) -> Vec<(char, char)> {
        let other = swapped(c);
        match self {
            Self::Insensitive if other != c => vec![(c, c), (other, other)],
            Self::Sensitive | Self::Insensitive => vec![(c, c)],
        }
    }

    /// Adds to ranges the letters that theirs are in the other case.
    pub(super) fn close(self, ranges: &mut Vec<(char, char)>) {
        match self {
            Self::Sensitive => {}
            Self::Insensitive => {
                let others: Vec<_> = ranges.iter().flat_map(|one| letters_swapped(*one)).collect();
                ranges.extend(others);
            }
        }
    }
}

/// Returns the letters of a range, in the other case.
fn letters_swapped((from, to): (char, char)) -> impl Iterator<Item = (char, char)> {
    [('A', 'Z'), ('a', 'z')].into_iter().filter_map(move |(first, last)| {
        let (from, to) = (from.max(first), to.min(last));
        (from <= to).then(|| (swapped(from), swapped(to)))
    })
}

fn swapped(c: char) -> char {
    if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() }
}
