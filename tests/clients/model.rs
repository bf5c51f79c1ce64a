//! A stand-in for the APIs of models: it answers each turn of a client by the next step of a script,
//! as server-sent events in that client's protocol. It listens on this machine alone.

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// What the model does in one turn.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// It writes a file, by its absolute path.
    Write(String, String),
    /// It runs a command.
    Run(String),
    /// It says something, and ends its turn.
    Say(String),
}

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By the script.
    Works,
    /// From this step on it thinks, until the mode changes.
    Thinks(usize),
    /// With this status of HTTP.
    Refuses(u16),
}

#[derive(Debug)]
struct Shared {
    steps: Vec<Step>,
    mode: Mutex<Mode>,
    changed: Condvar,
    /// The number of the step, and the request, of each turn.
    turns: Mutex<Vec<(usize, String)>>,
}

/// A model; it serves as long as the test lives.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl Model {
    pub(crate) fn start(mode: Mode, steps: &[Step]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (steps, changed) = (steps.to_vec(), Condvar::new());
        let (mode, turns) = (Mutex::new(mode), Mutex::default());
        let shared = Arc::new(Shared { steps, mode, changed, turns });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&serving);
                // A client that was killed hears no answer.
                std::thread::spawn(move || serve(&stream, &shared).ok());
            }
        });
        Self { port, shared }
    }

    pub(crate) fn set(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
        self.shared.changed.notify_all();
    }

    /// The numbers of the steps that were asked for.
    pub(crate) fn steps(&self) -> Vec<usize> {
        self.shared.turns.lock().unwrap().iter().map(|(step, _)| *step).collect()
    }

    /// The conversation, as the last turn has it.
    pub(crate) fn last(&self) -> String {
        let turns = self.shared.turns.lock().unwrap();
        let last: Value = serde_json::from_str(&turns.last().unwrap().1).unwrap();
        format!("{:#} {:#}", last["messages"], last["input"])
    }

    /// Whether the model was told this in any turn.
    pub(crate) fn was_told(&self, text: &str) -> bool {
        self.shared.turns.lock().unwrap().iter().any(|(_, request)| request.contains(text))
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    input.read_line(&mut line)?;
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        input.read_line(&mut header)?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        chunked |= header.starts_with("transfer-encoding:") && header.ends_with("chunked");
    }
    let body = if chunked { chunks(&mut input)? } else { exactly(&mut input, length)? };
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let is_turn = line.starts_with("POST") && !line.contains("count_tokens");
    let (status, kind, answer) = if is_turn {
        turn(&line, &request, shared)
    } else {
        (200, "application/json", r#"{"data":[],"models":[],"input_tokens":1}"#.to_owned())
    };
    let answer = if line.starts_with("HEAD") { String::new() } else { answer };
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        answer.len()
    );
    let mut output = stream;
    output.write_all(head.as_bytes())?;
    output.write_all(answer.as_bytes())
}

fn exactly(input: &mut impl std::io::BufRead, length: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn chunks(input: &mut impl std::io::BufRead) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut size = String::new();
        input.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or_default();
        all.extend(exactly(input, size)?);
        input.read_line(&mut String::new())?;
        if size == 0 {
            return Ok(all);
        }
    }
}

/// The three protocols.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Messages,
    Responses,
    Chat,
}

fn turn(line: &str, request: &Value, shared: &Shared) -> (u16, &'static str, String) {
    let protocol = if line.contains("/messages") {
        Protocol::Messages
    } else if line.contains("/responses") {
        Protocol::Responses
    } else {
        Protocol::Chat
    };
    let number = done(protocol, request);
    // A request without tools is none of the agent's own, as one for a title.
    let tools = request["tools"].as_array().cloned().unwrap_or_default();
    let mut step = &Step::Say("SAID: nothing more".to_owned());
    if !tools.is_empty() {
        shared.turns.lock().unwrap().push((number, request.to_string()));
        step = shared.steps.get(number).unwrap_or(step);
        let thinks = |mode: &mut Mode| matches!(mode, Mode::Thinks(from) if *from <= number);
        let mode = shared.mode.lock().unwrap();
        drop(shared.changed.wait_while(mode, thinks).unwrap());
    }
    if let Mode::Refuses(status) = *shared.mode.lock().unwrap() {
        let kind = if status == 401 { "authentication_error" } else { "rate_limit_error" };
        let error = json!({ "type": kind, "code": kind, "message": "refused by the stand-in" });
        let answer = json!({ "type": "error", "error": error });
        return (status, "application/json", answer.to_string());
    }
    let events = match protocol {
        Protocol::Messages => messages(step, number),
        Protocol::Responses => responses(step, number),
        Protocol::Chat => chat(step, number),
    };
    (200, "text/event-stream", events)
}

/// Returns how many steps a conversation holds the outcome of.
fn done(protocol: Protocol, request: &Value) -> usize {
    let items = match protocol {
        Protocol::Messages | Protocol::Chat => &request["messages"],
        Protocol::Responses => &request["input"],
    };
    let said = |content: &Value| {
        let text = content.as_str().or_else(|| content["text"].as_str());
        usize::from(text.is_some_and(|text| text.starts_with("SAID: ")))
    };
    let count = |item: &Value| {
        let kind = item["type"].as_str().unwrap_or_default();
        let role = item["role"].as_str().unwrap_or_default();
        if kind.ends_with("_call_output") || role == "tool" {
            return 1;
        }
        let parts = item["content"].as_array().cloned();
        let parts = parts.unwrap_or_else(|| vec![item["content"].clone()]);
        let results = parts.iter().filter(|part| part["type"] == "tool_result").count();
        let words = if role == "assistant" { parts.iter().map(said).sum() } else { 0 };
        results + words
    };
    items.as_array().map(|items| items.iter().map(count).sum()).unwrap_or_default()
}

fn named(events: &[(&str, Value)]) -> String {
    let event = |(name, data): &(&str, Value)| {
        let mut data = data.clone();
        data["type"] = json!(name);
        format!("event: {name}\ndata: {data}\n\n")
    };
    events.iter().map(event).collect()
}

fn messages(step: &Step, number: usize) -> String {
    let call = |name: &str, input: Value| {
        let block = json!({ "type": "tool_use", "id": format!("toolu_{number}"), "name": name, "input": {} });
        (
            block,
            json!({ "type": "input_json_delta", "partial_json": input.to_string() }),
            "tool_use",
        )
    };
    let (block, delta, reason) = match step {
        Step::Write(path, text) => call("Write", json!({ "file_path": path, "content": text })),
        Step::Run(command) => call("Bash", json!({ "command": command, "description": "run" })),
        Step::Say(text) => {
            let block = json!({ "type": "text", "text": "" });
            (block, json!({ "type": "text_delta", "text": text }), "end_turn")
        }
    };
    let usage = json!({ "input_tokens": 1, "output_tokens": 1 });
    let message = json!({ "id": format!("msg_{number}"), "type": "message", "role": "assistant",
        "model": "stand-in", "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage });
    named(&[
        ("message_start", json!({ "message": message })),
        ("content_block_start", json!({ "index": 0, "content_block": block })),
        ("content_block_delta", json!({ "index": 0, "delta": delta })),
        ("content_block_stop", json!({ "index": 0 })),
        (
            "message_delta",
            json!({ "delta": { "stop_reason": reason, "stop_sequence": null }, "usage": { "output_tokens": 1 } }),
        ),
        ("message_stop", json!({})),
    ])
}

/// Codex writes by its shell.
fn responses(step: &Step, number: usize) -> String {
    let run = |command: &str| {
        json!({ "type": "function_call", "id": format!("fc_{number}"), "call_id": format!("call_{number}"),
            "name": "exec_command", "arguments": json!({ "cmd": command }).to_string() })
    };
    let item = match step {
        Step::Write(path, text) => run(&format!("printf '%s' '{text}' > '{path}'")),
        Step::Run(command) => run(command),
        Step::Say(text) => {
            json!({ "type": "message", "id": format!("msg_{number}"), "role": "assistant",
            "content": [{ "type": "output_text", "text": text }] })
        }
    };
    let usage = json!({ "input_tokens": 1, "input_tokens_details": null, "output_tokens": 1,
        "output_tokens_details": null, "total_tokens": 2 });
    let id = format!("resp_{number}");
    named(&[
        ("response.created", json!({ "response": { "id": id } })),
        ("response.output_item.added", json!({ "output_index": 0, "item": item })),
        ("response.output_item.done", json!({ "output_index": 0, "item": item })),
        ("response.completed", json!({ "response": { "id": id, "usage": usage } })),
    ])
}

fn chat(step: &Step, number: usize) -> String {
    let call = |name: &str, input: Value| {
        let function = json!({ "name": name, "arguments": input.to_string() });
        let call = json!({ "index": 0, "id": format!("call_{number}"), "type": "function", "function": function });
        (json!({ "role": "assistant", "tool_calls": [call] }), "tool_calls")
    };
    let (delta, finish) = match step {
        Step::Write(path, text) => call("write", json!({ "filePath": path, "content": text })),
        Step::Run(command) => call("bash", json!({ "command": command, "description": "run" })),
        Step::Say(text) => (json!({ "role": "assistant", "content": text }), "stop"),
    };
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({ "index": 0, "delta": delta, "finish_reason": finish });
        let chunk = json!({ "id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m1",
            "choices": [choice] });
        format!("data: {chunk}\n\n")
    };
    [chunk(delta, Value::Null), chunk(json!({}), json!(finish)), "data: [DONE]\n\n".to_owned()]
        .concat()
}
