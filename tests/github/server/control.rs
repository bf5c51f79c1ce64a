//! One request through the server: who asks, what goes wrong with it, what it costs, what is done, what
//! is answered and what is remembered of it. It never holds two of the server's locks at once.

use super::call::{Call, Reply};
use super::clock::Clock;
use super::faults::{self, Fault, Moment, Tamper, When};
use super::graphql::{self, Request};
use super::limits::{Cost, Limited, Limits, Resource};
use super::log::Entry;
use super::{Flavor, Hub, TOKEN, openapi, rest, schema};

/// What is remembered of the requests, and what is to happen to those that come.
pub(super) struct Control {
    pub(super) log: Vec<Entry>,
    pub(super) faults: Vec<(When, Fault)>,
    /// What was asked or answered that GitHub's `OpenAPI` does not have.
    pub(super) odd: Vec<String>,
    pub(super) limits: Limits,
    /// At which request nobody is served any more.
    pub(super) stop: Option<(usize, Moment)>,
    pub(super) is_stopped: bool,
}

/// What is done with the connection.
pub(super) enum Outcome {
    Answer(Reply),
    /// The answer comes when the test lets it go.
    Held(Reply),
    /// The connection ends.
    Dropped,
}

/// What becomes of one request.
#[derive(Default)]
struct Course {
    /// 1 for the first one of the server.
    number: usize,
    dropped: Option<Moment>,
    gateway: Option<Moment>,
    is_held: bool,
    /// The answer is this, and nothing is done.
    instead: Option<Reply>,
    tamper: Tamper,
    shows_limits: Option<Limited>,
    has_unknown_member: bool,
    cost: Cost,
}

impl Control {
    pub(super) fn new(flavor: Flavor, clock: Clock) -> Self {
        let limited = match flavor {
            Flavor::Dotcom => Limited::Yes,
            Flavor::Ghes => Limited::No,
        };
        let limits = Limits::new(limited, clock);
        let (log, faults, odd) = (Vec::new(), Vec::new(), Vec::new());
        Self { log, faults, odd, limits, stop: None, is_stopped: false }
    }
}

impl Hub {
    /// Serves one request.
    pub(super) fn serve(&self, mut call: Call) -> Outcome {
        if self.control().is_stopped {
            return Outcome::Dropped;
        }
        self.clock.tick();
        self.store().pull_mirrors();
        let schema = schema::of(self.overlay);
        let parsed = call.is_graphql.then(|| graphql::parse(schema, &call.body));
        let (request, unreadable) = match parsed {
            Some(Ok(request)) => (Some(request), None),
            Some(Err(answer)) => (None, Some(Reply::json(200, &answer))),
            None => (None, None),
        };
        if let Some(request) = &request {
            (call.operation, call.is_mutation) = (request.name(), request.is_mutation());
        }
        let mut course = self.course(&call, request.as_ref());
        if !self.knows(&call) {
            course.instead = Some(Reply::error(401, "Bad credentials"));
        }
        if let Some(answer) = unreadable {
            course.instead.get_or_insert(answer);
        }
        self.run(&call, request.as_ref(), course)
    }

    /// Tells whether the token is good.
    fn knows(&self, call: &Call) -> bool {
        let given = call.headers.get("authorization").map(String::as_str).unwrap_or_default();
        let token = given
            .split_once(' ')
            .filter(|(scheme, _)| ["bearer", "token"].contains(&scheme.to_lowercase().as_str()));
        !self.store().rules.token_is_revoked && token.is_some_and(|(_, token)| token == TOKEN)
    }

    /// Writes a request down, and decides what becomes of it.
    fn course(&self, call: &Call, request: Option<&Request>) -> Course {
        let kinds = request.map_or(&[][..], |request| request.kinds.as_slice());
        let mut course = Course { cost: cost(call, request), ..Course::default() };
        let mut person = None;
        {
            let mut control = self.control();
            let mut entry = call.entry(kinds);
            entry.nodes = request.map_or(0, |request| request.cost.nodes);
            control.log.push(entry);
            course.number = control.log.len();
            let number = course.number;
            let is_hit = |(when, _): &(When, Fault)| when.matches(number, call, kinds);
            if let Some(index) = control.faults.iter().position(is_hit) {
                let (_, fault) = control.faults.remove(index);
                person = course.befall(fault, kinds.len());
            }
            if let Some((_, moment)) = control.stop.filter(|(at, _)| *at == number) {
                course.dropped = Some(moment);
                control.is_stopped = true;
            }
            if course.instead.is_none() && course.dropped != Some(Moment::Before) {
                course.instead = control.limits.judge(course.cost);
            }
        }
        if let Some(person) = person {
            person(&mut self.store());
        }
        course
    }

    fn run(&self, call: &Call, request: Option<&Request>, mut course: Course) -> Outcome {
        let before = |moment: Option<Moment>| moment == Some(Moment::Before);
        let mut reply = match course.instead.take() {
            Some(reply) => reply,
            None if before(course.dropped) || before(course.gateway) => faults::page(502),
            None => self.apply(call, request, &course),
        };
        if course.gateway.is_some() {
            reply = faults::page(502);
        }
        let outcome = self.finish(reply, &course);
        if self.control().is_stopped {
            self.stops.notify_all();
        }
        outcome
    }

    /// Does what is asked.
    fn apply(&self, call: &Call, request: Option<&Request>, course: &Course) -> Reply {
        let Some(request) = request else {
            if [course.dropped, course.gateway].contains(&Some(Moment::Half)) {
                return faults::page(502);
            }
            let reply = self.rest(call);
            if reply.status == 304 {
                self.control().limits.refund(course.cost);
            }
            return reply;
        };
        let rate = self.control().limits.told(request.cost.points(), request.cost.nodes);
        let half = [course.dropped, course.gateway].contains(&Some(Moment::Half));
        let tamper = if half { Tamper::Only(request.kinds.len() / 2) } else { course.tamper };
        let schema = schema::of(self.overlay);
        let mut answer = graphql::execute(schema, request, &mut self.store(), rate, tamper);
        if course.has_unknown_member {
            faults::unknown_member(&mut answer);
        }
        Reply::json(200, &answer)
    }

    /// Answers a request of REST; what is not as GitHub publishes it is written down, and fails the test.
    fn rest(&self, call: &Call) -> Reply {
        let operation = openapi::of(call);
        let reply = rest::answer(&mut self.store(), call);
        let odd: Vec<String> = match operation {
            Err(odd) => vec![odd],
            Ok(operation) => {
                operation.odd(call).into_iter().chain(operation.odd_status(reply.status)).collect()
            }
        };
        self.control().odd.extend(odd);
        reply
    }

    /// Adds the headers that every answer has, and writes down how it ended.
    fn finish(&self, mut reply: Reply, course: &Course) -> Outcome {
        if course.shows_limits != Some(Limited::No) {
            let mut told = self.control().limits.headers(course.cost.resource);
            told.retain(|(name, _)| !reply.headers.iter().any(|(known, _)| known == name));
            reply.headers.extend(told.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        reply = reply
            .header("date", self.clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
        let scopes = self.store().scopes.clone();
        if let Some(scopes) = scopes {
            reply = reply.header("x-oauth-scopes", scopes);
        }
        if self.flavor == Flavor::Ghes {
            reply = reply.header("x-github-enterprise-version", "3.17.0");
        }
        if course.dropped.is_some() {
            return Outcome::Dropped;
        }
        if let Some(entry) = self.control().log.get_mut(course.number - 1) {
            entry.status = Some(reply.status);
        }
        if course.is_held { Outcome::Held(reply) } else { Outcome::Answer(reply) }
    }
}

type Person = Box<dyn FnOnce(&mut super::Store) + Send>;

impl Course {
    /// Lets a fault happen to the request; returns who acts before it.
    fn befall(&mut self, fault: Fault, aliases: usize) -> Option<Person> {
        match fault {
            Fault::BadGateway(moment) => self.gateway = Some(moment),
            Fault::Dropped(moment) => self.dropped = Some(moment),
            Fault::Held => self.is_held = true,
            Fault::Html => self.instead = Some(faults::page(200)),
            Fault::RetryAfter(seconds) => {
                let reply = faults::secondary(403).header("retry-after", seconds.to_string());
                self.instead = Some(reply);
            }
            Fault::Secondary => {
                self.shows_limits = Some(Limited::No);
                self.instead = Some(faults::secondary(403));
            }
            Fault::TooMany => {
                self.instead = Some(faults::secondary(429).header("retry-after", "60"));
            }
            Fault::RateLimited => {
                let reply = Reply::json(200, &faults::rate_limited());
                self.instead = Some(reply.header("x-ratelimit-remaining", "0"));
            }
            Fault::NoLimitHeaders => self.shows_limits = Some(Limited::No),
            Fault::ResourceLimits(count) => self.tamper = Tamper::Only(count.min(aliases)),
            Fault::AliasFails(at, kind, message) => self.tamper = Tamper::Fails(at, kind, message),
            Fault::AliasNull(at) => self.tamper = Tamper::Null(at),
            Fault::UnknownMember => self.has_unknown_member = true,
            Fault::Unauthorized => self.instead = Some(Reply::error(401, "Bad credentials")),
            Fault::Meanwhile(person) => return Some(person),
        }
        None
    }
}

/// Returns what a request costs, by the published figures.
fn cost(call: &Call, request: Option<&Request>) -> Cost {
    let mutating = call.is_mutating();
    let creates =
        |kind: &String| ["create", "add", "convert"].iter().any(|verb| kind.starts_with(verb));
    let by_graphql = request.is_some_and(|request| mutating && request.kinds.iter().any(creates));
    let content = ["/issues", "/comments", "/pulls", "/views"];
    let by_rest = call.method == "POST" && content.iter().any(|end| call.path.ends_with(end));
    Cost {
        resource: if call.is_graphql { Resource::Graphql } else { Resource::Rest },
        primary: request.map_or(1, |request| request.cost.points()),
        secondary: if mutating { 5 } else { 1 },
        content: u32::from(by_graphql || by_rest),
    }
}
