//! What is remembered of a project board. One record; without it the cards are found again by their
//! marks, and what people edited meanwhile counts as ours.

use super::{Error, Records, file};
use crate::api::board::Shadow;
use crate::disk;
use std::path::PathBuf;

impl Records {
    /// Returns what is remembered, if anything is.
    ///
    /// # Errors
    /// When the record is there and cannot be understood: then nothing is to be written to the board.
    pub fn board(&self) -> Result<Option<Shadow>, Error> {
        Ok(file::read(&self.board_path()).transpose()?)
    }

    /// Remembers, in place of what was remembered before.
    ///
    /// # Errors
    /// When it cannot be made durable; what was there before may still be.
    pub fn set_board(&self, shadow: &Shadow) -> Result<(), Error> {
        self.make_root()?;
        Ok(disk::replace(&self.board_path(), &file::bytes(shadow))?)
    }

    fn board_path(&self) -> PathBuf {
        self.root.join("board.json")
    }
}
