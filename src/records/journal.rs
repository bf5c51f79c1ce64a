//! The journals of events and of decisions: JSON lines, appended one write each. They are history for
//! people: nothing is done because of them, and a torn line is left out.

use super::{Error, Records};
use crate::api::decision::Decision;
use crate::api::event::Event;
use crate::disk;
use crate::fault;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// The journal is set aside when it has this many bytes; the one set aside before it goes.
const ROTATE_AT: u64 = 8 * 1024 * 1024;

const EVENTS: &str = "events";
const DECISIONS: &str = "decisions";

impl Records {
    /// Appends an event. It is not synced: a power cut may lose the last ones.
    ///
    /// # Errors
    /// When it cannot be written; go on, an event is worth no retry.
    pub fn append(&self, event: &Event) -> Result<(), Error> {
        self.append_to(EVENTS, event)
    }

    /// Returns the events that are kept, the newest last.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        self.kept(EVENTS)
    }

    /// Appends a decision. It is not synced: a power cut may lose the last ones.
    ///
    /// # Errors
    /// When it cannot be written; then it is not recorded.
    pub fn append_decision(&self, decision: &Decision) -> Result<(), Error> {
        self.append_to(DECISIONS, decision)
    }

    /// Returns the decisions that are kept, the newest last.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn decisions(&self) -> Result<Vec<Decision>, Error> {
        self.kept(DECISIONS)
    }

    fn append_to(&self, journal: &str, entry: &impl Serialize) -> Result<(), Error> {
        self.make_root()?;
        let (path, old) = self.journal(journal);
        fault::effect("append", || append(&path, &old, entry))
            .map_err(|e| disk::Error::new("append to", &path, e).into())
    }

    fn kept<T: DeserializeOwned>(&self, journal: &str) -> Result<Vec<T>, Error> {
        let mut entries = Vec::new();
        let (path, old) = self.journal(journal);
        for path in [old, path] {
            // One line beyond the size of rotation, and a line is bounded as a record is.
            let bytes = disk::read(&path, ROTATE_AT + disk::RECORD_MAX)?.unwrap_or_default();
            let lines = bytes.split(|byte| *byte == b'\n');
            entries.extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
        }
        Ok(entries)
    }

    /// Returns where a journal is, and where its older part is.
    fn journal(&self, name: &str) -> (PathBuf, PathBuf) {
        (self.root.join(format!("{name}.jsonl")), self.root.join(format!("{name}.1.jsonl")))
    }
}

fn append(path: &Path, old: &Path, entry: &impl Serialize) -> io::Result<()> {
    let mut file = open(path)?;
    let mut length = file.metadata()?.len();
    if length >= ROTATE_AT {
        fault::effect("rotate", || std::fs::rename(path, old))?;
        file = open(path)?;
        length = file.metadata()?.len();
    }
    let mut line = Vec::new();
    if length > 0 && last_byte(&file, length)? != b'\n' {
        // Ends the line of a writer that was cut off, so that it spoils no other.
        line.push(b'\n');
    }
    serde_json::to_writer(&mut line, entry)?;
    line.push(b'\n');
    file.write_all(&line)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)
}

fn last_byte(file: &File, length: u64) -> io::Result<u8> {
    let mut byte = [0];
    file.read_exact_at(&mut byte, length - 1)?;
    Ok(byte[0])
}
