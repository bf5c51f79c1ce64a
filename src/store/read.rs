//! Tree -> Desired. What did not change costs nothing: a commit that was read is not read again,
//! and neither is a blob that was admitted.

use super::Draft;
use crate::api::admission::{self, Admitted};
use crate::api::key::{Key, Placed, STATE_FOLDER};
use crate::api::name::CommitId;
use crate::api::path::{Case, PathPattern};
use crate::api::problem::Problem;
use crate::api::{Object, Task};
use crate::git::{BlobError, EntryKind, Reader, TreeEntry};
use crate::plan::desired::{Desired, Entry};
use crate::plan::observed::Sighting;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many commits are looked through for the last good version of an invalid file.
const HISTORY_MAX: usize = 1000;
/// The most files that are read.
const FILES_MAX: usize = 20_000;

/// The desired state of one repository at one ref.
#[derive(Debug)]
pub struct Source {
    reader: Reader,
    state_ref: String,
    /// What was read last, and by which rule paths were compared then.
    last: Option<(Case, Arc<Desired>)>,
    admitted: BTreeMap<(String, String), File>,
}

/// What became of one file's bytes.
type File = Result<Arc<Admitted>, Arc<Vec<Problem>>>;

impl Source {
    /// Returns the source of a repository at a ref, given by its full name. Reads nothing yet.
    pub fn new(reader: Reader, state_ref: String) -> Self {
        Self { reader, state_ref, last: None, admitted: BTreeMap::new() }
    }

    /// Returns the ref.
    pub fn state_ref(&self) -> &str {
        &self.state_ref
    }

    /// Reads what is wanted. Costs one look at the ref when nothing was committed.
    pub async fn read(&mut self) -> Sighting<Arc<Desired>> {
        match self.try_read().await {
            Ok(desired) => Sighting::Known(desired),
            Err(why) => Sighting::Unknown(why),
        }
    }

    async fn try_read(&mut self) -> Result<Arc<Desired>, String> {
        let revision = self.reader.resolve(&self.state_ref).await.map_err(|error| tell(&error))?;
        let Some(revision) = revision else {
            return Err(format!("{} does not exist yet: commit something to it", self.state_ref));
        };
        let case = self.reader.case();
        if let Some((_, last)) =
            self.last.as_ref().filter(|last| (last.0, &last.1.revision) == (case, &revision))
        {
            return Ok(Arc::clone(last));
        }
        let desired = Arc::new(self.read_at(&revision).await?);
        self.last = Some((case, Arc::clone(&desired)));
        Ok(desired)
    }

    /// Reads what one commit wants.
    ///
    /// # Errors
    /// When not everything could be read: then it is unknown what is wanted.
    pub async fn read_at(&mut self, revision: &CommitId) -> Result<Desired, String> {
        let mut desired = Desired {
            state_ref: self.state_ref.clone(),
            revision: revision.clone(),
            policy: Entry::valid(crate::api::policy::PolicySpec::default()),
            tasks: BTreeMap::new(),
            workers: BTreeMap::new(),
            agents: BTreeMap::new(),
            strays: Vec::new(),
        };
        let listed =
            self.reader.list(revision, STATE_FOLDER).await.map_err(|error| tell(&error))?;
        let listed = listed.unwrap_or_default();
        if listed.len() > FILES_MAX {
            return Err(format!("state/ has {} files, at most {FILES_MAX} are read", listed.len()));
        }
        let (files, strays) = sort(&listed);
        desired.strays = strays;
        self.admit_all(&files).await?;
        for (key, entry) in files {
            let file = self.admitted.get(&(key.path(), entry.id.clone())).cloned();
            match file {
                Some(Ok(object)) => put(&mut desired, &object, Vec::new()),
                Some(Err(problems)) => {
                    let lines = problems.iter().map(ToString::to_string).collect();
                    let last_good = self.last_good(revision, &key).await?;
                    put_stale(&mut desired, &key, last_good, lines);
                }
                None => {}
            }
        }
        self.settle_paths(&mut desired).await?;
        Ok(desired)
    }

    /// Returns what would be wanted if a draft were committed in place of `applied`. A file of the
    /// draft that is not valid leaves its object as it is applied.
    ///
    /// # Errors
    /// When the tree of the applied commit cannot be read.
    pub async fn read_draft(&self, applied: &Desired, draft: &Draft) -> Result<Desired, String> {
        let mut desired = Desired {
            policy: Entry::valid(crate::api::policy::PolicySpec::default()),
            tasks: BTreeMap::new(),
            workers: BTreeMap::new(),
            agents: BTreeMap::new(),
            strays: draft.strays.iter().map(ToString::to_string).collect(),
            ..applied.clone()
        };
        for (key, file) in &draft.files {
            match &file.admitted {
                Ok(object) => put(&mut desired, object, Vec::new()),
                Err(problems) => {
                    let lines = problems.iter().map(ToString::to_string).collect();
                    keep(&mut desired, applied, key, lines);
                }
            }
        }
        self.settle_paths(&mut desired).await?;
        Ok(desired)
    }

    /// Admits every file that was not admitted before, and forgets those that are gone.
    async fn admit_all(&mut self, files: &[(Key, &TreeEntry)]) -> Result<(), String> {
        let ids: Vec<(String, String)> =
            files.iter().map(|(key, entry)| (key.path(), entry.id.clone())).collect();
        let (new, entries): (Vec<&(String, String)>, Vec<&TreeEntry>) = ids
            .iter()
            .zip(files.iter().map(|(_, entry)| *entry))
            .filter(|(id, _)| !self.admitted.contains_key(*id))
            .unzip();
        let limit = admission::SIZE_MAX as u64;
        let read = self.reader.listed_blobs(&entries, limit).await.map_err(|error| tell(&error))?;
        let found: Vec<_> = new.into_iter().cloned().zip(read).collect();
        let current: BTreeSet<&(String, String)> = ids.iter().collect();
        self.admitted.retain(|id, _| current.contains(id));
        for ((path, blob), bytes) in found {
            let file = admit(&path, bytes);
            self.admitted.insert((path, blob), file);
        }
        Ok(())
    }

    /// Returns the newest version of a file, older than `revision`, that is valid.
    async fn last_good(&self, revision: &CommitId, key: &Key) -> Result<Option<Admitted>, String> {
        let path = key.path();
        let versions = self.reader.history(revision, &path, HISTORY_MAX).await;
        // The history of a shallow clone ends early: then no good version is known.
        let Ok(versions) = versions else { return Ok(None) };
        for version in versions.into_iter().skip(1) {
            let Some(blob) = version.blob else { break };
            let limit = admission::SIZE_MAX as u64;
            let bytes = self.reader.blobs(&[blob], limit).await.map_err(|error| tell(&error))?;
            let Some(Ok(bytes)) = bytes.into_iter().next() else { continue };
            if let Ok(object) = admission::admit(&path, &bytes) {
                return Ok(Some(object));
            }
        }
        Ok(None)
    }

    /// Makes every path mean what it does in this repository: by its rule for the case of letters, and
    /// by the tree, which says whether a plain path is a folder or a file.
    async fn settle_paths(&self, desired: &mut Desired) -> Result<(), String> {
        let mut patterns: Vec<&mut PathPattern> = Vec::new();
        patterns.extend(desired.policy.spec.iter_mut().flat_map(|spec| &mut spec.shared_files));
        for task in desired.tasks.values_mut() {
            patterns.extend(task.spec.iter_mut().flat_map(|spec| &mut spec.files));
        }
        let case = self.reader.case();
        for pattern in &mut patterns {
            **pattern = pattern.clone().on(case);
        }
        patterns.retain(|pattern| pattern.unclear_path().is_some());
        let paths: Vec<String> =
            patterns.iter().filter_map(|one| one.unclear_path().map(str::to_owned)).collect();
        let kinds = self.reader.kinds(&desired.revision, &paths).await;
        for (pattern, kind) in patterns.into_iter().zip(kinds.map_err(|error| tell(&error))?) {
            *pattern = match kind {
                Some(EntryKind::Folder | EntryKind::Submodule) => pattern.clone().known_as_folder(),
                Some(EntryKind::File | EntryKind::Executable | EntryKind::Symlink) => {
                    pattern.clone().known_as_file()
                }
                None => continue,
            };
        }
        Ok(())
    }
}

/// Tells the files of objects from others.
fn sort(listed: &[TreeEntry]) -> (Vec<(Key, &TreeEntry)>, Vec<String>) {
    let (mut files, mut strays) = (Vec::new(), Vec::new());
    for entry in listed {
        let path = format!("{STATE_FOLDER}/{}", entry.path);
        match (Key::from_path(&path), entry.kind) {
            (Placed::Key(key), EntryKind::File | EntryKind::Executable) => files.push((key, entry)),
            (Placed::Key(_), EntryKind::Symlink | EntryKind::Submodule | EntryKind::Folder) => {
                strays.push(format!("{path}: it is not a plain file, so it is not read"));
            }
            (Placed::Misplaced(problem), _) => strays.push(problem.to_string()),
            (Placed::Ignored, _) => {}
        }
    }
    (files, strays)
}

fn admit(path: &str, bytes: Result<Vec<u8>, BlobError>) -> File {
    let admitted = match bytes {
        Ok(bytes) => admission::admit(path, &bytes),
        Err(error) => Err(vec![Problem::of_file(path, error.to_string(), None)]),
    };
    admitted.map(Arc::new).map_err(Arc::new)
}

fn put(desired: &mut Desired, object: &Admitted, problems: Vec<String>) {
    fn entry<S: Clone>(object: &Object<S>, problems: Vec<String>) -> Entry<S> {
        let labels = object.metadata.labels.clone();
        Entry { spec: Some(object.spec.clone()), problems, labels }
    }
    let named = "admission compares the name with the file's";
    match object {
        Admitted::Task(task) => {
            let task: &Task = task;
            desired.tasks.insert(task.metadata.name.parse().expect(named), entry(task, problems));
        }
        Admitted::Worker(one) => {
            desired.workers.insert(one.metadata.name.parse().expect(named), entry(one, problems));
        }
        Admitted::Agent(one) => {
            desired.agents.insert(one.metadata.name.parse().expect(named), entry(one, problems));
        }
        Admitted::Policy(one) => desired.policy = entry(one, problems),
    }
}

/// Puts an object whose committed file is not valid: on its last good version, or without one.
fn put_stale(desired: &mut Desired, key: &Key, last_good: Option<Admitted>, lines: Vec<String>) {
    if let Some(object) = last_good {
        put(desired, &object, lines);
        return;
    }
    let labels = BTreeMap::new;
    match key {
        Key::Task(name) => {
            let entry = Entry { spec: None, problems: lines, labels: labels() };
            desired.tasks.insert(name.clone(), entry);
        }
        Key::Worker(name) => {
            let entry = Entry { spec: None, problems: lines, labels: labels() };
            desired.workers.insert(name.clone(), entry);
        }
        Key::Agent(name) => {
            let entry = Entry { spec: None, problems: lines, labels: labels() };
            desired.agents.insert(name.clone(), entry);
        }
        Key::Policy => desired.policy.problems = lines,
    }
}

/// Keeps an object as it is applied, with what is wrong with its draft.
fn keep(desired: &mut Desired, applied: &Desired, key: &Key, lines: Vec<String>) {
    fn stale<S: Clone>(applied: Option<&Entry<S>>, problems: Vec<String>) -> Entry<S> {
        let spec = applied.and_then(|entry| entry.spec.clone());
        let labels = applied.map(|entry| entry.labels.clone()).unwrap_or_default();
        Entry { spec, problems, labels }
    }
    match key {
        Key::Task(name) => {
            desired.tasks.insert(name.clone(), stale(applied.tasks.get(name), lines));
        }
        Key::Worker(name) => {
            desired.workers.insert(name.clone(), stale(applied.workers.get(name), lines));
        }
        Key::Agent(name) => {
            desired.agents.insert(name.clone(), stale(applied.agents.get(name), lines));
        }
        Key::Policy => desired.policy = stale(Some(&applied.policy), lines),
    }
}

fn tell(error: &crate::git::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
