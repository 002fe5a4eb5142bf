//! The governance decision of one AWU (§4).
//!
//! Built once, after the ledger has answered, and never edited. That `ALLOWED` carries no reason code, and every other
//! result does, is a matter of type.

use crate::semconv::{PolicyResult, ReasonCode};

/// What was decided, with the reason wherever the specification wants one (§4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Proceeds.
    Allowed,
    /// Proceeds; a condition was noted.
    Warning(ReasonCode),
    /// Does not proceed.
    Blocked(ReasonCode),
    /// Rejected because of its rate.
    RateLimited(ReasonCode),
}

impl Decision {
    /// The value of `genops.policy.result`.
    pub const fn result(self) -> PolicyResult {
        match self {
            Self::Allowed => PolicyResult::Allowed,
            Self::Warning(_) => PolicyResult::Warning,
            Self::Blocked(_) => PolicyResult::Blocked,
            Self::RateLimited(_) => PolicyResult::RateLimited,
        }
    }

    /// The value of `genops.policy.reason_code`, absent exactly for [`Decision::Allowed`].
    pub const fn reason_code(self) -> Option<ReasonCode> {
        match self {
            Self::Allowed => None,
            Self::Warning(code) | Self::Blocked(code) | Self::RateLimited(code) => Some(code),
        }
    }

    /// Whether the AWU proceeds to the provider.
    pub const fn proceeds(self) -> bool {
        matches!(self, Self::Allowed | Self::Warning(_))
    }
}
