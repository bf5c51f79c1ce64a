//! Issues, their labels and comments, by REST. It adds to what people set and takes away what it is told
//! to; it never replaces a whole list, and sends nothing twice.

use super::envelope::Reply;
use super::send::Verb;
use super::{Error, Github};
use crate::api::issue::{Comment, Issue};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// How many entries a page has, at most.
const PAGE: usize = 100;
/// The most pages that are read of one list.
const PAGES_MAX: usize = 50;

/// How far a look reaches back before the newest change that was seen: clocks and answers have their time.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);
/// How soon all is read again: what lost a label is not among what changed.
const WHOLE: Duration = Duration::from_hours(1);

/// The open issues with a label, as they were seen last: a look asks only for what changed since, and what
/// has not costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// By number. One that lost the label is here until all are read again: look at it before it is used.
    issues: BTreeMap<u64, Issue>,
    /// The newest change that was seen.
    newest: Option<Timestamp>,
    /// When all of them were read, since boot.
    whole: Option<Duration>,
    /// What was asked for last, and its pages.
    asked: String,
    pages: Vec<Page>,
}

/// What is where an issue was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is there.
    Issue(Issue),
    /// It was deleted, or its repository has no issues any more.
    Gone,
    /// It is in another repository, or its own has another name.
    Moved,
}

/// A page of a list, as it was when it had this tag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Page {
    tag: Option<String>,
    has_next: bool,
    /// The newest change of anything on it.
    newest: Option<Timestamp>,
    issues: Vec<Issue>,
}

#[derive(Deserialize)]
struct Raw {
    number: u64,
    title: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    labels: Vec<Label>,
    #[serde(default)]
    assignees: Vec<Person>,
    /// Nobody, where the account is gone.
    #[serde(default)]
    user: Option<Person>,
    #[serde(default)]
    author_association: String,
    #[serde(default)]
    updated_at: Option<Timestamp>,
    state: String,
    #[serde(default)]
    html_url: String,
    #[serde(default)]
    pull_request: Option<Value>,
}

/// A label: of old it could be its name alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Whole { name: String },
}

#[derive(Deserialize)]
struct Person {
    login: String,
}

#[derive(Deserialize)]
struct RawComment {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    user: Option<Person>,
}

#[derive(Deserialize)]
struct Pull {
    number: u64,
}

impl From<Raw> for Issue {
    fn from(raw: Raw) -> Self {
        let name = |label| match label {
            Label::Name(name) | Label::Whole { name } => name,
        };
        Self {
            number: raw.number,
            title: raw.title,
            body: raw.body.unwrap_or_default(),
            labels: raw.labels.into_iter().map(name).collect(),
            assignees: raw.assignees.into_iter().map(|one| one.login).collect(),
            author: raw.user.map(|one| one.login).unwrap_or_default(),
            is_by_member: ["OWNER", "MEMBER", "COLLABORATOR"]
                .contains(&raw.author_association.as_str()),
            is_open: raw.state == "open",
            url: raw.html_url,
        }
    }
}

impl Github {
    /// Returns the open issues that have a label, oldest first; `None` where the repository has issues switched
    /// off. `listing` is what was known of them, `now` the time since boot.
    ///
    /// # Errors
    /// When a page cannot be read: then it is unknown which there are.
    pub async fn open_issues(
        &self,
        (repository, label): (&str, &str),
        listing: &mut Listing,
        now: Duration,
    ) -> Result<Option<Vec<Issue>>, Error> {
        let since = listing.since(now);
        // All of them by an order in which none moves while they are read.
        let which = since.map_or("&sort=created".to_owned(), |since| {
            format!("&sort=updated&since={}", escaped(&format!("{since:.0}")))
        });
        let list = format!(
            "/repos/{repository}/issues?state=open&labels={}{which}&direction=asc&per_page={PAGE}",
            escaped(label)
        );
        if listing.asked != list {
            listing.asked.clone_from(&list);
            listing.pages.clear();
        }
        let what = format!("the issues of {repository}");
        for at in 0..PAGES_MAX {
            let known = listing.pages.get(at);
            let path = format!("{list}&page={}", at + 1);
            let tag = known.and_then(|page| page.tag.as_deref());
            let reply = self.read_again(&path, tag).await?;
            if reply.status == 410 {
                return Ok(None);
            }
            let page = match known {
                Some(known) if reply.status == 304 => known.clone(),
                Some(_) | None => page(&reply, &what)?,
            };
            let has_next = page.has_next;
            match listing.pages.get_mut(at) {
                Some(known) => *known = page,
                None => listing.pages.push(page),
            }
            if !has_next {
                listing.pages.truncate(at + 1);
                break;
            }
        }
        if since.is_none() {
            listing.issues.clear();
            listing.whole = Some(now);
        }
        listing.learn();
        Ok(Some(listing.issues.values().cloned().collect()))
    }

    /// Returns every issue that has a label, closed ones too.
    ///
    /// # Errors
    /// When a page cannot be read.
    pub async fn all_issues(&self, repository: &str, label: &str) -> Result<Vec<Issue>, Error> {
        let what = format!("the issues of {repository}");
        let mut all = Vec::new();
        let filter =
            if label.is_empty() { String::new() } else { format!("&labels={}", escaped(label)) };
        for at in 1..=PAGES_MAX {
            let path =
                format!("/repos/{repository}/issues?state=all{filter}&per_page={PAGE}&page={at}");
            let page = page(&self.read(&path).await?, &what)?;
            all.extend(page.issues);
            if !page.has_next {
                break;
            }
        }
        Ok(all)
    }

    /// Returns what is where an issue was.
    ///
    /// # Errors
    /// When it cannot be read, or may not be seen.
    pub async fn issue(&self, repository: &str, number: u64) -> Result<Found, Error> {
        let reply = self.read(&format!("/repos/{repository}/issues/{number}")).await?;
        match reply.status {
            301 => Ok(Found::Moved),
            410 => Ok(Found::Gone),
            _ => {
                let raw: Raw = reply.json(&format!("issue {number} of {repository}"))?;
                Ok(Found::Issue(raw.into()))
            }
        }
    }

    /// Makes an issue. Whoever gets no answer looks for it before it makes it again.
    ///
    /// # Errors
    /// When it was not made, or that is unknown.
    pub async fn open_issue(
        &self,
        repository: &str,
        (title, body): (&str, &str),
        labels: &[String],
    ) -> Result<Issue, Error> {
        let path = format!("/repos/{repository}/issues");
        let body = json!({ "title": title, "body": body, "labels": labels });
        let reply = self.send((Verb::Post, &path), &body).await?;
        Ok(reply.json::<Raw>(&format!("the issues of {repository}"))?.into())
    }

    /// Adds labels to those that an issue has.
    ///
    /// # Errors
    /// When they were not added, or that is unknown: it can be done again.
    pub async fn add_labels(
        &self,
        repository: &str,
        number: u64,
        labels: &[&str],
    ) -> Result<(), Error> {
        let path = format!("/repos/{repository}/issues/{number}/labels");
        self.written((Verb::Post, &path), &json!({ "labels": labels })).await
    }

    /// Takes a label away, if it is there.
    ///
    /// # Errors
    /// When it was not, or that is unknown: it can be done again.
    pub async fn remove_label(
        &self,
        repository: &str,
        number: u64,
        label: &str,
    ) -> Result<(), Error> {
        let path = format!("/repos/{repository}/issues/{number}/labels/{}", escaped(label));
        match self.written((Verb::Delete, &path), &Value::Null).await {
            Err(Error::NotFound(_)) => Ok(()),
            done => done,
        }
    }

    /// Has a person shown as who does it, and returns who is. GitHub says that it was done also where it did
    /// not: only who may push is shown, and only by who may.
    ///
    /// # Errors
    /// When it was refused, or that is unknown: it can be done again.
    pub async fn assign(
        &self,
        repository: &str,
        number: u64,
        login: &str,
    ) -> Result<Vec<String>, Error> {
        let path = format!("/repos/{repository}/issues/{number}/assignees");
        let reply = self.send((Verb::Post, &path), &json!({ "assignees": [login] })).await?;
        let raw: Raw = reply.json(&format!("issue {number} of {repository}"))?;
        Ok(Issue::from(raw).assignees)
    }

    /// Returns the comments below an issue, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub async fn comments(&self, repository: &str, number: u64) -> Result<Vec<Comment>, Error> {
        let mut all = Vec::new();
        for at in 1..=PAGES_MAX {
            let path =
                format!("/repos/{repository}/issues/{number}/comments?per_page={PAGE}&page={at}");
            let reply = self.read(&path).await?;
            let page: Vec<RawComment> = reply.json(&format!("the comments of issue {number}"))?;
            all.extend(page.into_iter().map(comment));
            if !reply.has_next {
                break;
            }
        }
        Ok(all)
    }

    /// Makes a comment. Whoever gets no answer looks for it before it makes it again.
    ///
    /// # Errors
    /// When it was not made, or that is unknown.
    pub async fn comment(
        &self,
        repository: &str,
        number: u64,
        body: &str,
    ) -> Result<Comment, Error> {
        let path = format!("/repos/{repository}/issues/{number}/comments");
        let reply = self.send((Verb::Post, &path), &json!({ "body": body })).await?;
        Ok(comment(reply.json(&format!("issue {number} of {repository}"))?))
    }

    /// Writes one of our comments anew.
    ///
    /// # Errors
    /// When it was not, or that is unknown: it can be done again.
    pub async fn edit_comment(&self, repository: &str, id: u64, body: &str) -> Result<(), Error> {
        let path = format!("/repos/{repository}/issues/comments/{id}");
        self.written((Verb::Patch, &path), &json!({ "body": body })).await
    }

    /// Returns the newest pull request from a branch, if there is one.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn pull_from(&self, repository: &str, branch: &str) -> Result<Option<u64>, Error> {
        let owner = repository.split('/').next().unwrap_or_default();
        let head = escaped(&format!("{owner}:{branch}"));
        let path = format!("/repos/{repository}/pulls?head={head}&state=all&per_page=1");
        let found: Vec<Pull> =
            self.read(&path).await?.json(&format!("the pulls of {repository}"))?;
        Ok(found.first().map(|one| one.number))
    }

    async fn written(&self, target: (Verb, &str), body: &Value) -> Result<(), Error> {
        // An answer that is none of GitHub's says nothing of what was done.
        self.send(target, body).await?.json::<Value>(target.1).map(drop)
    }
}

impl Listing {
    /// Returns since when changes are asked for; `None` when all are read again.
    fn since(&self, now: Duration) -> Option<Timestamp> {
        let whole = self.whole?;
        let newest = self.newest.filter(|_| now < whole + WHOLE)?;
        newest.checked_sub(OVERLAP).ok()
    }

    /// Takes in what the pages say.
    fn learn(&mut self) {
        for page in &self.pages {
            self.newest = self.newest.max(page.newest);
            self.issues.extend(page.issues.iter().map(|one| (one.number, one.clone())));
        }
    }
}

fn page(reply: &Reply, what: &str) -> Result<Page, Error> {
    let all: Vec<Raw> = reply.json(what)?;
    let newest = all.iter().filter_map(|one| one.updated_at).max();
    // GitHub lists pull requests among the issues.
    let issues = all.into_iter().filter(|one| one.pull_request.is_none()).map(Issue::from);
    let issues = issues.collect();
    Ok(Page { tag: reply.etag.clone(), has_next: reply.has_next, newest, issues })
}

fn comment(raw: RawComment) -> Comment {
    let author = raw.user.map(|one| one.login).unwrap_or_default();
    Comment { id: raw.id, author, body: raw.body.unwrap_or_default() }
}

/// Returns a text as part of an address.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("a string takes any text");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_of_any_kind_stands_in_an_address() {
        assert_eq!(escaped("cc01"), "cc01");
        assert_eq!(escaped("a b/ü&x"), "a%20b%2F%C3%BC%26x");
    }

    #[test]
    fn pull_requests_are_no_issues() {
        let body = r#"[{"number":1,"title":"a","state":"open","labels":["x",{"name":"y"}]},
            {"number":2,"title":"b","state":"open","pull_request":{}}]"#;
        let reply = Reply { status: 200, body: body.into(), ..Reply::default() };
        let page = page(&reply, "x").unwrap();
        let labels: Vec<&str> = page.issues[0].labels.iter().map(String::as_str).collect();
        assert_eq!((page.issues.len(), page.issues[0].number), (1, 1));
        assert_eq!(labels, ["x", "y"]);
    }

    #[test]
    fn what_changed_is_asked_for_again_and_all_of_it_once_an_hour() {
        let at = Duration::from_secs;
        let mut listing = Listing { whole: Some(at(100)), ..Listing::default() };
        // Nothing was seen, so nothing is left out.
        assert_eq!(listing.since(at(101)), None);
        listing.newest = Some("2026-01-01T00:10:00Z".parse().unwrap());
        assert_eq!(listing.since(at(101)).unwrap().to_string(), "2026-01-01T00:05:00Z");
        assert_eq!(listing.since(at(100) + WHOLE), None);
    }
}
