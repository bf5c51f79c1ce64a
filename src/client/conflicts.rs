//! Conflicts: which work does not land because somebody else changed the same lines, what would
//! collide if it landed now, and what can be done. Merges are tried where nothing of them stays.

use super::forecast::Branches;
use super::view::attempt::landing_of;
use super::{Client, Error, Snapshot};
use crate::api::landing::{Landing, Obstacle, Stage as Landed};
use crate::api::name::{BranchName, CommitId, TaskName};
use crate::api::policy::Method;
use crate::git::{self, Built, Clash as Tried, Marked, Work};
use crate::plan::merge_target;
use crate::plan::observed::{Sighting, TaskSighting};
use crate::plan::report::{Reason, TaskReport};
use jiff::Timestamp;
use serde::Serialize;

/// How many commits of the other side are named.
const COMMITS_MAX: usize = 5;
/// How many lines of one place are shown.
const LINES_MAX: usize = 40;
/// How many places are shown.
const PLACES_MAX: usize = 20;

/// All that collides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Conflicts {
    /// The branch that work lands on; `None` when nothing lands by itself.
    pub target: Option<BranchName>,
    /// Its tip.
    pub tip: Option<CommitId>,
    /// The work that does not land, or would not.
    pub landings: Vec<Clash>,
    /// What was found between the branches of live worktrees.
    pub branches: Branches,
    /// What could not be told, and why.
    pub unclear: Vec<String>,
}

/// The work of one task that does not land.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Clash {
    /// The task.
    pub task: TaskName,
    /// Its branch.
    pub branch: BranchName,
    /// The tip of that.
    pub tip: CommitId,
    /// How far it came.
    pub state: ClashState,
    /// Since when that is recorded.
    pub since: Option<Timestamp>,
    /// The files in conflict.
    pub paths: Vec<String>,
    /// The commit of the branch that clashes, where one after the other is put onto the target.
    pub own_commit: Option<CommitId>,
    /// The newest commits of the other side that changed these files.
    pub with: Vec<Commit>,
    /// The lines, when they were asked for.
    pub places: Vec<Place>,
    /// Where its task is, as a sentence.
    pub message: String,
    /// What can be done.
    pub ways: Vec<Way>,
}

/// How far work came that does not land.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ClashState {
    /// It was refused, and would be again.
    Refused,
    /// It was refused, and would land now.
    Resolved,
    /// It waits for what it meets in the merge queue.
    Waiting,
    /// It cannot land for another reason.
    Blocked,
    /// It is not done yet, and would be refused.
    Ahead,
}

/// A commit, as people name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// Who wrote it.
    pub author: String,
    /// When it was committed.
    pub at: Timestamp,
    /// The first line of its message.
    pub subject: String,
    /// The task whose work it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
}

/// Lines in conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The file.
    pub path: String,
    /// The line of the merged file at which they begin, counted from 1.
    pub line: usize,
    /// What both sides say, marked as by git.
    pub text: Vec<String>,
}

/// What can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// What comes of it.
    pub what: String,
    /// The commands, in their order.
    pub commands: Vec<String>,
}

/// Where work is to land, and how.
struct Target {
    branch: BranchName,
    tip: CommitId,
    method: Method,
}

/// The branch of a task.
struct Line<'a> {
    task: &'a TaskName,
    branch: &'a BranchName,
    tip: &'a CommitId,
    landing: Option<&'a Landing>,
    report: Option<&'a TaskReport>,
    /// Whether its program is there and may be typed to.
    listens: bool,
    /// Whether a command of the task is what runs, and no agent.
    is_command: bool,
}

impl From<git::Landed> for Commit {
    fn from(commit: git::Landed) -> Self {
        let git::Landed { id, at, author, subject, task, paths: _ } = commit;
        Self { id, author, at, subject, task }
    }
}

impl Client {
    /// Tells what collides, of one task with its lines, or of all. Costs some git commands for each
    /// work that could not land, and one for the branches that are not done.
    ///
    /// # Errors
    /// [`Error::Unknown`] when tasks or branches cannot be seen; when git cannot be asked.
    pub async fn conflicts(
        &self,
        snapshot: &Snapshot,
        only: Option<&TaskName>,
    ) -> Result<Conflicts, Error> {
        let forecast = self.forecast(snapshot).await?;
        let mut branches = known(&forecast.branches)?.clone();
        if let Some(only) = only {
            branches.conflicts.retain(|one| one.tasks.contains(only));
        }
        let target = target(snapshot)?;
        let (mut landings, mut unclear) = (Vec::new(), branches.unclear.clone());
        if let Some(target) = &target {
            let lines = lines(snapshot, only)?;
            let trial = self.repository.for_trial()?;
            let at = At { client: self, trial: &trial, target, with_lines: only.is_some() };
            for line in &lines {
                match at.clash_of(line).await {
                    Ok(found) => landings.extend(found),
                    Err(why) => unclear.push(format!("whether {} can land: {why}", line.task)),
                }
            }
            landings.extend(at.ahead(&lines, &mut unclear).await?);
        }
        landings.sort_by(|one, other| (one.state, &one.task).cmp(&(other.state, &other.task)));
        let (target, tip) = target.map(|one| (one.branch, one.tip)).unzip();
        Ok(Conflicts { target, tip, landings, branches, unclear })
    }
}

fn known<T>(section: &Sighting<T>) -> Result<&T, Error> {
    match section {
        Sighting::Known(value) => Ok(value),
        Sighting::Unknown(why) => Err(Error::Unknown(why.clone())),
    }
}

/// Returns where work lands; `None` when nothing lands by itself, or there is no such branch.
fn target(snapshot: &Snapshot) -> Result<Option<Target>, Error> {
    let desired = known(&snapshot.desired)?;
    let Some(branch) = merge_target(desired) else { return Ok(None) };
    let tip = known(&snapshot.observed.branches)?.get(&branch).cloned();
    let method = desired.policy().merge.method;
    Ok(tip.map(|tip| Target { branch, tip, method }))
}

/// Returns the branches of tasks whose work is not on the target.
fn lines<'a>(snapshot: &'a Snapshot, only: Option<&TaskName>) -> Result<Vec<Line<'a>>, Error> {
    let branches = known(&snapshot.observed.branches)?;
    let desired = known(&snapshot.desired)?;
    let line = |(task, seen): (&'a TaskName, &'a TaskSighting)| {
        let branch = seen.record.as_ref().ok()?.branch.as_ref()?;
        let landing = landing_of(seen);
        let is_over =
            landing.is_some_and(|one| matches!(one.stage, Landed::Landed { .. } | Landed::Nothing));
        let tip = branches.get(branch).filter(|_| !is_over)?;
        let report = snapshot.plan.report.tasks.get(task);
        let last = seen.attempts.last().filter(|one| one.state.may_live());
        let last = last.and_then(|one| one.attempt.as_ref().ok());
        let listens = last.is_some_and(|attempt| attempt.program.dialogue.listens);
        let spec = desired.tasks.get(task).and_then(|entry| entry.spec.as_ref());
        let is_command = spec.is_some_and(|spec| spec.command.is_some() || !spec.argv.is_empty());
        Some(Line { task, branch, tip, landing, report, listens, is_command })
    };
    let all = known(&snapshot.observed.tasks)?.iter();
    Ok(all.filter(|(task, _)| only.is_none_or(|only| only == *task)).filter_map(line).collect())
}

/// Where merges are tried.
struct At<'a> {
    client: &'a Client,
    trial: &'a git::Repository,
    target: &'a Target,
    with_lines: bool,
}

impl At<'_> {
    /// Returns why the work of a task that is done does not land, if it collides.
    async fn clash_of(&self, line: &Line<'_>) -> Result<Option<Clash>, Error> {
        let Some(landing) = line.landing else { return Ok(None) };
        let refused = landing.refused.get(&landing.attempt);
        let (state, onto) = match (&landing.stage, refused) {
            (Landed::Refused, Some(why)) if Obstacle::is_conflict(why) => {
                (ClashState::Refused, &self.target.tip)
            }
            (Landed::Refused, Some(_)) if self.with_lines => {
                (ClashState::Blocked, &self.target.tip)
            }
            (Landed::Waiting { paths }, _) if !paths.is_empty() => {
                (ClashState::Waiting, &landing.onto)
            }
            (Landed::Candidate { .. }, _) if is_kept_out(line) => {
                (ClashState::Blocked, &self.target.tip)
            }
            (
                Landed::Refused
                | Landed::Waiting { .. }
                | Landed::Candidate { .. }
                | Landed::Nothing
                | Landed::Landed { .. },
                _,
            ) => return Ok(None),
        };
        let found = self.tried(line, onto).await?;
        let state = match (state, &found) {
            (ClashState::Refused, None) if is_left(line) => ClashState::Resolved,
            // Somebody is at it, or it was mended and waits for the loop.
            (ClashState::Refused, None) => return Ok(None),
            (state, _) => state,
        };
        let clash = self.clash(line, (state, onto), found).await?;
        Ok(Some(Clash { since: Some(landing.at), ..clash }))
    }

    /// Returns the branches that are not done and would be refused if they landed now.
    async fn ahead(
        &self,
        lines: &[Line<'_>],
        unclear: &mut Vec<String>,
    ) -> Result<Vec<Clash>, Error> {
        let live: Vec<&Line<'_>> = lines.iter().filter(|line| is_ahead(line)).collect();
        let pairs: Vec<_> =
            live.iter().map(|line| (self.target.tip.clone(), line.tip.clone())).collect();
        let tried = self.client.repository.try_merges(&pairs).await?;
        let mut found = Vec::new();
        for (line, tried) in live.into_iter().zip(tried) {
            let paths = match tried {
                Ok(paths) if paths.is_empty() => continue,
                Ok(paths) => paths,
                Err(why) => {
                    unclear.push(format!("whether {} would land: {why}", line.task));
                    continue;
                }
            };
            let exact =
                if self.with_lines { self.tried(line, &self.target.tip).await? } else { None };
            let tried = exact.unwrap_or(Tried { paths, tree: String::new(), commit: None });
            let at = (ClashState::Ahead, &self.target.tip);
            found.push(self.clash(line, at, Some(tried)).await?);
        }
        Ok(found)
    }

    /// Puts a branch onto a commit, as the merge queue would, and returns what clashes.
    async fn tried(&self, line: &Line<'_>, onto: &CommitId) -> Result<Option<Tried>, Error> {
        let (tip, method) = (line.tip, self.target.method);
        let work = Work { tip, onto, method, title: line.task.as_str(), trailers: &[] };
        match self.trial.build(&work).await? {
            Built::Conflict(clash) => Ok(Some(clash)),
            Built::Candidate { .. } | Built::Nothing => Ok(None),
        }
    }

    async fn clash(
        &self,
        line: &Line<'_>,
        (state, onto): (ClashState, &CommitId),
        found: Option<Tried>,
    ) -> Result<Clash, Error> {
        let mut clash = Clash {
            task: line.task.clone(),
            branch: line.branch.clone(),
            tip: line.tip.clone(),
            state,
            since: None,
            paths: Vec::new(),
            own_commit: None,
            with: Vec::new(),
            places: Vec::new(),
            message: line.report.map(|one| one.message.clone()).unwrap_or_default(),
            ways: self.ways(line, state),
        };
        let Some(found) = found else { return Ok(clash) };
        if self.with_lines && !found.tree.is_empty() {
            let marked = self.trial.marked(&found).await?;
            clash.places =
                marked.into_iter().take(PLACES_MAX).map(|one| self.place(one, line)).collect();
        }
        let range = format!("{}..{onto}", line.tip);
        let commits = self.trial.landed_in(&range, &found.paths, COMMITS_MAX).await?;
        clash.with = commits.into_iter().map(Commit::from).collect();
        (clash.paths, clash.own_commit) = (found.paths, found.commit);
        Ok(clash)
    }

    /// Names the two sides as people know them: git was given commits that are gone by now.
    fn place(&self, marked: Marked, line: &Line<'_>) -> Place {
        let Marked { path, line: at, mut text } = marked;
        let more = text.len().saturating_sub(LINES_MAX);
        let last = text.pop();
        if let Some(first) = text.first_mut() {
            *first = format!("<<<<<<< {}", self.target.branch);
        }
        if more > 0 {
            text.truncate(LINES_MAX - 1);
            text.push(format!("... {more} more lines"));
        }
        text.extend(last.map(|_| format!(">>>>>>> {}", line.branch)));
        Place { path, line: at, text }
    }

    /// Returns what can be done, what costs a person least first.
    fn ways(&self, line: &Line<'_>, state: ClashState) -> Vec<Way> {
        let (task, target) = (line.task, &self.target.branch);
        let by_hand = [
            format!("cd .worktrees/{task} && git rebase {target}"),
            "git add FILE... && git rebase --continue".to_owned(),
            format!("cd ../.. && reconciler release {task} --done"),
        ];
        let reason = line.report.map(|one| one.reason);
        match (state, reason) {
            (ClashState::Resolved, Some(Reason::HeldByPerson)) => vec![way(
                "nothing is in its way any more",
                &[format!("reconciler release {task} --done")],
            )],
            (ClashState::Resolved, _) => vec![way(
                "nothing is in its way any more",
                &[format!("reconciler merge retry {task}")],
            )],
            (ClashState::Refused, _) => refused(line, &by_hand),
            (ClashState::Waiting, _) => vec![
                way("it is tried again when what is before it has landed, or left", &[]),
                way(
                    "or send it back to its worker now",
                    &[format!("reconciler merge eject {task}")],
                ),
            ],
            (ClashState::Blocked, _) => {
                vec![way("what keeps it", &[format!("reconciler describe task {task}")])]
            }
            (ClashState::Ahead, Some(Reason::HeldByPerson)) => {
                vec![way("whoever claimed it mends it", by_hand.get(..2).unwrap_or_default())]
            }
            (ClashState::Ahead, _) if line.listens => vec![way(
                "its worker is told when it is done; or tell it now",
                &[format!("reconciler send {task} 'git rebase {target}'")],
            )],
            (ClashState::Ahead, _) => vec![way("its worker is told when it is done", &[])],
        }
    }
}

fn way(what: &str, commands: &[String]) -> Way {
    Way { what: what.to_owned(), commands: commands.to_vec() }
}

/// Returns what can be done about work that was refused.
fn refused(line: &Line<'_>, by_hand: &[String]) -> Vec<Way> {
    let task = line.task;
    let by_itself = way("its worker gets it back by itself, with the conflict in its prompt", &[]);
    let yourself = |what: &str, claim: String| way(what, &[&[claim][..], by_hand].concat());
    let retry = [format!("reconciler retry {task}")];
    let claim = format!("reconciler claim {task}");
    match line.report.map(|one| one.reason) {
        Some(Reason::HeldByPerson) => vec![way("whoever claimed it mends it", by_hand)],
        // It reads no prompt.
        Some(Reason::AttemptsUsedUp) if line.is_command => vec![
            yourself("mend it yourself", claim),
            way("or run its command again, on its branch as it is", &retry),
        ],
        Some(Reason::AttemptsUsedUp) => vec![
            way("its worker gets it back, with the conflict in its prompt", &retry),
            yourself("or mend it yourself", claim),
        ],
        Some(Reason::RetryBackOff) => vec![
            by_itself,
            yourself("or mend it yourself", format!("{claim} --force --reason 'I mend it'")),
        ],
        Some(_) | None => vec![by_itself],
    }
}

/// Returns whether a candidate is built, and an effect on the way to the target fails.
fn is_kept_out(line: &Line<'_>) -> bool {
    line.report.is_some_and(|one| one.reason == Reason::EffectFailed)
}

/// Returns whether work that was refused waits for a person.
fn is_left(line: &Line<'_>) -> bool {
    let reason = line.report.map(|one| one.reason);
    matches!(reason, Some(Reason::AttemptsUsedUp | Reason::HeldByPerson))
}

/// Returns whether work is not done yet: the merge queue has no word on it.
fn is_ahead(line: &Line<'_>) -> bool {
    line.landing.is_none_or(|landing| {
        let is_again = line.report.and_then(|one| one.attempt).is_some_and(|n| n > landing.attempt);
        is_again && !matches!(landing.stage, Landed::Refused)
    })
}
