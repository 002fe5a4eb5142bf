//! What an AWU consumed, as far as it is known.

use crate::usage::{Completeness, Usage};

/// What an AWU consumed, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "one for each call, on the stack: a box would only cost an allocation"
)]
pub(crate) enum Consumed {
    /// It was never executed (§7.2.1).
    Nothing,
    /// These tokens.
    Used(Usage, Completeness),
    /// It was executed and left no trace: what was reserved is assumed to be spent.
    Assumed,
}

impl Consumed {
    /// How far it is known.
    pub(crate) const fn completeness(&self) -> Completeness {
        match self {
            Self::Used(_, completeness) => *completeness,
            Self::Nothing | Self::Assumed => Completeness::Incomplete,
        }
    }
}
