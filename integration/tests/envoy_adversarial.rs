//! Callers and providers who lie about whose work a call is: what they claim changes nobody else's account.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod adversary;
#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;
