//! Forecast: which tasks will meet on files, and which branches conflict already. Branches are
//! merged for a try, never in truth; what is not committed in a worktree is not looked at.

use super::{Client, Error, Snapshot};
use crate::api::name::{BranchName, CommitId, TaskName};
use crate::disk;
use crate::plan::forecast::{Collision, forecast};
use crate::plan::observed::{Observed, Sighting, WorktreeState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The largest memory that is read, in bytes.
const MEMORY_MAX: u64 = 64 << 20;

/// What is ahead.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Tasks that are still to start and meet others on files.
    pub collisions: Sighting<Vec<Collision>>,
    /// The branches of live worktrees, pair by pair.
    pub branches: Sighting<Branches>,
}

/// What was found between the branches of live worktrees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Branches {
    /// How many branches there are.
    pub count: usize,
    /// How many pairs of them changed a path in common.
    pub pairs: usize,
    /// How many merges were tried for this look; the others were remembered.
    pub tried: usize,
    /// The pairs that conflict.
    pub conflicts: Vec<Conflict>,
    /// What could not be told, and why.
    pub unclear: Vec<String>,
}

/// Two tasks whose branches conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The tasks.
    pub tasks: [TaskName; 2],
    /// Their branches.
    pub branches: [BranchName; 2],
    /// The files in conflict.
    pub paths: Vec<String>,
}

/// The branch of a task that has a worktree.
struct Line<'a> {
    task: &'a TaskName,
    branch: &'a BranchName,
    tip: &'a CommitId,
}

/// What is remembered, by the ids of commits: it is true for ever, and kept while it is asked for.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// The paths a tip changed since it left the desired state's commit.
    changed: BTreeMap<String, BTreeSet<String>>,
    /// The files in conflict when two tips are merged.
    merged: BTreeMap<String, Vec<String>>,
    /// Those of them that are between the two, and not between one of them and the desired state.
    conflicts: BTreeMap<String, Vec<String>>,
}

impl Client {
    /// Forecasts. Costs a command for each branch and some for the merges of those that changed a path
    /// in common; what was told before of the same commits costs none.
    ///
    /// # Errors
    /// When git cannot be asked, or what it said cannot be kept.
    pub async fn forecast(&self, snapshot: &Snapshot) -> Result<Forecast, Error> {
        let desired = match &snapshot.desired {
            Sighting::Known(desired) => desired,
            Sighting::Unknown(why) => {
                let (collisions, branches) = (why.clone(), why.clone());
                return Ok(Forecast {
                    collisions: Sighting::Unknown(collisions),
                    branches: Sighting::Unknown(branches),
                });
            }
        };
        let collisions = forecast(desired, &snapshot.observed, &snapshot.plan.report);
        let branches = match lines(&snapshot.observed) {
            Sighting::Known(lines) => {
                Sighting::Known(self.between(&lines, &desired.revision).await?)
            }
            Sighting::Unknown(why) => Sighting::Unknown(why),
        };
        Ok(Forecast { collisions, branches })
    }

    /// Returns the conflicts between branches that were found before and still stand: no commit was
    /// made on either since.
    pub(super) fn known_conflicts(&self, observed: &Observed) -> Vec<Conflict> {
        let Sighting::Known(lines) = lines(observed) else { return Vec::new() };
        let memory = Memory::read(self.root());
        if memory.conflicts.is_empty() {
            return Vec::new();
        }
        pairs_of(&lines).filter_map(|pair| conflict(pair, &memory)).collect()
    }

    async fn between(&self, lines: &[Line<'_>], state: &CommitId) -> Result<Branches, Error> {
        let before = Memory::read(self.root());
        let mut now = Memory::default();
        let mut found = Branches { count: lines.len(), ..Branches::default() };
        self.learn_changes(lines, state, (&before, &mut now, &mut found)).await?;
        let pairs: Vec<_> = sharing(lines, state, &now);
        found.pairs = pairs.len();
        let tips: Vec<_> = pairs.iter().map(|(one, other)| (one.tip, other.tip)).collect();
        self.learn_merges(&tips, (&before, &mut now, &mut found)).await?;
        // Whose conflict it is shows when each of the two is merged with the desired state.
        let unsure = tips.iter().filter(|(one, other)| is_unsure(one, other, state, &now));
        let unsure: BTreeSet<_> =
            unsure.flat_map(|(one, other)| [(*one, state), (*other, state)]).collect();
        let unsure: Vec<_> = unsure.into_iter().collect();
        self.learn_merges(&unsure, (&before, &mut now, &mut found)).await?;
        for pair in &pairs {
            let paths = between_two(pair.0.tip, pair.1.tip, state, &now);
            if !paths.is_empty() {
                now.conflicts.insert(key(pair.0.tip, pair.1.tip), paths);
            }
            found.conflicts.extend(conflict(*pair, &now));
        }
        if now != before {
            now.write(self.root())?;
        }
        Ok(found)
    }

    async fn learn_changes(
        &self,
        lines: &[Line<'_>],
        state: &CommitId,
        (before, now, found): (&Memory, &mut Memory, &mut Branches),
    ) -> Result<(), Error> {
        let mut asked = Vec::new();
        for line in lines {
            let key = since(state, line.tip);
            match before.changed.get(&key) {
                Some(paths) => drop(now.changed.insert(key, paths.clone())),
                None => asked.push(line.tip.clone()),
            }
        }
        let told = self.repository.changed_since(state, &asked).await?;
        for (tip, told) in asked.iter().zip(told) {
            match told {
                Ok(paths) => drop(now.changed.insert(since(state, tip), paths)),
                Err(why) => found.unclear.push(format!("what {} changed: {why}", tip.short())),
            }
        }
        Ok(())
    }

    async fn learn_merges(
        &self,
        tips: &[(&CommitId, &CommitId)],
        (before, now, found): (&Memory, &mut Memory, &mut Branches),
    ) -> Result<(), Error> {
        let mut asked = BTreeMap::new();
        for (one, other) in tips {
            let key = key(one, other);
            match before.merged.get(&key) {
                Some(files) => drop(now.merged.insert(key, files.clone())),
                None => drop(asked.insert(key, ((*one).clone(), (*other).clone()))),
            }
        }
        let pairs: Vec<_> = asked.values().cloned().collect();
        found.tried += pairs.len();
        let tried = self.repository.try_merges(&pairs).await?;
        for ((key, (one, other)), tried) in asked.into_iter().zip(tried) {
            match tried {
                Ok(files) => drop(now.merged.insert(key, files)),
                Err(why) => {
                    let (one, other) = (one.short(), other.short());
                    found.unclear.push(format!("whether {one} and {other} conflict: {why}"));
                }
            }
        }
        Ok(())
    }
}

impl Memory {
    fn path(root: &Path) -> std::path::PathBuf {
        root.join(".reconciler/forecast.json")
    }

    /// Reads what is remembered; what cannot be read is found out again.
    fn read(root: &Path) -> Self {
        let bytes = disk::read(&Self::path(root), MEMORY_MAX).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    fn write(&self, root: &Path) -> Result<(), Error> {
        disk::make_ignored_folder(&root.join(".reconciler"))?;
        let text = crate::api::to_json(self);
        Ok(disk::replace_unsynced(&Self::path(root), text.as_bytes())?)
    }
}

/// Returns the branches of the worktrees of tasks.
fn lines(observed: &Observed) -> Sighting<Vec<Line<'_>>> {
    let (worktrees, branches) = match (&observed.worktrees, &observed.branches) {
        (Sighting::Known(worktrees), Sighting::Known(branches)) => (worktrees, branches),
        (Sighting::Unknown(why), _) | (_, Sighting::Unknown(why)) => {
            return Sighting::Unknown(why.clone());
        }
    };
    let whole = worktrees.iter().filter(|one| one.state == WorktreeState::Ready);
    let line = whole.filter_map(|one| {
        let (task, branch) = (&one.owner.as_ref()?.task, one.branch.as_ref()?);
        Some(Line { task, branch, tip: branches.get(branch)? })
    });
    Sighting::Known(line.collect())
}

/// Two branches.
type Pair<'a, 'l> = (&'l Line<'a>, &'l Line<'a>);

fn pairs_of<'a, 'l>(lines: &'l [Line<'a>]) -> impl Iterator<Item = Pair<'a, 'l>> {
    let after = |at: usize| lines.iter().skip(at + 1);
    lines.iter().enumerate().flat_map(move |(at, one)| after(at).map(move |other| (one, other)))
}

/// Returns the pairs that changed a path in common, or of which one has a file where the other has a
/// folder.
fn sharing<'a, 'l>(lines: &'l [Line<'a>], state: &CommitId, memory: &Memory) -> Vec<Pair<'a, 'l>> {
    let mut by_path: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, line) in lines.iter().enumerate() {
        for path in memory.changed.get(&since(state, line.tip)).into_iter().flatten() {
            by_path.entry(path).or_default().push(at);
        }
    }
    let mut pairs = BTreeSet::new();
    for (path, at) in &by_path {
        let above = path.match_indices('/').filter_map(|(end, _)| by_path.get(path.get(..end)?));
        for other in above.chain([at]).flatten() {
            let both = at.iter().map(|one| (*one.min(other), *one.max(other)));
            pairs.extend(both.filter(|(one, other)| one != other));
        }
    }
    let pair = |(one, other): (usize, usize)| Some((lines.get(one)?, lines.get(other)?));
    pairs.into_iter().filter_map(pair).filter(|(one, other)| one.tip != other.tip).collect()
}

/// Returns the files in conflict that both changed.
fn in_both(one: &CommitId, other: &CommitId, state: &CommitId, memory: &Memory) -> Vec<String> {
    let changed = |tip| memory.changed.get(&since(state, tip));
    let (Some(ours), Some(theirs)) = (changed(one), changed(other)) else { return Vec::new() };
    let files = memory.merged.get(&key(one, other)).into_iter().flatten();
    files.filter(|file| ours.contains(*file) && theirs.contains(*file)).cloned().collect()
}

/// Returns whether two branches conflict in nothing that both changed: it may come from a rename, or
/// be a conflict of one of them with the desired state.
fn is_unsure(one: &CommitId, other: &CommitId, state: &CommitId, memory: &Memory) -> bool {
    memory.merged.get(&key(one, other)).is_some_and(|files| !files.is_empty())
        && in_both(one, other, state, memory).is_empty()
}

/// Returns the files in conflict that are between two branches.
fn between_two(one: &CommitId, other: &CommitId, state: &CommitId, memory: &Memory) -> Vec<String> {
    if !is_unsure(one, other, state, memory) {
        return in_both(one, other, state, memory);
    }
    let with_state = |tip| memory.merged.get(&key(tip, state)).into_iter().flatten();
    let with_state: BTreeSet<&String> = with_state(one).chain(with_state(other)).collect();
    let files = memory.merged.get(&key(one, other)).into_iter().flatten();
    files.filter(|file| !with_state.contains(file)).cloned().collect()
}

fn conflict((one, other): Pair<'_, '_>, memory: &Memory) -> Option<Conflict> {
    let paths = memory.conflicts.get(&key(one.tip, other.tip))?.clone();
    let tasks = [one.task.clone(), other.task.clone()];
    Some(Conflict { tasks, branches: [one.branch.clone(), other.branch.clone()], paths })
}

/// Returns the key of what a tip changed since a commit.
fn since(commit: &CommitId, tip: &CommitId) -> String {
    format!("{commit} {tip}")
}

/// Returns the key of a merge, whichever of the two comes first.
fn key(one: &CommitId, other: &CommitId) -> String {
    format!("{} {}", one.min(other), one.max(other))
}
