//! What is remembered of issues that are worked here. One record; without it their claims lapse, and are
//! taken over by whoever sees that first.

use super::{Error, Records, file};
use crate::api::issue::Book;
use crate::disk;
use std::path::PathBuf;

impl Records {
    /// Returns what is remembered.
    ///
    /// # Errors
    /// When the record is there and cannot be understood: then nothing is to be claimed.
    pub fn issues(&self) -> Result<Book, Error> {
        Ok(file::read(&self.issues_path()).transpose()?.unwrap_or_default())
    }

    /// Remembers, in place of what was remembered before.
    ///
    /// # Errors
    /// When it cannot be made durable; what was there before may still be.
    pub fn set_issues(&self, book: &Book) -> Result<(), Error> {
        self.make_root()?;
        Ok(disk::replace(&self.issues_path(), &file::bytes(book))?)
    }

    fn issues_path(&self) -> PathBuf {
        self.root.join("issues.json")
    }
}
