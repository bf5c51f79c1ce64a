//! Print: tables without borders, relative times, colours, and the two streams. Whatever is printed
//! here cannot steer the terminal, wherever it came from.

use super::context::{Charset, Context, Look, Paint};
use super::exit::Failure;
use comfy_table::{ColumnConstraint, ContentArrangement, Row as Cells, Width, presets};
use jiff::Timestamp;
use serde::Serialize;
use std::io::{self, Write as _};

/// The least that is left of a last column before a table grows wider than its terminal.
const LAST_MIN: u16 = 20;

/// How a row is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it is.
    Plain,
    /// A person has to do something: red.
    Alarm,
    /// It waits: yellow.
    Waiting,
    /// Beside the point: dim.
    Faint,
}

/// One row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// How it is to be taken.
    pub(super) tone: Tone,
    /// What stands in it.
    pub(super) cells: Vec<String>,
}

/// A table: columns of words, and a last one of sentences that is cut where the terminal ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    /// The names of the columns; empty is a table without a header.
    pub(super) header: Vec<&'static str>,
    /// The rows.
    pub(super) rows: Vec<Row>,
}

/// What happens to sentences that are longer than the terminal is wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Long {
    /// They are cut, so that an object is a line.
    Cut,
    /// They go on on the next line.
    Wrap,
}

impl Table {
    /// Draws it, each line ended by a newline and begun with `indent` blanks.
    pub(super) fn draw(&self, look: Look, long: Long, indent: u16) -> String {
        let last = self.rows.iter().map(|row| row.cells.len()).max().unwrap_or_default();
        let is_bare = |row: &Row| row.cells.last().is_none_or(String::is_empty);
        // A last column in which nothing stands is left out.
        let columns = if self.rows.iter().all(is_bare) { last.saturating_sub(1) } else { last };
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_truncation_indicator(match look.charset {
            Charset::Unicode => "…",
            Charset::Ascii => "...",
        });
        let header =
            (!self.header.is_empty()).then(|| self.header.iter().map(|one| (*one).to_owned()));
        for cells in header
            .into_iter()
            .map(Vec::from_iter)
            .chain(self.rows.iter().map(|row| row.cells.clone()))
        {
            let mut cells = Cells::from(cells.iter().take(columns).map(|cell| printable(cell)));
            if long == Long::Cut {
                cells.max_height(1);
            }
            table.add_row(cells);
        }
        fit(&mut table, look.width.map(|width| width.saturating_sub(indent)));
        let blanks = " ".repeat(indent.into());
        let blanks = blanks.as_str();
        let tones = (!self.header.is_empty()).then_some(Tone::Faint);
        let mut tones = tones.into_iter().chain(self.rows.iter().map(|row| row.tone));
        let mut drawn = String::new();
        let mut tone = Tone::Plain;
        for line in table.lines() {
            // A line that begins with a blank continues the row before.
            if !line.starts_with(' ') {
                tone = tones.next().unwrap_or(Tone::Plain);
            }
            drawn.extend([blanks, paint(line.trim_end(), tone, look).as_str(), "\n"]);
        }
        drawn
    }
}

/// Gives every column its full width, and the last one what is left of the terminal.
fn fit(table: &mut comfy_table::Table, width: Option<u16>) {
    let widths = table.column_max_content_widths();
    let last = widths.len().saturating_sub(1);
    let taken: u16 = widths.iter().take(last).map(|width| width.saturating_add(2)).sum();
    for (at, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, if at == last { 0 } else { 2 }));
        let room = width.map(|width| width.saturating_sub(taken).max(LAST_MIN));
        if let (true, Some(room)) = (at == last, room)
            && widths.get(at).is_some_and(|needed| *needed > room)
        {
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(room)));
        }
    }
}

/// Colours a text, where colours are wanted.
pub(super) fn paint(text: &str, tone: Tone, look: Look) -> String {
    let code = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Alarm => 31,
        Tone::Waiting => 33,
        Tone::Faint => 2,
    };
    match look.paint {
        Paint::Plain => text.to_owned(),
        Paint::Colored => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
    }
}

/// Escapes what steers a terminal or turns the direction of a text: names, messages and commands
/// come from agents and from files that anybody wrote.
pub(super) fn printable(text: &str) -> String {
    let steers =
        |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// Does what [`printable`] does for a line of a file: tabulators stay.
pub(super) fn printable_line(line: &str) -> String {
    line.split('\t').map(printable).collect::<Vec<_>>().join("\t")
}

/// Returns how long ago a time is, as `41m` or `1h12m`; `-` when there is none.
pub(super) fn ago(then: Option<Timestamp>, now: Timestamp) -> String {
    then.map_or_else(|| "-".to_owned(), |then| span(now.duration_since(then).as_secs()))
}

/// Returns a length of time in at most two units.
pub(super) fn span(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) if minutes % 60 == 0 => format!("{hours}h"),
        (0, _, _) => format!("{hours}h{}m", minutes % 60),
        (1, _, _) if hours % 24 != 0 => format!("1d{}h", hours % 24),
        _ => format!("{days}d"),
    }
}

/// Returns a text, or `-` for an empty one.
pub(super) fn or_dash(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// Returns a value as JSON over several lines, ended by a newline.
pub(super) fn json(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}

/// Writes data to stdout.
pub(super) fn out(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    Ok(stdout.flush()?)
}

impl Context {
    /// Writes a note for the person at the terminal to stderr, unless it is to be quiet.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            // A verb's answer is on stdout; nothing depends on this.
            writeln!(io::stderr(), "note: {}", printable(text)).ok();
        }
    }
}
