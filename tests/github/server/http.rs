//! HTTP/1 on loopback, and on a Unix socket if told: bytes to calls and replies to bytes. It never
//! decides what is answered.

use super::Hub;
use super::call::{Call, Reply};
use super::control::Outcome;
use http_body_util::{BodyExt as _, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;

type NewSockets = UnboundedReceiver<std::os::unix::net::UnixListener>;

/// The connection ends without an answer.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is cut")
    }
}

impl std::error::Error for Cut {}

/// Serves until the hub ends.
pub(super) fn run(hub: Arc<Hub>, listener: std::net::TcpListener, sockets: NewSockets) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    listener.set_nonblocking(true).unwrap();
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).unwrap();
        let ends = Arc::clone(&hub);
        tokio::select! {
            () = accept(hub, listener, sockets) => {}
            () = ends.ends.notified() => {}
        }
    });
}

async fn accept(hub: Arc<Hub>, listener: TcpListener, mut sockets: NewSockets) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                tasks.spawn(connection(Arc::clone(&hub), stream));
            }
            Some(socket) = sockets.recv() => {
                tasks.spawn(accept_unix(Arc::clone(&hub), socket));
            }
            Some(_) = tasks.join_next() => {}
        }
    }
}

async fn accept_unix(hub: Arc<Hub>, socket: std::os::unix::net::UnixListener) {
    socket.set_nonblocking(true).unwrap();
    let listener = UnixListener::from_std(socket).unwrap();
    let mut tasks = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        tasks.spawn(connection(Arc::clone(&hub), stream));
    }
}

async fn connection(hub: Arc<Hub>, stream: impl AsyncRead + AsyncWrite + Unpin) {
    let service = service_fn(|request| answer(Arc::clone(&hub), request));
    // A client that goes away is no failure of the server.
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
}

async fn answer(hub: Arc<Hub>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Cut> {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.map_or_else(|_| Bytes::new(), Collected::to_bytes);
    let call = call(&parts, &bytes);
    let released = hub.released.notified();
    let reply = match hub.serve(call) {
        Outcome::Answer(reply) => reply,
        Outcome::Held(reply) => {
            released.await;
            reply
        }
        Outcome::Dropped => return Err(Cut),
    };
    Ok(response(reply))
}

fn call(parts: &hyper::http::request::Parts, bytes: &[u8]) -> Call {
    let path = parts.uri.path();
    let rest = path.strip_prefix("/api/v3");
    let prefix = rest.map(|_| "/api/v3").unwrap_or_default().to_owned();
    let path = rest.unwrap_or(path);
    let path = path.strip_prefix("/api").filter(|rest| *rest == "/graphql").unwrap_or(path);
    let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let text = |value: &hyper::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    Call {
        method: parts.method.to_string(),
        prefix,
        path: path.to_owned(),
        query: query.into_owned().collect(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
        body: serde_json::from_slice(bytes).unwrap_or(Value::Null),
        is_graphql: path == "/graphql",
        operation: None,
        is_mutation: false,
    }
}

fn response(reply: Reply) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        builder = builder.header(name, value);
    }
    builder.body(Full::new(Bytes::from(reply.body))).expect("status and headers are ours")
}
