//! Changes, many of one kind in one request. Each is told apart from the others: done, refused, or
//! unknown; what is unknown is never sent again from here.

use super::documents::batch_document;
use super::envelope::Fault;
use super::{Error, Github};
use serde_json::{Map, Value, json};

/// A kind of change: a mutation of GraphQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A project is made.
    CreateProject,
    /// A project is shown in a repository.
    LinkProject,
    /// A field is made.
    CreateField,
    /// The options of a field are these from now on: all of them, those that are to stay with their ids.
    EditField,
    /// A view is made.
    CreateView,
    /// A draft is made.
    AddDraft,
    /// An issue is put onto a board.
    AddItem,
    /// A draft is called anew; its body goes with it, or it would be emptied.
    EditDraft,
    /// A field is written.
    SetValue,
    /// A field is emptied.
    ClearValue,
    /// An item goes into the archive.
    Archive,
    /// An item leaves it.
    Unarchive,
    /// An issue is made.
    CreateIssue,
    /// Refs are moved from where they are expected to be.
    UpdateRefs,
    /// A pull request is opened.
    OpenPull,
    /// It is merged.
    MergePull,
    /// It is to be merged as soon as it may.
    AutoMerge,
    /// That is taken back.
    NoAutoMerge,
    /// It is put into the merge queue.
    Enqueue,
    /// It is taken out of it.
    Dequeue,
    /// The target is joined to its branch.
    UpdatePull,
}

impl Change {
    /// Returns the mutation, and what is read of its answer.
    pub(super) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::CreateProject => {
                ("createProjectV2", "projectV2 { id number title closed viewerCanUpdate url }")
            }
            Self::LinkProject => ("linkProjectV2ToRepository", "repository { id }"),
            Self::CreateField => (
                "createProjectV2Field",
                "projectV2Field { ... on ProjectV2FieldCommon { id name } }",
            ),
            Self::EditField => {
                ("updateProjectV2Field", "projectV2Field { ... on ProjectV2FieldCommon { id } }")
            }
            Self::CreateView => ("createProjectV2View", "projectV2View { id }"),
            Self::AddDraft => (
                "addProjectV2DraftIssue",
                "projectItem { id content { ... on DraftIssue { id } } }",
            ),
            Self::AddItem => ("addProjectV2ItemById", "item { id }"),
            Self::EditDraft => ("updateProjectV2DraftIssue", "draftIssue { id }"),
            Self::SetValue => ("updateProjectV2ItemFieldValue", "projectV2Item { id }"),
            Self::ClearValue => ("clearProjectV2ItemFieldValue", "projectV2Item { id }"),
            Self::Archive => ("archiveProjectV2Item", "item { id }"),
            Self::Unarchive => ("unarchiveProjectV2Item", "item { id }"),
            Self::CreateIssue => ("createIssue", "issue { id number url }"),
            Self::UpdateRefs => ("updateRefs", "clientMutationId"),
            Self::OpenPull => ("createPullRequest", "pullRequest { id number }"),
            Self::MergePull => ("mergePullRequest", "pullRequest { id number }"),
            Self::AutoMerge => ("enablePullRequestAutoMerge", "pullRequest { id number }"),
            Self::NoAutoMerge => ("disablePullRequestAutoMerge", "pullRequest { id number }"),
            Self::Enqueue => ("enqueuePullRequest", "mergeQueueEntry { id }"),
            Self::Dequeue => ("dequeuePullRequest", "mergeQueueEntry { id }"),
            Self::UpdatePull => ("updatePullRequestBranch", "pullRequest { id number }"),
        }
    }

    /// Returns whether it makes something, so that twice is once too often.
    pub fn creates(self) -> bool {
        match self {
            Self::CreateProject
            | Self::CreateField
            | Self::CreateView
            | Self::AddDraft
            | Self::CreateIssue
            | Self::OpenPull => true,
            // GitHub gives the item that is there.
            Self::AddItem
            | Self::LinkProject
            | Self::EditField
            | Self::EditDraft
            | Self::SetValue
            | Self::ClearValue
            | Self::Archive
            | Self::Unarchive
            | Self::UpdateRefs
            | Self::MergePull
            | Self::AutoMerge
            | Self::NoAutoMerge
            | Self::Enqueue
            | Self::Dequeue
            | Self::UpdatePull => false,
        }
    }
}

/// What became of one change.
#[derive(Debug, Clone, PartialEq)]
pub enum Done {
    /// It was made; what GitHub says of it.
    Yes(Value),
    /// It was not.
    No(Error),
    /// Nobody knows.
    Unknown,
}

impl Github {
    /// Makes changes of one kind in one request, and returns what became of each.
    ///
    /// # Errors
    /// When none of them was made, or it is unknown of all; the error says which.
    pub async fn change(&self, kind: Change, inputs: &[Value]) -> Result<Vec<Done>, Error> {
        let variables: Map<String, Value> = inputs
            .iter()
            .enumerate()
            .map(|(at, input)| (format!("i{at}"), input.clone()))
            .collect();
        let document = batch_document(kind, inputs.len());
        let what = kind.words().0;
        let envelope = self.mutate(&document, &Value::Object(variables), what).await?;
        let data = envelope.data.unwrap_or_default();
        let done = |at: usize| {
            let alias = format!("m{at}");
            let fault = envelope.errors.iter().find(|one| one.alias() == Some(&alias));
            one(data.get(&alias), fault, what)
        };
        Ok((0..inputs.len()).map(done).collect())
    }

    /// Makes one change.
    pub(super) async fn change_one(&self, kind: Change, input: Value) -> Result<Value, Error> {
        match self.change(kind, &[input]).await?.pop() {
            Some(Done::Yes(answer)) => Ok(answer),
            Some(Done::No(error)) => Err(error),
            Some(Done::Unknown) | None => Err(Error::Unknown("it says nothing of it".to_owned())),
        }
    }
}

fn one(answer: Option<&Value>, fault: Option<&Fault>, what: &str) -> Done {
    match (answer, fault) {
        (Some(answer), None) if !answer.is_null() => Done::Yes(answer.clone()),
        (_, Some(fault)) => {
            let error = fault.meant(what);
            // Of what was too much nobody says whether it was done.
            if error == Error::TooMuch { Done::Unknown } else { Done::No(error) }
        }
        (_, None) => Done::Unknown,
    }
}

/// Returns the value of a field as GitHub takes it.
pub(super) fn value_of(
    value: &crate::api::board::Value,
    mapped: &crate::api::board::Mapped,
) -> Option<Value> {
    use crate::api::board::Value as Ours;
    Some(match value {
        Ours::Text(text) => json!({ "text": text }),
        Ours::Number(number) => json!({ "number": number }),
        Ours::Choice(name) => {
            let (id, _) = mapped.options.iter().find(|(_, one)| one == name)?;
            json!({ "singleSelectOptionId": id })
        }
    })
}
