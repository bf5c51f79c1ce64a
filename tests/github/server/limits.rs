//! GitHub's limits by the published formulas: the points of the hour, and what may be done in a
//! minute. It judges by the clock of the server alone, and never waits.

use super::call::Reply;
use super::clock::Clock;
use super::faults;
use serde_json::json;
use std::collections::VecDeque;

/// Points of an hour, of each resource.
const HOURLY: u32 = 5_000;
const HOUR: i64 = 3_600;
const MINUTE: i64 = 60;

/// Whether anybody counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limited {
    Yes,
    /// As GHES: the headers are absent.
    No,
}

/// What the hours are counted for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Resource {
    #[default]
    Rest,
    Graphql,
}

/// What one request costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cost {
    pub(super) resource: Resource,
    /// Of the hour.
    pub(super) primary: u32,
    /// Of the minute.
    pub(super) secondary: u32,
    /// 1 if it creates content.
    pub(super) content: u32,
}

/// What was used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Points of the hour that runs, of REST.
    pub(crate) rest: u32,
    /// Points of the hour that runs, of GraphQL.
    pub(crate) graphql: u32,
    /// The most points that were used within 60 seconds, REST and GraphQL together.
    pub(crate) busiest_minute: u32,
    /// How many requests were refused.
    pub(crate) refused: u32,
}

/// One hour of one resource.
#[derive(Debug, Clone, Copy, Default)]
struct Hour {
    used: u32,
    resets: i64,
}

pub(super) struct Limits {
    pub(super) limited: Limited,
    clock: Clock,
    rest: Hour,
    graphql: Hour,
    recent: VecDeque<(i64, Cost)>,
    busiest: u32,
    refused: u32,
}

impl Limits {
    pub(super) fn new(limited: Limited, clock: Clock) -> Self {
        let (rest, graphql) = (Hour::default(), Hour::default());
        Self { limited, clock, rest, graphql, recent: VecDeque::new(), busiest: 0, refused: 0 }
    }

    /// Counts a request; returns the answer to one that is over a limit.
    pub(super) fn judge(&mut self, cost: Cost) -> Option<Reply> {
        if self.limited == Limited::No {
            return None;
        }
        let now = self.clock.seconds();
        self.recent.retain(|(at, _)| now - at < HOUR);
        let hour = self.hour(cost.resource);
        if hour.used + cost.primary > HOURLY {
            self.refused += 1;
            return Some(exhausted(cost.resource));
        }
        if let Some(wait) = self.too_fast(cost, now) {
            self.refused += 1;
            return Some(faults::secondary(403).header("retry-after", wait.to_string()));
        }
        self.hour(cost.resource).used += cost.primary;
        self.recent.push_back((now, cost));
        let minute = self.since(now - MINUTE, |cost| cost.secondary);
        self.busiest = self.busiest.max(minute);
        None
    }

    /// Gives points back, as for a 304.
    pub(super) fn refund(&mut self, cost: Cost) {
        let hour = self.hour(cost.resource);
        hour.used = hour.used.saturating_sub(cost.primary);
    }

    /// Returns the headers that tell of one resource.
    pub(super) fn headers(&mut self, resource: Resource) -> Vec<(&'static str, String)> {
        if self.limited == Limited::No {
            return Vec::new();
        }
        let Hour { used, resets } = *self.hour(resource);
        let name = match resource {
            Resource::Rest => "core",
            Resource::Graphql => "graphql",
        };
        vec![
            ("x-ratelimit-limit", HOURLY.to_string()),
            ("x-ratelimit-remaining", HOURLY.saturating_sub(used).to_string()),
            ("x-ratelimit-used", used.to_string()),
            ("x-ratelimit-reset", resets.to_string()),
            ("x-ratelimit-resource", name.to_owned()),
        ]
    }

    /// Returns `RateLimit` as GraphQL and REST tell it, for a query of this cost.
    pub(super) fn told(&mut self, cost: u32, nodes: u64) -> serde_json::Value {
        if self.limited == Limited::No {
            return serde_json::Value::Null;
        }
        let Hour { used, resets } = *self.hour(Resource::Graphql);
        let at = jiff::Timestamp::from_second(resets).unwrap().to_string();
        let remaining = HOURLY.saturating_sub(used);
        json!({ "limit": HOURLY, "cost": cost, "remaining": remaining, "used": used, "resetAt": at, "nodeCount": nodes })
    }

    pub(super) fn usage(&self) -> Usage {
        let (rest, graphql) = (self.rest.used, self.graphql.used);
        Usage { rest, graphql, busiest_minute: self.busiest, refused: self.refused }
    }

    pub(super) fn spend(&mut self, points: u32) {
        for resource in [Resource::Rest, Resource::Graphql] {
            let hour = self.hour(resource);
            hour.used = (hour.used + points).min(HOURLY);
        }
    }

    /// Returns the hour that runs.
    fn hour(&mut self, resource: Resource) -> &mut Hour {
        let now = self.clock.seconds();
        let hour = match resource {
            Resource::Rest => &mut self.rest,
            Resource::Graphql => &mut self.graphql,
        };
        if hour.resets <= now {
            *hour = Hour { used: 0, resets: now + HOUR };
        }
        hour
    }

    /// Returns how long to wait, in seconds, if this were too much at once.
    fn too_fast(&self, cost: Cost, now: i64) -> Option<i64> {
        let same = |one: Cost| if one.resource == cost.resource { one.secondary } else { 0 };
        let points = self.since(now - MINUTE, same) + cost.secondary;
        let allowed = match cost.resource {
            Resource::Rest => 900,
            Resource::Graphql => 2_000,
        };
        let minute = self.since(now - MINUTE, |one| one.content) + cost.content;
        let hour = self.since(now - HOUR, |one| one.content) + cost.content;
        if cost.content > 0 && hour > 500 {
            return Some(HOUR);
        }
        (points > allowed || (cost.content > 0 && minute > 80)).then_some(MINUTE)
    }

    fn since(&self, time: i64, of: impl Fn(Cost) -> u32) -> u32 {
        self.recent.iter().filter(|(at, _)| *at > time).map(|(_, cost)| of(*cost)).sum()
    }
}

/// The answer when the points of the hour are gone.
fn exhausted(resource: Resource) -> Reply {
    let reply = match resource {
        Resource::Rest => Reply::error(403, "API rate limit exceeded for user ID 1."),
        Resource::Graphql => Reply::json(200, &faults::rate_limited()),
    };
    reply.header("x-ratelimit-remaining", "0")
}
