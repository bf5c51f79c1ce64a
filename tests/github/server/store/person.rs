//! What people do on the web site while a program works: the tests call these between requests, or
//! during one by `Fault::Meanwhile`. None of it is counted by the limits.

use super::board::{Access, Board, Field, Item, Kind, Subject};
use super::{Cell, Store};
use serde_json::{Value, json};

/// What happens to items and fields of a board that is there.
impl Store {
    /// Makes a project of `acme`.
    pub(crate) fn add_board(&mut self, title: &str) -> String {
        let owner = self.owners[super::ORGANIZATION].id.clone();
        self.create_board(&owner, title).unwrap()
    }

    pub(crate) fn board_titled(&self, title: &str) -> Option<&Board> {
        self.boards.values().find(|board| board.title == title)
    }

    /// Returns the field of this name; there is one.
    pub(crate) fn field_of(&self, board: &str, name: &str) -> &Field {
        self.boards[board].field(name).expect("the field is on the board")
    }

    /// Returns the items of a board in their order, archived ones included.
    pub(crate) fn items_of(&self, board: &str) -> Vec<&Item> {
        self.boards[board].items.iter().map(|id| &self.items[id]).collect()
    }

    /// Returns the title of an item as the board shows it.
    pub(crate) fn title_of(&self, item: &str) -> String {
        match &self.items[item].subject {
            Subject::Draft { title, .. } => title.clone(),
            Subject::Issue(id) => {
                self.find_issue(id).map(|(_, issue)| issue.title.clone()).unwrap_or_default()
            }
        }
    }

    /// Returns what the board shows in a field: a text, a number, a date, or the name of an option.
    pub(crate) fn shown(&self, item: &str, field: &str) -> Option<String> {
        let item = &self.items[item];
        let field = self.boards[&item.board].field(field)?;
        Some(match item.cells.get(&field.id)? {
            Cell::Text(text) | Cell::Date(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
            Cell::Option(id) => field.options.iter().find(|one| one.id == *id)?.name.clone(),
        })
    }

    /// Edits a field of an item; `None` clears it. An option is told by its name.
    pub(crate) fn edit(&mut self, item: &str, field: &str, value: Option<&str>) {
        let board = self.items[item].board.clone();
        let field = self.field_of(&board, field).clone();
        let Some(value) = value else {
            return self.clear(&board, item, &field.id).unwrap();
        };
        let value = match field.kind {
            Kind::Text => json!({ "text": value }),
            Kind::Number => json!({ "number": value.parse::<f64>().unwrap() }),
            Kind::Date => json!({ "date": value }),
            Kind::SingleSelect => {
                let option = field.option(value).expect("the option is there");
                json!({ "singleSelectOptionId": option.id })
            }
            Kind::Own(_) => Value::Null,
        };
        self.set(&board, item, &field.id, &value).unwrap();
    }

    /// Edits the draft of an item.
    pub(crate) fn edit_draft(&mut self, item: &str, title: &str, body: &str) {
        let Subject::Draft { id, .. } = &self.items[item].subject else {
            return;
        };
        let id = id.clone();
        self.update_draft(&id, Some(title), Some(body)).unwrap();
    }

    pub(crate) fn rename_field(&mut self, board: &str, old: &str, new: &str) {
        let id = self.field_of(board, old).id.clone();
        self.update_field(&id, Some(new), None).unwrap();
    }

    /// Deletes a field and makes another of its name and another type.
    pub(crate) fn retype_field(&mut self, board: &str, name: &str, kind: Kind) {
        let id = self.field_of(board, name).id.clone();
        self.delete_field(&id).unwrap();
        self.create_field(board, name, kind, &[]).unwrap();
    }

    pub(crate) fn drop_field(&mut self, board: &str, name: &str) {
        let id = self.field_of(board, name).id.clone();
        self.delete_field(&id).unwrap();
    }

    /// Deletes an option as the web site does: the ids of the others stay.
    pub(crate) fn drop_option(&mut self, board: &str, field: &str, option: &str) {
        let field = self.field_of(board, field).clone();
        let kept = field.options.iter().filter(|one| one.name != option);
        let kept: Vec<Value> = kept
            .map(|one| {
                let super::Option_ { id, name, color, description } = one;
                json!({ "id": id, "name": name, "color": color, "description": description })
            })
            .collect();
        self.update_field(&field.id, None, Some(&kept)).unwrap();
    }

    /// Overwrites all options as a careless program does: new ids, and all values are cleared.
    pub(crate) fn overwrite_options(&mut self, board: &str, field: &str, names: &[&str]) {
        let field = self.field_of(board, field).id.clone();
        let option = |name: &&str| json!({ "name": name, "color": "GRAY", "description": "" });
        let options: Vec<Value> = names.iter().map(option).collect();
        self.update_field(&field, None, Some(&options)).unwrap();
    }

    /// Lets the token not see what an item is about.
    pub(crate) fn redact(&mut self, item: &str) {
        if let Some(item) = self.items.get_mut(item) {
            item.is_redacted = true;
        }
    }

    pub(crate) fn set_access(&mut self, board: &str, access: Access) {
        if let Some(board) = self.boards.get_mut(board) {
            board.access = access;
        }
    }

    pub(crate) fn close_board(&mut self, board: &str) {
        if let Some(board) = self.boards.get_mut(board) {
            board.texts.insert("closed", json!(true));
        }
    }
}

/// What happens to a repository.
impl Store {
    /// Sets what GitHub calls the setting: `hasIssuesEnabled`, `autoMergeAllowed`, `isArchived` ...
    pub(crate) fn set_repository(&mut self, repository: &str, setting: &'static str, to: Setting) {
        let repository = self.repository_mut(repository);
        repository.settings.insert(setting, to == Setting::On);
    }

    /// Takes the right to push away: assignees are ignored from then on.
    pub(crate) fn set_permission(&mut self, repository: &str, permission: &str) {
        permission.clone_into(&mut self.repository_mut(repository).permission);
    }

    /// Renames it; its old name leads to the new one.
    pub(crate) fn rename_repository(&mut self, repository: &str, name: &str) {
        let repository = self.repository_mut(repository);
        let old = std::mem::replace(&mut repository.name, name.to_owned());
        repository.former.push(old);
    }

    /// Puts a new commit on a branch, which need not exist; returns its id.
    pub(crate) fn push(&mut self, repository: &str, branch: &str, message: &str) -> String {
        let name = format!("refs/heads/{branch}");
        let repository = self.repository_mut(repository);
        let id = repository.id.clone();
        let main = format!("refs/heads/{}", repository.default_branch);
        let parent = repository.refs.get(&name).or_else(|| repository.refs.get(&main)).cloned();
        let tree = super::sha(&format!("tree of {message}"));
        repository.trees.insert(tree.clone(), json!([]));
        let parents = parent.into_iter().collect();
        let sha = self.create_commit(&id, message, tree, parents).unwrap();
        self.set_ref(&id, &name, Some(&sha));
        sha
    }

    /// Opens an issue with labels; returns its number.
    pub(crate) fn open_issue(&mut self, repository: &str, title: &str, labels: &[&str]) -> u64 {
        let id = self.repository_mut(repository).id.clone();
        let number = self.create_issue(&id, title, "").unwrap();
        for label in labels {
            self.label(repository, number, label);
        }
        number
    }

    /// Lets somebody who may not work on the repository open an issue there; returns its number.
    pub(crate) fn open_as_stranger(&mut self, repository: &str, title: &str, body: &str) -> u64 {
        let id = self.repository_mut(repository).id.clone();
        self.add_person("mallory");
        let number = self.create_issue(&id, title, body).unwrap();
        "mallory".clone_into(&mut self.issue_mut(&id, number).unwrap().author);
        number
    }

    /// Lets somebody who may not work on the repository comment.
    pub(crate) fn comment_as_stranger(&mut self, repository: &str, number: u64, body: &str) {
        let id = self.repository_mut(repository).id.clone();
        self.add_person("mallory");
        self.comment(repository, number, body);
        let comments = &mut self.issue_mut(&id, number).unwrap().comments;
        "mallory".clone_into(&mut comments.last_mut().unwrap().author);
    }

    /// Moves an issue to another repository of the same owner; its old address leads there.
    pub(crate) fn transfer_issue(&mut self, repository: &str, number: u64, to: &str) {
        let issue = self.repository_mut(repository).issues.remove(&number).unwrap();
        let there = self.repository_mut(to);
        let new = there.issues.keys().last().copied().unwrap_or(0) + 1;
        there.issues.insert(new, super::Issue { number: new, ..issue });
        let place = (there.database_id, new);
        self.repository_mut(repository).gone.insert(number, Some(place));
    }

    pub(crate) fn delete_issue(&mut self, repository: &str, number: u64) {
        let repository = self.repository_mut(repository);
        repository.issues.remove(&number).unwrap();
        repository.gone.insert(number, None);
    }

    pub(crate) fn label(&mut self, repository: &str, number: u64, label: &str) {
        let id = self.repository_mut(repository).id.clone();
        self.add_label(&id, number, label).unwrap();
    }

    pub(crate) fn unlabel(&mut self, repository: &str, number: u64, label: &str) {
        let id = self.repository_mut(repository).id.clone();
        self.remove_label(&id, number, label).unwrap();
    }

    pub(crate) fn close_issue(&mut self, repository: &str, number: u64) {
        let id = self.repository_mut(repository).id.clone();
        self.set_state(&id, number, super::State::Closed, Some("completed")).unwrap();
    }

    pub(crate) fn comment(&mut self, repository: &str, number: u64, body: &str) {
        let id = self.repository_mut(repository).id.clone();
        self.add_comment(&id, number, body).unwrap();
    }

    /// Opens a pull request of a branch that was pushed; returns its number.
    pub(crate) fn open_pull(&mut self, repository: &str, head: &str, base: &str) -> u64 {
        let id = self.repository_mut(repository).id.clone();
        self.create_pull(&id, (head, base), head, "").unwrap()
    }

    /// Merges a pull request, whatever its state, by `MERGE`, `SQUASH` or `REBASE`.
    pub(crate) fn merge_as_person(&mut self, repository: &str, number: u64, method: &str) {
        let id = self.repository_mut(repository).id.clone();
        self.merge_now(&id, number, method).unwrap();
    }

    /// Lets the merge queue come to a pull request, which is in it.
    pub(crate) fn queue_merges(&mut self, repository: &str, number: u64) {
        let id = self.repository_mut(repository).id.clone();
        assert!(self.pull_mut(&id, number).unwrap().is_in_queue);
        self.merge_now(&id, number, "MERGE").unwrap();
    }

    /// Takes a pull request out of the merge queue, as a person does or a check that fails there.
    pub(crate) fn queue_drops(&mut self, repository: &str, number: u64) {
        let id = self.repository_mut(repository).id.clone();
        let pull = self.pull_mut(&id, number).unwrap();
        assert!(std::mem::replace(&mut pull.is_in_queue, false), "it is in the queue");
    }

    /// Switches auto-merge of a pull request off.
    pub(crate) fn cancel_auto_merge(&mut self, repository: &str, number: u64) {
        let id = self.repository_mut(repository).id.clone();
        self.pull_mut(&id, number).unwrap().auto_merge.take().expect("it is on");
    }

    /// Joins the target to a pull request, as the button does.
    pub(crate) fn update_as_person(&mut self, repository: &str, number: u64) {
        let id = self.repository_mut(repository).id.clone();
        let input = json!({ "pullRequestId": self.issue(&id, number).unwrap().id });
        self.update_branch(&input).unwrap();
    }

    /// Says what stands in the way of merging, as `mergeStateStatus`. An auto-merge that waited
    /// merges at `CLEAN`.
    pub(crate) fn set_merge_state(&mut self, repository: &str, number: u64, state: &str) {
        let id = self.repository_mut(repository).id.clone();
        let pull = self.pull_mut(&id, number).unwrap();
        state.clone_into(&mut pull.merge_state);
        if state == "CLEAN"
            && let Some(auto) = pull.auto_merge.clone()
        {
            self.merge_now(&id, number, &auto.method).unwrap();
        }
    }

    /// Says what the checks of the head say: `SUCCESS`, `PENDING`, `FAILURE`; `None` without checks.
    pub(crate) fn set_checks(&mut self, repository: &str, number: u64, state: Option<&str>) {
        let id = self.repository_mut(repository).id.clone();
        self.pull_mut(&id, number).unwrap().checks = state.map(str::to_owned);
    }

    /// Says each check of the head by its name: `SUCCESS`, `FAILURE` ..., or `IN_PROGRESS`.
    pub(crate) fn name_checks(&mut self, repository: &str, number: u64, all: &[(&str, &str)]) {
        let id = self.repository_mut(repository).id.clone();
        let own = |(name, state): &(&str, &str)| ((*name).to_owned(), (*state).to_owned());
        self.pull_mut(&id, number).unwrap().contexts = all.iter().map(own).collect();
    }

    /// Says what the reviewers say, as `reviewDecision`.
    pub(crate) fn set_review(&mut self, repository: &str, number: u64, decision: Option<&str>) {
        let id = self.repository_mut(repository).id.clone();
        self.pull_mut(&id, number).unwrap().review = decision.map(str::to_owned);
    }

    /// Returns a repository of `acme` by its name; there is one.
    pub(crate) fn repository_mut(&mut self, name: &str) -> &mut super::Repository {
        let found = self.repositories.values_mut().find(|one| one.name == name);
        found.expect("the repository is there")
    }

    /// Returns the commit at a branch.
    pub(crate) fn tip(&self, repository: &str, branch: &str) -> Option<String> {
        let repository = self.repositories.values().find(|one| one.name == repository)?;
        repository.refs.get(&format!("refs/heads/{branch}")).cloned()
    }

    /// Lets another person move a branch to a commit that exists.
    pub(crate) fn move_branch(&mut self, repository: &str, branch: &str, to: Option<&str>) {
        let id = self.repository_mut(repository).id.clone();
        self.set_ref(&id, &format!("refs/heads/{branch}"), to);
    }
}

/// A switch of a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    On,
    Off,
}
