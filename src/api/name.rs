//! Validated names and identities. A name is safe as a file, a branch and a tmux session, because
//! it can only be a DNS label; an unvalidated name cannot be held in these types. They are shared,
//! not copied: a plan hands thousands of them on.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// The longest name, in bytes: it becomes a tmux session, a branch part and a directory.
pub const NAME_MAX: usize = 50;
/// The pattern of every object name, as schemas and messages show it.
pub const NAME_PATTERN: &str = "^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$";

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a name: use 1 to 50 of a-z, 0-9 and `-`, beginning and ending with a letter or digit"
)]
pub struct NameError(pub String);

fn is_label(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    text.len() <= NAME_MAX
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                if is_label(&text) { Ok(Self(text.into())) } else { Err(NameError(text)) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::try_from(text.to_owned())
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "pattern": NAME_PATTERN })
            }
        }
    };
}

name!(
    /// The name of a Task: its file, its tmux session and its worktree are called so.
    TaskName
);
name!(
    /// The name of a Worker.
    WorkerName
);
name!(
    /// The name of an Agent: a program that workers run.
    AgentName
);
name!(
    /// A skill, as tasks require it and workers have it.
    Skill
);

/// One seat of a worker: the worker's name and its ordinal from 1, written `codegen-2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Seat {
    /// The worker.
    pub worker: WorkerName,
    /// Which of its replicas, from 1.
    pub replica: u32,
}

impl Seat {
    /// Returns the name of the tmux session that the seat keeps, if it keeps one. No task is called so.
    pub fn session(&self) -> String {
        format!("worker/{self}")
    }
}

impl TryFrom<String> for Seat {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let parse = || {
            let (worker, replica) = text.rsplit_once('-')?;
            Some(Self { worker: worker.parse().ok()?, replica: replica.parse().ok()? })
        };
        parse().ok_or_else(|| format!("`{text}` is not a worker and its number"))
    }
}

impl From<Seat> for String {
    fn from(seat: Seat) -> Self {
        seat.to_string()
    }
}

impl fmt::Display for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.worker, self.replica))
    }
}

/// The identity of one object from its creation to its end; never reused, unlike a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Uid(Arc<str>);

impl Uid {
    /// Derives the uid of `name` from 128 random bits drawn at its creation, by SHA-256.
    pub fn derive(nonce: u128, name: &str) -> Self {
        let digest = super::hash::digest(&[&nonce.to_be_bytes()[..], name.as_bytes()]);
        Self(digest[..32].into())
    }

    /// Reads a uid back from a mark; `None` when it is not 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let good = text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
        good.then(|| Self(text.into()))
    }

    /// Returns the first eight digits, enough for names of files and branches.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }

    /// Returns all digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Uid {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Uid> for String {
    fn from(uid: Uid) -> Self {
        uid.0.as_ref().to_owned()
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The id of a git commit, as 40 (SHA-1) or 64 (SHA-256) hexadecimal digits; never empty, because
/// an empty id means "delete" to git.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommitId(Arc<str>);

impl CommitId {
    /// Returns all digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the first seven digits, as people read them.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl TryFrom<String> for CommitId {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let good = matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
        if good { Ok(Self(text.into())) } else { Err(format!("`{text}` is not an object id")) }
    }
}

impl From<CommitId> for String {
    fn from(id: CommitId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The short name of a branch, as `fix/12-fix-login-redirect-loop`, without `refs/heads/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BranchName(Arc<str>);

impl BranchName {
    /// Returns the short name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the full name of the ref.
    pub fn to_ref(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

impl TryFrom<String> for BranchName {
    type Error = String;

    /// Accepts a subset of what git-check-ref-format(1) does: parts of letters, digits, `_`, `-`
    /// and inner dots, joined by `/`.
    fn try_from(text: String) -> Result<Self, String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let good_part = |part: &str| {
            !part.is_empty()
                && part.bytes().all(plain)
                && !part.starts_with(['.', '-'])
                && !part.ends_with('.')
                && !part.contains("..")
                && std::path::Path::new(part).extension().is_none_or(|ext| ext != "lock")
        };
        let good = text.len() <= 200 && text.split('/').all(good_part);
        if good { Ok(Self(text.into())) } else { Err(format!("`{text}` is not a branch name")) }
    }
}

impl From<BranchName> for String {
    fn from(name: BranchName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for BranchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of a remote repository, as git-remote(1) has it: `origin`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RemoteName(Arc<str>);

impl RemoteName {
    /// Returns the name as text; it is never an option of a command.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RemoteName {
    type Error = String;

    /// Accepts what is a branch name of one part: git keeps what it knows of a remote under its name.
    fn try_from(text: String) -> Result<Self, String> {
        let good = !text.contains('/') && BranchName::try_from(text.clone()).is_ok();
        if good {
            Ok(Self(text.into()))
        } else {
            Err(format!("`{text}` is not the name of a remote"))
        }
    }
}

impl From<RemoteName> for String {
    fn from(name: RemoteName) -> Self {
        name.0.as_ref().to_owned()
    }
}

impl fmt::Display for RemoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Who owns a session, a worktree or a process: the mark without which nothing is touched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// The task.
    pub task: TaskName,
    /// The uid of the task.
    pub uid: Uid,
}

impl Owner {
    /// Reads a mark back; `None` when it is not one of ours.
    pub fn parse(mark: &str) -> Option<Self> {
        let rest = mark.strip_prefix("reconciler:")?;
        let (task, uid) = rest.split_once(':')?;
        Some(Self { task: task.parse().ok()?, uid: Uid::parse(uid)? })
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reconciler:{}:{}", self.task, self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_dns_labels() {
        for good in ["a", "fix-login", "0", "a-1", &"x".repeat(50)] {
            assert!(good.parse::<TaskName>().is_ok(), "{good}");
        }
        let long = "x".repeat(51);
        for bad in ["", "-a", "a-", "A", "a.b", "a:b", "../x", "a b", "é", "a\n", long.as_str()] {
            assert!(bad.parse::<TaskName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mark_reads_back() {
        let owner = Owner { task: "fix-login".parse().unwrap(), uid: Uid::derive(7, "fix-login") };
        assert_eq!(Owner::parse(&owner.to_string()), Some(owner));
        assert_eq!(Owner::parse("reconciler:x:123"), None);
        assert_eq!(Owner::parse("mine"), None);
    }
}
