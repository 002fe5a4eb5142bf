//! Starts real Envoy and drives it.
//!
//! A laboratory for tests: [`EnvoyProcess`] runs the official binary with a configuration made by
//! [`bootstrap`], between a [`Client`] and a [`Simulator`] of an AI provider, while an
//! [`OtlpReceiver`] keeps whatever telemetry leaves it. Everything listens on loopback, on ports that the
//! kernel picks, and ends when it is dropped.
//!
//! It knows Envoy and the wire. It does not know the filter: not its types, not its rules. What a test
//! asserts about the filter, it reads from the wire.
//!
//! Failure is a panic with an explanation, since the only callers are tests and measuring programs.
//! Nothing sleeps for a guess: waiting means asking again until a deadline, see [`wait`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "test equipment: a panic with an explanation is its report, and it owns real clocks"
)]

pub mod artifacts;
pub mod bootstrap;
pub mod client;
pub mod envoy;
pub mod gate;
pub mod otlp;
pub mod serve;
pub mod simulator;
pub mod wait;

pub use bootstrap::{Filter, Options};
pub use client::{Answer, Client, RawConnection, Streaming};
pub use envoy::{EnvoyProcess, Launch};
pub use gate::Gate;
pub use otlp::{Collector, LogRecord, OtlpReceiver, Span};
pub use simulator::{Behaviour, Simulator};
