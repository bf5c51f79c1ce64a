//! Key: which object a file is, and the only knowledge of where files lie. It looks at paths as
//! text and never at what is in them.

use super::Kind;
use super::name::{AgentName, TaskName, WorkerName};
use super::problem::{Problem, did_you_mean};
use std::fmt;
use std::str::FromStr;

/// The folder of everything people commit for `reconciler`.
pub const STATE_FOLDER: &str = "state";

/// Which object: its kind and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `state/tasks/NAME.json`.
    Task(TaskName),
    /// `state/workers/NAME.json`.
    Worker(WorkerName),
    /// `state/agents/NAME.json`.
    Agent(AgentName),
    /// `state/policy.json`.
    Policy,
}

/// What a path under `state/` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placed {
    /// The file of this object.
    Key(Key),
    /// Nothing of ours: a README, a dotfile, a copied schema.
    Ignored,
    /// It looks like an object and lies in the wrong place, or is called wrongly.
    Misplaced(Box<Problem>),
}

impl Key {
    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Task(_) => Kind::Task,
            Self::Worker(_) => Kind::Worker,
            Self::Agent(_) => Kind::Agent,
            Self::Policy => Kind::Policy,
        }
    }

    /// Returns the name; the one policy is called `policy`.
    pub fn name(&self) -> &str {
        match self {
            Self::Task(name) => name.as_str(),
            Self::Worker(name) => name.as_str(),
            Self::Agent(name) => name.as_str(),
            Self::Policy => "policy",
        }
    }

    /// Returns the path of the object's file, from the root of the repository.
    pub fn path(&self) -> String {
        file_of(self.kind(), self.name())
    }

    /// Says what a path, from the root of the repository, is. Paths outside of `state/` are ignored.
    pub fn from_path(path: &str) -> Placed {
        let names: Vec<&str> = path.split('/').collect();
        let ["state", inner @ ..] = names.as_slice() else { return Placed::Ignored };
        let last = inner.last().copied().unwrap_or_default();
        let remark = last.starts_with("README") || has_extension(last, "md");
        if remark || inner.iter().any(|name| name.starts_with('.')) {
            return Placed::Ignored;
        }
        match inner {
            ["schema", _, ..] | [] => Placed::Ignored,
            ["policy.json"] => Placed::Key(Self::Policy),
            ["tasks", rest @ ..] => named(path, Kind::Task, rest, Self::Task),
            ["workers", rest @ ..] => named(path, Kind::Worker, rest, Self::Worker),
            ["agents", rest @ ..] => named(path, Kind::Agent, rest, Self::Agent),
            [first, ..] => nowhere(path, first, inner.len()),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.pad("policy"),
            Self::Task(_) | Self::Worker(_) | Self::Agent(_) => {
                f.pad(&format!("{}/{}", self.kind().word(), self.name()))
            }
        }
    }
}

/// Returns where the object of this kind and name lies.
pub(super) fn file_of(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Task => format!("{STATE_FOLDER}/tasks/{name}.json"),
        Kind::Worker => format!("{STATE_FOLDER}/workers/{name}.json"),
        Kind::Agent => format!("{STATE_FOLDER}/agents/{name}.json"),
        Kind::Policy => format!("{STATE_FOLDER}/policy.json"),
    }
}

/// Returns the nearest text that is a name, if there is one.
pub(super) fn nearest_name(text: &str) -> Option<String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = text.chars().map(plain).collect();
    let name = name.trim_matches('-');
    TaskName::from_str(name).is_ok().then(|| name.to_owned())
}

fn named<N: FromStr>(path: &str, kind: Kind, rest: &[&str], key: fn(N) -> Key) -> Placed
where
    N::Err: fmt::Display,
{
    let word = kind.word();
    let [file] = rest else {
        return misplaced(
            path,
            format!("{word} files lie directly in `{STATE_FOLDER}/{word}s/`"),
            rest.last().map(|file| format!("move it to `{STATE_FOLDER}/{word}s/{file}`")),
        );
    };
    let Some(name) = file.strip_suffix(".json") else {
        let stem = file.split('.').next().and_then(nearest_name);
        let help = stem.map(|stem| format!("write it as JSON, in `{}`", file_of(kind, &stem)));
        return misplaced(path, "only `.json` files are read here".to_owned(), help);
    };
    match name.parse() {
        Ok(name) => Placed::Key(key(name)),
        Err(why) => {
            let near = nearest_name(name);
            let help = near.map(|near| format!("did you mean `{}`?", file_of(kind, &near)));
            misplaced(path, why.to_string(), help)
        }
    }
}

fn nowhere(path: &str, first: &str, depth: usize) -> Placed {
    let known = ["tasks", "workers", "agents", "schema", "policy.json"];
    let near = did_you_mean(first, known.into_iter())
        .map(|near| format!("did you mean `{STATE_FOLDER}/{near}`?"));
    let what = if depth > 1 { "folder" } else { "file" };
    misplaced(
        path,
        format!("unknown {what} `{STATE_FOLDER}/{first}`"),
        near.or_else(|| {
            Some("known are `tasks/`, `workers/`, `agents/` and `policy.json`".to_owned())
        }),
    )
}

fn misplaced(path: &str, message: String, help: Option<String>) -> Placed {
    Placed::Misplaced(Box::new(Problem::of_file(path, message, help)))
}

fn has_extension(file: &str, wanted: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, found)| found.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str) -> String {
        match Key::from_path(path) {
            Placed::Key(key) => key.to_string(),
            Placed::Ignored => "ignored".to_owned(),
            Placed::Misplaced(problem) => problem.to_string(),
        }
    }

    #[test]
    fn a_path_says_which_object_it_is() {
        for (path, key) in [
            ("state/tasks/fix-login.json", "task/fix-login"),
            ("state/workers/codegen.json", "worker/codegen"),
            ("state/agents/claude.json", "agent/claude"),
            ("state/policy.json", "policy"),
        ] {
            assert_eq!(told(path), key);
            assert!(matches!(Key::from_path(path), Placed::Key(key) if key.path() == path));
        }
    }

    #[test]
    fn what_is_not_ours_is_ignored() {
        for path in [
            "state/.gitignore",
            "state/tasks/.gitkeep",
            "state/tasks/.fix-login.json.swp",
            "state/tasks/README",
            "state/README.txt",
            "state/tasks/notes.md",
            "state/schema/task.v1alpha1.json",
            "state",
            "src/main.rs",
            "",
        ] {
            assert_eq!(told(path), "ignored", "{path}");
        }
    }

    #[test]
    fn a_misplaced_file_is_told_where_it_belongs() {
        for (path, problem) in [
            (
                "state/tasks/Fix Login.json",
                "state/tasks/Fix Login.json:1:1: error: `Fix Login` is not a name: use 1 to 50 of a-z, 0-9 and `-`, beginning and ending with a letter or digit; did you mean `state/tasks/fix-login.json`?",
            ),
            (
                "state/task/x.json",
                "state/task/x.json:1:1: error: unknown folder `state/task`; did you mean `state/tasks`?",
            ),
            (
                "state/policies.json",
                "state/policies.json:1:1: error: unknown file `state/policies.json`; did you mean `state/policy.json`?",
            ),
            (
                "state/zebra/x.json",
                "state/zebra/x.json:1:1: error: unknown folder `state/zebra`; known are `tasks/`, `workers/`, `agents/` and `policy.json`",
            ),
            (
                "state/tasks/x.yaml",
                "state/tasks/x.yaml:1:1: error: only `.json` files are read here; write it as JSON, in `state/tasks/x.json`",
            ),
            (
                "state/tasks/auth/x.json",
                "state/tasks/auth/x.json:1:1: error: task files lie directly in `state/tasks/`; move it to `state/tasks/x.json`",
            ),
        ] {
            assert_eq!(told(path), problem);
        }
    }
}
