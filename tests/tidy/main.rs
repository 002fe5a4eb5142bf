//! Polices the tree: what can rot without a compiler's noticing is compared here with what it describes.
//!
//! The import law, the code map, the configuration's schema and reference, reason codes, metrics, attributes, every
//! shipped Envoy configuration and example, links, sizes. Reads files only; fast, native, no Envoy.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod circles;
mod configuration;
mod documents;
mod envoy;
mod layers;
mod map;
mod planted_bugs;
mod schema;
mod tree;
