//! Locks: the guard by which one loop runs per repository and machine, and the claims of workers
//! as readable files. It never deletes a guard, and never takes a damaged lock for a free one.

mod file;
mod guard;
mod index;
mod quarantine;

pub use file::Claims;
pub use guard::{Guard, Held, Holder, Taken};
pub use quarantine::{Damage, SeenDamage};
