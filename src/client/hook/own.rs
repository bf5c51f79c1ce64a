//! What a person holds is not in that person's own way. It is asked only where a person's claim is in
//! the way at all, and who cannot be told is nobody.

use crate::client::claim::is_of;
use crate::client::{Client, Environment};
use crate::plan::verdict::{Author, Refusal};
use std::path::Path;

/// Returns the refusals without those for which the person who asks holds the path: by git's
/// `user.name`, as when it was claimed.
pub(super) async fn without_own<'a>(
    mut refusals: Vec<Refusal<'a>>,
    author: &Author,
    (directory, environment): (&Path, &Environment),
) -> Vec<Refusal<'a>> {
    let is_by_person = |one: &Refusal<'_>| match one {
        Refusal::Held { by, .. } => by.is_by_person(),
        Refusal::Outside { .. } | Refusal::Fenced { .. } | Refusal::Damaged { .. } => false,
    };
    if *author != Author::Person || !refusals.iter().any(is_by_person) {
        return refusals;
    }
    let Ok(client) = Client::open(directory, environment.clone()).await else { return refusals };
    let Ok(person) = client.person(None).await else { return refusals };
    refusals.retain(|one| match one {
        Refusal::Held { by, .. } => !is_of(by, &person),
        Refusal::Outside { .. } | Refusal::Fenced { .. } | Refusal::Damaged { .. } => true,
    });
    refusals
}
