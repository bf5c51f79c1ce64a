//! Schemas: the shape of each kind as JSON Schema, made from the Rust types so that it cannot
//! differ from them. It reads no file and resolves no reference.

use super::agent::AgentSpec;
use super::policy::PolicySpec;
use super::task::TaskSpec;
use super::worker::WorkerSpec;
use super::{API_VERSION, Agent, Kind, Policy, Task, Worker};
use jsonschema::Validator;
use schemars::JsonSchema as _;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

/// Returns the file name of a kind's schema, as `task.v1alpha1.json`.
pub fn file_name(kind: Kind) -> String {
    let version = API_VERSION.rsplit('/').next().unwrap_or_default();
    format!("{}.{version}.json", kind.word())
}

/// Returns the schema of a kind (draft 2020-12), without references: each part stands in place.
pub fn schema_of(kind: Kind) -> Value {
    let mut generator =
        SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true).into_generator();
    let (whole, spec) = match kind {
        Kind::Task => (generator.root_schema_for::<Task>(), TaskSpec::json_schema(&mut generator)),
        Kind::Worker => {
            (generator.root_schema_for::<Worker>(), WorkerSpec::json_schema(&mut generator))
        }
        Kind::Agent => {
            (generator.root_schema_for::<Agent>(), AgentSpec::json_schema(&mut generator))
        }
        Kind::Policy => {
            (generator.root_schema_for::<Policy>(), PolicySpec::json_schema(&mut generator))
        }
    };
    let (mut made, mut spec) = (whole.to_value(), spec.to_value());
    simplify(&mut made);
    simplify(&mut spec);
    for (field, only) in [("apiVersion", json!(API_VERSION)), ("kind", json!(kind))] {
        let description = made["properties"][field]["description"].take();
        made["properties"][field] =
            json!({ "description": description, "type": "string", "const": only });
    }
    let mut schema = Map::new();
    schema.insert("$schema".to_owned(), made["$schema"].take());
    schema.insert("$id".to_owned(), json!(file_name(kind)));
    schema.insert("title".to_owned(), json!(kind));
    schema.insert("description".to_owned(), spec["description"].take());
    for (key, value) in made.as_object_mut().into_iter().flatten() {
        if !schema.contains_key(key) {
            schema.insert(key.clone(), value.take());
        }
    }
    Value::Object(schema)
}

/// Returns the schema as the text of its file, with a line break at the end.
pub fn text_of(kind: Kind) -> String {
    format!("{:#}\n", schema_of(kind))
}

/// A schema, ready to judge.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) schema: Value,
    pub(super) validator: Validator,
}

impl Compiled {
    /// Returns the part of the schema that judges the value at `pointer`.
    pub(super) fn at(&self, pointer: &str) -> Option<&Value> {
        pointer.split('/').skip(1).try_fold(&self.schema, |schema, name| {
            let name = name.replace("~1", "/").replace("~0", "~");
            let field = schema.get("properties").and_then(|fields| fields.get(&name));
            let other = || schema.get("additionalProperties").filter(|other| other.is_object());
            field.or_else(other).or_else(|| schema.get("items"))
        })
    }

    /// Returns the names of the fields of the object at `pointer`.
    pub(super) fn fields(&self, pointer: &str) -> impl Iterator<Item = &str> {
        let fields = self.at(pointer).and_then(|schema| schema.get("properties"));
        fields.and_then(Value::as_object).into_iter().flat_map(Map::keys).map(String::as_str)
    }
}

/// Returns the compiled schema of a kind; each is compiled once, when it is first asked for.
pub(super) fn compiled(kind: Kind) -> &'static Compiled {
    static TASK: LazyLock<Compiled> = LazyLock::new(|| compile(Kind::Task));
    static WORKER: LazyLock<Compiled> = LazyLock::new(|| compile(Kind::Worker));
    static AGENT: LazyLock<Compiled> = LazyLock::new(|| compile(Kind::Agent));
    static POLICY: LazyLock<Compiled> = LazyLock::new(|| compile(Kind::Policy));
    match kind {
        Kind::Task => &TASK,
        Kind::Worker => &WORKER,
        Kind::Agent => &AGENT,
        Kind::Policy => &POLICY,
    }
}

fn compile(kind: Kind) -> Compiled {
    let schema = schema_of(kind);
    let validator = jsonschema::options()
        .should_validate_formats(true)
        .build(&schema)
        .expect("the types make valid schemas, which a test shows");
    Compiled { schema, validator }
}

/// Unwraps lines of source code, leaves one way to say each thing: a field that is not wanted is left out and never `null`, and
/// whole numbers have their bounds instead of a name of Rust's.
fn simplify(schema: &mut Value) {
    if let Value::Object(map) = schema {
        if let Some(Value::String(description)) = map.get_mut("description") {
            *description = description.replace('\n', " ");
        }
        if let Some(Value::Array(any)) = map.get_mut("anyOf") {
            any.retain(|one| one["type"] != "null");
            if let [Value::Object(only)] = any.as_mut_slice() {
                let only = std::mem::take(only);
                map.shift_remove("anyOf");
                map.extend(only.into_iter().filter(|(key, _)| key != "description"));
            }
        }
        if let Some(Value::Array(types)) = map.get_mut("type") {
            types.retain(|one| one != "null");
            if let [only] = types.as_mut_slice() {
                map["type"] = only.take();
            }
        }
        if map.get("default").is_some_and(Value::is_null) {
            map.shift_remove("default");
        }
        let largest = match map.get("format").and_then(Value::as_str) {
            Some("uint8") => Some(u64::from(u8::MAX)),
            Some("uint32") => Some(u64::from(u32::MAX)),
            // The largest that every reader of JSON holds exactly.
            Some("uint64") => Some((1 << 53) - 1),
            Some(_) | None => None,
        };
        if let Some(largest) = largest {
            map.shift_remove("format");
            map.entry("minimum").or_insert(json!(0));
            map.entry("maximum").or_insert(json!(largest));
        }
    }
    match schema {
        Value::Object(map) => map.values_mut().for_each(simplify),
        Value::Array(list) => list.iter_mut().for_each(simplify),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_is_one() {
        for kind in Kind::ALL {
            assert!(jsonschema::meta::is_valid(&schema_of(kind)), "{kind}");
            assert!(compiled(kind).fields("/spec").count() > 0, "{kind}");
        }
    }

    #[test]
    fn every_whole_number_has_bounds_and_nothing_is_null() {
        fn check(schema: &Value) {
            if schema["type"] == "integer" {
                assert!(schema["minimum"].is_u64() && schema["maximum"].is_u64(), "{schema}");
            }
            assert!(!schema["type"].is_array(), "{schema}");
            assert!(schema["anyOf"].is_null() && schema["$ref"].is_null(), "{schema}");
            let parts = schema.as_object().into_iter().flat_map(Map::values);
            parts.chain(schema.as_array().into_iter().flatten()).for_each(check);
        }
        for kind in Kind::ALL {
            check(&schema_of(kind));
        }
    }
}
