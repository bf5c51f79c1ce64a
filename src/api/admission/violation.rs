//! Violation: what a schema found wrong, in words of JSON with a likely correction. It judges
//! nothing: the schema did.

use super::super::key::nearest_name;
use super::super::name::NAME_PATTERN;
use super::super::position::{Document, child};
use super::super::problem::Report;
use super::{Compiled, did_you_mean};
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

/// The longest written value that a message repeats, in characters.
const SHOWN_MAX: usize = 60;

/// Reports every violation of the schema.
pub(super) fn report_all(compiled: &Compiled, value: &Value, report: &mut Report<'_>) {
    for error in compiled.validator.iter_errors(value) {
        let pointer = error.instance_path().as_str();
        let schema = compiled.at(pointer).unwrap_or(&Value::Null);
        #[expect(clippy::wildcard_enum_match_arm, reason = "the enum of another crate")]
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for field in unexpected {
                    unknown_field(compiled, pointer, field, report);
                }
            }
            ValidationErrorKind::Required { property } => {
                let field = property.as_str().unwrap_or_default();
                missing_field(compiled, pointer, field, report);
            }
            ValidationErrorKind::Pattern { pattern } => {
                let text = error.instance().as_str().unwrap_or_default();
                not_of_pattern(pattern, text, pointer, report);
            }
            ValidationErrorKind::MinLength { .. } | ValidationErrorKind::MaxLength { .. } => {
                let count = error.instance().as_str().map_or(0, |text| text.chars().count());
                wrong_size(schema, ["minLength", "maxLength", "character"], count, pointer, report);
            }
            ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MaxItems { .. } => {
                let count = error.instance().as_array().map_or(0, Vec::len);
                wrong_size(schema, ["minItems", "maxItems", "entry"], count, pointer, report);
            }
            ValidationErrorKind::MaxProperties { .. } => {
                let count = error.instance().as_object().map_or(0, serde_json::Map::len);
                let words = ["minProperties", "maxProperties", "entry"];
                wrong_size(schema, words, count, pointer, report);
            }
            _ => not_as_expected(schema, pointer, report),
        }
    }
}

/// Reports a value of the wrong type, or out of its range or choice.
pub(super) fn not_as_expected(schema: &Value, pointer: &str, report: &mut Report<'_>) {
    let found = found(pointer, report.document());
    let help = correction(schema, report.document().written(pointer));
    report.at_value(pointer, format!("expected {}, found {found}", expected(schema)), help);
}

/// Says what stands at a place.
pub(super) fn found(pointer: &str, document: &Document<'_>) -> String {
    let written = document.written(pointer);
    match written.bytes().next() {
        Some(b'{') => "an object".to_owned(),
        Some(b'[') => "a list".to_owned(),
        Some(_) if written.chars().count() <= SHOWN_MAX => written.to_owned(),
        Some(b'"') => "a longer text".to_owned(),
        Some(_) => "a longer number".to_owned(),
        None => "nothing".to_owned(),
    }
}

/// Says what a schema wants.
fn expected(schema: &Value) -> String {
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    let choices: Vec<String> = choices(schema).map(|choice| format!("\"{choice}\"")).collect();
    if let [first @ .., last] = choices.as_slice() {
        return format!("{} or {last}", first.join(", "));
    }
    match schema["type"].as_str() {
        Some("integer") => {
            format!("a whole number from {} to {}", schema["minimum"], schema["maximum"])
        }
        Some("boolean") => "true or false".to_owned(),
        Some("array") => "a list".to_owned(),
        Some("object") => "an object".to_owned(),
        Some(_) | None => "text".to_owned(),
    }
}

fn choices(schema: &Value) -> impl Iterator<Item = &str> {
    let listed = schema["enum"].as_array().into_iter().flatten();
    let described = schema["oneOf"].as_array().into_iter().flatten().map(|one| &one["const"]);
    listed.chain(described).filter_map(Value::as_str)
}

/// Returns what was likely meant by a value, as it is to be written.
fn correction(schema: &Value, written: &str) -> Option<String> {
    let text: Option<String> = serde_json::from_str(written).ok();
    if written == "null" {
        return Some("leave the field out".to_owned());
    }
    if let Some(only) = schema["const"].as_str() {
        return Some(format!("write \"{only}\""));
    }
    if let Some(near) = did_you_mean(text.as_deref().unwrap_or(written), choices(schema)) {
        return Some(format!("did you mean \"{near}\"?"));
    }
    let inner = text.as_deref().unwrap_or_default();
    match schema["type"].as_str()? {
        "integer" if in_range(schema, inner) => Some(format!("write {inner} without quotes")),
        "integer" => {
            let whole = written.split(".0").next().filter(|whole| whole.len() < written.len())?;
            in_range(schema, whole).then(|| format!("write {whole}"))
        }
        "boolean" if matches!(inner, "true" | "false") => {
            Some(format!("write {inner} without quotes"))
        }
        "array" if text.is_some() && written.len() <= SHOWN_MAX => {
            Some(format!("write [{written}]"))
        }
        "string" if !written.starts_with(['{', '[']) && written.len() <= SHOWN_MAX => {
            Some(format!("write \"{written}\""))
        }
        _ => None,
    }
}

fn in_range(schema: &Value, text: &str) -> bool {
    let number: Option<u64> = text.parse().ok().filter(|_| !text.starts_with('+'));
    let bound = |name: &str| schema[name].as_u64();
    number.is_some_and(|n| bound("minimum").is_none_or(|min| min <= n))
        && number.is_some_and(|n| bound("maximum").is_none_or(|max| n <= max))
}

/// Says where an object is, as `in spec.retry`.
fn inside(pointer: &str) -> String {
    match pointer.strip_prefix('/') {
        Some(inner) => format!("in {}", inner.replace('/', ".")),
        None => "at the top level".to_owned(),
    }
}

fn unknown_field(compiled: &Compiled, parent: &str, field: &str, report: &mut Report<'_>) {
    let pointer = child(parent, field);
    let short: String = field.chars().take(SHOWN_MAX).collect();
    if field == "status" {
        let help = "remove it".to_owned();
        let message = "`status` is written by reconciler".to_owned();
        return report.at_key(&pointer, message, Some(help));
    }
    let document = report.document();
    let elsewhere = ["/spec", "/metadata", ""]
        .into_iter()
        .find(|other| *other != parent && compiled.fields(other).any(|known| known == field));
    let help = match (did_you_mean(field, compiled.fields(parent)), elsewhere) {
        (Some(near), _) if !document.has(&child(parent, near)) => format!("did you mean `{near}`?"),
        (_, Some("")) => "it belongs at the top level".to_owned(),
        (_, Some(other)) => format!("it belongs in `{}`", other.trim_start_matches('/')),
        (_, None) => {
            let known: Vec<&str> = compiled.fields(parent).collect();
            format!("fields here: {}", known.join(", "))
        }
    };
    report.at_key(&pointer, format!("unknown field `{short}` {}", inside(parent)), Some(help));
}

fn missing_field(compiled: &Compiled, parent: &str, field: &str, report: &mut Report<'_>) {
    let pointer = child(parent, field);
    let schema = compiled.at(&pointer).unwrap_or(&Value::Null);
    let example = match (schema["const"].as_str(), schema["type"].as_str()) {
        (Some(only), _) => format!("\"{only}\""),
        (None, Some("object")) => "{...}".to_owned(),
        (None, Some("array")) => "[...]".to_owned(),
        (None, Some(_) | None) => "\"...\"".to_owned(),
    };
    let help = format!("add \"{field}\": {example}");
    report.at_key(&pointer, format!("missing field `{field}` {}", inside(parent)), Some(help));
}

fn not_of_pattern(pattern: &str, text: &str, pointer: &str, report: &mut Report<'_>) {
    let (what, near) = if pattern == NAME_PATTERN {
        let what =
            "a name (1 to 50 of a-z, 0-9 and `-`, beginning and ending with a letter or digit)";
        (what, nearest_name(text))
    } else if pattern.starts_with("^refs/") {
        let near =
            (!text.is_empty() && !text.contains([' ', ':'])).then(|| format!("refs/heads/{text}"));
        ("a full ref as \"refs/heads/main\"", near.filter(|_| !text.starts_with("refs/")))
    } else {
        ("a GitHub user name", None)
    };
    let found = found(pointer, report.document());
    let help = near.map(|near| format!("did you mean \"{near}\"?"));
    report.at_value(pointer, format!("expected {what}, found {found}"), help);
}

fn wrong_size(
    schema: &Value,
    [min, max, one]: [&str; 3],
    count: usize,
    pointer: &str,
    report: &mut Report<'_>,
) {
    let many = if one == "entry" { "entries" } else { "characters" };
    let limits = match (schema[min].as_u64(), schema[max].as_u64()) {
        (Some(min), Some(max)) => format!("{min} to {max} {many}"),
        (Some(min), None) => format!("at least {min} {}", if min == 1 { one } else { many }),
        (None, Some(max)) => format!("at most {max} {many}"),
        (None, None) => many.to_owned(),
    };
    report.at_value(pointer, format!("expected {limits}, found {count}"), None);
}
