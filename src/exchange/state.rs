//! The phases of an exchange, each with what is known in it: no field of another phase is there to be read.

use super::call::Call;
use super::execution::Execution;
use super::execution::settling::Settling;

/// Where an exchange stands.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing was seen yet.
    New,
    /// An AI call; it is held until its body is whole.
    Collecting(Box<Call>),
    /// Reserved and let through; its answer is awaited or being read.
    Executing(Box<Execution>),
    /// Settled in telemetry, while the store still owes some of it.
    Settling(Box<Settling>),
    /// Not governed; only the header names that belong to the filter are kept clean.
    Ungoverned,
    /// Refused: whatever of the request still comes goes nowhere.
    Refused,
    /// Settled, or never decided: nothing is left to do.
    Finished,
}
