//! A GraphQL request from its text to its answer: validated and executed by a real executor against
//! GitHub's schema. It never knows what the fields mean: `resolve` and `mutations` do.

use super::cost::{self, Cost};
use super::faults::Tamper;
use super::resolve::{Object, World};
use super::store::Store;
use apollo_compiler::executable::Operation;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::{GraphQLError, JsonMap, ResponseDataPathSegment};
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Node, Schema};
use serde_json::{Value, json};

/// Stands between GitHub's `type` and the message of an error, which the executor hands on whole.
pub(super) const MARK: char = '\u{1f}';

/// A request that may be executed.
pub(super) struct Request {
    document: Valid<ExecutableDocument>,
    operation: Node<Operation>,
    variables: Valid<JsonMap>,
    pub(super) cost: Cost,
    /// The fields of the root, one for each alias.
    pub(super) kinds: Vec<String>,
}

impl Request {
    pub(super) fn is_mutation(&self) -> bool {
        self.operation.is_mutation()
    }

    /// Returns the type of what the operation begins with.
    fn root(&self) -> &str {
        self.operation.object_type().as_str()
    }

    pub(super) fn name(&self) -> Option<String> {
        self.operation.name.as_ref().map(ToString::to_string)
    }
}

/// Reads a request; an error is the answer to it.
pub(super) fn parse(schema: &Valid<Schema>, body: &Value) -> Result<Request, Value> {
    let failed = |message: String| json!({ "errors": [{ "message": message }] });
    let text = body["query"].as_str();
    let text = text.ok_or_else(|| failed("A query attribute must be specified.".to_owned()))?;
    let document = document(schema, text)?;
    let asked = body["operationName"].as_str();
    let operation = document.operations.get(asked).map_err(|error| failed(format!("{error:?}")))?;
    let operation = operation.clone();
    let given = body.get("variables").filter(|given| !given.is_null()).cloned();
    let given: JsonMap = serde_json::from_value(given.unwrap_or_else(|| json!({})))
        .map_err(|error| failed(error.to_string()))?;
    let variables = coerce_variable_values(schema, &operation, &given)
        .map_err(|error| failed(error.to_graphql_error(&document.sources).message))?;
    let kinds = operation.root_fields(&document).map(|field| field.name.to_string()).collect();
    let cost = cost::of(&document, &operation.selection_set, &variables);
    Ok(Request { document, operation, variables, cost, kinds })
}

/// Validates a document as GitHub does: `gh` asks for the `state` of issues and pull requests under one
/// name, which the specification forbids and GitHub allows.
fn document(schema: &Valid<Schema>, text: &str) -> Result<Valid<ExecutableDocument>, Value> {
    let wrong = match ExecutableDocument::parse_and_validate(schema, text, "request.graphql") {
        Ok(document) => return Ok(document),
        Err(wrong) => wrong,
    };
    let errors = wrong.errors.iter().map(|error| error.to_json());
    let is_serious =
        |error: &GraphQLError| !error.message.contains("different types using the same name");
    let errors: Vec<GraphQLError> = errors.filter(is_serious).collect();
    if errors.is_empty() {
        return Ok(Valid::assume_valid(wrong.partial));
    }
    Err(json!({ "errors": errors }))
}

/// Executes it; `rate` is what `rateLimit` says.
pub(super) fn execute(
    schema: &Valid<Schema>,
    request: &Request,
    store: &mut Store,
    rate: Value,
    tamper: Tamper,
) -> Value {
    if !request.cost.errors.is_empty() {
        return json!({ "data": null, "errors": request.cost.errors });
    }
    let world = World::new(store, rate, tamper);
    let root = Object::root(&world, request.root());
    let execution = Execution::new(schema, &request.document)
        .operation(&request.operation)
        .coerced_variable_values(&request.variables)
        .enable_schema_introspection(true);
    let response = match execution.execute_sync(&root) {
        Ok(response) => response,
        Err(error) => {
            let error = error.to_graphql_error(&request.document.sources);
            return json!({ "errors": [{ "message": error.message }] });
        }
    };
    let data = serde_json::to_value(&response.data).unwrap_or_default();
    let mut answer = json!({ "data": data });
    let mut errors: Vec<Value> = response.errors.iter().map(told).collect();
    errors.extend(world.errors());
    if let Tamper::Only(count) = tamper
        && count < request.kinds.len()
    {
        let message = "Resource limits for this query exceeded.";
        errors.push(json!({ "type": "RESOURCE_LIMITS_EXCEEDED", "message": message }));
    }
    if !errors.is_empty() {
        answer["errors"] = Value::Array(errors);
    }
    answer
}

/// Writes an error as GitHub does: with its `type`, and without what the executor puts before it.
fn told(error: &GraphQLError) -> Value {
    let message = error.message.trim_start_matches("resolver error: ");
    let path: Vec<Value> = error.path.iter().map(segment).collect();
    let locations = serde_json::to_value(&error.locations).unwrap_or_default();
    match message.split_once(MARK) {
        Some((kind, message)) => {
            json!({ "type": kind, "path": path, "locations": locations, "message": message })
        }
        None => json!({ "path": path, "locations": locations, "message": message }),
    }
}

fn segment(segment: &ResponseDataPathSegment) -> Value {
    match segment {
        ResponseDataPathSegment::Field(name) => json!(name.as_str()),
        ResponseDataPathSegment::ListIndex(index) => json!(index),
    }
}
