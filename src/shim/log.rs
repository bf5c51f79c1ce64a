//! The log of one attempt: every byte the program wrote, secrets masked, bounded. A disk that
//! refuses costs the log some bytes and the program nothing.

use super::mask::Mask;
use crate::disk;
use crate::fault;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// The longest log, in bytes.
const LOG_MAX: u64 = 64 * 1024 * 1024;

/// A log that is being written.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
    mask: Mask,
    room: u64,
    gap: bool,
}

impl Log {
    /// Prepares a log at this path that hides these values. Touches no disk.
    pub(super) fn new(path: PathBuf, secrets: &[Vec<u8>]) -> Self {
        Self { path, file: None, mask: Mask::new(secrets), room: LOG_MAX, gap: false }
    }

    /// Appends what the program wrote.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let shown = self.mask.push(bytes);
        self.store(&shown);
    }

    /// Appends what was held back because it could have become a secret.
    pub(super) fn finish(&mut self) {
        let shown = self.mask.finish();
        self.store(&shown);
    }

    fn store(&mut self, bytes: &[u8]) {
        if self.room == 0 || bytes.is_empty() {
            return;
        }
        // A gap is told as soon as the disk takes something again.
        self.gap = fault::effect("log", || self.try_store(bytes)).is_err();
    }

    fn try_store(&mut self, bytes: &[u8]) -> io::Result<()> {
        let gap = self.gap;
        let fits = usize::try_from(self.room).unwrap_or(usize::MAX).min(bytes.len());
        let file = self.open()?;
        if gap {
            file.write_all(
                b"\r\nreconciler: a part of the log is missing, the disk refused it\r\n",
            )?;
        }
        file.write_all(&bytes[..fits])?;
        if fits < bytes.len() {
            file.write_all(b"\r\nreconciler: the log is full, the rest is dropped\r\n")?;
        }
        self.room = if fits < bytes.len() { 0 } else { self.room - fits as u64 };
        Ok(())
    }

    fn open(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => self.create()?,
        };
        Ok(self.file.insert(file))
    }

    fn create(&self) -> io::Result<File> {
        if let Some(folder) = self.path.parent() {
            disk::make_folder(folder).map_err(io::Error::other)?;
        }
        OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_says_so_once_and_takes_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/a.log");
        let mut log = Log::new(path.clone(), &[]);
        log.room = 10;
        for _ in 0..3 {
            log.write(b"1234567\n");
        }
        log.finish();
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(text, "1234567\n12\r\nreconciler: the log is full, the rest is dropped\r\n");
    }

    #[test]
    fn what_the_disk_refused_is_told_when_it_takes_more() {
        let folder = tempfile::tempdir().unwrap();
        let parent = folder.path().join("logs");
        std::fs::write(&parent, "in the way").unwrap();
        let mut log = Log::new(parent.join("a.log"), &[]);
        log.write(b"lost\n");
        std::fs::remove_file(&parent).unwrap();
        log.write(b"kept\n");
        let text = std::fs::read_to_string(parent.join("a.log")).unwrap();
        assert!(text.contains("missing") && text.ends_with("kept\n") && !text.contains("lost\n"));
    }
}
