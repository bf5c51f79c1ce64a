//! What GitHub needs: a token, its rights, and the board. It writes nothing there, and shows no secret.

use super::{Findings, REPOSITORY};
use crate::api::policy::Github as Policy;
use crate::board::{self, lease::lease_ref};
use crate::client::{Client, Environment, Finding, Hub};
use crate::github;
use crate::plan::observed::Sighting;
use std::collections::BTreeMap;
use std::path::Path;

const GITHUB: &str = "GitHub";

/// How a token comes about, with the rights that are needed.
const HOW: &str = "make one at https://github.com/settings/tokens: a classic one with `project` (and `repo` for \
    private repositories, `read:org` for organizations), or for an organization a fine-grained one with \
    Organization > Projects: read and write, Issues, Pull requests and Contents: read and write, Checks and Commit \
    statuses: read";

/// Looks at everything that the board needs.
pub async fn examine_github(directory: &Path, environment: Environment) -> Vec<Finding> {
    let mut found = Findings::default();
    match Client::open(directory, environment).await {
        Err(error) => {
            let fix = "run it in a repository, or name one: `reconciler -C DIR doctor`";
            found.fail(REPOSITORY, error.to_string(), fix);
        }
        Ok(client) => match client.visitor.desired().await {
            Sighting::Known(desired) => {
                client.github_health(&mut found, &desired.policy().github).await;
            }
            Sighting::Unknown(why) => {
                let text = format!("nothing can be read from {}: {why}", client.state_ref);
                found.fail(REPOSITORY, text, "`reconciler doctor` says more");
            }
        },
    }
    found.0
}

impl Client {
    async fn github_health(&self, found: &mut Findings, policy: &Policy) {
        let hub = match self.hub(policy) {
            Ok(hub) => hub,
            Err(error) => {
                let fix = format!("export {}=...; {HOW}", policy.token_variable);
                return found.fail(GITHUB, error.to_string(), fix);
            }
        };
        found.ok(GITHUB, format!("{} holds a token", policy.token_variable));
        let server = hub.github.server();
        match hub.github.who().await {
            Ok((login, scopes)) => {
                found.ok(GITHUB, format!("{server} knows it as {login}'s"));
                scopes_health(found, scopes.as_deref());
            }
            Err(github::Error::Unauthorized) => {
                return found.fail(GITHUB, format!("{server} does not accept the token"), HOW);
            }
            Err(error) => {
                let fix = "look at the network, and at GITHUB_API_URL";
                return found.fail(GITHUB, format!("{server}: {error}"), fix);
            }
        }
        board_health(found, &hub).await;
        issues_health(found, &hub).await;
    }
}

/// Says which scopes a classic token lacks; others show none.
fn scopes_health(found: &mut Findings, scopes: Option<&str>) {
    let Some(scopes) = scopes else {
        return found.ok(GITHUB, "a fine-grained token: its rights show where they are used");
    };
    let scopes: Vec<&str> = scopes.split(',').map(str::trim).collect();
    if scopes.contains(&"project") {
        found.ok(GITHUB, "it has the scope `project`");
    } else {
        found.fail(GITHUB, "it lacks the scope `project`: boards cannot be written", HOW);
    }
    if !scopes.contains(&"repo") {
        found.warn(GITHUB, "it lacks the scope `repo`: private issues cannot be seen", HOW);
    }
}

/// Says whether issues can be claimed, where the policy has them taken.
async fn issues_health(found: &mut Findings, hub: &Hub) {
    let Some(repository) = hub.policy.repository.as_deref().filter(|_| !hub.policy.pull.is_empty())
    else {
        return;
    };
    match hub.github.home(repository).await {
        Ok(home) if home.writable => {
            found.ok(GITHUB, format!("issues of {} can be claimed", home.name));
        }
        Ok(home) => {
            let what = format!("the token may not write to {}: nothing can be claimed", home.name);
            found.fail(GITHUB, what, HOW);
        }
        Err(error) => found.fail(GITHUB, error.to_string(), HOW),
    }
}

/// Says what keeps two machines from writing to the board at once.
async fn lease_health(found: &mut Findings, hub: &Hub, lease: &str) {
    let Some(repository) = &hub.policy.repository else {
        let what = "state/policy.json names no `repository`: nothing keeps a second machine from writing to \
                    the board at the same time";
        let fix =
            "name one: \"github\": { \"repository\": \"acme/shop\" }; not needed for one machine";
        return found.warn(GITHUB, what, fix);
    };
    match hub.github.home(repository).await {
        Ok(home) if home.writable => {
            let branch = lease.trim_start_matches("refs/heads/");
            let name = home.name;
            found.ok(GITHUB, format!("who writes to the board is said by {branch} of {name}"));
        }
        Ok(home) => {
            let what =
                format!("the token may not write to {}: the board is not written", home.name);
            found.fail(GITHUB, what, HOW);
        }
        Err(error) => found.fail(GITHUB, error.to_string(), HOW),
    }
}

async fn board_health(found: &mut Findings, hub: &Hub) {
    let Some(at) = &hub.policy.board else {
        let fix = "`reconciler board init OWNER` makes one and says how to name it";
        return found.warn(GITHUB, "state/policy.json names no board", fix);
    };
    let (owner, number) = (&at.owner, at.number);
    let project = match hub.github.project(owner, number).await {
        Ok(project) => project,
        Err(error) => return found.fail(GITHUB, error.to_string(), HOW),
    };
    let title = &project.title;
    if project.closed {
        return found.fail(GITHUB, format!("the board `{title}` is closed"), "open it again");
    }
    if !project.writable {
        return found.fail(GITHUB, format!("the token may not write to the board `{title}`"), HOW);
    }
    found.ok(GITHUB, format!("the board `{title}` ({}) can be written", project.url));
    if let Some(budget) = &project.budget {
        found.ok(GITHUB, budget.to_string());
    }
    lease_health(found, hub, &lease_ref(owner, number)).await;
    match hub.github.board(&project.id).await {
        Ok(board) => {
            for gap in board::gaps(&board, &BTreeMap::new()) {
                found.warn(GITHUB, gap.to_string(), "what is said there; the others are shown");
            }
        }
        Err(error) => found.fail(GITHUB, error.to_string(), HOW),
    }
}
