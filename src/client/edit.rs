//! Edits of desired state: one file, its comments and form kept, and a commit of exactly that file.
//! What would not be accepted is never written, and a person's own edits are never committed.

use super::{Client, Error, check};
use crate::api::admission;
use crate::api::key::Key;
use crate::api::name::{BranchName, CommitId, WorkerName};
use crate::api::path::Case;
use crate::api::position::Document;
use crate::api::problem::{Problem, Severity, did_you_mean};
use crate::api::{API_VERSION, Kind, schema, to_json};
use crate::disk::{self, Published};
use crate::git;
use crate::store::Draft;
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstRootNode};
use serde_json::{Map, Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Whether an edit is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// Exactly the edited file is.
    Yes,
    /// It is left to the person.
    No,
}

/// What became of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The file, from the root of the work tree.
    pub path: String,
    /// The commit, if there was one.
    pub commit: Option<CommitId>,
    /// What should be known of the file although it is valid.
    pub warnings: Vec<Problem>,
}

/// What to put into the history with an edit.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Whether it is committed.
    pub commit: Commit,
    /// Why, in a person's words.
    pub reason: Option<&'a str>,
}

/// Returns the text of an object with this spec: keys in the order people read them.
pub(super) fn text_of(key: &Key, spec: &Value) -> String {
    let up = if key.kind() == Kind::Policy { "" } else { "../" };
    let schema = format!("{up}schema/{}", schema::file_name(key.kind()));
    to_json(&json!({
        "$schema": schema,
        "apiVersion": API_VERSION,
        "kind": key.kind(),
        "metadata": { "name": key.name() },
        "spec": spec,
    }))
}

impl Client {
    /// Returns the object that a person means by `NAME` or `KIND/NAME`, as the work tree has it.
    ///
    /// # Errors
    /// When there is none, or a task and a worker are both called so.
    pub async fn find(&self, words: &str) -> Result<Key, Error> {
        let draft = Draft::of_work_tree(&self.editable().await?)?;
        let (kind, name) = match words.split_once('/') {
            Some((kind, name)) => (Some(kind), name),
            None => (None, words),
        };
        let is_meant =
            |key: &&Key| key.name() == name && kind.is_none_or(|kind| is_word_of(kind, key.kind()));
        let found: Vec<&Key> = draft.files.keys().filter(is_meant).collect();
        match found.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let near = did_you_mean(name, draft.files.keys().map(Key::name));
                let all: Vec<String> = draft.files.keys().map(ToString::to_string).collect();
                let known = format!("known are: {}", all.join(", "));
                let known = if all.is_empty() { "there are none yet".to_owned() } else { known };
                let help = near.map_or(known, |near| format!("did you mean `{near}`?"));
                Err(Error::Refused { what: format!("nothing is called `{words}`"), help })
            }
            several => {
                let names: Vec<String> = several.iter().map(|key| format!("`{key}`")).collect();
                let what = format!("several objects are called `{name}`");
                Err(Error::Refused { what, help: format!("say {}", names.join(" or ")) })
            }
        }
    }

    /// Creates an object's file.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all that is wrong, before anything is written; or when there is such
    /// a file already.
    pub async fn create(
        &self,
        key: &Key,
        spec: Value,
        record: Record<'_>,
    ) -> Result<Edited, Error> {
        by_person(self)?;
        self.create_file(key, &text_of(key, &spec), record).await
    }

    /// Creates an object's file, whose text is given.
    pub(super) async fn create_file(
        &self,
        key: &Key,
        text: &str,
        record: Record<'_>,
    ) -> Result<Edited, Error> {
        let tree = self.tree_for(record).await?;
        let path = key.path();
        if disk::is_there(&tree.join(&path))? {
            let help = "choose another name, or edit that file".to_owned();
            return Err(Error::Refused { what: format!("{path} is there already"), help });
        }
        let warnings = accept((&tree, self.repository.case()), key, text)?;
        if disk::create(&tree.join(&path), text.as_bytes())? == Published::Existed {
            let help = "somebody else was first: look at it".to_owned();
            return Err(Error::Refused { what: format!("{path} is there already"), help });
        }
        readable(&tree.join(&path))?;
        let commit = self.commit(&tree, (key, "add"), record, None).await?;
        Ok(Edited { path, commit, warnings })
    }

    /// Sets `spec.suspend` of a task or worker, or takes it out.
    ///
    /// # Errors
    /// When the file has edits of the person's own, is not valid, or has it so already.
    pub async fn suspend(
        &self,
        key: &Key,
        wanted: Suspension,
        record: Record<'_>,
    ) -> Result<Edited, Error> {
        if !matches!(key, Key::Task(_) | Key::Worker(_)) {
            let help = "tasks and workers can".to_owned();
            return Err(Error::Refused { what: format!("{key} cannot be suspended"), help });
        }
        let value = match wanted {
            Suspension::Suspended => Some(true.into()),
            Suspension::Resumed => None,
        };
        let already = format!("{key} is {} already", wanted.adjective());
        let edit = Edit { field: "suspend", value, verb: wanted.verb(), already };
        self.edit(key, edit, record).await
    }

    /// Sets how many seats a worker has.
    ///
    /// # Errors
    /// When the file has edits of the person's own, is not there or not valid, or has it so already.
    pub async fn scale(
        &self,
        worker: &WorkerName,
        replicas: u32,
        record: Record<'_>,
    ) -> Result<Edited, Error> {
        let key = self.find(&format!("worker/{worker}")).await?;
        let already = format!("{key} has {replicas} replicas already");
        let value = Some(replicas.into());
        let edit = Edit { field: "replicas", value, verb: "scale", already };
        self.edit(&key, edit, record).await
    }

    pub(super) async fn edit(
        &self,
        key: &Key,
        edit: Edit,
        record: Record<'_>,
    ) -> Result<Edited, Error> {
        by_person(self)?;
        let tree = self.tree_for(record).await?;
        let path = key.path();
        self.own(&tree, key).await?;
        let bytes = disk::read(&tree.join(&path), admission::SIZE_MAX as u64)?.unwrap_or_default();
        let before = String::from_utf8_lossy(&bytes).into_owned();
        let after = set(&before, edit.field, edit.value.as_ref());
        let after = after.filter(|after| *after != before).ok_or_else(|| Error::Refused {
            what: edit.already,
            help: format!("see `reconciler describe {key}`"),
        })?;
        let warnings = accept((&tree, self.repository.case()), key, &after)?;
        disk::replace(&tree.join(&path), after.as_bytes())?;
        readable(&tree.join(&path))?;
        let commit = self.commit(&tree, (key, edit.verb), record, Some(&bytes)).await?;
        Ok(Edited { path, commit, warnings })
    }

    /// Deletes an object's file.
    ///
    /// # Errors
    /// When the file has edits of the person's own.
    pub async fn delete(&self, key: &Key, record: Record<'_>) -> Result<Edited, Error> {
        by_person(self)?;
        let tree = self.tree_for(record).await?;
        self.own(&tree, key).await?;
        let path = key.path();
        let bytes = disk::read(&tree.join(&path), disk::RECORD_MAX)?;
        disk::remove(&tree.join(&path))?;
        let commit = self.commit(&tree, (key, "delete"), record, bytes.as_deref()).await?;
        Ok(Edited { path, commit, warnings: Vec::new() })
    }

    /// Returns the work tree in which a person's state files are: where the pinned branch is checked
    /// out, else the main one.
    pub(super) async fn editable(&self) -> Result<PathBuf, Error> {
        let tree = self.work_tree_on_ref().await?;
        Ok(tree.unwrap_or_else(|| self.root().to_owned()))
    }

    async fn work_tree_on_ref(&self) -> Result<Option<PathBuf>, Error> {
        let branch = self.state_ref.strip_prefix("refs/heads/").unwrap_or_default();
        let Ok(branch) = BranchName::try_from(branch.to_owned()) else { return Ok(None) };
        Ok(self.repository.work_tree_on(&branch).await?)
    }

    /// Returns the work tree to edit; for a commit, it must be on the pinned branch.
    async fn tree_for(&self, record: Record<'_>) -> Result<PathBuf, Error> {
        if let Some(tree) = self.work_tree_on_ref().await? {
            return Ok(tree);
        }
        let branch = self.state_ref.strip_prefix("refs/heads/").unwrap_or(&self.state_ref);
        let root = self.root().display();
        if self.repository.is_bare() {
            let what = "this repository is bare: it has no work tree to edit".to_owned();
            let help = format!("edit state/ in a clone and push it to {branch}");
            return Err(Error::Refused { what, help });
        }
        if record.commit == Commit::No {
            return Ok(self.root().to_owned());
        }
        let head = self.repository.head().await?;
        let here = head.as_deref().and_then(|head| head.strip_prefix("refs/heads/"));
        let here = here.map_or("no branch (detached HEAD)".to_owned(), ToOwned::to_owned);
        Err(Error::Refused {
            what: format!("state is read from {branch}, and {root} is on {here}"),
            help: format!(
                "`git switch {branch}` first; or keep your branch: `git worktree add ../{branch} \
                 {branch}` and run this again; or `--no-commit`, then commit it to {branch} \
                 yourself"
            ),
        })
    }

    /// Refuses a file that a person is editing.
    async fn own(&self, tree: &Path, key: &Key) -> Result<(), Error> {
        let path = key.path();
        if !self.repository.is_edited(tree, &path).await? {
            return Ok(());
        }
        Err(Error::Refused {
            what: format!("{path} has changes of yours that are not committed"),
            help: format!("commit them (`git commit -- {path}`) or undo them, then run this again"),
        })
    }

    /// Commits the edited file; one that git or a hook refuses is put back as it was before.
    async fn commit(
        &self,
        tree: &Path,
        (key, verb): (&Key, &str),
        record: Record<'_>,
        before: Option<&[u8]>,
    ) -> Result<Option<CommitId>, Error> {
        if record.commit == Commit::No {
            return Ok(None);
        }
        let object = match key {
            Key::Policy => "policy".to_owned(),
            Key::Task(_) | Key::Worker(_) | Key::Agent(_) => {
                format!("{} {}", key.kind().word(), key.name())
            }
        };
        let mut message = format!("reconciler: {verb} {object}");
        message.extend(record.reason.map(|reason| format!("\n\n{reason}")));
        let path = key.path();
        let refused = match self.repository.commit_path(tree, &path, &message).await {
            Ok(commit) => return Ok(Some(commit)),
            Err(refused @ git::Error::CommitRefused { .. }) => refused,
            Err(unknown) => return Err(unknown.into()),
        };
        match before {
            Some(bytes) => {
                disk::replace(&tree.join(&path), bytes)?;
                readable(&tree.join(&path))?;
            }
            None => disk::remove(&tree.join(&path))?,
        }
        Err(Error::Refused {
            what: refused.to_string(),
            help: format!(
                "{path} is as it was; mend what is said above, or add `--no-commit` and commit it yourself"
            ),
        })
    }
}

/// One field of a spec that is set, or taken out.
pub(super) struct Edit {
    pub(super) field: &'static str,
    pub(super) value: Option<Value>,
    pub(super) verb: &'static str,
    /// What to say when it is so already.
    pub(super) already: String,
}

/// Whether a task or worker rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// It rests.
    Suspended,
    /// It does not.
    Resumed,
}

impl Suspension {
    fn verb(self) -> &'static str {
        match self {
            Self::Suspended => "suspend",
            Self::Resumed => "resume",
        }
    }

    fn adjective(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Resumed => "not suspended",
        }
    }
}

/// Refuses a worker: what is wanted is for people to say.
fn by_person(client: &Client) -> Result<(), Error> {
    let help = "propose a task: reconciler propose-task";
    client.refuse_worker("a worker does not change what is wanted", help)
}

fn is_word_of(word: &str, kind: Kind) -> bool {
    let singular = word.strip_suffix('s').unwrap_or(word);
    singular == kind.word()
        || match kind {
            Kind::Task => word == "tk",
            Kind::Worker => word == "wk",
            Kind::Agent | Kind::Policy => false,
        }
}

/// Judges a file among the others before it is written; returns what is only a warning.
fn accept((tree, case): (&Path, Case), key: &Key, text: &str) -> Result<Vec<Problem>, Error> {
    let mut draft = Draft::of_work_tree(tree)?;
    let path = key.path();
    draft.note(&path, || Some(Ok(text.as_bytes().to_vec())));
    let mut problems = check::judge(&draft, case, Some(tree)).problems;
    problems.retain(|problem| problem.path == path);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(Error::Invalid(problems));
    }
    Ok(problems)
}

/// Sets a field of the spec in a JSON text, or takes it out, and leaves everything else as it is.
fn set(text: &str, field: &str, value: Option<&Value>) -> Option<String> {
    let root = CstRootNode::parse(text, &ParseOptions::default()).ok()?;
    let spec = root.object_value()?.object_value("spec")?;
    match (spec.get(field), value) {
        (Some(found), Some(value)) => found.set_value(input(value)),
        (None, Some(value)) => {
            if let Some(edited) = append_in_line(text, field, value) {
                return Some(edited);
            }
            drop(spec.append(field, input(value)));
        }
        (Some(found), None) => found.remove(),
        (None, None) => {}
    }
    Some(root.to_string())
}

/// Returns a plain value as the editor of trees takes it.
fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Bool(is) => CstInputValue::Bool(*is),
        Value::String(text) => CstInputValue::String(text.clone()),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            CstInputValue::Number(value.to_string())
        }
    }
}

/// Adds a field behind the others of a spec that stands on one line, which the editor of trees would
/// spread over several. `None` when it does not.
fn append_in_line(text: &str, field: &str, value: &Value) -> Option<String> {
    let span = Document::of(text)?.value("/spec");
    let inner = text.get(span.clone())?.strip_suffix('}')?;
    let fields = inner.trim_end();
    if inner.contains('\n') || fields == "{" {
        return None;
    }
    let pad = inner.get(fields.len()..)?;
    let (before, after) = (text.get(..span.start)?, text.get(span.end..)?);
    Some(format!("{before}{fields}, \"{field}\": {value}{pad}}}{after}"))
}

/// Gives a file that is to be committed the mode that git expects.
fn readable(path: &Path) -> Result<(), disk::Error> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
        .map_err(|source| disk::Error::new("set the mode of", path, source))
}

/// Leaves out of a spec what nobody asked for.
pub fn spec(fields: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Value {
    let given = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(given.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_set_and_taken_out_and_the_rest_keeps_its_form() {
        let text = "{\n    \"spec\": {\n        \"command\":   \"x\",\n        \"files\": [ \"a\",\n \"b\" ]\n    }\n}\n";
        let set_to = |text: &str, value: Option<bool>| {
            set(text, "suspend", value.map(Value::from).as_ref()).unwrap()
        };
        let suspended = set_to(text, Some(true));
        let line = "\"b\" ],\n        \"suspend\": true\n    }\n}\n";
        assert!(suspended.ends_with(line), "{suspended}");
        assert_eq!(set_to(&suspended, None), text);
        assert_eq!(set_to(&suspended, Some(true)), suspended);
        assert_eq!(
            set_to("{\"spec\": {\"suspend\": false, \"x\": 1}}", Some(true)),
            "{\"spec\": {\"suspend\": true, \"x\": 1}}"
        );
        assert_eq!(
            set_to("{\"spec\": {\"x\": 1}}", Some(true)),
            "{\"spec\": {\"x\": 1, \"suspend\": true}}"
        );
        let scaled = set("{\"spec\": {\"replicas\": 1}}", "replicas", Some(&3.into()));
        assert_eq!(scaled.as_deref(), Some("{\"spec\": {\"replicas\": 3}}"));
    }
}
