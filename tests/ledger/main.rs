//! The ledger under test: by text tables, against a naive model, and through every interleaving.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod auditor;
mod bounded;
mod conflicts;
mod interleavings;
mod model;
mod records;
mod schedule;
mod tables;
mod windows;
