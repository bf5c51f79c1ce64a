//! Every document that we send is valid in GitHub's published schema.

use crate::github::schema::{self, Overlay};
use apollo_compiler::ExecutableDocument;
use reconciler::github::{CHANGES, Change, DOCUMENTS, batch_document};

fn check(text: &str, overlay: Overlay) -> Result<(), String> {
    let parsed = ExecutableDocument::parse_and_validate(schema::of(overlay), text, "ours.graphql");
    parsed.map(drop).map_err(|error| error.to_string())
}

#[test]
fn every_question_is_valid_and_what_is_newer_is_known() {
    for (text, _) in DOCUMENTS {
        check(text, Overlay::Newer).unwrap();
    }
    for (text, _) in DOCUMENTS.iter().filter(|(_, is_newer)| !is_newer) {
        check(text, Overlay::AsPublished).unwrap();
    }
}

#[test]
fn every_batch_is_valid_whatever_its_kind_and_size() {
    for kind in CHANGES {
        for count in [1, 20, 40] {
            let newer = kind == Change::CreateView;
            let overlay = if newer { Overlay::Newer } else { Overlay::AsPublished };
            check(&batch_document(kind, count), overlay).unwrap();
        }
    }
    check(
        "mutation { addProjectV2DraftIssue(input: { nonsense: 1 }) { clientMutationId } }",
        Overlay::Newer,
    )
    .unwrap_err();
}
