//! Where a file lies that an agent is about to change: in its own place, in that of others, or nowhere
//! of ours. It follows links, as the agent's tools do.

use crate::api::task::Class;
use crate::client::Error;
use crate::disk;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

/// Where a file lies.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the agent's own worktree, at this path from its top.
    Own(String),
    /// Where the agent may change nothing, whoever holds it.
    Forbidden(String),
    /// Outside of the repository.
    Elsewhere,
}

/// Returns where a file lies for an agent that works in this directory, in the repository with this
/// root.
///
/// # Errors
/// When what is on the way to it cannot be seen.
pub(super) fn of(
    path: &Path,
    (class, directory): (Class, &Path),
    root: &Path,
) -> Result<Place, Error> {
    let (path, own, root) = (real(path)?, real(directory)?, real(root)?);
    let shown = path.display();
    if class == Class::Execution
        && let Ok(within) = path.strip_prefix(&own)
    {
        let is_of_git = within.components().any(|part| part == Component::Normal(".git".as_ref()));
        if is_of_git {
            return Ok(Place::Forbidden(format!("{shown} is git's own: use git's commands")));
        }
        return Ok(Place::Own(within.to_string_lossy().into_owned()));
    }
    if !path.starts_with(&root) {
        return Ok(Place::Elsewhere);
    }
    Ok(Place::Forbidden(match class {
        Class::Decision => format!("{shown}: a decision changes nothing in the repository"),
        Class::Execution => format!(
            "{shown} lies outside of your worktree {}, and may be somebody else's: change the file \
             of that name in your own worktree",
            own.display()
        ),
    }))
}

/// Returns a path without links and `..`, as far as it is there.
fn real(path: &Path) -> Result<PathBuf, Error> {
    let parts: Vec<Component<'_>> = path.components().collect();
    for count in (0..=parts.len()).rev() {
        let (there, rest) = parts.split_at(count);
        let there: PathBuf = there.iter().collect();
        match there.canonicalize() {
            Ok(real) => return Ok(onto(real, rest)),
            // A link to nothing is no file that is missing: what is written there goes elsewhere.
            Err(error) if error.kind() != ErrorKind::NotFound || there.is_symlink() => {
                return Err(disk::Error::new("find", path, error).into());
            }
            Err(_) => {}
        }
    }
    Ok(path.to_owned())
}

/// Returns a path with what is not there yet after it.
fn onto(mut path: PathBuf, rest: &[Component<'_>]) -> PathBuf {
    for part in rest {
        match part {
            Component::ParentDir => _ = path.pop(),
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_its_own_worktree_is_an_agents_place_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("r");
        let own = root.join(".worktrees/docs");
        std::fs::create_dir_all(own.join("src")).unwrap();
        symlink(&own, folder.path().join("short")).unwrap();
        symlink(&root, own.join("up")).unwrap();
        symlink(root.join("new"), own.join("nowhere")).unwrap();
        let place = |path: PathBuf| of(&path, (Class::Execution, &own), &root).unwrap();
        let is_forbidden = |path| matches!(place(path), Place::Forbidden(_));
        assert_eq!(place(own.join("src/new/a.rs")), Place::Own("src/new/a.rs".to_owned()));
        assert_eq!(place(own.join("src/../b")), Place::Own("b".to_owned()));
        assert_eq!(place(folder.path().join("short/c")), Place::Own("c".to_owned()));
        assert_eq!(place(folder.path().join("other")), Place::Elsewhere);
        assert!(is_forbidden(root.join("src/a.rs")));
        assert!(is_forbidden(root.join(".task-locks/docs.lock")));
        assert!(is_forbidden(own.join("up/src/a.rs")));
        assert!(is_forbidden(own.join("../other/a.rs")));
        assert!(is_forbidden(own.join(".git")));
        assert!(of(&own.join("nowhere"), (Class::Execution, &own), &root).is_err());
        let of_decision = |path: PathBuf| of(&path, (Class::Decision, &root), &root).unwrap();
        assert!(matches!(of_decision(root.join("a")), Place::Forbidden(_)));
        assert_eq!(of_decision(folder.path().join("notes")), Place::Elsewhere);
    }
}
