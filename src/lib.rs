//! genops-envoy governs the AI traffic that passes an Envoy proxy.
//!
//! It recognises each AI call, attributes it, reserves its estimated consumption in shared counters before a
//! byte reaches the provider, decides, reads the actual usage from the answer, reconciles, and reports.
//! It implements the GenOps Governance Specification v0.1.0.
//!
//! The core is sans-IO and host-free: [`exchange`] turns events into effects, and only the `abi` module, which
//! exists in the WebAssembly build alone, performs them. See `ARCHITECTURE.md` for the map and its laws.

#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a test fails by panicking"
    )
)]

// Layer 0: names, quantities and what the core needs from the world.
pub mod amount;
pub mod ports;
pub mod semconv;
pub mod timestamp;

// Layer 1: the vocabulary that everything above shares.
pub mod awu;
pub mod call;
pub mod decision;
pub mod usage;

// Layer 2: siblings that never import each other.
pub mod provider;
