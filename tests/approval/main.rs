//! Grants under test: what is one, what it covers, and that each use is taken once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod claims;
mod covers;
mod forgery;
mod notary;
#[path = "../ledger/schedule.rs"]
#[allow(dead_code, reason = "the ledger's tests use all of it")]
mod schedule;
mod uses;
