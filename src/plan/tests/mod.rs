//! Scene -> plan: a small world, and what is planned for it, both as text.

mod ending;
mod forecast;
mod holds;
mod people;
mod queue;
mod scene;
mod seats;
mod starting;
mod stopping;
mod unseen;
