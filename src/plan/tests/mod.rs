//! Scene -> plan: a small world, and what is planned for it, both as text.

mod ending;
mod forecast;
mod holds;
mod issues;
mod kept;
mod landing;
mod people;
mod proposing;
mod queue;
mod scene;
mod seats;
mod silence;
mod starting;
mod stopping;
mod unseen;
