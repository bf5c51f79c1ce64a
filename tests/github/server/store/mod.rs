//! What this GitHub remembers, and the rules by which it changes: boards, repositories, issues, pull
//! requests. All of it is open to the tests; it never knows how it is asked.

pub(crate) mod board;
mod cells;
mod issues;
mod lists;
mod mirror;
pub(crate) mod person;
mod pulls;
pub(crate) mod refs;
mod views;

pub(crate) use super::call::Refusal;
pub(crate) use board::{Board, Field, Item, Kind, Option_, Subject};
pub(crate) use cells::Cell;
pub(crate) use issues::{Comment, Issue, State};
pub(crate) use pulls::Pull;
pub(crate) use refs::{Commit, Repository, is_ref_name};

use super::clock::Clock;
use serde_json::Value;
use std::collections::BTreeMap;

/// The organization that is there from the start.
pub(crate) const ORGANIZATION: &str = "acme";
/// The person whose token it is.
pub(crate) const VIEWER: &str = "ada";

/// All of it.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) clock: Clock,
    /// The scopes of the token, as `x-oauth-scopes` tells; `None` for tokens that have none.
    pub(crate) scopes: Option<String>,
    pub(crate) rules: Rules,
    /// People and organizations, by login.
    pub(crate) owners: BTreeMap<String, Owner>,
    /// By node id.
    pub(crate) boards: BTreeMap<String, Board>,
    /// Of all boards, by node id.
    pub(crate) items: BTreeMap<String, Item>,
    /// By node id.
    pub(crate) repositories: BTreeMap<String, Repository>,
    serial: u64,
}

/// How odd GitHub is just now.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    /// Every request is answered with 401.
    pub(crate) token_is_revoked: bool,
    /// Adding content that is there already is an error; otherwise the item is returned.
    pub(crate) content_must_be_new: bool,
    /// How many of the next scans of `items` miss an item that is created from now on.
    pub(crate) scans_behind: u32,
    /// Who is assigned is not, and nothing is said.
    pub(crate) assigns_nobody: bool,
    /// What stands in the way of pull requests that are opened from now on; `None` is nothing.
    pub(crate) pulls_open_as: Option<&'static str>,
}

/// A person or an organization.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) id: String,
    pub(crate) database_id: u64,
    pub(crate) login: String,
    pub(crate) is_organization: bool,
}

impl Store {
    /// One organization, one person, nothing else.
    pub(super) fn new(clock: Clock) -> Self {
        let mut store = Self {
            clock,
            scopes: Some("project, read:org, repo".to_owned()),
            rules: Rules::default(),
            owners: BTreeMap::new(),
            boards: BTreeMap::new(),
            items: BTreeMap::new(),
            repositories: BTreeMap::new(),
            serial: 0,
        };
        store.add_person(VIEWER);
        let (id, database_id) = store.id("O");
        let login = ORGANIZATION.to_owned();
        let owner = Owner { id, database_id, login: login.clone(), is_organization: true };
        store.owners.insert(login, owner);
        store
    }

    /// Lets somebody have an account.
    pub(crate) fn add_person(&mut self, login: &str) {
        let (id, database_id) = self.id("U");
        let owner = Owner { id, database_id, login: login.to_owned(), is_organization: false };
        self.owners.insert(login.to_owned(), owner);
    }

    /// Returns a node id and a number that nothing else has.
    fn id(&mut self, prefix: &str) -> (String, u64) {
        self.serial += 1;
        (format!("{prefix}_kwDO{:08x}", self.serial), self.serial)
    }

    /// Returns the id of an option of a field, as GitHub makes them.
    fn option_id(&mut self) -> String {
        self.serial += 1;
        sha(&format!("option {}", self.serial))[..8].to_owned()
    }

    pub(crate) fn owner_by_id(&self, id: &str) -> Result<&Owner, Refusal> {
        let found = self.owners.values().find(|owner| owner.id == id);
        found.ok_or_else(|| Refusal::no_node(id))
    }
}

/// Returns the commit id, or the like, of a text.
pub(crate) fn sha(text: &str) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    sha2::Sha256::digest(text.as_bytes()).iter().take(20).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all");
        hex
    })
}

/// Returns the text of a key; an absent key and null have none.
pub(crate) fn text<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    input.get(key).and_then(Value::as_str)
}
