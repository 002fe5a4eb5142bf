//! Attribution as a whole: its laws against a naive model, what it asks the host for, what its configuration may say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod configuration;
mod immutable;
mod laws;
mod sources;
mod surroundings;
