//! Shared records that cannot answer: what that means for a call, and what people are told of it.
//!
//! One kind of failure for all that is counted. What is counted makes the words; that the key itself is at fault makes
//! the difference.

use std::borrow::Cow;

use super::ground::Ground;
use crate::bucket::Failure;
use crate::budget::Enforcement;
use crate::config::{Config, FailMode};
use crate::provider::RefusalKind;
use crate::semconv::ReasonCode;

/// What is counted in the records.
#[derive(Clone, Copy, Debug)]
pub(super) enum Counted {
    /// What budgets hold, and slots among the calls in flight.
    Accounts,
    /// What was taken of rate limits.
    Rates,
    /// Uses of grants.
    Uses,
}

impl Counted {
    /// Why it cannot be counted.
    #[cold]
    pub(super) fn why(self, failure: Failure) -> Cow<'static, str> {
        Cow::Borrowed(match (failure, self) {
            (Failure::Contended, Self::Uses) => "too many writers at once",
            (Failure::Contended, _) => "other workers came first each time",
            (Failure::Unavailable(status), Self::Uses) => {
                return format!("the shared store answers with status {status}").into();
            }
            (Failure::Unavailable(status), _) => {
                return format!("the shared store failed with host status {status}").into();
            }
            (Failure::Corrupt, Self::Uses) => "a record of used grants cannot be read",
            (Failure::Corrupt, _) => "a stored record cannot be read",
            (Failure::Full, Self::Accounts) => "there is no room for another account or reservation",
            (Failure::Full, Self::Rates) => "there is no room for another key",
            (Failure::Full, Self::Uses) => "no room to remember another grant; raise approvals.capacity",
            (Failure::KeyTooLong, Self::Accounts) => "the attribution is too long for an account",
            (Failure::KeyTooLong, _) => "the attribution is too long for a key",
        })
    }
}

/// What a fail mode does with its ground: passing is worth a warning.
pub(super) const fn enforcement(mode: FailMode) -> Enforcement {
    match mode {
        FailMode::Refuse => Enforcement::Enforce,
        FailMode::Pass => Enforcement::Warn,
    }
}

/// What a counter that cannot answer means for a call. Only what the store does may let calls pass: names without room, or
/// too long for a key, are chosen by callers, and would be a way around every budget.
pub(super) const fn mode(config: &Config, failure: Failure) -> Enforcement {
    if failure.is_of_the_key() {
        Enforcement::Enforce
    } else {
        enforcement(config.failure.ledger_unavailable)
    }
}

impl Ground {
    /// What is `counted` for `by`, a budget, limit or gate, cannot be.
    #[cold]
    pub(super) fn unanswered(counted: Counted, failure: Failure, by: Option<&str>) -> Self {
        let why = counted.why(failure);
        let ground = match counted {
            // The same call again will fare no better, and nothing is wrong with the store.
            _ if failure == Failure::KeyTooLong => Self::unreadable(&why),
            Counted::Accounts => {
                Self::later(format!("the budget ledger cannot answer ({why}); this is not about quota"))
            }
            Counted::Rates => Self::later(format!(
                "rate limit {:?} cannot be asked ({why}); this is not about quota",
                by.unwrap_or_default()
            )),
            Counted::Uses => Self::later(format!(
                "the uses of grants cannot be counted ({why}); this is not about the grant"
            )),
        };
        Self { by: by.map(Into::into), ..ground }
    }

    fn later(problem: String) -> Self {
        let message = format!("GenOps: {problem}. Try again later.");
        let code = ReasonCode::AccountingInvariantViolation;
        Self { retry_after_s: Some(1), ..Self::blocked(code, RefusalKind::Unavailable, message) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_fills_the_accounts_does_not_pass_where_a_failing_store_would_let_it() {
        let config = crate::config::parse(r#"{"failure": {"ledger_unavailable": "pass"}}"#).unwrap();
        for failure in [Failure::Full, Failure::KeyTooLong] {
            assert_eq!(mode(&config, failure), Enforcement::Enforce, "{failure:?}");
        }
        for failure in [Failure::Contended, Failure::Unavailable(10), Failure::Corrupt] {
            assert_eq!(mode(&config, failure), Enforcement::Warn, "{failure:?}");
        }
    }
}
