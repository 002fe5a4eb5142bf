//! What was read of an answer.

use crate::call::ServiceTier;
use crate::usage::{Completeness, Usage};

/// An error that the provider stated, without its message: messages can quote content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderError {
    /// The error's type.
    pub kind: Option<String>,
    /// The error's code.
    pub code: Option<String>,
}

/// Why a reading is not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortfall {
    /// The answer ended well and stated no usage.
    NotStated,
    /// The answer ended in the middle.
    CutShort,
    /// The answer could not be understood.
    Malformed,
    /// The answer states a figure that no call can have.
    Implausible,
    /// The answer was compressed; governed requests are sent with `accept-encoding: identity` to avoid this.
    Encoded,
}

impl Shortfall {
    /// The reason as logs and telemetry show it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStated => "usage_not_stated",
            Self::CutShort => "answer_cut_short",
            Self::Malformed => "answer_malformed",
            Self::Implausible => "usage_implausible",
            Self::Encoded => "answer_encoded",
        }
    }
}

/// Everything that is known of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The figures, normalised; empty when the provider stated none.
    pub usage: Usage,
    /// The service tier that is billed, where it is stated.
    pub service_tier: Option<ServiceTier>,
    /// Why the figures are not the provider's final statement, absent when they are.
    pub shortfall: Option<Shortfall>,
    /// The model that answered.
    pub model: Option<String>,
    /// The error in the answer, whatever its status.
    pub error: Option<ProviderError>,
    /// Bytes of decoded output text, the best known where no usage is stated.
    pub output_text_bytes: u64,
    /// Events that the answer streamed.
    pub events: u64,
    /// Whether the answer was a stream of events.
    pub streamed: bool,
}

impl Reading {
    /// Whether the usage is the provider's final statement (§3.5).
    pub fn completeness(&self) -> Completeness {
        if self.shortfall.is_none() { Completeness::Complete } else { Completeness::Incomplete }
    }
}
