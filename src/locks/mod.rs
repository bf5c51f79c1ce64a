//! Locks: the guard by which one loop runs per repository and machine, the claims of workers as
//! readable files, and the short lock under which they change. It never deletes a guard, and never takes a damaged lock for a free one.

mod file;
mod guard;
mod index;
mod quarantine;
mod shared;
mod table;

pub use file::Claims;
pub use guard::{Guard, Held, Holder, Taken};
pub use quarantine::{Damage, SeenDamage};
pub use table::{TableError, TableLock};
