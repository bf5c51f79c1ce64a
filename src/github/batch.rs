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
    /// Returns the mutation. The type of its input is called after it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CreateProject => "createProjectV2",
            Self::LinkProject => "linkProjectV2ToRepository",
            Self::CreateField => "createProjectV2Field",
            Self::EditField => "updateProjectV2Field",
            Self::CreateView => "createProjectV2View",
            Self::AddDraft => "addProjectV2DraftIssue",
            Self::AddItem => "addProjectV2ItemById",
            Self::EditDraft => "updateProjectV2DraftIssue",
            Self::SetValue => "updateProjectV2ItemFieldValue",
            Self::ClearValue => "clearProjectV2ItemFieldValue",
            Self::Archive => "archiveProjectV2Item",
            Self::Unarchive => "unarchiveProjectV2Item",
            Self::CreateIssue => "createIssue",
            Self::UpdateRefs => "updateRefs",
            Self::OpenPull => "createPullRequest",
            Self::MergePull => "mergePullRequest",
            Self::AutoMerge => "enablePullRequestAutoMerge",
            Self::NoAutoMerge => "disablePullRequestAutoMerge",
            Self::Enqueue => "enqueuePullRequest",
            Self::Dequeue => "dequeuePullRequest",
            Self::UpdatePull => "updatePullRequestBranch",
        }
    }

    /// Returns what is read of its answer.
    pub(super) fn answer(self) -> &'static str {
        match self {
            Self::CreateProject => "projectV2 { id number title closed viewerCanUpdate url }",
            Self::LinkProject => "repository { id }",
            Self::CreateField => "projectV2Field { ... on ProjectV2FieldCommon { id name } }",
            Self::EditField => "projectV2Field { ... on ProjectV2FieldCommon { id } }",
            Self::CreateView => "projectV2View { id }",
            Self::AddDraft => "projectItem { id content { ... on DraftIssue { id } } }",
            Self::AddItem | Self::Archive | Self::Unarchive => "item { id }",
            Self::EditDraft => "draftIssue { id }",
            Self::SetValue | Self::ClearValue => "projectV2Item { id }",
            Self::CreateIssue => "issue { id number url }",
            Self::UpdateRefs => "clientMutationId",
            Self::OpenPull
            | Self::MergePull
            | Self::AutoMerge
            | Self::NoAutoMerge
            | Self::UpdatePull => "pullRequest { id number }",
            Self::Enqueue | Self::Dequeue => "mergeQueueEntry { id }",
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
        let what = kind.name();
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
