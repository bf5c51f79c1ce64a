//! What is asked by GraphQL. Each text is fixed, or depends on a kind and a number only, so that all of
//! them can be held against GitHub's schema; whatever varies is in variables.

use super::batch::Change;
use std::fmt::Write as _;

pub(super) const PROJECT: &str = "query Project($login: String!, $number: Int!) {
  viewer { login }
  repositoryOwner(login: $login) { id ... on ProjectV2Owner { projectV2(number: $number) {
    id number title closed viewerCanUpdate url } } }
  archivedStates: __type(name: \"ProjectV2ItemArchivedState\") { name }
  rateLimit { limit remaining resetAt }
}";

pub(super) const PROJECTS: &str = "query Projects($login: String!, $title: String!) {
  repositoryOwner(login: $login) { __typename id ... on User { databaseId }
    ... on ProjectV2Owner { projectsV2(first: 100, query: $title) {
      nodes { id number title closed viewerCanUpdate url } } } }
}";

pub(super) const FIELDS: &str = "query Fields($project: ID!, $after: String) {
  node(id: $project) { ... on ProjectV2 { id title closed viewerCanUpdate
    fields(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes { __typename
      ... on ProjectV2FieldCommon { id databaseId name dataType }
      ... on ProjectV2SingleSelectField { options { id name color description } } } } } }
  optionInput: __type(name: \"ProjectV2SingleSelectFieldOptionInput\") { inputFields { name } }
}";

/// Returns the question for a page of items, of these alone.
macro_rules! items {
    ($which:literal) => {
        concat!(
            "query Items($project: ID!, $after: String) {
  node(id: $project) { ... on ProjectV2 {
    items(first: 100, after: $after",
            $which,
            ") { pageInfo { hasNextPage endCursor } nodes {
      id isArchived createdAt
      content { __typename ... on DraftIssue { id title body } ... on Issue { id number } }
      fieldValues(first: 50) { nodes { __typename
        ... on ProjectV2ItemFieldTextValue { text field { ... on ProjectV2FieldCommon { id } } }
        ... on ProjectV2ItemFieldNumberValue { number field { ... on ProjectV2FieldCommon { id } } }
        ... on ProjectV2ItemFieldSingleSelectValue { name field { ... on ProjectV2FieldCommon { id } } }
      } } } } } }
}"
        )
    };
}

pub(super) const ITEMS: &str = items!("");

/// Those in the archive too, for servers that know how to list them.
pub(super) const ALL_ITEMS: &str = items!(", archivedStates: [ARCHIVED, NOT_ARCHIVED]");

pub(super) const VIEWS: &str = "query Views($project: ID!) {
  node(id: $project) { ... on ProjectV2 { views(first: 50) { nodes { name } } } }
  viewInput: __type(name: \"CreateProjectV2ViewInput\") { name }
}";

pub(super) const ISSUE: &str = "query Issue($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) { issue(number: $number) { id title } }
}";

/// The items that stand for an issue, on all boards.
pub(super) const ITEMS_OF: &str = "query ItemsOf($issue: ID!) {
  node(id: $issue) { ... on Issue { projectItems(first: 100, includeArchived: true) {
    nodes { id project { id } } } } }
}";

/// All of one branch into another in one question: what is there, and how far it is.
pub(super) const PULLS: &str =
    "query Pulls($owner: String!, $name: String!, $head: String!, $base: String!) {
  repository(owner: $owner, name: $name) { id autoMergeAllowed
    pullRequests(first: 20, headRefName: $head, baseRefName: $base,
      orderBy: { field: CREATED_AT, direction: DESC }) { nodes {
      id number url state isDraft isCrossRepository isMergeQueueEnabled isInMergeQueue
      mergeStateStatus headRefOid reviewDecision viewerCanEnableAutoMerge
      autoMergeRequest { enabledAt } mergeCommit { oid } body
      commits(last: 20) { nodes { commit { oid } } }
      statusCheckRollup { state commit { oid } contexts(first: 50) { nodes { __typename
        ... on CheckRun { name status conclusion } ... on StatusContext { context state } } } }
    } } }
}";

/// Every fixed document, and whether it needs what is newer than the published schema.
pub const DOCUMENTS: [(&str, bool); 9] = [
    (PROJECT, true),
    (PROJECTS, false),
    (FIELDS, false),
    (ITEMS, false),
    (ALL_ITEMS, true),
    (VIEWS, true),
    (ISSUE, false),
    (ITEMS_OF, false),
    (PULLS, false),
];

/// Every kind of change.
pub const CHANGES: [Change; 21] = [
    Change::CreateProject,
    Change::LinkProject,
    Change::CreateField,
    Change::EditField,
    Change::CreateView,
    Change::AddDraft,
    Change::AddItem,
    Change::EditDraft,
    Change::SetValue,
    Change::ClearValue,
    Change::Archive,
    Change::Unarchive,
    Change::CreateIssue,
    Change::UpdateRefs,
    Change::OpenPull,
    Change::MergePull,
    Change::AutoMerge,
    Change::NoAutoMerge,
    Change::Enqueue,
    Change::Dequeue,
    Change::UpdatePull,
];

/// Returns the document of so many changes of one kind at once.
pub fn batch_document(kind: Change, count: usize) -> String {
    let (name, answer) = kind.words();
    // The type of its input is always called so.
    let (first, rest) = name.split_at(1);
    let input = format!("{}{rest}Input", first.to_uppercase());
    let mut text = "mutation Batch(".to_owned();
    for number in 0..count {
        let between = if number == 0 { "" } else { ", " };
        write!(text, "{between}$i{number}: {input}!").expect("a string takes any text");
    }
    text.push_str(") {\n");
    for number in 0..count {
        writeln!(text, "  m{number}: {name}(input: $i{number}) {{ {answer} }}")
            .expect("a string takes any text");
    }
    text.push('}');
    text
}
