//! Makes the tape of a failing history small: fewer sentences, fewer words that are not 0, lower
//! numbers, as long as the same property fails. It looks at the tape alone.

use crate::history::History;
use reconciler::world::sim::Tape;

/// How often a history is played at most.
const TRIES: usize = 3_000;

/// Returns the property that a failure is about.
pub(crate) fn property(what: &str) -> &str {
    what.split(':').next().unwrap_or(what)
}

/// How sentences are taken away.
#[derive(Clone, Copy)]
enum Way {
    /// Nothing is left of them.
    Silence,
    /// The first word is left, which says that there is a step.
    Quiet,
    /// The next ones move up.
    Drop,
}

struct Shrinker<P> {
    best: Vec<Vec<u64>>,
    property: String,
    play: P,
    tries: usize,
}

/// Returns a small tape that fails for the same property as this one did.
pub(crate) fn shrink(
    tape: &Tape,
    what: &str,
    play: impl Fn(Tape) -> (History, Result<(), String>),
) -> Tape {
    let best = tape.sentences().to_vec();
    let mut shrinker = Shrinker { best, property: property(what).to_owned(), play, tries: 0 };
    // What one pass takes away lets the others take more.
    while shrinker.pass() && shrinker.tries < TRIES {}
    Tape::new(shrinker.best)
}

impl<P: Fn(Tape) -> (History, Result<(), String>)> Shrinker<P> {
    /// Tries every way once; returns whether anything became smaller.
    fn pass(&mut self) -> bool {
        let before = self.best.clone();
        for way in [Way::Silence, Way::Quiet, Way::Drop] {
            let sizes = std::iter::successors(Some(self.best.len()), |size| Some(size / 2));
            for size in sizes.take_while(|size| *size > 0) {
                self.take_away(size, way);
            }
        }
        for at in (0..self.best.len()).rev() {
            for word in (0..self.best.get(at).map_or(0, Vec::len)).rev() {
                self.lower(at, word);
            }
        }
        self.best != before
    }

    fn without(&mut self, sentences: std::ops::Range<usize>, way: Way) {
        let mut tape = self.best.clone();
        let span = sentences.start..sentences.end.min(tape.len());
        match way {
            Way::Silence => tape.get_mut(span).unwrap().iter_mut().for_each(Vec::clear),
            Way::Quiet => tape.get_mut(span).unwrap().iter_mut().for_each(|one| one.truncate(1)),
            Way::Drop => drop(tape.drain(span)),
        }
        self.keep_if_it_fails(tape);
    }

    /// Takes every span of so many sentences away, the last one first.
    fn take_away(&mut self, size: usize, way: Way) {
        for at in (0..self.best.len()).rev().step_by(size) {
            let end = (at + 1).min(self.best.len());
            self.without((at + 1).saturating_sub(size).min(end)..end, way);
        }
    }

    /// Leaves a word out, or lowers it.
    fn lower(&mut self, at: usize, word: usize) {
        let number = |one: &Self| one.best.get(at).and_then(|one| one.get(word)).copied();
        let Some(now) = number(self) else { return };
        if now == 0 {
            return;
        }
        let mut shorter = self.best.clone();
        shorter.get_mut(at).unwrap().remove(word);
        if self.keep_if_it_fails(shorter) {
            return;
        }
        // Without a fault, what the next step was for is done already.
        let mut sooner = self.best.clone();
        *sooner.get_mut(at).unwrap().get_mut(word).unwrap() = 0;
        if at + 1 < sooner.len() {
            drop(sooner.remove(at + 1));
        }
        if self.keep_if_it_fails(sooner) {
            return;
        }
        for less in [0, now / 2, now - 1] {
            let mut lower = self.best.clone();
            *lower.get_mut(at).unwrap().get_mut(word).unwrap() = less;
            if number(self) == Some(now) && self.keep_if_it_fails(lower) {
                return;
            }
        }
    }

    fn keep_if_it_fails(&mut self, tape: Vec<Vec<u64>>) -> bool {
        let tape = Tape::new(tape);
        if tape.sentences() == self.best || self.tries >= TRIES {
            return false;
        }
        self.tries += 1;
        let (history, end) = (self.play)(tape);
        let fails = end.is_err_and(|what| property(&what) == self.property);
        if fails {
            // What was really decided: numbers within their bounds, and none that nobody asked for.
            let decided = history.tape().sentences().to_vec();
            let smaller = |one: &[Vec<u64>]| -> (usize, u64) {
                (one.iter().map(Vec::len).sum(), one.iter().flatten().sum())
            };
            if smaller(&decided) >= smaller(&self.best) {
                return false;
            }
            self.best = decided;
        }
        fails
    }
}
