//! Resolves each field of the schema from views: JSON objects that the store makes of what it has. A
//! field that no view has is an error, never null, so that a client cannot rely on it unseen.
//!
//! In a view, `{"$ref": ID}` is another object; connections and fields with arguments are asked of
//! `Store::list` and `Store::field`.

use super::call::Refusal;
use super::faults::Tamper;
use super::graphql::MARK;
use super::mutations;
use super::store::Store;
use apollo_compiler::resolvers::{FieldError, ObjectValue, ResolveInfo, ResolvedValue};
use apollo_compiler::schema::{ExtendedType, FieldDefinition};
use serde_json::{Map, Value, json};
use std::cell::{Cell, RefCell};

/// What all objects of one request share.
pub(super) struct World<'s> {
    store: RefCell<&'s mut Store>,
    rate: Value,
    tamper: Tamper,
    /// How many mutations were asked for so far.
    asked: Cell<usize>,
    /// Errors about nodes that are not there, beside those that the executor writes.
    missing: RefCell<Vec<Value>>,
}

/// One object.
pub(super) struct Object<'w, 's> {
    world: &'w World<'s>,
    type_name: String,
    view: Map<String, Value>,
}

/// Tells whether a field is a connection: a list in pages.
pub(super) fn is_connection(definition: &FieldDefinition) -> bool {
    let name = definition.ty.inner_named_type().as_str();
    name.ends_with("Connection") && definition.arguments.iter().any(|one| one.name == "first")
}

impl<'s> World<'s> {
    pub(super) fn new(store: &'s mut Store, rate: Value, tamper: Tamper) -> Self {
        let (asked, missing) = (Cell::new(0), RefCell::default());
        Self { store: RefCell::new(store), rate, tamper, asked, missing }
    }

    /// Returns the errors that the executor does not know.
    pub(super) fn errors(self) -> Vec<Value> {
        self.missing.into_inner()
    }

    /// Writes down which nodes of a list are not there: an error of one must not hide the others.
    fn miss(&self, list: &[Value], info: &ResolveInfo<'_>) {
        let alias = info.field_selections().first().map(|field| field.response_key().as_str());
        for (index, one) in list.iter().enumerate() {
            if let Some(id) = one.get("$missing").and_then(Value::as_str) {
                let Refusal { kind, message } = Refusal::no_node(id);
                let error = json!({ "type": kind, "path": [alias, index], "message": message });
                self.missing.borrow_mut().push(error);
            }
        }
    }

    /// Executes one alias of a mutation.
    fn mutate(&self, name: &str, arguments: &Value) -> Result<Value, Refusal> {
        let index = self.asked.replace(self.asked.get() + 1);
        let apply = || mutations::apply(&mut self.store.borrow_mut(), name, &arguments["input"]);
        match self.tamper {
            Tamper::Only(count) if index >= count => Ok(Value::Null),
            Tamper::Fails(at, kind, message) if index == at => {
                Err(Refusal { kind, message: message.to_owned() })
            }
            Tamper::Null(at) if index == at => apply().map(|_| Value::Null),
            Tamper::Nothing | Tamper::Only(_) | Tamper::Fails(..) | Tamper::Null(_) => apply(),
        }
    }
}

impl<'w, 's> Object<'w, 's> {
    /// Begins with `Query` or `Mutation`.
    pub(super) fn root(world: &'w World<'s>, type_name: &str) -> Self {
        Self { world, type_name: type_name.to_owned(), view: Map::new() }
    }

    fn id(&self) -> &str {
        self.view.get("id").and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns the value of a field, as a view has it.
    fn value(&self, info: &ResolveInfo<'_>) -> Result<Value, Refusal> {
        let arguments = serde_json::to_value(info.arguments()).unwrap_or_default();
        let (of, name) = (self.type_name.as_str(), info.field_name());
        if of == "Mutation" {
            return self.world.mutate(name, &arguments);
        }
        if of == "Query" && name == "rateLimit" {
            return Ok(self.world.rate.clone());
        }
        if let Some(value) = self.view.get(name) {
            return Ok(value.clone());
        }
        if is_connection(info.field_definition()) {
            let all = self.world.store.borrow_mut().list(of, self.id(), name, &arguments)?;
            return Ok(page(&all, &arguments));
        }
        let store = self.world.store.borrow();
        match store.field(of, self.id(), name, &arguments)? {
            Some(value) => Ok(value),
            None => Err(Refusal { kind: "FAKE", message: format!("the fake has no {of}.{name}") }),
        }
    }

    /// Makes what the executor wants of a value.
    fn resolved(&self, value: Value, info: &ResolveInfo<'_>) -> ResolvedValue<'w>
    where
        's: 'w,
    {
        match value {
            Value::Array(list) => {
                self.world.miss(&list, info);
                let list: Vec<_> = list.into_iter().map(|one| self.resolved(one, info)).collect();
                ResolvedValue::list(list)
            }
            Value::Object(mut view) => {
                if view.contains_key("$missing") {
                    return ResolvedValue::null();
                }
                if let Some(id) = view.get("$ref").and_then(Value::as_str) {
                    match self.world.store.borrow().view(id) {
                        Some(Value::Object(found)) => view = found,
                        _ => return ResolvedValue::null(),
                    }
                }
                let declared = info.field_definition().ty.inner_named_type();
                let is_composite = matches!(
                    info.schema().types.get(declared),
                    Some(
                        ExtendedType::Object(_)
                            | ExtendedType::Interface(_)
                            | ExtendedType::Union(_)
                    )
                );
                if !is_composite {
                    return leaf(Value::Object(view));
                }
                let named = view.get("__typename").and_then(Value::as_str);
                let type_name = named.unwrap_or(declared.as_str()).to_owned();
                ResolvedValue::object(Object { world: self.world, type_name, view })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => leaf(value),
        }
    }
}

impl ObjectValue for Object<'_, '_> {
    fn type_name(&self) -> &str {
        &self.type_name
    }

    fn resolve_field<'a>(
        &'a self,
        info: &'a ResolveInfo<'a>,
    ) -> Result<ResolvedValue<'a>, FieldError> {
        let value = self.value(info).map_err(|refusal| failed(&refusal))?;
        Ok(self.resolved(value, info))
    }
}

fn failed(Refusal { kind, message }: &Refusal) -> FieldError {
    FieldError { message: format!("{kind}{MARK}{message}") }
}

fn leaf<'a>(value: Value) -> ResolvedValue<'a> {
    ResolvedValue::Leaf(serde_json::from_value(value).unwrap_or_default())
}

/// Cuts a page out of a list. A cursor is the place of a node, counted from 1.
fn page(all: &[Value], arguments: &Value) -> Value {
    let total = all.len();
    let cursor = |name: &str| arguments[name].as_str().and_then(|text| text.parse::<usize>().ok());
    let count = |name: &str| arguments[name].as_u64().and_then(|count| usize::try_from(count).ok());
    let mut begin = cursor("after").unwrap_or(0).min(total);
    let mut end =
        cursor("before").map_or(total, |before| before.saturating_sub(1)).clamp(begin, total);
    if let Some(first) = count("first") {
        end = end.min(begin + first);
    }
    if let Some(last) = count("last") {
        begin = begin.max(end.saturating_sub(last));
    }
    let places = begin + 1..;
    let edges: Vec<Value> = all[begin..end]
        .iter()
        .zip(places)
        .map(|(node, place)| json!({ "cursor": place.to_string(), "node": node }))
        .collect();
    let at = |place: usize| if begin == end { Value::Null } else { json!(place.to_string()) };
    json!({
        "totalCount": total,
        "nodes": all[begin..end],
        "edges": edges,
        "pageInfo": {
            "hasNextPage": end < total, "hasPreviousPage": begin > 0,
            "startCursor": at(begin + 1), "endCursor": at(end),
        },
    })
}
