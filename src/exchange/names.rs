//! The headers that belong to the filter: `x-genops-*`, which nobody else may set.

use super::HeaderEdit;
use crate::attribution;
use crate::config::Config;
use crate::headers::Headers;

/// Carries `%TRACE_ID%-%SPAN_ID%` from a `header_mutation` filter placed before this one; never goes upstream.
pub(super) const TRACE: &str = "x-genops-trace";
/// What Envoy writes there for a request that it does not trace.
pub(super) const NOT_TRACED: &str = "-";
/// `genops.policy.result`.
pub(super) const POLICY_RESULT: &str = "x-genops-policy-result";
/// `genops.policy.reason_code`.
pub(super) const REASON_CODE: &str = "x-genops-reason-code";
/// The AWU's id.
pub(super) const AWU_ID: &str = "x-genops-awu-id";
/// What was reserved, in the governing budget's unit.
pub(super) const RESERVED: &str = "x-genops-reserved";
/// The governing budget's unit.
pub(super) const UNIT: &str = "x-genops-unit";
/// The governing budget, or the one that refused.
pub(super) const BUDGET_NAME: &str = "x-genops-budget-name";
/// What it has left.
pub(super) const BUDGET_REMAINING: &str = "x-genops-budget-remaining";

/// Brings a grant; never goes upstream.
pub(super) const GRANT: &str = "x-genops-grant";
/// What a refusal wants approved, as JSON.
pub(super) const APPROVAL_REQUEST: &str = "x-genops-approval-request";

/// Removes every header with the filter's own prefix.
pub(super) fn clean(headers: Headers<'_>) -> Vec<HeaderEdit> {
    own(headers).map(HeaderEdit::Remove).collect()
}

/// Removes what must not go upstream: own names, attribution sources unless they are forwarded.
pub(super) fn clean_request(headers: Headers<'_>, config: &Config) -> Vec<HeaderEdit> {
    let forwarded = |name: &str| {
        config.forward_attribution && name != GRANT && attribution::is_source(&config.attribution, name)
    };
    own(headers).filter(|name| !forwarded(name)).map(HeaderEdit::Remove).collect()
}

/// Own names that occur, each once.
fn own(headers: Headers<'_>) -> impl Iterator<Item = String> {
    let mut seen: Vec<&str> = headers.own().collect();
    seen.sort_unstable();
    seen.dedup();
    seen.into_iter().map(str::to_owned)
}
