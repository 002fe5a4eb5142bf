//! How a call to a provider can end badly, and what a breaker makes of it.

use super::Ticket;
use super::circuit::Outcome;
use crate::config::RateLimited;

/// How a call ended, as far as it says something of the provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// Nothing is known: it never left, or its caller did not wait.
    #[default]
    Unknown,
    /// The provider answered with a status, and asked to be left alone for so long.
    Answered {
        /// The status.
        status: u16,
        /// Its `retry-after`.
        retry_after_ms: Option<u64>,
    },
    /// It came to nothing.
    Failed(Trouble),
}

/// How a provider can fail, for counters and settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// No connection could be made.
    Connect,
    /// The connection broke.
    Reset,
    /// Envoy waited in vain.
    Timeout,
    /// A status that counts as a failure.
    Status,
    /// A 429, or an answer that began well and says the same.
    RateLimited,
    /// An answer that began well and states an error.
    StreamError,
}

impl Trouble {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Connect, Self::Reset, Self::Timeout, Self::Status, Self::RateLimited, Self::StreamError];

    /// The word for counters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::RateLimited => "rate_limited",
            Self::StreamError => "stream_error",
        }
    }

    /// What Envoy's response code details say of a call that it ended itself. What its client, its own limits or its
    /// configuration ended says nothing of the provider.
    pub fn of_details(details: &str) -> Option<Self> {
        let has = |word: &str| details.contains(word);
        if ["downstream", "overflow", "not_found", "request_timeout", "header_timeout"].iter().any(|w| has(w))
        {
            None
        } else if ["connection_failure", "connection_timeout", "no_healthy_upstream"].iter().any(|w| has(w)) {
            Some(Self::Connect)
        } else if has("timeout") || has("max_stream_duration") {
            Some(Self::Timeout)
        } else {
            has("upstream_reset").then_some(Self::Reset)
        }
    }

    /// What an error says that a provider states in an answer which began well. Errors about the request itself say
    /// nothing of the provider.
    pub fn of_stated(kind: Option<&str>, code: Option<&str>) -> Option<Self> {
        const ITS_LIMITS: [&str; 5] = ["rate_limit", "throttl", "429", "resource_exhausted", "quota"];
        const THE_REQUEST: [&str; 9] = [
            "invalid",
            "authentication",
            "permission",
            "not_found",
            "validation",
            "billing",
            "content",
            "refus",
            "400",
        ];
        let words = [kind, code].map(|word| word.unwrap_or_default().to_ascii_lowercase());
        let has = |list: &[&str]| list.iter().any(|part| words.iter().any(|word| word.contains(part)));
        if has(&ITS_LIMITS) {
            Some(Self::RateLimited)
        } else {
            (!has(&THE_REQUEST)).then_some(Self::StreamError)
        }
    }
}

impl Ticket {
    /// What the ending of this ticket's call is to its circuit, and the trouble that is worth counting.
    pub fn judge(&self, ending: Ending) -> (Outcome, Option<Trouble>) {
        let failures = &self.breaker.failures;
        let (trouble, at_least_ms) = match ending {
            Ending::Unknown => return (Outcome::Unknown, None),
            Ending::Answered { status: 429, retry_after_ms } => (Trouble::RateLimited, retry_after_ms),
            Ending::Answered { status, retry_after_ms } => {
                let server_error = failures.server_errors && status >= 500;
                if server_error || failures.statuses.contains(&status) {
                    (Trouble::Status, retry_after_ms)
                } else {
                    return (self.answered(status), None);
                }
            }
            Ending::Failed(trouble) => (trouble, None),
        };
        let failure = Outcome::Failure { at_least_ms };
        let outcome = match trouble {
            Trouble::RateLimited => match self.breaker.rate_limited {
                RateLimited::Ignore => Outcome::Unknown,
                RateLimited::Count => failure,
                RateLimited::Open => Outcome::Trip { at_least_ms },
            },
            Trouble::Connect if failures.connect => failure,
            Trouble::Reset if failures.reset => failure,
            Trouble::Timeout if failures.timeout => failure,
            Trouble::StreamError if failures.stream_error => failure,
            Trouble::Status => failure,
            Trouble::Connect | Trouble::Reset | Trouble::Timeout | Trouble::StreamError => Outcome::Unknown,
        };
        (outcome, Some(trouble))
    }

    /// An answer that is no failure. What is wrong with the request (400, 404 …) says that the provider is there, which
    /// is what a probe asks; it says nothing of the model, whose name may be invented.
    fn answered(&self, status: u16) -> Outcome {
        if status < 400 || self.probe.is_some() { Outcome::Success } else { Outcome::Unknown }
    }
}
