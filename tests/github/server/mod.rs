//! A GitHub of one process, on loopback, that executes GitHub's published schema over a store which
//! tests look at and change as people would. It never claims that GitHub behaves like it: it proves
//! that we speak GitHub's schema and survive what `faults` lists.
//!
//! ```ignore
//! let server = Server::start();                          // github.com; or Server::with(Flavor::Ghes)
//! let repository = server.store().add_repository("acme", "shop");
//! let client = Client::new(server.rest(), server.graphql(), TOKEN);
//! server.fault(When::Mutation("addProjectV2DraftIssue"), Fault::BadGateway(Moment::After));
//! server.fault(When::Operation("Items"), Fault::meanwhile(|store| store.rename_field(..)));
//! client.sync();
//! assert_eq!(server.mutations(), 3);                     // server.log() has each request
//! server.clock().advance(Duration::from_secs(3600));     // limits refill; nobody sleeps
//! ```
//!
//! * `Server::{rest, graphql, graphql_base}`, `TOKEN`: where it is and who may ask. It has a thread and
//!   a runtime of its own, so that it serves tests with and without one; it ends when dropped.
//! * `Server::store()`: the `Store`, locked until the guard is dropped: drop it before the next
//!   request, and take one in a statement. All of it is open; `store::person` has what people do,
//!   `Store::rules` how odd GitHub is just now.
//! * `Store::mirror(name, bare)`: the branches of a repository are those of a bare git repository: what
//!   is pushed there is seen, what is merged here can be fetched.
//! * `Server::fault(When, Fault)`: one fault, once, at the first request that matches.
//! * `Server::stop_at(n, Moment)`, `stopped()`, `resume()`: at request `n` (of all, from 1) the
//!   connection is dropped and nothing is served until `resume`, so that a client is killed there.
//! * `Server::clock()`: the only time it knows; each request moves it by `Clock::set_step`, at first
//!   one second, as if every client paced itself. The limits judge by it: `Server::limit` switches them,
//!   `spend` takes points away, `usage` tells what was used and how busy the busiest minute was.
//! * Each request of REST is held against GitHub's `OpenAPI`, and each status that is answered: what does not
//!   fit fails the test when the server is dropped, unless `Server::odd()` took it.
//! * `Server::log()`, `requests()`, `mutations()`: what was asked, with the kind of each alias.
//! * Outside this folder: `#[path = "../github/server/mod.rs"] #[expect(dead_code, reason = "..")] mod
//!   github;`, with `clippy::unwrap_used` expected for the whole crate.

mod call;
mod clock;
mod control;
mod cost;
mod faults;
mod graphql;
mod http;
mod limits;
mod log;
mod mutations;
mod openapi;
mod resolve;
mod rest;
pub(crate) mod schema;
pub(crate) mod store;

pub(crate) use clock::Clock;
pub(crate) use faults::{Fault, Moment, When};
pub(crate) use limits::{Limited, Usage};
pub(crate) use log::Entry;
pub(crate) use schema::Overlay;
pub(crate) use store::Store;

use control::Control;
use std::net::SocketAddr;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, ThreadId};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};

/// The token that everybody has.
pub(crate) const TOKEN: &str = "a-token-of-the-tests";

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// github.com: limits, and the schema with what is newer than the published file.
    Dotcom,
    /// GitHub Enterprise Server: other addresses, no limits, and the schema as published.
    Ghes,
}

/// What the thread of the server and the test share.
struct Hub {
    flavor: Flavor,
    overlay: Overlay,
    clock: Clock,
    control: Mutex<Control>,
    store: Mutex<Store>,
    /// Who has locked the store.
    holder: Mutex<Option<ThreadId>>,
    /// Wakes who waits for the stop of `stop_at`.
    stops: Condvar,
    /// Wakes the answers that a fault holds back.
    released: Notify,
    /// Ends the server.
    ends: Notify,
}

/// The store, locked.
pub(crate) struct Held<'a> {
    holder: &'a Mutex<Option<ThreadId>>,
    store: MutexGuard<'a, Store>,
}

/// A server; it ends when it is dropped.
pub(crate) struct Server {
    hub: Arc<Hub>,
    address: SocketAddr,
    sockets: mpsc::UnboundedSender<std::os::unix::net::UnixListener>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A github.com with the organization `acme` and the person `ada`, whose token it is.
    pub(crate) fn start() -> Self {
        Self::with(Flavor::Dotcom)
    }

    pub(crate) fn with(flavor: Flavor) -> Self {
        let overlay = match flavor {
            Flavor::Dotcom => Overlay::Newer,
            Flavor::Ghes => Overlay::AsPublished,
        };
        Self::of(flavor, overlay)
    }

    /// The same with the schema of choice.
    pub(crate) fn of(flavor: Flavor, overlay: Overlay) -> Self {
        let clock = Clock::start();
        let control = Mutex::new(Control::new(flavor, clock.clone()));
        let store = Mutex::new(Store::new(clock.clone()));
        let (stops, released, ends) = (Condvar::new(), Notify::new(), Notify::new());
        let holder = Mutex::new(None);
        let hub = Hub { flavor, overlay, clock, control, store, holder, stops, released, ends };
        let hub = Arc::new(hub);
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (sockets, new) = mpsc::unbounded_channel();
        let shared = Arc::clone(&hub);
        let thread = std::thread::spawn(move || http::run(shared, listener, new));
        Self { hub, address, sockets, thread: Some(thread) }
    }

    /// Returns the base of REST, without a slash at its end.
    pub(crate) fn rest(&self) -> String {
        match self.hub.flavor {
            Flavor::Dotcom => format!("http://{}", self.address),
            Flavor::Ghes => format!("http://{}/api/v3", self.address),
        }
    }

    /// Returns the base to which a client appends `/graphql`.
    pub(crate) fn graphql_base(&self) -> String {
        match self.hub.flavor {
            Flavor::Dotcom => format!("http://{}", self.address),
            Flavor::Ghes => format!("http://{}/api", self.address),
        }
    }

    /// Returns the address of GraphQL.
    pub(crate) fn graphql(&self) -> String {
        format!("{}/graphql", self.graphql_base())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens at a socket as well, as `gh` can be told to use.
    pub(crate) fn listen_unix(&self, path: &Path) {
        let listener = std::os::unix::net::UnixListener::bind(path).unwrap();
        self.sockets.send(listener).unwrap();
    }

    /// Locks what it remembers: no request is served until the guard is dropped.
    pub(crate) fn store(&self) -> Held<'_> {
        self.hub.store()
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.hub.clock
    }

    /// Returns every request since the start, oldest first.
    pub(crate) fn log(&self) -> Vec<Entry> {
        self.hub.control().log.clone()
    }

    /// Returns how many requests there were.
    pub(crate) fn requests(&self) -> usize {
        self.hub.control().log.len()
    }

    /// Returns how many requests changed something, or tried to.
    pub(crate) fn mutations(&self) -> usize {
        self.hub.control().log.iter().filter(|entry| entry.mutating).count()
    }

    /// Lets one request go wrong: the first that matches.
    pub(crate) fn fault(&self, when: When, fault: Fault) {
        self.hub.control().faults.push((when, fault));
    }

    /// Tells whether every fault has happened.
    pub(crate) fn faults_done(&self) -> bool {
        self.hub.control().faults.is_empty()
    }

    /// Takes what was asked or answered so far that GitHub's `OpenAPI` does not have.
    pub(crate) fn odd(&self) -> Vec<String> {
        std::mem::take(&mut self.hub.control().odd)
    }

    /// Lets answers go that `Fault::Held` holds back.
    pub(crate) fn release(&self) {
        self.hub.released.notify_waiters();
    }

    /// Drops the connection of request `number`, and serves nobody from then on.
    pub(crate) fn stop_at(&self, number: usize, moment: Moment) {
        self.hub.control().stop = Some((number, moment));
    }

    /// Waits until the request of `stop_at` came; false if it did not in time.
    pub(crate) fn stopped(&self, within: Duration) -> bool {
        let control = self.hub.control();
        let waiting = |control: &mut Control| !control.is_stopped;
        let waited = self.hub.stops.wait_timeout_while(control, within, waiting);
        waited.is_ok_and(|(control, _)| control.is_stopped)
    }

    /// Serves again.
    pub(crate) fn resume(&self) {
        let mut control = self.hub.control();
        (control.stop, control.is_stopped) = (None, false);
    }

    /// Switches the limits on or off; off, their headers are absent, as on GHES.
    pub(crate) fn limit(&self, limited: Limited) {
        self.hub.control().limits.limited = limited;
    }

    /// Returns what of the limits was used.
    pub(crate) fn usage(&self) -> Usage {
        self.hub.control().limits.usage()
    }

    /// Takes this many points of the hour away, as another program of the same person does.
    pub(crate) fn spend(&self, points: u32) {
        self.hub.control().limits.spend(points);
    }
}

impl Hub {
    fn control(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self) -> Held<'_> {
        let me = std::thread::current().id();
        let holder = || self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        assert_ne!(*holder(), Some(me), "this thread has the store already: drop its guard first");
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        *holder() = Some(me);
        Held { holder: &self.holder, store }
    }
}

impl Deref for Held<'_> {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut Store {
        &mut self.store
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        *self.holder.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hub.ends.notify_one();
        self.thread.take().map(JoinHandle::join);
        let odd = self.odd();
        // A test that has failed already says why.
        assert!(
            odd.is_empty() || std::thread::panicking(),
            "not as GitHub's OpenAPI has it: {odd:#?}"
        );
    }
}
