//! Folders of ours beside a person's files that git never sees. None is at its place for a moment
//! without the `.gitignore` that hides it, where that can be had.

use super::{Error, Published, create, is_there, list_records, make_folder, temporary};
use crate::fault;
use std::fs::{OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Ignores everything beside it, itself included.
const IGNORE: (&str, &[u8]) = (".gitignore", b"*\n");

/// Makes a folder that git does not see.
///
/// # Errors
/// When it cannot be made.
pub fn make_ignored_folder(folder: &Path) -> Result<(), Error> {
    let ignore = folder.join(IGNORE.0);
    if is_there(&ignore)? || (move_in(folder).is_ok() && is_there(&ignore)?) {
        return Ok(());
    }
    // It stood there without, or what is around it is no plain repository on one disk.
    make_folder(folder)?;
    list_records(folder)?;
    match create(&ignore, IGNORE.1)? {
        Published::New | Published::Existed => Ok(()),
    }
}

/// Makes the folder whole in the `.git` beside it, where git looks for no files, and moves it to
/// its place, where nothing or an empty folder may stand.
fn move_in(folder: &Path) -> Result<(), Error> {
    let fail = |source| Error::new("make", folder, source);
    let private = folder.with_file_name(".git");
    // What a writer before us left when it died.
    list_records(&private)?;
    // Whatever the user's mask is, what is ours is theirs alone.
    let (prefix, theirs) = (temporary(), Permissions::from_mode(0o700));
    let mut make = tempfile::Builder::new();
    let whole = make.prefix(&prefix).permissions(theirs).tempdir_in(&private).map_err(fail)?;
    let mut open = OpenOptions::new();
    let ignore = whole.path().join(IGNORE.0);
    let mut file = open.write(true).create_new(true).mode(0o600).open(ignore).map_err(fail)?;
    file.write_all(IGNORE.1).and_then(|()| file.sync_all()).map_err(fail)?;
    fault::during("make folder");
    fault::effect("make folder", || std::fs::rename(whole.path(), folder)).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn of_many_who_make_it_at_once_all_find_it_made_and_nothing_is_left_over() {
        let root = tempfile::tempdir().unwrap();
        let (folder, private) = (root.path().join("ours"), root.path().join(".git"));
        fs::create_dir(&private).unwrap();
        // No pid is so high.
        fs::create_dir(private.join(".tmp-2000000000-x")).unwrap();
        let make = &|n: u32| {
            make_ignored_folder(&folder).unwrap();
            fs::write(folder.join(n.to_string()), "record").unwrap();
        };
        std::thread::scope(|scope| {
            for n in 0..8 {
                scope.spawn(move || make(n));
            }
        });
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 9);
        assert_eq!(fs::read_dir(&private).unwrap().count(), 0);
    }

    #[test]
    fn one_that_stands_there_keeps_what_is_in_it_and_is_ignored_from_then_on() {
        for private in [None, Some(".git")] {
            let root = tempfile::tempdir().unwrap();
            let folder = root.path().join("ours");
            fs::create_dir(&folder).unwrap();
            fs::write(folder.join("record"), "kept").unwrap();
            if let Some(name) = private {
                fs::create_dir(root.path().join(name)).unwrap();
            }
            make_ignored_folder(&folder).unwrap();
            assert_eq!(fs::read(folder.join("record")).unwrap(), b"kept");
            assert_eq!(fs::read(folder.join(".gitignore")).unwrap(), b"*\n");
        }
    }
}
