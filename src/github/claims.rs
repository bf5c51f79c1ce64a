//! Claims: refs that are made, moved and deleted only from where they are expected to be. Of a change whose
//! answer is lost the ref itself says what became of it; nothing is sent again before that is read.

use super::batch::Change;
use super::issues::escaped;
use super::send::Verb;
use super::{Error, Github};
use crate::api::issue::CLAIMS;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// The commit that no ref is at: there is no such ref.
const ABSENT: &str = "0000000000000000000000000000000000000000";

/// A repository in which claims are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// As `owner/name`, by its present name.
    pub name: String,
    /// Its node id.
    pub id: String,
    /// The tree of its default branch: the commits of claims change nothing.
    tree: String,
    /// Whose token it is.
    pub viewer: String,
    /// Whether the token may write there, as far as GitHub says.
    pub writable: bool,
    /// Whether it has issues.
    pub has_issues: bool,
}

/// Who has a claim after it was tried to change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grip {
    /// It is as it was to be.
    Ours,
    /// It was not changed, and nothing speaks against trying again.
    NotYet,
    /// Somebody else was there first.
    Lost,
}

#[derive(Deserialize)]
struct RawHome {
    full_name: String,
    node_id: String,
    default_branch: String,
    #[serde(default)]
    permissions: Option<Permissions>,
    #[serde(default)]
    has_issues: Option<bool>,
}

#[derive(Deserialize)]
struct Permissions {
    push: bool,
}

#[derive(Deserialize)]
struct RawRef {
    #[serde(rename = "ref")]
    name: String,
    object: Sha,
}

#[derive(Deserialize)]
struct Sha {
    sha: String,
}

#[derive(Deserialize)]
struct RawCommit {
    sha: String,
    message: String,
    tree: Sha,
}

#[derive(Deserialize)]
struct Viewer {
    login: String,
}

impl Github {
    /// Returns what must be known of a repository to make claims in it; one that was renamed is found by its
    /// old name too.
    ///
    /// # Errors
    /// When it cannot be read, or has no commit yet.
    pub async fn home(&self, repository: &str) -> Result<Home, Error> {
        let what = format!("repository {repository}");
        let found = self.read(&format!("/repos/{repository}")).await?.json(&what);
        let raw: RawHome = match found {
            Err(Error::Renamed(to)) => match self.by_number(&to) {
                Some(path) => self.read(&path).await?.json(&what)?,
                None => return Err(Error::Renamed(to)),
            },
            found => found?,
        };
        let name = raw.full_name;
        let branch = format!("/repos/{name}/git/ref/heads/{}", raw.default_branch);
        let tip: RawRef = self.read(&branch).await?.json(&format!("a commit in {name}"))?;
        let commit = self.commit(&name, &tip.object.sha).await?;
        let viewer: Viewer = self.read("/user").await?.json("the user of the token")?;
        let writable = raw.permissions.is_none_or(|permissions| permissions.push);
        let (id, tree, viewer) = (raw.node_id, commit.tree.sha, viewer.login);
        let has_issues = raw.has_issues.unwrap_or(true);
        Ok(Home { name, id, tree, viewer, writable, has_issues })
    }

    /// Returns the path to which a renamed repository leads, if it is one of this server: the token goes
    /// nowhere else.
    fn by_number(&self, to: &str) -> Option<String> {
        let path = to.strip_prefix(self.server().rest())?;
        let number = path.strip_prefix("/repositories/")?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| path.to_owned())
    }

    /// Makes the commit of a claim. One that no ref is moved to is nothing.
    ///
    /// # Errors
    /// When it was not made, or that is unknown: another can be made.
    pub async fn claim_commit(&self, home: &Home, message: &str) -> Result<String, Error> {
        let path = format!("/repos/{}/git/commits", home.name);
        let body = json!({ "message": message, "tree": home.tree, "parents": [] });
        let made: RawCommit = self.send((Verb::Post, &path), &body).await?.json("a commit")?;
        Ok(made.sha)
    }

    /// Makes a claim, which must not be there.
    ///
    /// # Errors
    /// When it is unknown whether it was made, and cannot be read either.
    pub async fn make_claim(&self, home: &Home, name: &str, commit: &str) -> Result<Grip, Error> {
        let path = format!("/repos/{}/git/refs", home.name);
        let reply = self.send((Verb::Post, &path), &json!({ "ref": name, "sha": commit })).await;
        let trouble = match reply {
            // An answer that is none of GitHub's says nothing of what was done.
            Ok(reply) => reply.json::<RawRef>(name).err(),
            Err(error) => Some(error),
        };
        match trouble {
            None => Ok(Grip::Ours),
            Some(error) => self.after(error, (home, name), (None, Some(commit))).await,
        }
    }

    /// Moves a claim, or deletes it where `to` is `None`.
    ///
    /// # Errors
    /// When it is unknown whether it was moved, and cannot be read either.
    pub async fn move_claim(
        &self,
        home: &Home,
        name: &str,
        (from, to): (&str, Option<&str>),
    ) -> Result<Grip, Error> {
        let update = json!({
            "name": name, "beforeOid": from, "afterOid": to.unwrap_or(ABSENT), "force": true,
        });
        let input = json!({ "repositoryId": home.id, "refUpdates": [update] });
        match self.change_one(Change::UpdateRefs, input).await {
            Ok(_) => Ok(Grip::Ours),
            Err(error) => self.after(error, (home, name), (Some(from), to)).await,
        }
    }

    /// Returns what became of a change that ended so.
    async fn after(
        &self,
        error: Error,
        (home, name): (&Home, &str),
        (from, to): (Option<&str>, Option<&str>),
    ) -> Result<Grip, Error> {
        let is_refused = match &error {
            Error::Refused(_) | Error::NotFound(_) => true,
            Error::Unknown(_) => false,
            Error::Address(_)
            | Error::Limited(_)
            | Error::TooMuch
            | Error::Unauthorized
            | Error::Forbidden { .. }
            | Error::Renamed(_) => return Err(error),
        };
        let (at, _) = self.claim(&home.name, name).await?;
        match grip(at.as_deref(), from, to) {
            // Nobody else has it: it is refused for another reason, which a person should read.
            Grip::NotYet if is_refused => Err(error),
            grip @ (Grip::Ours | Grip::NotYet | Grip::Lost) => Ok(grip),
        }
    }

    /// Returns the commit that a claim is at, and what time it is at GitHub.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn claim(
        &self,
        repository: &str,
        name: &str,
    ) -> Result<(Option<String>, Timestamp), Error> {
        let short = name.strip_prefix("refs/").unwrap_or(name);
        let reply = self.read(&format!("/repos/{repository}/git/ref/{short}")).await?;
        let date = reply.date.ok_or_else(|| Error::Unknown("it has no date".to_owned()))?;
        let found = reply.json::<RawRef>(name);
        match found {
            Ok(found) if found.name == name => Ok((Some(found.object.sha), date)),
            // Of old a name that is only the beginning of others was answered with those.
            Ok(_) | Err(Error::NotFound(_)) => Ok((None, date)),
            Err(error) => Err(error),
        }
    }

    /// Returns the claims whose names begin so, and what time it is at GitHub.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn claims(
        &self,
        repository: &str,
        beginning: &str,
    ) -> Result<(BTreeMap<String, String>, Timestamp), Error> {
        let short = CLAIMS.strip_prefix("refs/").unwrap_or(CLAIMS);
        let path = format!("/repos/{repository}/git/matching-refs/{short}{}", escaped(beginning));
        let reply = self.read(&path).await?;
        let date = reply.date.ok_or_else(|| Error::Unknown("it has no date".to_owned()))?;
        let all: Vec<RawRef> = reply.json(&format!("the claims in {repository}"))?;
        Ok((all.into_iter().map(|one| (one.name, one.object.sha)).collect(), date))
    }

    /// Returns what the commit of a claim says.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn claim_message(&self, repository: &str, commit: &str) -> Result<String, Error> {
        Ok(self.commit(repository, commit).await?.message)
    }

    async fn commit(&self, repository: &str, commit: &str) -> Result<RawCommit, Error> {
        let path = format!("/repos/{repository}/git/commits/{commit}");
        self.read(&path).await?.json(&format!("commit {commit} of {repository}"))
    }
}

/// Returns what a ref that is at `at` means for who moved it.
fn grip(at: Option<&str>, from: Option<&str>, to: Option<&str>) -> Grip {
    if at == to {
        Grip::Ours
    } else if at == from {
        Grip::NotYet
    } else {
        Grip::Lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ref_itself_says_what_became_of_a_change() {
        assert_eq!(grip(Some("b"), Some("a"), Some("b")), Grip::Ours);
        assert_eq!(grip(Some("a"), Some("a"), Some("b")), Grip::NotYet);
        assert_eq!(grip(Some("c"), Some("a"), Some("b")), Grip::Lost);
        assert_eq!(grip(None, Some("a"), None), Grip::Ours);
        assert_eq!(grip(None, None, Some("b")), Grip::NotYet);
        assert_eq!(grip(Some("c"), None, Some("b")), Grip::Lost);
    }
}
