//! The headers that belong to the filter: `x-genops-*`, which nobody else may set.

use std::borrow::Cow;

use super::effects::HeaderEdit;
use crate::awu::{Attribute, Attribution};
use crate::bytes;
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
/// The output cap that the provider got, where the filter wrote it.
pub(super) const OUTPUT_CAP: &str = "x-genops-output-cap";
/// The output cap that the client had stated.
pub(super) const OUTPUT_CAP_REQUESTED: &str = "x-genops-output-cap-requested";

/// Brings a grant; never goes upstream.
pub(super) const GRANT: &str = "x-genops-grant";
/// What a refusal wants approved, as JSON.
pub(super) const APPROVAL_REQUEST: &str = "x-genops-approval-request";

/// Removes every header with the filter's own prefix.
pub(super) fn clean(headers: Headers<'_>, edits: &mut Vec<HeaderEdit>) {
    edits.extend(own(headers).map(HeaderEdit::Remove));
}

/// Cleans a governed request, which tells the provider what was resolved if it is configured to.
pub(super) fn request(
    config: &Config,
    headers: Headers<'_>,
    attribution: &Attribution,
    edits: &mut Vec<HeaderEdit>,
) {
    if config.forward_attribution { forward(headers, attribution, edits) } else { clean(headers, edits) }
}

/// Tells the provider what was resolved, in place of whatever the caller sent under the filter's own names.
fn forward(headers: Headers<'_>, attribution: &Attribution, edits: &mut Vec<HeaderEdit>) {
    let told = |name: &str| attribution.iter().any(|(attribute, _)| attribute.header() == name);
    edits.extend(own(headers).filter(|name| !told(name)).map(HeaderEdit::Remove));
    let changed =
        attribution.iter().filter(|(attribute, value)| headers.unique(attribute.header()) != Some(value));
    edits.extend(
        changed.map(|(attribute, value)| HeaderEdit::Set(attribute.header(), value.to_owned().into())),
    );
}

/// Own names that occur, each once.
fn own(headers: Headers<'_>) -> impl Iterator<Item = Cow<'static, str>> {
    let mut seen: Vec<&[u8]> = Vec::new();
    for name in headers.own() {
        if let Err(place) = seen.binary_search(&name) {
            seen.insert(place, name);
        }
    }
    seen.into_iter().filter_map(|name| match known(name) {
        Some(known) => Some(known.into()),
        None => Some(std::str::from_utf8(name).ok()?.to_owned().into()),
    })
}

/// The own name that these bytes are, if it is one that most requests bring: it need not be copied.
fn known(name: &[u8]) -> Option<&'static str> {
    const KNOWN: [&str; 4] =
        [TRACE, Attribute::Team.header(), Attribute::Project.header(), Attribute::Environment.header()];
    KNOWN.into_iter().find(|known| bytes::same(known.as_bytes(), name))
}
