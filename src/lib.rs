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
pub mod attribute_value;
pub mod bytes;
pub mod glob;
pub mod headers;
pub mod memo;
pub mod model_name;
pub mod model_pattern;
pub mod ports;
pub mod recall;
pub mod semconv;
pub mod strict_json;
pub mod text;
pub mod timestamp;

// Layer 1: the vocabulary that everything above shares.
pub mod awu;
pub mod bucket;
pub mod budget;
pub mod call;
pub mod catalogue;
pub mod config;
pub mod decision;
pub mod gate;
pub mod price;
pub mod rate_limit;
pub mod selector;
pub mod tool;
pub mod transcript;
pub mod upstream;
pub mod usage;
pub mod window;

// Layer 2: one module for each step of the journey; siblings never import each other.
pub mod approval;
pub mod attribution;
pub mod breaker;
pub mod cost;
pub mod ledger;
pub mod limit;
pub mod policy;
pub mod provider;
pub mod sla;

// Layer 3: what came of it, and how it is told.
pub mod reconciliation;
pub mod telemetry;

// Layer 4: the only orchestrator.
pub mod exchange;

// Layer 5: the edge towards Envoy. Natively it does not exist, so nothing above can name a host.
#[cfg(target_family = "wasm")]
mod abi;

#[cfg(not(target_family = "wasm"))]
pub mod testing;
