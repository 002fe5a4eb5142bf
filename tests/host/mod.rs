//! A proxy for tests: what Envoy holds and how it drives a filter, around either the native core or the compiled wasm.
//!
//! [`world`] is the state behind every host call; [`stage`] is the filter as the proxy calls it, with [`native`] as one
//! implementation and the wasm host (`tests/host/wasm`, for `journey_wasm` alone) as the other; [`proxy`] buffers, holds
//! and answers as Envoy does; [`script`] reads and writes the journeys; [`player`] plays them. Nothing asserts the order
//! of host calls: a journey's outcome is the state that they leave.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking, and no test program uses everything"
)]

pub mod capture;
pub mod exports;
pub mod golden;
pub mod headers;
pub mod native;
pub mod player;
pub mod ports;
pub mod proxy;
pub mod reading;
pub mod resplit;
pub mod script;
pub mod stage;
pub mod store;
pub mod telling;
pub mod text;
pub mod world;
