//! Admission: the one gate by which bytes of a file become an object. It tells everything that is
//! wrong at once, and lets nothing half right through.

mod violation;

#[cfg(test)]
mod tests;

use super::key::{Key, Placed, file_of};
use super::path::PathPattern;
use super::position::{Document, child};
use super::problem::{Finding, Problem, Report, did_you_mean};
use super::schema::{Compiled, compiled};
use super::{Agent, Kind, Policy, Task, Worker, validate};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The largest file, in bytes.
pub const SIZE_MAX: usize = 1 << 20;

/// An object that is what its file says and what its kind allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// A task.
    Task(Box<Task>),
    /// A worker.
    Worker(Box<Worker>),
    /// An agent.
    Agent(Box<Agent>),
    /// The policy.
    Policy(Box<Policy>),
}

/// Reads the object in a file. `path` is the file's, from the root of the repository. The object
/// is valid by itself; whether the tasks and agents it names are there, others see.
///
/// # Errors
/// When the file is not such an object: all that is wrong with it, as it stands in the file. Show
/// it, and go on with the last good version of the object.
pub fn admit(path: &str, bytes: &[u8]) -> Result<Admitted, Vec<Problem>> {
    let key = match Key::from_path(path) {
        Placed::Key(key) => key,
        Placed::Misplaced(problem) => return Err(vec![*problem]),
        Placed::Ignored => {
            let message = "no object lies here".to_owned();
            return Err(vec![Problem::of_file(path, message, None)]);
        }
    };
    let text = readable(path, bytes).map_err(|problem| vec![*problem])?;
    let document =
        Document::parse(text).map_err(|finding| vec![Problem::in_text(path, text, finding)])?;
    let mut report = Report::new(path, &document);
    let admitted = judge(&key, &mut report);
    match admitted {
        Some(admitted) if report.is_empty() => Ok(admitted),
        Some(_) | None => Err(report.into_problems()),
    }
}

/// Refuses what is not text at all.
fn readable<'a>(path: &str, bytes: &'a [u8]) -> Result<&'a str, Box<Problem>> {
    let refuse = |message: String, help: &str| {
        Err(Box::new(Problem::of_file(path, message, Some(help.to_owned()))))
    };
    if bytes.len() > SIZE_MAX {
        let message = format!("the file has {} bytes; at most {SIZE_MAX} are read", bytes.len());
        return refuse(message, "is this the right file?");
    }
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return refuse(
            "the file begins with a byte order mark".to_owned(),
            "save it as UTF-8 without",
        );
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return refuse("the file is UTF-16".to_owned(), "save it as UTF-8");
    }
    let broken = match std::str::from_utf8(bytes) {
        Ok(text) if text.trim().is_empty() => {
            return refuse("the file is empty".to_owned(), "delete it if it is not wanted");
        }
        Ok(text) => match text.find('\0') {
            None => return Ok(text),
            Some(at) => (at, "is NUL, which is no text"),
        },
        Err(error) => (error.valid_up_to(), "is not UTF-8"),
    };
    let (at, why) = broken;
    let byte = bytes.get(at).copied().unwrap_or_default();
    let finding = Finding {
        at: at..at + 1,
        pointer: String::new(),
        message: format!("byte {} (0x{byte:02x}) {why}", at + 1),
        help: Some("is the file half written, or binary?".to_owned()),
    };
    Err(Box::new(Problem::in_text(path, &String::from_utf8_lossy(bytes), finding)))
}

/// Reads the object and reports all that is wrong with it.
fn judge(key: &Key, report: &mut Report<'_>) -> Option<Admitted> {
    let document = report.document();
    for Finding { at, pointer, message, help } in document.oddities() {
        report.add(at.clone(), pointer, message.clone(), help.clone());
    }
    let value = document.json();
    if !value.is_object() {
        report.at_value(
            "",
            format!("expected an object, found {}", violation::found("", document)),
            None,
        );
        return None;
    }
    if !is_of_kind(key, value, report) {
        return None;
    }
    let compiled = compiled(key.kind());
    violation::report_all(compiled, value, report);
    fractions(compiled, report);
    patterns(value, report);
    if !report.is_empty() {
        return None;
    }
    let admitted = match key.kind() {
        Kind::Task => Admitted::Task(Box::new(read(report)?)),
        Kind::Worker => Admitted::Worker(Box::new(read(report)?)),
        Kind::Agent => Admitted::Agent(Box::new(read(report)?)),
        Kind::Policy => Admitted::Policy(Box::new(read(report)?)),
    };
    validate::check(key, &admitted, report);
    Some(admitted)
}

/// Reads a type from the text itself: by way of a value, large numbers and doubled fields get lost.
fn read<T: DeserializeOwned>(report: &mut Report<'_>) -> Option<T> {
    match serde_json::from_str(report.document().text()) {
        Ok(read) => Some(read),
        Err(error) => {
            report.at_value("", format!("the file cannot be read: {error}"), None);
            None
        }
    }
}

/// Refuses an object of another kind before each of its fields is found to be unknown.
fn is_of_kind(key: &Key, value: &Value, report: &mut Report<'_>) -> bool {
    let found = value.get("kind").and_then(Value::as_str);
    let Some(other) = Kind::ALL.into_iter().find(|kind| found == Some(&kind.to_string())) else {
        return true; // no kind at all, which the schema says
    };
    if other == key.kind() {
        return true;
    }
    let (kind, there) = (key.kind(), file_of(other, key.name()));
    let place =
        key.path().rsplit_once('/').map(|(folder, _)| format!("{folder}/")).unwrap_or_default();
    let place = if kind == Kind::Policy { key.path() } else { place };
    report.at_value(
        "/kind",
        format!("expected \"{kind}\" in `{place}`, found \"{other}\""),
        Some(format!("move the file to `{there}`, or write \"{kind}\"")),
    );
    false
}

/// Refuses `1.0` and `-0` for a whole number: a schema takes it, the type does not.
fn fractions(compiled: &Compiled, report: &mut Report<'_>) {
    let document = report.document();
    for (pointer, written) in document.values() {
        let is_number = written.starts_with(|c: char| c == '-' || c.is_ascii_digit());
        let is_fraction = is_number && (written.contains(['.', 'e', 'E']) || written == "-0");
        let Some(schema) = compiled.at(pointer).filter(|_| is_fraction) else { continue };
        if schema["type"] == "integer" {
            violation::not_as_expected(schema, pointer, report);
        }
    }
}

/// Refuses what is not a path pattern, entry by entry.
fn patterns(value: &Value, report: &mut Report<'_>) {
    for list in ["/spec/files", "/spec/sharedFiles"] {
        let entries = value.pointer(list).and_then(Value::as_array).into_iter().flatten();
        for (index, entry) in entries.enumerate() {
            let Some(Err(why)) =
                entry.as_str().filter(|text| !text.is_empty()).map(PathPattern::parse)
            else {
                continue;
            };
            report.at_value(&child(list, &index.to_string()), why.to_string(), None);
        }
    }
}
