//! The four questions of the locking API, each one verb of the client. Locks hold on every branch,
//! so that the refs that git-lfs sends are not looked at.

use super::answer::Answer;
use crate::api::claim::Claim;
use crate::api::name::Seat;
use crate::api::path::PathPattern;
use crate::client::{Client, Error, FileFreed, FileLock, FileTaken};
use hyper::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::error::Error as _;

/// How many locks an answer has, unless it is asked for fewer.
const PAGE: usize = 100;

/// A file to lock.
#[derive(Debug, Deserialize)]
pub(super) struct Create {
    path: String,
}

/// How to unlock.
#[derive(Debug, Deserialize)]
pub(super) struct Unlock {
    #[serde(default)]
    force: bool,
}

/// Which locks to tell of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    cursor: Option<String>,
    limit: Option<usize>,
}

/// Answers `POST /locks`.
pub(super) async fn create(
    client: &Client,
    person: &Seat,
    asked: &Create,
) -> Result<Answer, Answer> {
    let path = PathPattern::of_path(&asked.path).map_err(|error| {
        let what = format!("{error}; name a file by its path from the top of the repository");
        Answer::refusal(StatusCode::UNPROCESSABLE_ENTITY, &what)
    })?;
    match client.lock_file(&path, person).await.map_err(|error| failure(&error))? {
        FileTaken::Locked(lock) => {
            Ok(Answer::new(StatusCode::CREATED, &json!({ "lock": of(&lock) })))
        }
        FileTaken::Held(lock) => {
            let by = match &lock.path {
                path if *path == asked.path => String::new(),
                pattern => format!(" by {pattern}"),
            };
            let (owner, until) = (owner(&lock.claim), moment(lock.claim.expires_at));
            let what =
                format!("{owner} holds {}{by} until {until}; see: reconciler locks", asked.path);
            let body = json!({ "lock": of(&lock), "message": what });
            Err(Answer::new(StatusCode::CONFLICT, &body))
        }
        FileTaken::Unclear { task, why } => {
            let what = format!(
                "the lock of task/{task} may hold {} and cannot be understood: {why}",
                asked.path
            );
            let what = format!("{what}; see its file: reconciler doctor");
            Err(Answer::refusal(StatusCode::CONFLICT, &what))
        }
    }
}

/// Answers `GET /locks`.
pub(super) fn list(client: &Client, query: &str) -> Result<Answer, Answer> {
    let mut page = Page::default();
    let (mut path, mut id) = (None, None);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            _ if value.is_empty() => {}
            "path" => path = Some(value.into_owned()),
            "id" => id = Some(value.into_owned()),
            "cursor" => page.cursor = Some(value.into_owned()),
            "limit" => {
                let Ok(limit) = value.parse() else {
                    let what = "limit is not a number";
                    return Err(Answer::refusal(StatusCode::BAD_REQUEST, what));
                };
                page.limit = Some(limit);
            }
            _ => {}
        }
    }
    let mut locks = client.file_locks().map_err(|error| failure(&error))?;
    locks.retain(|lock| path.as_ref().is_none_or(|path| client.is_path_of(lock, path)));
    locks.retain(|lock| id.as_ref().is_none_or(|id| lock.id == *id));
    let (locks, next) = turn_to(&page, locks);
    let locks: Vec<Value> = locks.iter().map(of).collect();
    Ok(Answer::new(StatusCode::OK, &with_next(json!({ "locks": locks }), next)))
}

/// Answers `POST /locks/verify`, which every push asks: who pushes holds on to what they hold.
pub(super) async fn verify(client: &Client, person: &Seat, asked: &Page) -> Result<Answer, Answer> {
    if asked.cursor.is_none() {
        client.renew(None, person).await.map_err(|error| failure(&error))?;
    }
    let locks = client.file_locks().map_err(|error| failure(&error))?;
    let (locks, next) = turn_to(asked, locks);
    let (ours, theirs): (Vec<_>, Vec<_>) = locks.into_iter().partition(|lock| lock.is_of(person));
    let all = |locks: Vec<FileLock>| locks.iter().map(of).collect::<Vec<_>>();
    let body = json!({ "ours": all(ours), "theirs": all(theirs) });
    Ok(Answer::new(StatusCode::OK, &with_next(body, next)))
}

/// Answers `POST /locks/ID/unlock`.
pub(super) async fn unlock(
    client: &Client,
    (person, id): (&Seat, &str),
    asked: &Unlock,
) -> Result<Answer, Answer> {
    let reason = asked.force.then_some("git lfs unlock --force");
    let freed = client.unlock_file(id, person, reason).await.map_err(|error| failure(&error))?;
    let (lock, what) = match freed {
        FileFreed::Unlocked(lock) => {
            return Ok(Answer::new(StatusCode::OK, &json!({ "lock": of(&lock) })));
        }
        FileFreed::Absent => {
            let what = format!("there is no lock {id}; see those that are: git lfs locks");
            return Err(Answer::refusal(StatusCode::NOT_FOUND, &what));
        }
        FileFreed::OfAnother(lock) => {
            let what = format!("{} holds {}", owner(&lock.claim), lock.path);
            (lock, format!("{what}; take it away: git lfs unlock --force"))
        }
        FileFreed::OfMore(lock) => {
            let own = lock.is_of(person);
            let how = if own { "" } else { " --force --reason TEXT" };
            let what =
                format!("{} holds {}, and maybe more with it", owner(&lock.claim), lock.path);
            let what = format!("{what}; all of it: reconciler release {}{how}", lock.claim.task);
            (lock, what)
        }
    };
    let body = json!({ "lock": of(&lock), "message": what });
    Err(Answer::new(StatusCode::FORBIDDEN, &body))
}

/// Returns the locks of one page, and where the next begins.
fn turn_to(page: &Page, mut locks: Vec<FileLock>) -> (Vec<FileLock>, Option<String>) {
    if let Some(cursor) = &page.cursor {
        locks.retain(|lock| lock.key() > *cursor);
    }
    let limit = page.limit.filter(|limit| *limit > 0).unwrap_or(PAGE).min(PAGE);
    let more = locks.len() > limit;
    locks.truncate(limit);
    let next = locks.last().filter(|_| more).map(FileLock::key);
    (locks, next)
}

fn with_next(mut body: Value, next: Option<String>) -> Value {
    if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
        body.insert("next_cursor".to_owned(), next.into());
    }
    body
}

/// Returns a lock as git-lfs reads it.
fn of(lock: &FileLock) -> Value {
    json!({
        "id": lock.id,
        "path": lock.path,
        "locked_at": moment(lock.claim.claimed_at),
        "owner": { "name": owner(&lock.claim) },
    })
}

/// Returns who holds a claim, and for which task if for one.
fn owner(claim: &Claim) -> String {
    if claim.is_without_task() {
        return claim.seat.to_string();
    }
    format!("{} (task/{})", claim.seat, claim.task)
}

fn moment(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns the answer that it is not known what was done, or who holds what.
fn failure(error: &Error) -> Answer {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        message = format!("{message}: {one}");
        cause = one.source();
    }
    if let Some(hint) = error.hint() {
        message = format!("{message}; {hint}");
    }
    Answer::refusal(StatusCode::INTERNAL_SERVER_ERROR, &message)
}
