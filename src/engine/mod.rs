//! The loop: look, decide, check, do, forget; the next look starts from nothing but the world. It
//! names no driver and keeps no state that the world does not hold.

mod executor;
mod tick;

pub use executor::Deed;
pub use tick::{Tick, decide, tick};
