//! A node: a repository whose policy takes labelled issues, and the GitHub that they are on.

use crate::common::{Said, TestEnvironment, said};
use crate::github::{Server, TOKEN};
use reconciler::api::issue::Book;
use reconciler::client::{Client, Environment, Hub, Intake, Pulled};
use serde_json::{Value, json};

/// One node.
pub(crate) struct Node {
    pub(crate) env: TestEnvironment,
    runtime: tokio::runtime::Runtime,
    client: Client,
    hub: Hub,
    intake: Intake,
}

pub(crate) fn server() -> Server {
    let server = Server::start();
    server.store().add_repository("acme", "shop");
    server
}

/// What a worker of issues does: nothing that needs an agent.
fn agent(script: &str) -> Value {
    json!({ "argv": ["/bin/sh", "-c", script, "agent", "{prompt}"] })
}

pub(crate) fn policy(more: &Value) -> Value {
    let mut policy = json!({ "github": {
        "repository": "acme/shop", "pull": [{ "label": "cc01", "worker": "cc01" }],
        "intervalSeconds": 1, "pollSeconds": 10,
    }, "proposals": "accept" });
    let (policy_map, more) = (policy.as_object_mut().unwrap(), more.as_object().unwrap());
    for (key, value) in more {
        policy_map.insert(key.clone(), value.clone());
    }
    policy
}

impl Node {
    /// A node that takes issues labelled `cc01`, so many at a time.
    pub(crate) fn new(server: &Server, seats: usize) -> Self {
        Self::with(server, seats, &policy(&json!({})), "true")
    }

    pub(crate) fn with(server: &Server, seats: usize, policy: &Value, script: &str) -> Self {
        Self::at(&server.rest(), seats, policy, script)
    }

    /// The same with whatever answers there.
    pub(crate) fn at(address: &str, seats: usize, policy: &Value, script: &str) -> Self {
        let mut env = TestEnvironment::new();
        for (name, value) in [
            ("GITHUB_TOKEN", TOKEN.to_owned()),
            ("GITHUB_API_URL", address.to_owned()),
            ("RECONCILER_TEST_UNPACED", "1".to_owned()),
        ] {
            env.odd.insert(name.to_owned(), Some(value));
        }
        env.write_object("agents/robot", "Agent", &agent(script));
        env.write_object("workers/cc01", "Worker", &json!({ "agent": "robot", "replicas": seats }));
        env.write_object("workers/cc02", "Worker", &json!({ "agent": "robot", "replicas": seats }));
        env.commit_policy(policy);
        let trusted = said(&mut env.reconciler(&["trust", "--yes"]));
        assert!(trusted.status.success(), "{trusted:?}");
        let program = env!("CARGO_BIN_EXE_reconciler").into();
        let environment = Environment { program, variables: env.variables() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, hub) = runtime.block_on(async {
            let client = Client::open(&env.path(""), environment).await.unwrap();
            let github = client.policy().await.unwrap().github;
            let hub = client.hub(&github).unwrap();
            (client, hub)
        });
        Self { env, runtime, client, hub, intake: Intake::default() }
    }

    /// Does one round that looks at all issues.
    pub(crate) fn round(&mut self) -> Result<Pulled, reconciler::client::Error> {
        self.intake.look_again();
        self.runtime.block_on(self.client.pull(&self.hub, &mut self.intake))
    }

    /// Does rounds until two of them are undisturbed, and take nothing.
    pub(crate) fn settle(&mut self) -> Pulled {
        let (mut all, mut quiet, mut last) = (Pulled::default(), 0, String::new());
        for _ in 0..12 {
            let pulled = match self.round() {
                Ok(pulled) => pulled,
                Err(error) => {
                    last = error.to_string();
                    continue;
                }
            };
            quiet = if pulled.claimed.is_empty() { quiet + 1 } else { 0 };
            all.claimed.extend(pulled.claimed);
            all.notes.extend(pulled.notes);
            if quiet == 2 {
                return all;
            }
        }
        assert!(all.claimed.len() > 9999, "it does not settle: {all:?} {last}");
        all
    }

    /// A program that starts anew: it knows what it wrote down.
    pub(crate) fn restart(&mut self) {
        self.intake = Intake::default();
    }

    pub(crate) fn book(&self) -> Book {
        self.env.records().issues().unwrap()
    }

    /// The names of the tasks whose issues it holds.
    pub(crate) fn holds(&self) -> Vec<String> {
        self.book().taken.into_keys().collect()
    }

    pub(crate) fn ask(&self, arguments: &[&str]) -> Said {
        said(&mut self.env.reconciler(arguments))
    }
}

/// The labels of an issue, in order.
pub(crate) fn labels(server: &Server, number: u64) -> Vec<String> {
    let mut labels = server.store().repository_mut("shop").issues[&number].labels.clone();
    labels.sort();
    labels
}

/// The comments of an issue, without their marks.
pub(crate) fn comments(server: &Server, number: u64) -> Vec<String> {
    let store = &mut server.store();
    let all = &store.repository_mut("shop").issues[&number].comments;
    let text = |body: &str| body.split("\n\n<!--").next().unwrap_or_default().to_owned();
    all.iter().map(|one| text(&one.body)).collect()
}

/// The claims that there are, by the names of their tasks.
pub(crate) fn claims(server: &Server) -> Vec<String> {
    let mut store = server.store();
    let refs = &store.repository_mut("shop").refs;
    let name =
        |name: &String| name.strip_prefix("refs/heads/reconciler/claims/").map(str::to_owned);
    refs.keys().filter_map(name).collect()
}
