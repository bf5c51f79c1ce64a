//! The server as another process, and a client of it that sends what it is told to.

use super::scene::Scene;
use reconciler::process::identity;
use reconciler::process::signal::{self, Ask};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ExitStatus, Stdio};

pub(crate) const TOKEN: &str = "a-token-of-the-tests";
pub(crate) const LFS: &str = "Content-Type: application/vnd.git-lfs+json";
/// `ada` and the token.
pub(crate) const ADA: &str = "Authorization: Basic YWRhOmEtdG9rZW4tb2YtdGhlLXRlc3Rz";
/// `bob` and the token.
pub(crate) const BOB: &str = "Authorization: Basic Ym9iOmEtdG9rZW4tb2YtdGhlLXRlc3Rz";

/// A server that ends with the test.
pub(crate) struct Server {
    child: Child,
    address: String,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Server {
    pub(crate) fn start(scene: &Scene) -> Self {
        Self::with(scene, &[], &[])
    }

    /// Starts it with more arguments and variables, and waits until it listens.
    pub(crate) fn with(scene: &Scene, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = scene.program(env!("CARGO_BIN_EXE_reconciler"));
        command.args(["serve", "lfs-locks", "-o", "name"]).args(args);
        command.env("RECONCILER_LFS_TOKEN", TOKEN).envs(variables.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").expect("it says where it listens");
        Self { child, address: address.to_owned() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Sends a request by its own name.
    pub(crate) fn ask(&self, line: &str, headers: &[&str], body: &str) -> Answer {
        let host = format!("Host: {}", self.address);
        self.ask_at(&host, line, headers, body)
    }

    pub(crate) fn ask_at(&self, host: &str, line: &str, headers: &[&str], body: &str) -> Answer {
        let mut stream = self.connect();
        let length = format!("Content-Length: {}", body.len());
        let line = format!("{line} HTTP/1.1");
        let head = [&[line.as_str(), host, &length], headers].concat().join("\r\n");
        // A server that refuses does not read to the end.
        stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok();
        read_answer(&mut stream)
    }

    /// Ends it as a person would, and returns how it ended.
    pub(crate) fn end(mut self) -> ExitStatus {
        let process = identity::of(self.child.id()).unwrap().unwrap();
        signal::send(&process, Ask::Terminate).unwrap();
        self.child.wait().unwrap()
    }

    /// Waits until it was killed.
    pub(crate) fn died(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn read_answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // What came before the connection was reset is the answer.
    stream.read_to_end(&mut bytes).ok();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap() }
}
