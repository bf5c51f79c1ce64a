//! The committed schemas are those of the types. With `RECONCILER_BLESS=1` the same test writes
//! them; it never writes otherwise.

use reconciler::api::{Kind, schema};
use std::path::Path;

#[test]
fn the_committed_schemas_are_those_of_the_types() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds-like-schemas");
    #[expect(clippy::disallowed_methods, reason = "only a test that is told so may write")]
    let bless = std::env::var_os("RECONCILER_BLESS").is_some_and(|value| value == "1");
    for kind in Kind::ALL {
        let file = folder.join(schema::file_name(kind));
        if bless {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, schema::text_of(kind)).unwrap();
        }
        let committed = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            committed == schema::text_of(kind),
            "{} is not the schema of {kind}: run this test with RECONCILER_BLESS=1",
            file.display()
        );
    }
}
