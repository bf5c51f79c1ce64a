//! GitHub's published schema, mended in the two places where it must be, each asserted so that a new
//! version of the file cannot slip through. It never holds what GitHub has not documented.

use apollo_compiler::Schema;
use apollo_compiler::validation::Valid;
use flate2::read::GzDecoder;
use std::io::Read as _;
use std::sync::OnceLock;

/// `schema.graphql` of the npm package `@octokit/graphql-schema` 15.26.1 (MIT: `schema.LICENSE`), as
/// published, compressed.
const PUBLISHED: &[u8] = include_bytes!("../schema.graphql.gz");

/// Fields of `EnterpriseOwnerInfo` that the file defines twice.
const TWICE: [&str; 2] = [
    "  repositoryDeployKeySetting: EnterpriseEnabledDisabledSettingValue!\n",
    "  repositoryDeployKeySettingOrganizations(\n",
];
/// The last line of the arguments of `ProjectV2.items`, which occurs once.
const ITEMS: &str = "    orderBy: ProjectV2ItemOrder = {field: POSITION, direction: ASC}\n  ): ProjectV2ItemConnection!";

/// What GitHub documents and the file lacks.
const NEWER: &str = "
extend input ProjectV2SingleSelectFieldOptionInput { id: String }
enum ProjectV2ItemArchivedState { ARCHIVED NOT_ARCHIVED }
input ProjectV2ViewConfigurationInput { visibleFieldIds: [ID!] }
input CreateProjectV2ViewInput { clientMutationId: String projectId: ID! name: String! layout: ProjectV2ViewLayout! configuration: ProjectV2ViewConfigurationInput }
input UpdateProjectV2ViewInput { clientMutationId: String viewId: ID! name: String layout: ProjectV2ViewLayout filter: String configuration: ProjectV2ViewConfigurationInput }
input DeleteProjectV2ViewInput { clientMutationId: String viewId: ID! }
type CreateProjectV2ViewPayload { clientMutationId: String projectV2View: ProjectV2View }
type UpdateProjectV2ViewPayload { clientMutationId: String projectV2View: ProjectV2View }
type DeleteProjectV2ViewPayload { clientMutationId: String projectV2View: ProjectV2View }
extend type Mutation {
  createProjectV2View(input: CreateProjectV2ViewInput!): CreateProjectV2ViewPayload
  updateProjectV2View(input: UpdateProjectV2ViewInput!): UpdateProjectV2ViewPayload
  deleteProjectV2View(input: DeleteProjectV2ViewInput!): DeleteProjectV2ViewPayload }
";

/// Which schema is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// With what is newer than the published file.
    Newer,
    /// As an older GHES: option ids, archived states and views are not known.
    AsPublished,
}

/// Returns the schema. It takes half a second to read, and is kept.
pub(crate) fn of(overlay: Overlay) -> &'static Valid<Schema> {
    static NEWER_ONE: OnceLock<Valid<Schema>> = OnceLock::new();
    static PUBLISHED_ONE: OnceLock<Valid<Schema>> = OnceLock::new();
    let cell = match overlay {
        Overlay::Newer => &NEWER_ONE,
        Overlay::AsPublished => &PUBLISHED_ONE,
    };
    cell.get_or_init(|| {
        let text = text(overlay);
        Schema::parse_and_validate(text, "schema.graphql").expect("GitHub's mended schema is valid")
    })
}

/// Returns the text of the schema, mended.
pub(crate) fn text(overlay: Overlay) -> String {
    let published = without_duplicates(&published());
    match overlay {
        Overlay::AsPublished => published,
        Overlay::Newer => {
            assert_eq!(
                published.matches(ITEMS).count(),
                1,
                "`ProjectV2.items` is found in the schema"
            );
            assert!(!published.contains("ProjectV2ItemArchivedState"), "the overlay is needed");
            let (args, end) = ITEMS.split_once('\n').expect("it has two lines");
            let more =
                "    archivedStates: [ProjectV2ItemArchivedState!]\n    query: String = \"\"";
            published.replace(ITEMS, &format!("{args}\n{more}\n{end}")) + NEWER
        }
    }
}

/// Returns the text as GitHub publishes it.
pub(crate) fn published() -> String {
    let mut text = String::new();
    GzDecoder::new(PUBLISHED).read_to_string(&mut text).expect("the file is whole");
    text
}

/// Drops the second of each of the fields that are defined twice, with the text before it.
fn without_duplicates(published: &str) -> String {
    let mut text = published.to_owned();
    for field in TWICE {
        let places: Vec<usize> = text.match_indices(field).map(|(at, _)| at).collect();
        let [first, second] = places[..] else {
            let found = places.len();
            assert_eq!(found, 2, "{field} is defined twice in the published schema");
            return text;
        };
        let owner = |at: usize| text[..at].rfind("\ntype ");
        assert_eq!(owner(first), owner(second), "{field} is defined twice in one type");
        let begin =
            text[..second].trim_end().rfind("\n\n").expect("a description stands before it");
        let end = second + 1 + text[second..].find("!\n\n").expect("a field ends");
        text.replace_range(begin..end, "");
    }
    text
}
