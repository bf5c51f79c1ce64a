//! The lock server: the Git LFS File Locking API over the claims of one repository, on this machine
//! alone. It never decides who holds what, and keeps nothing of its own.

mod access;
mod answer;
mod locks;

pub use access::{Token, TokenError};

use crate::client::Client;
use access::Gate;
use answer::Answer;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many are served at once; others wait.
const CONNECTIONS_MAX: usize = 32;
/// How long somebody may take to say what they want.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// The most bytes of the head of a request.
const HEAD_MAX: usize = 16 * 1024;
/// How long those who are served when the server ends have. What is cut off then is as after a crash.
const GRACE: Duration = Duration::from_secs(10);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Others could reach it.
    #[error("{0} is not a loopback address: whoever reaches the server may guess at its token")]
    NotLoopback(SocketAddr),
    /// The address is not to be had.
    #[error("cannot listen at {0}")]
    Listen(SocketAddr, #[source] io::Error),
    /// No connection can be accepted any more.
    #[error("cannot accept a connection")]
    Accept(#[source] io::Error),
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    gate: Gate,
}

/// What all requests share.
struct Service {
    client: Client,
    gate: Gate,
    objects: Option<String>,
}

impl Server {
    /// Listens at a loopback address; port 0 is any that is free.
    ///
    /// # Errors
    /// When the address is not a loopback one, or not to be had.
    pub async fn bind(address: SocketAddr, token: Token) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let failed = |error| Error::Listen(address, error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, gate: Gate::new(address, token) })
    }

    /// Returns where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the locks of a repository until told to stop; who asks for objects is sent to `objects`.
    ///
    /// # Errors
    /// When nobody can connect any more.
    pub async fn run(
        self,
        client: Client,
        objects: Option<String>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let service = Arc::new(Service { client, gate: self.gate, objects });
        let (ending, ends) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut stop = pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS_MAX => {
                    match accepted {
                        Ok((stream, _)) => {
                            connections.spawn(serve(stream, Arc::clone(&service), ends.clone()));
                        }
                        Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                        Err(error) => return Err(Error::Accept(error)),
                    }
                }
            }
        }
        drop((self.listener, ending));
        let all_served = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all_served).await.is_err() {
            tracing::warn!("somebody was cut off");
        }
        Ok(())
    }
}

/// Serves one request.
async fn serve(stream: TcpStream, service: Arc<Service>, mut ends: watch::Receiver<()>) {
    let answer = service_fn(|request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.answer(request).await.into_response()) }
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(HEAD_MAX);
    http.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), answer));
    let served = tokio::select! {
        served = connection.as_mut() => served,
        // The sender is gone: the server ends.
        Err(_) = ends.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!("a connection broke: {error}");
    }
}

impl Service {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let what = format!("{} {}", request.method(), request.uri().path());
        let answer = self.judge(request).await.unwrap_or_else(|refusal| refusal);
        tracing::info!("{what}: {}", answer.status());
        answer
    }

    async fn judge(&self, request: Request<Incoming>) -> Result<Answer, Answer> {
        let person = self.gate.admit(request.headers())?;
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["locks"]) => {
                locks::list(&self.client, request.uri().query().unwrap_or_default())
            }
            (&Method::POST, ["locks"]) => {
                locks::create(&self.client, &person, &answer::body(request).await?).await
            }
            (&Method::POST, ["locks", "verify"]) => {
                locks::verify(&self.client, &person, &answer::body(request).await?).await
            }
            (&Method::POST, ["locks", id, "unlock"]) => {
                let asked = answer::body(request).await?;
                locks::unlock(&self.client, (&person, id), &asked).await
            }
            (_, ["objects", rest @ ..]) => Err(self.elsewhere(rest)),
            _ => Err(Answer::refusal(
                StatusCode::NOT_FOUND,
                "there is nothing here but the locks API of git-lfs: /locks",
            )),
        }
    }

    /// Answers who wants to fetch or store objects.
    fn elsewhere(&self, rest: &[&str]) -> Answer {
        match &self.objects {
            Some(objects) => Answer::elsewhere(&format!("{objects}/objects/{}", rest.join("/"))),
            None => Answer::refusal(
                StatusCode::NOT_IMPLEMENTED,
                "this server has locks and no objects; to have git-lfs sent on to the server that has \
                 them: reconciler serve lfs-locks --objects URL",
            ),
        }
    }
}
