//! A draft: the objects as they are in a work tree, an index or another commit. It is shown and
//! checked; nothing is ever done because of it.

use crate::api::admission::{self, Admitted};
use crate::api::key::{Key, Placed, STATE_FOLDER};
use crate::api::problem::Problem;
use std::collections::BTreeMap;
use std::path::Path;

/// The objects of a draft.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Each object's file.
    pub files: BTreeMap<Key, DraftFile>,
    /// What is wrong with files that are no object's.
    pub strays: Vec<Problem>,
}

/// One object's file.
#[derive(Debug, Clone)]
pub struct DraftFile {
    /// Its text, as far as it is text.
    pub text: String,
    /// What became of it.
    pub admitted: Result<Admitted, Vec<Problem>>,
}

impl Draft {
    /// Reads the state files of a work tree.
    ///
    /// # Errors
    /// When a folder of it cannot be read.
    pub fn of_work_tree(root: &Path) -> Result<Self, crate::disk::Error> {
        let mut draft = Self::default();
        let state = root.join(STATE_FOLDER);
        for name in crate::disk::list(&state)? {
            let is_folder = state.join(&name).symlink_metadata().is_ok_and(|meta| meta.is_dir());
            let inner = if is_folder { crate::disk::list(&state.join(&name))? } else { Vec::new() };
            let paths = inner.into_iter().map(|file| format!("{STATE_FOLDER}/{name}/{file}"));
            let whole = (!is_folder).then(|| format!("{STATE_FOLDER}/{name}"));
            for path in whole.into_iter().chain(paths) {
                let limit = admission::SIZE_MAX as u64 + 1;
                let read = || match crate::disk::read(&root.join(&path), limit) {
                    // Removed since it was listed: it is absent.
                    Ok(bytes) => bytes.map(Ok),
                    Err(error) => Some(Err(error.to_string())),
                };
                draft.note(&path, read);
            }
        }
        Ok(draft)
    }

    /// Adds a file, given by its path from the root of the repository; its bytes are asked for only
    /// if it is an object's.
    pub fn note(
        &mut self,
        path: &str,
        read: impl FnOnce() -> Option<Result<Vec<u8>, String>>,
    ) -> Option<&DraftFile> {
        let key = match Key::from_path(path) {
            Placed::Ignored => return None,
            Placed::Misplaced(problem) => {
                self.strays.push(*problem);
                return None;
            }
            Placed::Key(key) => key,
        };
        let (text, admitted) = match read()? {
            Ok(bytes) => {
                let admitted = admission::admit(path, &bytes);
                (String::from_utf8_lossy(&bytes).into_owned(), admitted)
            }
            Err(why) => (String::new(), Err(vec![Problem::of_file(path, why, None)])),
        };
        self.files.insert(key.clone(), DraftFile { text, admitted });
        self.files.get(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_tree_is_read_with_what_is_wrong_in_it() {
        let root = tempfile::tempdir().unwrap();
        assert!(Draft::of_work_tree(root.path()).unwrap().files.is_empty());
        for (path, text) in [("tasks/a.json", "{"), ("README.md", "x"), ("task/b.json", "{}")] {
            let path = root.path().join("state").join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let draft = Draft::of_work_tree(root.path()).unwrap();
        let keys: Vec<String> = draft.files.keys().map(ToString::to_string).collect();
        assert_eq!(keys, ["task/a"]);
        assert!(draft.files.values().all(|file| file.admitted.is_err()));
        assert_eq!(draft.strays.len(), 1, "{:?}", draft.strays);
    }
}
