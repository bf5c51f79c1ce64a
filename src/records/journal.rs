//! The journal of events: JSON lines, appended one write each. It is history for people: nothing
//! decides by it, and a torn line is left out.

use super::{Error, Records};
use crate::api::event::Event;
use crate::disk;
use crate::fault;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

/// The journal is set aside when it has this many bytes; the one set aside before it goes.
const ROTATE_AT: u64 = 8 * 1024 * 1024;

impl Records {
    /// Appends an event. It is not synced: a power cut may lose the last ones.
    ///
    /// # Errors
    /// When it cannot be written; go on, an event is worth no retry.
    pub fn append(&self, event: &Event) -> Result<(), Error> {
        self.make_root()?;
        let path = self.journal();
        fault::effect("append", || self.append_to_journal(event))
            .map_err(|e| disk::Error::new("append to", &path, e).into())
    }

    /// Returns the events that are kept, the newest last.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        for path in [self.old_journal(), self.journal()] {
            // One line beyond the size of rotation, and a line is bounded as a record is.
            let bytes = disk::read(&path, ROTATE_AT + disk::RECORD_MAX)?.unwrap_or_default();
            let lines = bytes.split(|byte| *byte == b'\n');
            events.extend(lines.filter_map(|line| serde_json::from_slice::<Event>(line).ok()));
        }
        Ok(events)
    }

    fn append_to_journal(&self, event: &Event) -> io::Result<()> {
        let mut file = self.open_journal()?;
        let mut length = file.metadata()?.len();
        if length >= ROTATE_AT {
            fault::effect("rotate", || std::fs::rename(self.journal(), self.old_journal()))?;
            file = self.open_journal()?;
            length = file.metadata()?.len();
        }
        let mut line = Vec::new();
        if length > 0 && last_byte(&file, length)? != b'\n' {
            // Ends the line of a writer that was cut off, so that it spoils no other.
            line.push(b'\n');
        }
        serde_json::to_writer(&mut line, event)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    fn open_journal(&self) -> io::Result<File> {
        OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(self.journal())
    }

    fn journal(&self) -> PathBuf {
        self.root.join("events.jsonl")
    }

    fn old_journal(&self) -> PathBuf {
        self.root.join("events.1.jsonl")
    }
}

fn last_byte(file: &File, length: u64) -> io::Result<u8> {
    let mut byte = [0];
    file.read_exact_at(&mut byte, length - 1)?;
    Ok(byte[0])
}
