//! Processes and time: who a process is, how it is started and asked to end, and the one clock. It
//! never signals a process whose identity it did not compare.

pub mod clock;
pub mod holder;
pub mod identity;
pub mod machine;
pub mod signal;
pub mod spawn;
