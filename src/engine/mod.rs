//! The loop: look, decide, check, do, forget; the next look starts from nothing but the world. It
//! names no driver and keeps no state that the world does not hold.

mod events;
mod executor;
mod tick;
mod turn;

pub use events::{after, changes};
pub use executor::Deed;
pub use tick::{Tick, decide, tick};
pub use turn::{Until, is_settled, run};
