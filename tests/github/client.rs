//! A client that sends what it is told to and shows all that came back. It never retries, and never
//! follows a redirect.

use super::server::{Server, TOKEN};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Lower case.
    pub(crate) head: String,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines();
        lines.into_iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Returns the `type` of the first error of GraphQL.
    pub(crate) fn refusal(&self) -> &str {
        self.body["errors"][0]["type"].as_str().unwrap_or_default()
    }

    /// Returns the data, which has no errors beside it.
    pub(crate) fn data(&self) -> &Value {
        assert_eq!(self.body.get("errors"), None, "{}", self.text);
        &self.body["data"]
    }
}

impl Server {
    /// Sends a request; `None` if the connection ended without an answer.
    pub(crate) fn try_send(&self, line: &str, headers: &[&str], body: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address()).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("20 s is a time");
        let host = format!("Host: {}", self.address());
        let length = format!("Content-Length: {}", body.len());
        let line = format!("{line} HTTP/1.1");
        let fixed = [line.as_str(), &host, &length, "Connection: close"];
        let head = [&fixed[..], headers].concat().join("\r\n");
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).expect("the server reads");
        let mut bytes = Vec::new();
        // A connection that is cut is what some tests are about.
        stream.read_to_end(&mut bytes).ok();
        let text = String::from_utf8(bytes).ok()?;
        let (head, text) = text.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        let body = serde_json::from_str(text).unwrap_or_default();
        Some(Answer { status, head: lower_names(head), text: text.to_owned(), body })
    }

    pub(crate) fn try_rest(&self, line: &str, body: &Value) -> Option<Answer> {
        let (method, path) = line.split_once(' ')?;
        let base = self.rest();
        let prefix = base.strip_prefix(&format!("http://{}", self.address()))?;
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let token = format!("Authorization: Bearer {TOKEN}");
        self.try_send(&format!("{method} {prefix}{path}"), &[&token], &text)
    }

    /// Asks REST, as `GET /user`.
    pub(crate) fn ask(&self, line: &str, body: &Value) -> Answer {
        self.try_rest(line, body).expect("there is an answer")
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &Value::Null)
    }

    pub(crate) fn try_query(&self, text: &str, variables: &Value) -> Option<Answer> {
        let url = self.graphql();
        let path = url.strip_prefix(&format!("http://{}", self.address()))?;
        let body = json!({ "query": text, "variables": variables }).to_string();
        let token = format!("Authorization: Bearer {TOKEN}");
        self.try_send(&format!("POST {path}"), &[&token], &body)
    }

    pub(crate) fn query(&self, text: &str, variables: &Value) -> Answer {
        self.try_query(text, variables).expect("there is an answer")
    }

    /// Sends one batch of mutations of one kind.
    pub(crate) fn try_batch(&self, kind: &str, payload: &str, inputs: &[Value]) -> Option<Answer> {
        let mut variables = json!({});
        for (index, input) in inputs.iter().enumerate() {
            variables[format!("i{index}")] = input.clone();
        }
        self.try_query(&batch(kind, payload, inputs.len()), &variables)
    }

    pub(crate) fn batch(&self, kind: &str, payload: &str, inputs: &[Value]) -> Answer {
        self.try_batch(kind, payload, inputs).expect("there is an answer")
    }

    /// Sends one mutation.
    pub(crate) fn mutate(&self, kind: &str, payload: &str, input: &Value) -> Answer {
        self.batch(kind, payload, std::slice::from_ref(input))
    }
}

/// Returns the document of a batch: its text depends on the kind and the number alone.
pub(crate) fn batch(kind: &str, payload: &str, count: usize) -> String {
    let input = format!("{}{}Input", kind[..1].to_uppercase(), &kind[1..]);
    let variables: Vec<String> = (0..count).map(|index| format!("$i{index}: {input}!")).collect();
    let aliases =
        (0..count).map(|index| format!("m{index}: {kind}(input: $i{index}) {{ {payload} }}"));
    let aliases: Vec<String> = aliases.collect();
    format!("mutation Batch({}) {{ {} }}", variables.join(", "), aliases.join(" "))
}

fn lower_names(head: &str) -> String {
    let lower = |line: &str| match line.split_once(':') {
        Some((name, value)) => format!("{}:{value}", name.to_lowercase()),
        None => line.to_owned(),
    };
    head.lines().map(lower).collect::<Vec<_>>().join("\n")
}
