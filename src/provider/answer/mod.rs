//! Reads usage from answers, incrementally.
//!
//! Knows no provider: tables say where figures stand, normalisers what they mean. Invariants: the result does not
//! depend on how the answer was cut into chunks; memory does not depend on its length; nothing the network sends is an
//! error to the caller, only an incomplete reading.

mod document;
mod documents;
pub(crate) mod field;
pub(crate) mod figures;
mod reader;
mod reading;
mod repetition;
mod usage_chunk;

pub use reader::UsageReader;
pub use reading::{ProviderError, Reading, Shortfall};
pub use usage_chunk::UsageChunkRemover;
