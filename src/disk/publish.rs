//! Publishing a record: temporary file, fsync, rename or link. A reader sees the old record or the
//! new one, also after a power cut; never a half or an empty one. Which of the two is certain after
//! a power cut only once the folder is synced too.

use super::{Error, make_folder, temporary};
use crate::fault::{self, Verdict};
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::Path;

/// Whether a record was published, or one stood there already.
#[must_use = "a record that stood there already is not the one that was to be published"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is the new one.
    New,
    /// Another was first; nothing was changed.
    Existed,
}

/// Publishes a record, in place of the one that may stand there.
///
/// # Errors
/// When it cannot be made durable; what stood there before still stands.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = write(path, bytes)?;
    fault::effect("publish", || temporary.persist(path).map(drop).map_err(|error| error.error))
        .map_err(|source| Error::new("publish", path, source))
}

/// Replaces a file whole, as [`replace`] does, in a folder that is not ours to leave anything in: the
/// temporary file lies in another one, on the same disk.
///
/// # Errors
/// When it cannot be made durable; what stood there before still stands.
pub fn replace_from(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    // What a writer before us left when it died.
    super::list_records(folder)?;
    let temporary = synced(path, write_in(folder, path, bytes)?)?;
    fault::effect("publish", || temporary.persist(path).map(drop).map_err(|error| error.error))
        .map_err(|source| Error::new("publish", path, source))
}

/// Replaces a file whole, as [`replace`] does, but without waiting for the disk: after a power cut
/// it may be empty. For what is made anew then.
///
/// # Errors
/// When it cannot be written; what stood there before still stands.
pub fn replace_unsynced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = write_unsynced(path, bytes)?;
    fault::effect("publish", || temporary.persist(path).map(drop).map_err(|error| error.error))
        .map_err(|source| Error::new("write", path, source))
}

/// Returns a file without a name that holds these bytes, to be read from its beginning.
///
/// # Errors
/// When the folder for temporary files takes none.
pub fn nameless(bytes: &[u8]) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Publishes a record where none stands: of several who try at once, one succeeds.
///
/// # Errors
/// When it cannot be made durable, or it cannot be seen whether one stands there.
pub fn create(path: &Path, bytes: &[u8]) -> Result<Published, Error> {
    let temporary = write(path, bytes)?;
    let publish = || temporary.persist_noclobber(path).map(drop).map_err(|error| error.error);
    match fault::effect("publish", publish) {
        Ok(()) => Ok(Published::New),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Published::Existed),
        Err(error) => Err(Error::new("publish", path, error)),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile, Error> {
    synced(path, write_unsynced(path, bytes)?)
}

fn synced(path: &Path, file: tempfile::NamedTempFile) -> Result<tempfile::NamedTempFile, Error> {
    file.as_file().sync_all().map_err(|source| Error::new("write", path, source))?;
    Ok(file)
}

fn write_unsynced(path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile, Error> {
    write_in(path.parent().unwrap_or(Path::new(".")), path, bytes)
}

fn write_in(folder: &Path, path: &Path, bytes: &[u8]) -> Result<tempfile::NamedTempFile, Error> {
    make_folder(folder)?;
    let fail = |source| Error::new("write", path, source);
    // A lie about writing is a lie about publishing.
    let (Verdict::Do | Verdict::Pretend) = fault::before("write").map_err(fail)?;
    let prefix = temporary();
    let mut file = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder).map_err(fail)?;
    fault::during("write");
    file.write_all(bytes).map_err(fail)?;
    fault::after("write").map_err(fail)?;
    Ok(file)
}

/// Makes durable that a file was published or removed. Until then a power cut may undo that, which
/// is no harm where what is missing is made anew.
///
/// # Errors
/// When it cannot be made durable.
pub fn sync_folder_of(path: &Path) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    match fault::effect("sync", || File::open(folder).and_then(|file| file.sync_all())) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::new("sync", folder, error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_to_create_wins_and_nothing_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/record.json");
        let wins = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8)
                .map(|n: u8| {
                    let path = &path;
                    scope.spawn(move || create(path, &[n]).unwrap() == Published::New)
                })
                .collect();
            tries.into_iter().map(|t| t.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(wins, 1);
        assert_eq!(super::super::list(&folder.path().join("a")).unwrap(), ["record.json"]);
    }

    #[test]
    fn a_record_is_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        replace(&path, b"old and long").unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(super::super::read(&path, 100).unwrap().as_deref(), Some(&b"new"[..]));
        super::super::read(&path, 2).unwrap_err();
    }
}
