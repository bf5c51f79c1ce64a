//! Large files that others make for us, published whole or not at all, and what lies below a folder.
//! A work folder of a process that died is removed by the next one; nothing else is.

use super::{Error, Published, list, list_records, sync_folder_of, temporary};
use crate::fault;
use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Makes a work folder for the user alone in a folder, on the same disk. It goes when it is dropped,
/// and that of a process that died goes now.
///
/// # Errors
/// When none can be made there.
pub fn scratch(folder: &Path) -> Result<tempfile::TempDir, Error> {
    list_records(folder)?;
    let (prefix, ours) = (temporary(), Permissions::from_mode(0o700));
    let mut builder = tempfile::Builder::new();
    let made = builder.prefix(&prefix).permissions(ours).tempdir_in(folder);
    made.map_err(|source| Error::new("make a folder in", folder, source))
}

/// Publishes a file that was made in [`scratch`], readable by the user alone. Where something stands
/// that it may not replace, nothing is changed.
///
/// # Errors
/// When it cannot be made durable; what stood there before still stands.
pub fn publish_whole(from: &Path, to: &Path, replaces: Replaces) -> Result<Published, Error> {
    let fail = |source| Error::new("publish", to, source);
    let settle = || {
        let file = File::open(from)?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.sync_all()
    };
    settle().map_err(fail)?;
    let file = tempfile::TempPath::try_from_path(from).map_err(fail)?;
    let publish = || match replaces {
        Replaces::Anything => file.persist(to).map_err(|error| error.error),
        Replaces::Nothing => file.persist_noclobber(to).map_err(|error| error.error),
    };
    match fault::effect("publish", publish) {
        Ok(()) => sync_folder_of(to).map(|()| Published::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Published::Existed),
        Err(error) => Err(fail(error)),
    }
}

/// What a published file may take the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaces {
    /// Of nothing.
    Nothing,
    /// Of whatever stands there.
    Anything,
}

/// Returns the paths of the plain files below a folder, from it, sorted. Links, pipes, temporary files,
/// repositories' own folders and names that are not UTF-8 are left out, and so are the entries of the
/// top that are named.
///
/// # Errors
/// When a folder cannot be read: then its content is unknown.
pub fn files_below(folder: &Path, without: &[&str]) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(inside) = open.pop() {
        for name in list(&folder.join(&inside))? {
            let is_top = inside.is_empty();
            let odd = name == ".git" || name.starts_with(super::TEMPORARY) || name.contains('\n');
            if odd || (is_top && without.contains(&name.as_str())) {
                continue;
            }
            let path = if is_top { name } else { format!("{inside}/{name}") };
            let place = folder.join(&path);
            match place.symlink_metadata() {
                Ok(meta) if meta.is_dir() => open.push(path),
                Ok(meta) if meta.is_file() => found.push(path),
                Ok(_) => {}
                // Removed since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Error::new("look at", &place, error)),
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_published_over_another_only_when_that_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("file");
        fs::write(&to, "mine").unwrap();
        let publish = |text: &str, replaces| {
            let work = scratch(folder.path()).unwrap();
            let from = work.path().join("made");
            fs::write(&from, text).unwrap();
            publish_whole(&from, &to, replaces).unwrap()
        };
        assert_eq!(publish("new", Replaces::Nothing), Published::Existed);
        assert_eq!(fs::read(&to).unwrap(), b"mine");
        assert_eq!(publish("new", Replaces::Anything), Published::New);
        assert_eq!(fs::read(&to).unwrap(), b"new");
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(list(folder.path()).unwrap(), ["file"]);
    }

    #[test]
    fn plain_files_are_found_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in ["a/b/c", "a/.git/config", "trash/x", "top", ".tmp-2000000000-x"] {
            fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            fs::write(root.join(file), "").unwrap();
        }
        std::os::unix::fs::symlink("top", root.join("link")).unwrap();
        assert_eq!(files_below(root, &["trash"]).unwrap(), ["a/b/c", "top"]);
        assert!(files_below(&root.join("absent"), &[]).unwrap().is_empty());
    }
}
