//! The one source of chance. Every decision of a history is a small number on a tape, and 0 is
//! always the quiet one: what a seed decided once, its tape decides again, without the seed.

use super::tape::Tape;

/// Decides by a seed, or by what stands on a tape, and records what was decided.
#[derive(Debug, Clone)]
pub struct Rng {
    source: Source,
    decided: Vec<Vec<u64>>,
    noise: u64,
}

#[derive(Debug, Clone)]
enum Source {
    Seed(u64),
    Tape(Tape),
}

impl Rng {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self { source: Source::Seed(seed), decided: vec![Vec::new()], noise: 0 }
    }

    /// Decides what a tape says, and 0 where it says nothing.
    pub fn replay(tape: Tape) -> Self {
        Self { source: Source::Tape(tape), decided: vec![Vec::new()], noise: 0 }
    }

    /// Returns what was decided so far.
    pub fn tape(&self) -> Tape {
        Tape::new(self.decided.clone())
    }

    /// Returns the same, with every 0.
    pub fn decided(&self) -> Vec<Vec<u64>> {
        self.decided.clone()
    }

    /// Begins the next sentence of the tape: what one step decides moves no decision of another.
    pub fn next_step(&mut self) {
        self.decided.push(Vec::new());
    }

    /// Returns a number below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.decide(bound.saturating_sub(1), |draw| draw.checked_rem(bound).unwrap_or(0))
    }

    /// Returns true once in `rate` times, never for a rate of 0; a tape says so with a 1.
    pub fn one_in(&mut self, rate: u64) -> bool {
        self.decide(1, |draw| u64::from(draw.checked_rem(rate) == Some(0))) == 1
    }

    /// Returns one of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let at = self.below(items.len() as u64);
        items.get(usize::try_from(at).unwrap_or(0))
    }

    /// Returns 64 bits that decide nothing: the same for every seed, and on no tape.
    pub fn noise(&mut self) -> u64 {
        scramble(&mut self.noise)
    }

    /// Returns a source of its own for how likely things are, of which nothing is recorded; `None`
    /// where a tape says what happens.
    pub(super) fn odds(&mut self) -> Option<Self> {
        match &mut self.source {
            Source::Seed(state) => Some(Self::new(scramble(state))),
            Source::Tape(_) => None,
        }
    }

    /// Decides on a number up to `most`.
    fn decide(&mut self, most: u64, fill: impl FnOnce(u64) -> u64) -> u64 {
        let sentence = self.decided.len().saturating_sub(1);
        let word = self.decided.last().map_or(0, Vec::len);
        let number = match &mut self.source {
            Source::Seed(state) => fill(scramble(state)),
            Source::Tape(tape) => tape.get(sentence, word).min(most),
        };
        if let Some(last) = self.decided.last_mut() {
            last.push(number);
        }
        number
    }
}

/// A small generator (`SplitMix64`, public domain, by Sebastiano Vigna).
fn scramble(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
