//! A tape: the decisions of one history as text, a sentence of small numbers for every step. What
//! the numbers mean is the simulation's alone: a change of what it asks rewrites every history, so
//! a tape never says what went wrong; its name and its notes do.

use std::fmt;
use std::str::FromStr;

/// The decisions of one history. Sentences and words that are not there are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tape(Vec<Vec<u64>>);

impl Tape {
    /// Makes a tape, without the zeros at the end of each sentence and of the whole.
    pub fn new(mut sentences: Vec<Vec<u64>>) -> Self {
        for sentence in &mut sentences {
            let used = sentence.iter().rposition(|word| *word != 0).map_or(0, |at| at + 1);
            sentence.truncate(used);
        }
        let used = sentences.iter().rposition(|one| !one.is_empty()).map_or(0, |at| at + 1);
        sentences.truncate(used);
        Self(sentences)
    }

    /// Returns the sentences.
    pub fn sentences(&self) -> &[Vec<u64>] {
        &self.0
    }

    pub(super) fn get(&self, sentence: usize, word: usize) -> u64 {
        self.0.get(sentence).and_then(|one| one.get(word)).copied().unwrap_or(0)
    }
}

impl fmt::Display for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for sentence in &self.0 {
            let mut words = Vec::new();
            for run in sentence.chunk_by(|one, next| one == next && *one == 0) {
                match run {
                    [_, _, _, ..] => words.push(format!("0*{}", run.len())),
                    _ => words.extend(run.iter().map(u64::to_string)),
                }
            }
            writeln!(f, "{}", words.join(" "))?;
        }
        Ok(())
    }
}

impl FromStr for Tape {
    type Err = std::num::ParseIntError;

    /// Reads what `Display` wrote; a line that begins with `#` is a note.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sentence = |line: &str| {
            let mut words = Vec::new();
            for word in line.split_whitespace() {
                let (number, often) = word.split_once('*').unwrap_or((word, "1"));
                let (number, often): (u64, usize) = (number.parse()?, often.parse()?);
                words.extend(std::iter::repeat_n(number, often));
            }
            Ok(words)
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Ok(Self::new(lines.map(sentence).collect::<Result<_, _>>()?))
    }
}
