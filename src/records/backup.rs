//! What of the records a backup keeps, and putting it back. What is made anew is left out, and a
//! record that is there is never replaced.

use super::{Error, Records};
use crate::api::attempt::{AttemptId, Exit, ExitReason};
use crate::disk::{self, Published};
use crate::process::clock;
use std::path::{Component, Path, PathBuf};

/// What is made anew, or is a work tree.
const MADE_ANEW: [&str; 6] =
    [".gitignore", "forecast.json", "locks.index", "spare", "trash", "verify"];

impl Records {
    /// Returns the folder of the records.
    pub fn folder_of_all(&self) -> &Path {
        &self.root
    }

    /// Returns the paths of the files that a backup keeps, from the folder of the records.
    ///
    /// # Errors
    /// When a folder cannot be read: then it is unknown what there is.
    pub fn files(&self) -> Result<Vec<String>, Error> {
        Ok(disk::files_below(&self.root, &MADE_ANEW)?)
    }

    /// Returns where a file of a backup belongs; `None` when it is none of the records.
    pub fn place_of(&self, path: &str) -> Option<PathBuf> {
        let mut parts = Path::new(path).components();
        let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        let first = parts.clone().next()?.as_os_str().to_str()?;
        (parts.all(is_plain) && !MADE_ANEW.contains(&first)).then(|| self.root.join(path))
    }

    /// Puts a file back where none is.
    ///
    /// # Errors
    /// When it cannot be made durable; try again.
    pub fn put_back(&self, place: &Path, bytes: &[u8]) -> Result<Published, Error> {
        self.make_root()?;
        let published = disk::create(place, bytes)?;
        disk::sync_folder_of(place)?;
        Ok(published)
    }

    /// Writes down that an attempt was interrupted; an end that it has stands.
    ///
    /// # Errors
    /// When that cannot be written; try again.
    pub fn interrupt(&self, id: &AttemptId) -> Result<Published, Error> {
        let (ended_at, reason) = (clock::now(), ExitReason::Lost);
        self.close(id, &Exit { started_at: None, ended_at, reason, class: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_or_is_made_anew_is_no_record() {
        let records = Records::at(Path::new("/r"));
        let place = |path| records.place_of(path);
        assert_eq!(place("tasks/a.json"), Some(PathBuf::from("/r/.reconciler/tasks/a.json")));
        for odd in ["", "/etc/x", "../x", "tasks/../../x", "trash/a/b", ".gitignore"] {
            assert_eq!(place(odd), None, "{odd}");
        }
    }

    #[test]
    fn what_is_there_is_never_replaced_and_what_is_made_anew_is_not_kept() {
        let root = tempfile::tempdir().unwrap();
        let records = Records::at(root.path());
        let place = records.place_of("holds/all.json").unwrap();
        assert_eq!(records.put_back(&place, b"1").unwrap(), Published::New);
        assert_eq!(records.put_back(&place, b"2").unwrap(), Published::Existed);
        assert_eq!(std::fs::read(&place).unwrap(), b"1");
        std::fs::create_dir(root.path().join(".reconciler/trash")).unwrap();
        std::fs::write(root.path().join(".reconciler/trash/x"), "").unwrap();
        assert_eq!(records.files().unwrap(), ["holds/all.json"]);
    }
}
