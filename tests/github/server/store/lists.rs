//! The fields that take arguments, and the lists that come in pages. A field that is not here is
//! `None`: the fake says so, instead of null.

use super::board::{Board, Item};
use super::views::{commit_view, field_view, label_view, ref_view, reference};
use super::{Issue, Refusal, Repository, State, Store, text};
use serde_json::{Value, json};

impl Store {
    /// Returns the value of a field that no view has.
    pub(crate) fn field(
        &self,
        of: &str,
        id: &str,
        name: &str,
        arguments: &Value,
    ) -> Result<Option<Value>, Refusal> {
        match of {
            "Query" => self.root(name, arguments),
            "Organization" | "User" => self.field_of_owner(id, name, arguments),
            "Repository" => field_of_repository(self.repository(id)?, name, arguments),
            "ProjectV2" => Ok(field_of_board(self.board(id)?, name, arguments)),
            "ProjectV2Item" => Ok(self.field_of_item(self.item(id)?, name, arguments)),
            _ => Ok(None),
        }
    }

    fn root(&self, name: &str, arguments: &Value) -> Result<Option<Value>, Refusal> {
        let login = text(arguments, "login").unwrap_or_default();
        let owner = |is_organization: Option<bool>, what: &str| {
            let found = self.owners.get(login);
            let found =
                found.filter(|one| is_organization.is_none_or(|is| is == one.is_organization));
            let message = format!("Could not resolve to {what} with the login of '{login}'.");
            found.map(|one| Some(reference(&one.id))).ok_or_else(|| Refusal::not_found(message))
        };
        match name {
            "viewer" => Ok(Some(self.viewer())),
            "organization" => owner(Some(true), "an Organization"),
            "user" => owner(Some(false), "a User"),
            "repositoryOwner" => {
                Ok(Some(owner(None, "an owner").ok().flatten().unwrap_or_default()))
            }
            "repository" => {
                let owner = text(arguments, "owner").unwrap_or_default();
                self.named(owner, text(arguments, "name").unwrap_or_default()).map(Some)
            }
            "node" => {
                let id = text(arguments, "id").unwrap_or_default();
                self.view(id).map(Some).ok_or_else(|| Refusal::no_node(id))
            }
            "nodes" => {
                let ids =
                    arguments["ids"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let node = |id: &str| self.view(id).unwrap_or_else(|| json!({ "$missing": id }));
                Ok(Some(ids.map(node).collect()))
            }
            _ => Ok(None),
        }
    }

    fn named(&self, owner: &str, name: &str) -> Result<Value, Refusal> {
        let found = self.find_repository(owner, name);
        let message = format!("Could not resolve to a Repository with the name '{owner}/{name}'.");
        found.map(|one| reference(&one.id)).ok_or_else(|| Refusal::not_found(message))
    }

    fn field_of_owner(
        &self,
        id: &str,
        name: &str,
        arguments: &Value,
    ) -> Result<Option<Value>, Refusal> {
        let login = &self.owner_by_id(id)?.login;
        match name {
            "projectV2" => {
                let number = arguments["number"].as_u64();
                let found = self.boards_of(login).find(|board| Some(board.number) == number);
                let message = format!(
                    "Could not resolve to a ProjectV2 with the number {}.",
                    arguments["number"]
                );
                let found = found.ok_or_else(|| Refusal::not_found(message))?;
                Ok(Some(reference(&found.id)))
            }
            "repository" => {
                self.named(login, text(arguments, "name").unwrap_or_default()).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn boards_of(&self, login: &str) -> impl Iterator<Item = &Board> {
        self.boards.values().filter(move |one| one.owner == login && self.board(&one.id).is_ok())
    }

    fn field_of_item(&self, item: &Item, name: &str, arguments: &Value) -> Option<Value> {
        if name != "fieldValueByName" {
            return None;
        }
        let board = self.boards.get(&item.board)?;
        let field = board.field(text(arguments, "name").unwrap_or_default());
        Some(field.and_then(|field| self.value(board, item, field)).unwrap_or_default())
    }

    /// Returns all nodes of a connection, before it is cut into pages.
    pub(crate) fn list(
        &mut self,
        of: &str,
        id: &str,
        name: &str,
        arguments: &Value,
    ) -> Result<Vec<Value>, Refusal> {
        let found = match of {
            "ProjectV2" if name == "items" => Some(self.scan(id, arguments)?),
            "ProjectV2" => list_of_board(self.board(id)?, name),
            "ProjectV2Item" => (name == "fieldValues")
                .then(|| self.items.get(id).map(|item| self.values(item)))
                .flatten(),
            "ProjectV2View" => self.list_of_view(id, name),
            "Organization" | "User" => self.list_of_owner(id, name, arguments),
            "Repository" => self.list_of_repository(self.repository(id)?, name, arguments),
            "Issue" | "PullRequest" => self.list_of_issue(id, name, arguments),
            "DraftIssue" => (name == "assignees").then(Vec::new),
            _ => None,
        };
        let message = format!("the fake has no {of}.{name}");
        found.ok_or(Refusal { kind: "FAKE", message })
    }

    /// Returns the items of a board as a scan sees them: archived ones only if asked for, and new
    /// ones late if `Rules::scans_behind` says so.
    fn scan(&mut self, board: &str, arguments: &Value) -> Result<Vec<Value>, Refusal> {
        let ids = self.board(board)?.items.clone();
        let states = arguments["archivedStates"].as_array();
        let wants = |state: &str| states.is_some_and(|all| all.contains(&json!(state)));
        let query = text(arguments, "query").unwrap_or_default().to_lowercase();
        let is_first_page = text(arguments, "after").is_none();
        let mut seen = Vec::new();
        for id in ids {
            let is_wanted = {
                let item = &self.items[&id];
                let is_live = !item.is_archived && (states.is_none() || wants("NOT_ARCHIVED"));
                let fits = is_live || (item.is_archived && wants("ARCHIVED"));
                fits && self.title_of(&id).to_lowercase().contains(&query)
            };
            let Some(item) = self.items.get_mut(&id) else { continue };
            if item.missing_from > 0 {
                item.missing_from -= u32::from(is_first_page);
            } else if is_wanted {
                seen.push(reference(&id));
            }
        }
        Ok(seen)
    }

    /// Returns the fields that a view shows: those it was told to, else `Title` and `Status`.
    fn list_of_view(&self, id: &str, name: &str) -> Option<Vec<Value>> {
        let (board, index) = self.find_view(id).ok()?;
        let board = &self.boards[&board];
        let told = board.views[index].rest["visibleFieldIds"].as_array();
        let shows = |field: &&super::Field| match told {
            Some(ids) => ids.contains(&json!(field.id)),
            None => ["Title", "Status"].contains(&field.name.as_str()),
        };
        let fields = || board.fields.iter().filter(shows).map(|field| field_view(board, field));
        ["fields", "visibleFields"].contains(&name).then(|| fields().collect())
    }

    fn list_of_owner(&self, id: &str, name: &str, arguments: &Value) -> Option<Vec<Value>> {
        let login = &self.owner_by_id(id).ok()?.login;
        match name {
            "projectsV2" => {
                let query = text(arguments, "query").unwrap_or_default();
                let found = self.boards_of(login).filter(|board| is_asked_for(board, query));
                let mut found: Vec<_> =
                    found.map(|board| (board.number, reference(&board.id))).collect();
                found.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
                Some(found.into_iter().map(|(_, board)| board).collect())
            }
            "repositories" => {
                let all = self.repositories.values().filter(|one| one.owner == *login);
                Some(all.map(|one| reference(&one.id)).collect())
            }
            _ => None,
        }
    }

    fn list_of_repository(
        &self,
        repository: &Repository,
        name: &str,
        arguments: &Value,
    ) -> Option<Vec<Value>> {
        let wants_all = |key: &str, of: &[&str]| {
            let asked = arguments[key].as_array();
            asked.is_none_or(|asked| {
                asked.iter().any(|one| of.contains(&one.as_str().unwrap_or_default()))
            })
        };
        let fits = |issue: &&Issue| {
            let labels: Vec<&str> = issue.labels.iter().map(String::as_str).collect();
            wants_all("states", &[state_of(issue)]) && wants_all("labels", &labels)
        };
        let is = |key: &str, branch: &str| text(arguments, key).is_none_or(|asked| asked == branch);
        let pull = |issue: &&Issue| {
            let pull = issue.pull.as_ref();
            pull.is_some_and(|pull| is("headRefName", &pull.head) && is("baseRefName", &pull.base))
        };
        let issues = || repository.issues.values().filter(fits);
        match name {
            "issues" => {
                let issues = issues().filter(|issue| issue.pull.is_none());
                Some(issues.map(|issue| reference(&issue.id)).collect())
            }
            "pullRequests" => {
                Some(issues().filter(pull).map(|issue| reference(&issue.id)).collect())
            }
            "labels" => {
                Some(repository.labels.keys().map(|name| label_view(repository, name)).collect())
            }
            "projectsV2" => {
                let linked = self.boards.values().filter(|one| one.linked.contains(&repository.id));
                Some(linked.map(|board| reference(&board.id)).collect())
            }
            "refs" => {
                let prefix = text(arguments, "refPrefix").unwrap_or("refs/heads/");
                let refs = repository.refs.iter().filter(|(name, _)| name.starts_with(prefix));
                Some(refs.map(|(name, sha)| ref_view(name, sha)).collect())
            }
            _ => None,
        }
    }

    fn list_of_issue(&self, id: &str, name: &str, arguments: &Value) -> Option<Vec<Value>> {
        let (repository, issue) = self.find_issue(id)?;
        match name {
            "projectItems" => {
                let archived = arguments["includeArchived"].as_bool().unwrap_or(true);
                let is = |item: &&Item| {
                    item.subject == super::Subject::Issue(id.to_owned())
                        && (archived || !item.is_archived)
                        && self.board(&item.board).is_ok()
                };
                Some(self.items.values().filter(is).map(|item| reference(&item.id)).collect())
            }
            "commits" => {
                let node = |sha: &String| {
                    let id = format!("PRC_{sha}");
                    json!({ "__typename": "PullRequestCommit", "id": id, "commit": commit_view(sha) })
                };
                let commits = self.commits_of(&repository.id, issue.pull.as_ref()?);
                Some(commits.iter().map(node).collect())
            }
            "labels" => {
                Some(issue.labels.iter().map(|name| label_view(repository, name)).collect())
            }
            "assignees" => {
                let owner = |login: &String| self.owners.get(login).map(|one| reference(&one.id));
                Some(issue.assignees.iter().filter_map(owner).collect())
            }
            "comments" => {
                let comment = |one: &super::Comment| {
                    let author = self.owners.get(&one.author).map(|owner| reference(&owner.id));
                    json!({
                        "__typename": "IssueComment", "id": one.id, "databaseId": one.database_id,
                        "body": one.body, "author": author, "createdAt": one.created_at,
                        "updatedAt": one.updated_at,
                        "reactionGroups": [], "authorAssociation": "OWNER", "isMinimized": false,
                        "minimizedReason": null, "includesCreatedEdit": false,
                        "viewerDidAuthor": true, "url": format!("https://github.com/{}", one.id),
                    })
                };
                Some(issue.comments.iter().map(comment).collect())
            }
            _ => None,
        }
    }
}

/// Tells whether a query of `projectsV2` finds a board: words of its title, `is:open`, `is:closed`.
fn is_asked_for(board: &Board, query: &str) -> bool {
    query.split_whitespace().all(|word| match word {
        "is:open" => !board.is("closed"),
        "is:closed" => board.is("closed"),
        word => board.title.to_lowercase().contains(&word.trim_matches('"').to_lowercase()),
    })
}

fn state_of(issue: &Issue) -> &'static str {
    let is_merged = issue.pull.as_ref().is_some_and(|pull| pull.merge_commit.is_some());
    match issue.state {
        State::Open => "OPEN",
        State::Closed if is_merged => "MERGED",
        State::Closed => "CLOSED",
    }
}

fn field_of_repository(
    repository: &Repository,
    name: &str,
    arguments: &Value,
) -> Result<Option<Value>, Refusal> {
    let number = arguments["number"].as_u64().unwrap_or_default();
    let issue = |what: &str, is_it: fn(&Issue) -> bool| {
        let found = repository.issues.get(&number).filter(|issue| is_it(issue));
        let message = format!("Could not resolve to {what} with the number of {number}.");
        found.map(|issue| Some(reference(&issue.id))).ok_or_else(|| Refusal::not_found(message))
    };
    match name {
        "issue" => issue("an Issue", |issue| issue.pull.is_none()),
        "pullRequest" => issue("a PullRequest", |issue| issue.pull.is_some()),
        "issueOrPullRequest" => issue("an issue or pull request", |_| true),
        "label" => {
            let name = text(arguments, "name").unwrap_or_default();
            let found = repository.labels.get(name).map(|_| label_view(repository, name));
            Ok(Some(found.unwrap_or_default()))
        }
        "ref" => {
            let name = text(arguments, "qualifiedName").unwrap_or_default();
            let full = format!("refs/heads/{}", name.trim_start_matches("refs/heads/"));
            let found = repository.refs.get(name).or_else(|| repository.refs.get(&full));
            Ok(Some(found.map(|sha| ref_view(name, sha)).unwrap_or_default()))
        }
        _ => Ok(None),
    }
}

fn field_of_board(board: &Board, name: &str, arguments: &Value) -> Option<Value> {
    match name {
        "field" => {
            let field = board.field(text(arguments, "name").unwrap_or_default());
            Some(field.map(|field| field_view(board, field)).unwrap_or_default())
        }
        "view" => {
            let is = |number: u64| Some(number) == arguments["number"].as_u64();
            let found = board.views.iter().find(|view| is(view.number));
            Some(found.map(|view| reference(&view.id)).unwrap_or_default())
        }
        _ => None,
    }
}

fn list_of_board(board: &Board, name: &str) -> Option<Vec<Value>> {
    match name {
        "fields" => Some(board.fields.iter().map(|field| field_view(board, field)).collect()),
        "views" => Some(board.views.iter().map(|view| reference(&view.id)).collect()),
        "repositories" => Some(board.linked.iter().map(|id| reference(id)).collect()),
        _ => None,
    }
}
