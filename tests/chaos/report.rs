//! What is told at the end of a run: how much was done to the world, and what came of it.

use crate::world::Setting;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Report {
    pub(crate) periods: usize,
    pub(crate) lasted: Duration,
    pub(crate) faults: BTreeMap<&'static str, usize>,
    pub(crate) completed: usize,
    pub(crate) starts: usize,
    pub(crate) revivals: usize,
    pub(crate) warnings: usize,
    pub(crate) marks: usize,
    pub(crate) converged: Vec<Duration>,
    /// Memory in kilobytes and open files, of each period.
    pub(crate) sizes: Vec<Vec<(u64, u64)>>,
    pub(crate) broken: Vec<String>,
}

/// The value below which this part of all is.
fn percentile<T: Copy + Ord>(values: &[T], percent: usize) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied()
}

impl Report {
    pub(crate) fn told(&self, setting: &Setting) -> String {
        format!("seed {}, {} workers\n{self}", setting.seed, setting.workers)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:.1} minutes, {} periods", self.lasted.as_secs_f64() / 60.0, self.periods)?;
        writeln!(f, "{} faults:", self.faults.values().sum::<usize>())?;
        for (name, count) in &self.faults {
            writeln!(f, "  {count:4} {name}")?;
        }
        writeln!(
            f,
            "{} agents started, {} of them revivals; {} tasks completed; {} marks; {} warnings",
            self.starts, self.revivals, self.completed, self.marks, self.warnings
        )?;
        let times =
            [50, 99].map(|percent| percentile(&self.converged, percent).unwrap_or_default());
        writeln!(f, "converged after {:.1?} (p50), {:.1?} (p99)", times[0], times[1])?;
        for (number, sizes) in self.sizes.iter().enumerate() {
            let (memory, files): (Vec<u64>, Vec<u64>) = sizes.iter().copied().unzip();
            let of = |values: &[u64], percent| percentile(values, percent).unwrap_or_default();
            let [low, middle, high] = [0, 50, 100].map(|percent| of(&memory, percent));
            let [few, some, many] = [0, 50, 100].map(|percent| of(&files, percent));
            writeln!(
                f,
                "  period {}: loop {low}/{middle}/{high} kB, {few}/{some}/{many} files",
                number + 1
            )?;
        }
        writeln!(f, "{} violations", self.broken.len())?;
        self.broken.iter().try_for_each(|what| writeln!(f, "  {what}"))
    }
}
